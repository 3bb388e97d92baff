//! Guests that mean harm: the host lives, and so do other workers.

use crate::bed::{Bed, plugin, script_guest, text};
use bytes::Bytes;
use pointsman_host::filter::{FailurePolicy, Plugin};
use std::time::{Duration, Instant};

/// The callbacks of a stream, in the order in which an exchange comes to them.
const CALLBACKS: [&str; 9] = [
    "request_headers",
    "request_body",
    "request_trailers",
    "response_headers",
    "response_body",
    "response_trailers",
    "log",
    "done",
    "delete",
];

fn reloading() -> Plugin {
    Plugin { failure_policy: FailurePolicy::Reload { backoff: Duration::ZERO }, ..plugin("") }
}

/// What the guest does in each callback; then the host must still serve, by a new VM, and so must another worker.
fn in_each_callback(harm: &str) {
    let module = script_guest();
    let mut other = Bed::start(&module, reloading()).expect("a worker");
    for callback in CALLBACKS {
        let mut bed = Bed::start(&module, reloading()).expect("a worker");
        let begun = Instant::now();
        bed.exchange(&format!("{callback}: {harm}"));
        assert!(bed.worker.has_failed(), "{harm} in {callback}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{harm} in {callback} took {:?}", begun.elapsed());
        assert_eq!(bed.exchange("").as_deref(), Some("200"), "after {harm} in {callback}");
        assert_eq!(other.exchange("").as_deref(), Some("200"), "beside {harm} in {callback}");
    }
}

#[test]
fn a_trap_in_any_callback_costs_that_vm_only() {
    in_each_callback("trap");
}

#[test]
fn an_endless_loop_in_any_callback_is_stopped() {
    in_each_callback("loop");
}

#[test]
fn endless_recursion_in_any_callback_is_stopped() {
    in_each_callback("recurse");
}

#[test]
fn memory_without_end_in_any_callback_is_refused() {
    in_each_callback("hog");
}

#[test]
fn harm_in_callbacks_of_the_root_context_costs_that_vm_only() {
    let module = script_guest();
    for harm in ["trap", "loop", "recurse", "hog"] {
        let plugin =
            Plugin { configuration: Bytes::from(format!("t tick: {harm}|queue_ready: {harm}")), ..reloading() };
        let mut bed = Bed::start(&module, plugin.clone()).expect("a worker");
        bed.worker.tick(1);
        assert!(bed.worker.has_failed(), "{harm} in tick");
        assert_eq!(bed.exchange("").as_deref(), Some("200"), "after {harm} in tick");
        let mut bed = Bed::start(&module, plugin).expect("a worker");
        bed.worker.queue_ready(1, 1);
        assert!(bed.worker.has_failed(), "{harm} in queue_ready");
        assert_eq!(bed.exchange("").as_deref(), Some("200"), "after {harm} in queue_ready");
    }
}

#[test]
fn harm_while_starting_makes_no_worker() {
    let module = script_guest();
    for harm in ["trap", "loop", "recurse", "hog"] {
        let plugin = Plugin { configuration: Bytes::from(format!("t configure: {harm}")), ..plugin("") };
        assert!(Bed::start(&module, plugin).is_err(), "{harm} in configure");
        let plugin = Plugin { vm_configuration: Bytes::from(format!("t start: {harm}")), ..self::plugin("") };
        assert!(Bed::start(&module, plugin).is_err(), "{harm} in start");
    }
}

/// A guest whose `proxy_on_request_headers` is this body, with `$f` one host function.
fn calling(function: &str, signature: &str, body: &str, malloc: &str) -> String {
    format!(
        r#"(module
        (import "env" "{function}" (func $f {signature}))
        (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) {malloc})
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body}))"#
    )
}

#[test]
fn pointers_and_lengths_of_any_size_are_statuses_and_no_trap() {
    let odd = ["0", "1", "-1", "0x7fffffff", "0x80000000", "0xffff", "0x10000", "0xfffffff0"];
    let functions = [
        ("proxy_log", 3),
        ("proxy_get_property", 4),
        ("proxy_set_property", 4),
        ("proxy_get_header_map_value", 5),
        ("proxy_add_header_map_value", 5),
        ("proxy_get_header_map_pairs", 3),
        ("proxy_set_header_map_pairs", 3),
        ("proxy_get_buffer_bytes", 5),
        ("proxy_set_buffer_bytes", 5),
        ("proxy_send_local_response", 8),
        ("proxy_http_call", 10),
        ("proxy_grpc_call", 12),
        ("proxy_grpc_stream", 9),
        ("proxy_get_shared_data", 5),
        ("proxy_set_shared_data", 5),
        ("proxy_register_shared_queue", 3),
        ("proxy_resolve_shared_queue", 5),
        ("proxy_dequeue_shared_queue", 3),
        ("proxy_enqueue_shared_queue", 3),
        ("proxy_define_metric", 4),
        ("proxy_get_metric", 2),
        ("proxy_call_foreign_function", 6),
        ("proxy_get_status", 3),
    ];
    for (function, count) in functions {
        let signature = format!("{} (result i32)", "(param i32) ".repeat(count));
        let mut calls = String::new();
        for (index, value) in odd.iter().enumerate() {
            // Every argument the same, and each in turn among others.
            let same = format!("(i32.const {value}) ").repeat(count);
            let mixed: String =
                (0..count).map(|at| format!("(i32.const {}) ", odd[(index + at * 3) % odd.len()])).collect();
            calls.push_str(&format!("(drop (call $f {same})) (drop (call $f {mixed})) "));
        }
        let wat = calling(function, &signature, &format!("{calls} (i32.const 0)"), "(i32.const 1024)");
        let mut bed = Bed::start(&text(&wat).expect("a module"), plugin("")).expect("a worker");
        bed.request("", true);
        assert!(!bed.worker.has_failed(), "{function}");
    }
}

#[test]
fn an_allocator_that_lies_or_fails_harms_only_its_guest() {
    let body = "(drop (call $f (i32.const 0) (i32.const 8) (i32.const 12))) (i32.const 0)";
    for malloc in ["(i32.const 0)", "(i32.const -1)", "(i32.const 65530)", "unreachable", "(loop (br 0)) (i32.const 0)"]
    {
        let signature = "(param i32 i32 i32) (result i32)";
        let wat = calling("proxy_get_header_map_pairs", signature, body, malloc);
        let mut bed = Bed::start(&text(&wat).expect("a module"), reloading()).expect("a worker");
        let begun = Instant::now();
        bed.exchange("");
        assert!(begun.elapsed() < Duration::from_secs(5), "malloc {malloc}");
    }
}

#[test]
fn a_guest_that_exports_nothing_but_what_it_must_lets_everything_pass() {
    let wat = r#"(module (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_abi_version_0_2_1")))"#;
    let mut bed = Bed::start(&text(wat).expect("a module"), plugin("")).expect("a worker");
    assert_eq!(bed.exchange("").as_deref(), Some("200"));
}
