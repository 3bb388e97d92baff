//! The built filter as a file: what it asks of its host, what it offers, and how large it is.
#![expect(clippy::expect_used, clippy::panic, reason = "a module that cannot be read has failed the test")]

use std::collections::BTreeSet;

use pointsman_tests::repository;
use wasmparser::{Parser, Payload};

/// Envoy compiles the module with its slow compiler at every start, so its size is paid for in time.
const MAX_BYTES: usize = 3 << 19;

/// What the host must find: the ABI's version, and where it can put what it hands over.
const EXPORTS: [&str; 2] = ["proxy_abi_version_0_2_1", "malloc"];

fn module(name: &str) -> Vec<u8> {
    let path = repository("target").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}; run ./scripts/build-filter", path.display()))
}

/// Every import as `module.name`.
fn imports(module: &[u8]) -> BTreeSet<String> {
    let payloads = Parser::new(0).parse_all(module).map(|payload| payload.expect("a valid module"));
    let sections = payloads.filter_map(|payload| match payload {
        Payload::ImportSection(section) => Some(section),
        _ => None,
    });
    let imports = sections.flat_map(|section| section.into_imports()).map(|import| import.expect("a valid import"));
    imports.map(|import| format!("{}.{}", import.module, import.name)).collect()
}

fn exports(module: &[u8]) -> BTreeSet<String> {
    let payloads = Parser::new(0).parse_all(module).map(|payload| payload.expect("a valid module"));
    let sections = payloads.filter_map(|payload| match payload {
        Payload::ExportSection(section) => Some(section),
        _ => None,
    });
    sections.flatten().map(|export| export.expect("a valid export").name.to_owned()).collect()
}

#[test]
fn the_filter_imports_exactly_what_the_list_allows() {
    let allowed = include_str!("imports.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let allowed: BTreeSet<String> = allowed.map(str::to_owned).collect();
    assert_eq!(imports(&module("pointsman.wasm")), allowed);
}

#[test]
fn the_filter_exports_what_a_host_looks_for() {
    let exports = exports(&module("pointsman.wasm"));
    for name in EXPORTS {
        assert!(exports.contains(name), "{name} is not among {exports:?}");
    }
}

#[test]
fn the_filter_is_no_larger_than_one_mebibyte() {
    let bytes = module("pointsman.wasm").len();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes, at most {MAX_BYTES}");
}

/// The compiler may keep a short text in pieces, so that its absence proves little; what the filter does with the header
/// is seen in the real Envoy (`tests/envoy/bad_input/headers.rs`).
#[test]
fn the_filter_knows_nothing_of_the_header_that_traps_the_build_for_tests() {
    let trap = b"x-test-trap";
    let (shipped, for_tests) = (module("pointsman.wasm"), module("pointsman-trap.wasm"));
    assert!(!shipped.windows(trap.len()).any(|window| window == trap));
    assert_ne!(shipped, for_tests);
}
