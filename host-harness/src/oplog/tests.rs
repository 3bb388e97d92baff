//! The log on a real disk: chained, torn, tampered with.

use super::*;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

fn entry(channel: &str, step: Step) -> Entry {
    Entry {
        time: "2026-11-27T12:00:00Z".to_owned(),
        step,
        operation: Operation::Switch,
        channel: channel.to_owned(),
        to: vec!["lc".to_owned()],
        state: None,
        by: "alice".to_owned(),
        approved_by: None,
        uid: Some(1000),
        reason: "a \"test\"\nof two lines".to_owned(),
        until: None,
        before: sha256(b"before"),
        after: sha256(b"before"),
        applied: None,
        error: None,
        settled: false,
        cut_off: None,
        prev: String::new(),
    }
}

fn open(path: &Path) -> Result<Log, LogError> {
    let place = Guarded::new(path)?;
    let folder = fs::metadata(path.parent().unwrap()).unwrap();
    Log::open(&place, Owner { uid: folder.uid(), gid: folder.gid() })
}

fn with_entries(path: &Path, count: usize) {
    let mut log = open(path).unwrap();
    for index in 0..count {
        log.append(entry(&format!("channel{index}"), Step::Intent)).unwrap();
    }
}

#[test]
fn each_line_names_the_hash_of_the_line_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ops.jsonl");
    with_entries(&path, 2);
    with_entries(&path, 1);
    let text = fs::read_to_string(&path).unwrap();
    let mut expected = ZERO.to_owned();
    for line in text.lines() {
        let entry: Entry = serde_json::from_str(line).unwrap();
        assert_eq!(entry.prev, expected);
        expected = sha256(line.as_bytes());
    }
    let chain = read(text.as_bytes()).unwrap();
    assert_eq!((chain.lines, chain.last_hash, chain.cut_off), (3, expected, None));
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
}

#[test]
fn the_first_broken_line_is_named_and_nothing_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ops.jsonl");
    with_entries(&path, 4);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let without = |left_out: usize| {
        lines.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, line)| *line).collect::<String>()
    };
    for (tampered, first_broken) in [
        (text.replace("channel1", "channel9"), 3),
        (without(0), 1),
        (without(1), 2),
        (format!("{}{}{}{}", lines[0], lines[2], lines[1], lines[3]), 2),
        (format!("{}\n{}", lines[0], lines[1]), 2),
        (text.replacen("\"intent\"", "\"invented\"", 1), 1),
    ] {
        fs::write(&path, &tampered).unwrap();
        let error = open(&path).unwrap_err();
        let LogError::Broken { broken, .. } = &error else { panic!("{error}") };
        assert_eq!(broken.line, first_broken, "{broken}");
        assert!(error.to_string().contains("nothing is added"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), tampered);
    }
}

#[test]
fn an_interrupted_write_breaks_nothing_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ops.jsonl");
    with_entries(&path, 3);
    let whole = fs::read(&path).unwrap();
    let second_end = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    // Cut off anywhere in the third line, its end included.
    for cut in [second_end + 1, second_end + 40, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let mut log = open(&path).unwrap();
        assert_eq!((log.chain().lines, log.chain().cut_off.as_deref()), (2, Some(&whole[second_end..cut])));
        log.append(entry("next", Step::Done)).unwrap();
        let chain = read(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((chain.lines, &chain.cut_off), (3, &None));
        let last = chain.last.unwrap();
        assert_eq!(last.cut_off.unwrap().as_bytes(), &whole[second_end..cut]);
        with_entries(&path, 1);
    }
}

#[test]
fn a_config_that_was_changed_by_other_means_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ops.jsonl");
    let mut log = open(&path).unwrap();
    let [a, b, c] = [b"a", b"b", b"c"].map(|text| sha256(text));
    for (step, before, after) in [
        (Step::Intent, &a, &b),
        (Step::Done, &a, &b),
        (Step::Intent, &b, &c),
        (Step::Abandoned, &b, &c),
        (Step::Intent, &b, &a),
        (Step::Done, &b, &a),
        (Step::Intent, &c, &a),
    ] {
        log.append(Entry { before: before.clone(), after: after.clone(), ..entry("oppo", step) }).unwrap();
    }
    assert_eq!(log.chain().changed_before, [7]);
    assert_eq!(log.chain().unfinished().unwrap().before, c);
}
