//! What no compiler checks about the repository itself.
#![expect(clippy::expect_used, reason = "a check that cannot read the repository has failed")]

mod documents;
mod links;

use pointsman_tests::repository;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// No file of code is longer, except these, which may only shrink.
const MAX_LINES: usize = 420;
const LONGER: [(&str, usize); 0] = [];

/// Every file that is tracked or about to be.
fn files() -> Vec<PathBuf> {
    let listing = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(repository("."))
        .output()
        .expect("git lists the files");
    let listing = String::from_utf8(listing.stdout).expect("names of files are UTF-8");
    listing.lines().map(PathBuf::from).filter(|path| repository(&path.to_string_lossy()).is_file()).collect()
}

fn with_extension(extension: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let files = files().into_iter().filter(move |path| path.extension().is_some_and(|found| found == extension));
    files.map(|path| {
        let text = fs::read_to_string(repository(&path.to_string_lossy())).expect("text is UTF-8");
        (path, text)
    })
}

#[test]
fn every_file_of_code_says_first_what_it_is_for() {
    let silent: Vec<PathBuf> =
        with_extension("rs").filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "no module doc: {silent:?}");
}

#[test]
fn only_host_rs_calls_the_host() {
    let calls: Vec<PathBuf> = with_extension("rs")
        .filter(|(path, _)| path.starts_with("filter") && !path.ends_with("src/host.rs"))
        // An allocator that counts, in a test alone.
        .filter(|(path, _)| !path.ends_with("tests/breaker_allocations.rs"))
        .filter(|(_, text)| text.contains("hostcalls") || text.contains("extern \"C\"") || text.contains("unsafe "))
        .map(|(path, _)| path)
        .collect();
    assert!(calls.is_empty(), "the host is called, or memory handled, outside host.rs: {calls:?}");
}

#[test]
fn only_the_shell_names_the_sdk() {
    let named: Vec<PathBuf> = with_extension("toml")
        .filter(|(path, text)| path.ends_with("Cargo.toml") && text.contains("proxy-wasm"))
        .map(|(path, _)| path)
        .collect();
    let allowed = ["Cargo.toml", "filter/Cargo.toml", "tests/guests/noop/Cargo.toml"].map(PathBuf::from);
    assert_eq!(named, allowed);
}

#[test]
fn files_of_code_stay_short() {
    for (path, text) in with_extension("rs") {
        let allowed = LONGER.iter().find(|(known, _)| path == Path::new(known)).map_or(MAX_LINES, |(_, lines)| *lines);
        let lines = text.lines().count();
        assert!(lines <= allowed, "{} has {lines} lines, {allowed} are allowed: is it still one idea?", path.display());
    }
}

#[test]
fn paths_named_in_documents_exist() {
    for (path, text) in with_extension("md") {
        let folder = path.parent().unwrap_or(Path::new(""));
        // Every second piece between backticks is code.
        for code in text.split('`').skip(1).step_by(2) {
            let is_path = code.contains('/') && !code.contains([' ', '\n', '*', '{', '<', '$', ':', '"', '=', '|']);
            let word = code.trim_end_matches('/');
            if !is_path || word.starts_with(['/', '~']) || word.starts_with("target/") || !known_root(word) {
                continue;
            }
            let exists = repository(word).exists() || repository(&folder.join(word).to_string_lossy()).exists();
            assert!(exists, "{} names `{code}`, which does not exist", path.display());
        }
    }
}

/// Whether the first part of a path is one of ours: much else has a slash too.
fn known_root(path: &str) -> bool {
    let first = path.trim_start_matches("./").split('/').next().unwrap_or_default();
    repository(first).is_dir()
}
