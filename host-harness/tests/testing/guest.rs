//! A small filter that counts, logs, remembers, asks, traps and refuses its configuration.

use pointsman_host::abi::{Headers, encode_pairs};
use pointsman_host::testing::Filter;

/// `proxy_on_configure` says no to the configuration `no`. A request with `x-trap` traps; one with `x-meet` is answered by the
/// filter: 201 by the first worker that sees one, 200 by all others. One with `x-asks` waits until the upstream `auth` has
/// answered anything. All others are counted, logged and passed.
const TEXT: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_send_local_response"
        (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_http_call"
        (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $turn_to (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (memory (export "memory") 2)
    (data (i32.const 0) "x-trap")
    (data (i32.const 16) "x-meet")
    (data (i32.const 32) "side=.=request;.;seen_total")
    (data (i32.const 64) "seen a request")
    (data (i32.const 128) "x-asks")
    (data (i32.const 144) "auth")
    (data (i32.const 256) "PAIRS")
    (data (i32.const 96) "the configuration says no")
    (global $free (mut i32) (i32.const 4096))
    (global $waits (mut i32) (i32.const 0))
    (global $metric (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
        (global.get $free)
        (global.set $free (i32.add (global.get $free) (local.get $size))))
    (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
        (drop (call $define (i32.const 0) (i32.const 32) (i32.const 27) (i32.const 1024)))
        (global.set $metric (i32.load (i32.const 1024)))
        (if (i32.eq (local.get $size) (i32.const 2))
            (then (drop (call $log (i32.const 4) (i32.const 96) (i32.const 25)))))
        (i32.ne (local.get $size) (i32.const 2)))
    (func $has (param $name i32) (result i32)
        (i32.eqz (call $header (i32.const 0) (local.get $name) (i32.const 6) (i32.const 1024) (i32.const 1028))))
    (func $meet (result i32)
        (local $status i32)
        (local.set $status
            (if (result i32) (i32.eqz
                    (call $get (i32.const 16) (i32.const 6) (i32.const 1024) (i32.const 1028) (i32.const 1032)))
                (then (i32.const 200))
                (else (i32.const 201))))
        (drop (call $set (i32.const 16) (i32.const 6) (i32.const 16) (i32.const 6) (i32.const 0)))
        (drop (call $reply (local.get $status) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const -1)))
        (i32.const 1))
    (func $ask (param $context i32) (result i32)
        (global.set $waits (local.get $context))
        (drop (call $call (i32.const 144) (i32.const 4) (i32.const 256) (i32.const SIZE) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 1024)))
        (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $turn_to (global.get $waits)))
        (drop (call $continue (i32.const 0))))
    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
        (if (call $has (i32.const 0)) (then unreachable))
        (if (call $has (i32.const 128)) (then (return (call $ask (local.get $context)))))
        (if (call $has (i32.const 16)) (then (return (call $meet))))
        (drop (call $increment (global.get $metric) (i64.const 1)))
        (drop (call $log (i32.const 2) (i32.const 64) (i32.const 14)))
        (drop (call $add (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 69) (i32.const 1)))
        (i32.const 0)))"#;

/// The filter.
pub(crate) fn filter() -> Filter {
    let asks: Headers = [(":method", "GET"), (":path", "/may-i"), (":authority", "auth")].into_iter().collect();
    let pairs = encode_pairs(asks.iter());
    let escaped: String = pairs.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = TEXT.replace("PAIRS", &escaped).replace("SIZE", &pairs.len().to_string());
    Filter::from_bytes(wat::parse_str(text).unwrap())
}
