//! Differences that are meant: the list in `docs/abi.md`.

use pointsman_tests::repository;
use std::collections::BTreeMap;

/// The heading under which they stand, each as ``- `case-name`: reason``.
const HEADING: &str = "## Differences from Envoy that are meant";

/// Reasons by the name of the case.
pub(crate) fn list() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(repository("docs/abi.md")).expect("docs/abi.md");
    let section = text.split(HEADING).nth(1).expect("the heading").split("\n## ").next().unwrap_or_default();
    let entry = |line: &str| {
        let (name, reason) = line.strip_prefix("- `")?.split_once("`: ")?;
        Some((name.to_owned(), reason.to_owned()))
    };
    section.lines().filter_map(entry).collect()
}
