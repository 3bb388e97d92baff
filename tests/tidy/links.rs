//! Links between documents lead somewhere, and lead to every document.

use super::with_extension;
use pointsman_tests::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// From here a reader sets out.
const STARTS: [&str; 2] = ["README.md", "docs/install.md"];

/// A link, with the document in which it stands.
struct Link {
    from: PathBuf,
    target: String,
    /// The path of the file that it names.
    file: PathBuf,
    /// What stands behind `#`; empty for the file as a whole.
    heading: String,
}

fn documents() -> BTreeMap<PathBuf, String> {
    with_extension("md").collect()
}

/// The text without its blocks of code, in which nothing is a link and a `#` begins no heading.
fn prose(text: &str) -> String {
    let blocks = text.split("\n```");
    blocks.step_by(2).collect::<Vec<_>>().join("\n")
}

fn links(from: &Path, text: &str) -> Vec<Link> {
    let prose = prose(text);
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = targets.filter(|target| !target.starts_with("http"));
    let folder = from.parent().unwrap_or(Path::new(""));
    inside
        .map(|target| {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { from.to_owned() } else { plain(&folder.join(file)) };
            Link { from: from.to_owned(), target: target.to_owned(), file, heading: heading.to_owned() }
        })
        .collect()
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            _ => plain.push(part),
        }
    }
    plain
}

/// The anchors of a document, as they are made of its headings; of equal ones, the second has `-1` behind it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim();
            let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            let anchor = kept.collect::<String>().to_lowercase().replace(' ', "-");
            let before = seen.entry(anchor.clone()).and_modify(|count| *count += 1).or_default();
            if *before == 0 { anchor } else { format!("{anchor}-{before}") }
        })
        .collect()
}

#[test]
fn links_in_documents_lead_somewhere() {
    let documents = documents();
    let mut dead = Vec::new();
    for Link { from, target, file, heading } in documents.iter().flat_map(|(path, text)| links(path, text)) {
        let is_there = repository(&file.to_string_lossy()).exists();
        let has_heading =
            heading.is_empty() || documents.get(&file).is_some_and(|text| anchors(text).contains(&heading));
        if !is_there || !has_heading {
            dead.push(format!("{}: {target}", from.display()));
        }
    }
    assert!(dead.is_empty(), "links that lead nowhere: {dead:#?}");
}

#[test]
fn a_reader_comes_to_every_document() {
    let documents = documents();
    let mut reached: BTreeSet<PathBuf> = BTreeSet::new();
    let mut next: Vec<PathBuf> = STARTS.map(PathBuf::from).to_vec();
    while let Some(path) = next.pop() {
        let Some(text) = documents.get(&path).filter(|_| !reached.contains(&path)) else { continue };
        next.extend(links(&path, text).into_iter().map(|link| link.file));
        reached.insert(path);
    }
    let is_meant = |path: &&PathBuf| path.starts_with("docs") || path.starts_with("k8s");
    let lost: Vec<&PathBuf> = documents.keys().filter(is_meant).filter(|path| !reached.contains(*path)).collect();
    assert!(lost.is_empty(), "no link leads from {STARTS:?} to {lost:?}");
}

#[test]
fn anchors_are_made_of_headings_alone() {
    let text = "# One & two\n```sh\n# no heading [a](b.md)\n```\n## push.node\n## Same\n## Same\n";
    let expected = ["one--two", "pushnode", "same", "same-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
    assert!(links(Path::new("docs/a.md"), text).is_empty());
    let found = links(Path::new("docs/a.md"), "see [b](../k8s/b.md#c) and [d](#e)");
    let found: Vec<(String, &str)> =
        found.iter().map(|link| (link.file.to_string_lossy().into_owned(), link.heading.as_str())).collect();
    assert_eq!(found, [("k8s/b.md".to_owned(), "c"), ("docs/a.md".to_owned(), "e")]);
}
