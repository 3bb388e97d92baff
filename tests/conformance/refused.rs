//! Modules that the host does not take, each with a message that says why.

use crate::bed::{Bed, module, plugin, text};

/// What every module must export.
const NEEDED: &str = r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 0))"#;

fn refusal(wat: &str) -> String {
    text(wat).err().map(|error| error.to_string()).unwrap_or_else(|| panic!("taken: {wat}"))
}

#[test]
fn guests_of_older_and_newer_abis_are_refused_with_a_word_about_it() {
    for version in ["0_1_0", "0_2_0", "0_3_0", "9_9_9"] {
        let wat = format!(r#"(module {NEEDED} (func (export "proxy_abi_version_{version}")))"#);
        let said = refusal(&wat);
        assert!(said.contains(&version.replace('_', ".")) && said.contains("0.2.1"), "{said}");
    }
}

#[test]
fn what_is_no_proxy_wasm_module_is_refused() {
    let said = refusal(&format!("(module {NEEDED})"));
    assert!(said.contains("proxy_abi_version_0_2_1"), "{said}");
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\xff\xff", b"#!/bin/sh", &[0_u8; 1000]] {
        assert!(module(bytes).is_err(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_module_without_memory_or_allocator_is_refused() {
    let version = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let memory = r#"(memory (export "memory") 1)"#;
    assert!(refusal(&format!("(module {version} {memory})")).contains("malloc"));
    let malloc = r#"(func (export "malloc") (param i32) (result i32) (i32.const 0))"#;
    assert!(refusal(&format!("(module {version} {malloc})")).contains("memory"));
}

#[test]
fn unknown_imports_are_refused_by_name() {
    for (from, name) in [("env", "proxy_launch"), ("elsewhere", "x"), ("wasi_snapshot_preview1", "fd_fly")] {
        let import = format!(r#"(import "{from}" "{name}" (func (param i32)))"#);
        let said = refusal(&format!(r#"(module {import} {NEEDED} (func (export "proxy_abi_version_0_2_1")))"#));
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn imports_and_exports_of_another_type_are_refused() {
    let import = r#"(import "env" "proxy_log" (func (param i64) (result i64)))"#;
    let said = refusal(&format!(r#"(module {import} {NEEDED} (func (export "proxy_abi_version_0_2_1")))"#));
    assert!(said.contains("proxy_log"), "{said}");
    let export = r#"(func (export "proxy_on_request_headers") (param i64) (result i64) (i64.const 0))"#;
    let wat = format!(r#"(module {NEEDED} {export} (func (export "proxy_abi_version_0_2_1")))"#);
    let taken = text(&wat).map_err(|error| error.to_string());
    let started = taken.and_then(|module| Bed::start(&module, plugin("")).map_err(|error| error.to_string()));
    assert!(started.err().is_some_and(|said| said.contains("proxy_on_request_headers")));
}

#[test]
fn a_guest_that_says_no_or_traps_while_it_starts_makes_no_worker() {
    let version = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let no = "(param i32 i32) (result i32) (i32.const 0)";
    let trap = "(param i32 i32) (result i32) unreachable";
    for (callback, body) in [
        ("proxy_on_configure", no),
        ("proxy_on_vm_start", no),
        ("proxy_on_configure", trap),
        ("proxy_on_vm_start", trap),
        ("proxy_on_context_create", "(param i32 i32) unreachable"),
        ("_initialize", "unreachable"),
        ("_start", "unreachable"),
    ] {
        let wat = format!(r#"(module {NEEDED} {version} (func (export "{callback}") {body}))"#);
        let module = text(&wat).expect("a module");
        assert!(Bed::start(&module, plugin("")).is_err(), "{callback} {body}");
    }
}

#[test]
fn host_functions_are_closed_while_a_module_initializes() {
    let import = r#"(import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))"#;
    let start = r#"(func (export "_initialize") (drop (call $tick (i32.const 5))))"#;
    let wat = format!(r#"(module {import} {NEEDED} {start} (func (export "proxy_abi_version_0_2_1")))"#);
    assert!(Bed::start(&text(&wat).expect("a module"), plugin("")).is_err());
}
