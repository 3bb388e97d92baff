//! Several workers, some of which vanish, in virtual time.

use super::*;
use crate::labels::Label;
use crate::roster::tests::Store;

const MS: u64 = 1_000_000;
const WALL: u64 = 1_640_000_000_000 * MS;

fn at(ms: u64) -> Monotonic {
    Monotonic((ms + 5_000) * MS)
}

fn wall(ms: u64) -> WallClock {
    WallClock(WALL + ms * MS)
}

fn rule(name: &str, share: u16, until_ms: u64) -> DrillRule {
    DrillRule {
        name: name.into(),
        channel: "oppo".into(),
        backups: vec!["lc".into()],
        share,
        fault: DrillFault::Status(503),
        until: wall(until_ms),
        stop_above: 1_000,
        by: "alice".into(),
        reason: "monthly".into(),
    }
}

fn worker(rules: &[DrillRule]) -> Drills {
    let mut drills = Drills::default();
    drills.set(rules.to_vec(), wall(0));
    drills.note_state("oppo", true, at(0));
    drills
}

fn id(drills: &Drills) -> Option<DrillId> {
    drills.active("oppo").map(|(id, _)| id).next()
}

/// A drill that goes well, up to its end at 10 s; the last tick is at `end_ms`.
fn drilled(workers: &mut [Drills], store: &mut Store, end_ms: u64) -> Vec<DrillReport> {
    let mut reports = Vec::new();
    for ms in (0..=end_ms).step_by(250) {
        for (index, drills) in workers.iter_mut().enumerate() {
            if let Some(id) = id(drills).filter(|_| ms < 9_000) {
                drills.note_struck(id);
                drills.note_switched(id, at(ms));
                drills.note_end(id, StruckEnd::Accepted);
            }
            drills.note_state("oppo", !(2_000..13_000).contains(&ms), at(ms));
            reports.extend(drills.tick(at(ms + index as u64), wall(ms), store));
        }
    }
    reports
}

#[test]
fn a_share_of_the_messages_is_struck_and_each_drill_strikes_others() {
    let (a, b) = (rule("a", 2_500, 1), rule("b", 2_500, 1));
    let count = |of: &dyn Fn(u64) -> bool| (0..100_000).filter(|key| of(*key)).count();
    let struck = count(&|key| a.strikes(key));
    assert!((24_000..26_000).contains(&struck), "{struck}");
    let both = count(&|key| a.strikes(key) && b.strikes(key));
    assert!((5_700..6_800).contains(&both), "{both}");
    assert_eq!(count(&|key| rule("a", 0, 1).strikes(key)), 0);
    assert_eq!(count(&|key| rule("a", 10_000, 1).strikes(key)), 100_000);
}

#[test]
fn a_drill_that_goes_well_is_reported_once_when_the_channel_is_back() {
    let (mut store, rules) = (Store::default(), [rule("a", 10_000, 10_000)]);
    let mut workers = [worker(&rules), worker(&rules), worker(&rules)];
    let reports = drilled(&mut workers, &mut store, 60_000);
    let expected = DrillReport {
        name: "a".into(),
        channel: "oppo".into(),
        by: "alice".into(),
        reason: "monthly".into(),
        started_unix_ms: wall(0).0 / MS,
        ended_unix_ms: wall(10_000).0 / MS,
        share: 1.0,
        fault: "status 503".into(),
        calls: 35 * 3,
        switched_calls: 35 * 3,
        time_to_detect_ms: Some(2_000),
        time_to_switch_ms: Some(250),
        time_to_recover_ms: Some(3_000),
        lost: 0,
        doubled: 0,
        stopped_by: StoppedBy::Until,
        verdict: Verdict::Passed,
    };
    assert_eq!(reports, [expected]);
    let written = serde_json::to_value(&reports[0]).unwrap();
    assert_eq!(written["push.drill.verdict"], "passed");
    assert_eq!((&written["push.drill.stopped_by"], &written["push.by"]), (&"until".into(), &"alice".into()));
}

#[test]
fn a_drill_outlives_a_vm_that_traps_and_a_change_of_rules() {
    let (mut store, rules) = (Store::default(), [rule("a", 10_000, 10_000)]);
    let mut workers = [worker(&rules), worker(&rules)];
    drilled(&mut workers, &mut store, 5_000);
    // Both vanish, and of those that come in their place one has another config.
    let mut after = [worker(&[rule("b", 1, 90_000), rules[0].clone()]), worker(&[])];
    for drills in &mut after {
        drills.tick(at(5_500), wall(5_500), &mut store);
    }
    assert_eq!(after[0].struck("oppo", 7).map(|(_, rule)| &*rule.name), Some("a"));
    let reports = drilled(&mut after, &mut store, 60_000);
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].time_to_detect_ms, reports[0].verdict), (Some(2_000), Verdict::Passed));
    assert!(reports[0].calls > 35);
}

#[test]
fn real_failures_of_the_backup_stop_it_in_all_workers_at_once() {
    let (mut store, rules) = (Store::default(), [rule("a", 10_000, 600_000)]);
    let (mut a, mut b) = (worker(&rules), worker(&rules));
    a.tick(at(0), wall(0), &mut store);
    b.tick(at(0), wall(0), &mut store);
    for (call, drills) in (0..19).zip([0, 1].into_iter().cycle()) {
        if drills == 0 { &mut a } else { &mut b }.note_backup("lc", call < 2);
        a.note_backup("apns", true);
    }
    a.tick(at(250), wall(250), &mut store);
    b.tick(at(250), wall(250), &mut store);
    assert!(id(&a).is_some() && id(&b).is_some(), "too few calls decide nothing");
    b.note_backup("lc", false);
    b.tick(at(500), wall(500), &mut store);
    assert_eq!((id(&b), id(&a).is_some()), (None, true));
    a.tick(at(500), wall(500), &mut store);
    assert_eq!(id(&a), None);
    a.set(rules.to_vec(), wall(750));
    a.tick(at(750), wall(750), &mut store);
    assert_eq!(id(&a), None, "it does not begin anew");
    assert_eq!(a.tick(at(60_499), wall(60_499), &mut store), []);
    let report = &b.tick(at(60_500), wall(60_500), &mut store)[0];
    assert_eq!((report.stopped_by, report.verdict), (StoppedBy::StopAbove, Verdict::Failed));
    assert_eq!(a.tick(at(70_000), wall(70_000), &mut store), []);
    // The same name with another end is another drill.
    a.set(vec![rule("a", 10_000, 700_000)], wall(70_000));
    a.tick(at(70_000), wall(70_000), &mut store);
    assert!(id(&a).is_some());
}

#[test]
fn it_ends_when_no_config_orders_it_any_more() {
    let (mut store, rules) = (Store::default(), [rule("a", 10_000, 600_000)]);
    let (mut a, mut b, mut new) = (worker(&rules), worker(&rules), worker(&[]));
    a.tick(at(0), wall(0), &mut store);
    b.tick(at(0), wall(0), &mut store);
    a.set(Vec::new(), wall(100));
    assert_eq!(id(&a), None, "at once where it is known");
    a.tick(at(250), wall(250), &mut store);
    b.tick(at(250), wall(250), &mut store);
    assert_eq!(id(&b), None);
    // Where only workers are left that never knew it, it ends by silence.
    let other = [rule("other", 10_000, 600_000)];
    worker(&other).tick(at(300), wall(300), &mut store);
    new.tick(at(5_300), wall(5_300), &mut store);
    let reports = new.tick(at(70_000), wall(70_000), &mut store);
    let ends: Vec<_> = reports.iter().map(|report| (&*report.name, report.stopped_by, report.ended_unix_ms)).collect();
    let ended = |ms| wall(ms).0 / MS;
    assert_eq!(ends, [("a", StoppedBy::Config, ended(250)), ("other", StoppedBy::Config, ended(300))]);
}

#[test]
fn what_is_lost_doubled_or_never_heard_of_again_fails_it() {
    let cases = [(Some(StruckEnd::Lost), 1, 0), (Some(StruckEnd::Doubled), 0, 1), (None, 1, 0)];
    for (end, lost, doubled) in cases {
        let (mut store, mut workers) = (Store::default(), [worker(&[rule("a", 10_000, 10_000)])]);
        drilled(&mut workers, &mut store, 1_000);
        let id = id(&workers[0]).unwrap();
        workers[0].note_struck(id);
        end.into_iter().for_each(|end| workers[0].note_end(id, end));
        let reports = drilled(&mut workers, &mut store, 80_000);
        assert_eq!((reports[0].lost, reports[0].doubled, reports[0].verdict), (lost, doubled, Verdict::Failed));
    }
}

#[test]
fn who_is_overtaken_keeps_the_news_but_never_strikes_beyond_the_end() {
    let (mut store, mut a) = (Store::default(), worker(&[rule("a", 10_000, 10_000)]));
    assert_eq!(id(&a), None, "nothing is struck before the beginning is written down");
    a.tick(at(0), wall(0), &mut store);
    let drill = id(&a).unwrap();
    a.note_struck(drill);
    store.overtaken = u32::from(TRIES);
    a.tick(at(10_000), wall(10_000), &mut store);
    assert_eq!(id(&a), None);
    a.tick(at(10_250), wall(10_250), &mut store);
    let book = Book::decode(&store.values[KEY].0).unwrap();
    assert_eq!((book.records[0].counts.calls, book.records[0].end.is_some()), (1, true));
}

#[test]
fn a_book_is_read_back_and_other_bytes_are_nobodys() {
    let (mut store, mut a) = (Store::default(), worker(&[rule("a", 10_000, 10_000), rule("b", 1, 600_000)]));
    store.values.insert(KEY.to_owned(), (b"something else".to_vec(), 1));
    a.tick(at(0), wall(0), &mut store);
    drilled(std::slice::from_mut(&mut a), &mut store, 12_000);
    let bytes = store.values[KEY].0.clone();
    let book = Book::decode(&bytes).unwrap();
    assert_eq!((book.records.len(), book.encode()), (2, bytes.clone()));
    for place in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x10;
        assert_eq!(Book::decode(&bytes), None);
    }
    assert_eq!(StoppedBy::ALL.len(), 3);
}
