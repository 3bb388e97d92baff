//! Properties, logs, time, and WASI.

use super::bed::{Bed, OUTSIDE, ROOT};
use crate::abi::decode_pairs;
use crate::filter::{Node, Plugin, TrafficDirection};
use crate::vm::MapView;
use std::sync::Arc;
use std::time::Duration;

/// A stream of which everything is known.
fn known() -> Bed {
    let mut bed = Bed::new();
    let node = Node { id: String::from("node-1"), cluster: String::new() };
    let plugin = Plugin { node, ..Plugin::clone(&bed.root().plugin) };
    bed.root().plugin = Arc::new(plugin);
    let stream = bed.stream();
    let info = &mut stream.info;
    info.direction = TrafficDirection::Outbound;
    info.cluster_name = String::from("up");
    info.virtual_host_name = String::from("vh");
    info.source.address = Some("127.0.0.1:80".parse().unwrap());
    info.connection_id = 11;
    info.protocol = "HTTP/1.1";
    info.start = Duration::from_nanos(1 << 40);
    info.request_size = 3;
    info.response_size = 5;
    info.upstream.request_attempt_count = 1;
    let request = [(":path", "/p/a?q=1#f"), (":method", "POST"), (":authority", "h"), ("x", "1"), ("x", "2")];
    stream.request.headers = MapView::Live(request.into_iter().collect());
    bed
}

fn property(bed: &mut Bed, path: &str) -> Result<Vec<u8>, u32> {
    let [p, ps] = bed.put(path.replace('.', "\0"));
    match bed.read("proxy_get_property", &[p, ps]) {
        (0, value) => Ok(value),
        (status, _) => Err(status),
    }
}

#[test]
fn attributes_have_envoys_forms() {
    let number = |number: i64| Ok(number.to_le_bytes().to_vec());
    let text = |text: &str| Ok(text.as_bytes().to_vec());
    let mut bed = known();
    for (path, expected) in [
        ("", Err(3)),
        ("request", Err(3)),
        ("request.path", text("/p/a?q=1#f")),
        ("request.url_path", text("/p/a")),
        ("request.query", text("q=1")),
        ("request.method", text("POST")),
        ("request.host", text("h")),
        ("request.scheme", Err(1)),
        ("request.id", Err(1)),
        ("request.headers.X", text("1,2")),
        ("request.headers.none", Err(1)),
        ("request.headers.x.y", Err(1)),
        ("request.time", number(1 << 40)),
        ("request.duration", Err(1)),
        ("request.protocol", text("HTTP/1.1")),
        ("request.size", number(3)),
        ("request.total_size", number(3 + 15 + 11 + 11 + 2 + 2)),
        ("response.code", Err(1)),
        ("response.code_details", Err(1)),
        ("response.grpc_status", Err(1)),
        ("response.backend_latency", Err(1)),
        ("response.flags", number(0)),
        ("response.headers", Ok(vec![0; 4])),
        ("response.total_size", number(5)),
        ("source.address", text("127.0.0.1:80")),
        ("source.port", number(80)),
        ("destination.address", Err(1)),
        ("connection.id", number(11)),
        ("connection.mtls", Ok(vec![0])),
        ("connection.requested_server_name", text("")),
        ("connection.termination_details", Err(1)),
        ("connection_id", number(11)),
        ("upstream.address", Err(1)),
        ("upstream.request_attempt_count", number(1)),
        ("upstream.transport_failure_reason", text("")),
        ("xds.cluster_name", text("up")),
        ("xds.route_name", text("")),
        ("xds.virtual_host_name", text("vh")),
        ("xds.listener_direction", number(2)),
        ("xds.node.id", text("node-1")),
        ("xds.node", text("\n\x06node-1")),
        ("plugin_name", text("plug")),
        ("plugin_root_id", text("root")),
        ("plugin_vm_id", text("vm")),
        ("plugin_name.x", Err(1)),
        ("nope", Err(1)),
        ("request.", Err(3)),
    ] {
        assert_eq!(property(&mut bed, path), expected, "{path}");
    }
    let headers = decode_pairs(&property(&mut bed, "request.headers").unwrap()).unwrap();
    assert_eq!((headers.len(), headers.get_str("x")), (4, Some("1,2")));
}

#[test]
fn attributes_of_the_response_come_with_it() {
    let mut bed = known();
    let stream = bed.stream();
    stream.request.hide();
    stream.info.response_code = Some(503);
    stream.info.duration = Some(Duration::from_nanos(7));
    stream.response.trailers = MapView::Live([("grpc-status", "5")].into_iter().collect());
    let number = |number: i64| Ok(number.to_le_bytes().to_vec());
    assert_eq!(property(&mut bed, "response.code"), number(503));
    assert_eq!(property(&mut bed, "response.grpc_status"), number(5));
    assert_eq!(property(&mut bed, "request.duration"), number(7));
    assert_eq!(property(&mut bed, "request.path"), Err(1));
    bed.stream().response.hide();
    assert_eq!(property(&mut bed, "response.grpc_status"), number(14));
}

#[test]
fn what_a_guest_sets_is_found_by_a_path_of_one_part() {
    let mut bed = known();
    for (path, value) in [("own", "1"), ("two.parts", "2"), ("request.path", "3")] {
        let ([p, ps], [v, vs]) = (bed.put(path.replace('.', "\0")), bed.put(value));
        assert_eq!(bed.call("proxy_set_property", &[p, ps, v, vs]), 0);
    }
    assert_eq!(property(&mut bed, "own"), Ok(b"1".to_vec()));
    assert_eq!(property(&mut bed, "own.part"), Err(1));
    assert_eq!(property(&mut bed, "two.parts"), Err(1));
    assert_eq!(property(&mut bed, "request.path"), Ok(b"/p/a?q=1#f".to_vec()));
    let [p, ps] = bed.put("filter_state\0wasm.own");
    assert_eq!(bed.read("proxy_get_property", &[p, ps]), (0, b"1".to_vec()));
    bed.state().current = ROOT;
    assert_eq!(bed.call("proxy_set_property", &[p, ps, p, ps]), 1);
    assert_eq!((property(&mut bed, "xds"), property(&mut bed, "request")), (Err(3), Err(1)));
    assert_eq!(property(&mut bed, "plugin_name"), Ok(b"plug".to_vec()));
}

#[test]
fn lines_below_the_level_are_dropped() {
    let mut bed = Bed::new();
    let [m, ms] = bed.put(b"text\xff");
    for level in 0..6 {
        assert_eq!(bed.call("proxy_log", &[level, m, ms]), 0);
    }
    let lines = bed.log();
    assert_eq!((lines.len(), lines[0].as_str()), (5, "plug Debug text\u{fffd}"));
    let place = bed.place();
    assert_eq!(bed.call("proxy_get_log_level", &[place.into()]), 0);
    assert_eq!(bed.number(place), 1);
}

#[test]
fn output_is_logged_without_its_last_line_break() {
    let mut bed = Bed::new();
    let ([a, a_size], [b, b_size]) = (bed.put("one "), bed.put("two\n"));
    let pieces: Vec<u8> = [a, a_size, b, b_size].iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    let ([pieces, _], written) = (bed.put(pieces), bed.place());
    for (file, expected) in [(1, 0), (2, 0), (0, 8), (3, 8)] {
        assert_eq!(bed.call("fd_write", &[file, pieces, 2, written.into()]), expected, "{file}");
    }
    assert_eq!(bed.log(), ["plug Info one two", "plug Error one two"]);
    assert_eq!(bed.number(written), 8);
    for arguments in [[1, OUTSIDE.into(), 1, written.into()], [1, pieces, 2, OUTSIDE.into()], [1, pieces, 99_999, 0]] {
        assert_eq!(bed.call("fd_write", &arguments), 21);
    }
}

#[test]
fn wasi_answers_as_in_envoy() {
    let mut bed = Bed::new();
    let (place, bad) = (bed.put([0; 64])[0], u64::from(OUTSIDE));
    for (name, arguments, expected) in [
        ("args_get", &[bad, bad][..], 0),
        ("args_sizes_get", &[place, place + 4], 0),
        ("args_sizes_get", &[bad, place], 21),
        ("environ_sizes_get", &[place, bad], 21),
        ("environ_get", &[place, bad], 21),
        ("clock_time_get", &[0, 0, place], 0),
        ("clock_time_get", &[1, 0, place], 0),
        ("clock_time_get", &[2, 0, place], 58),
        ("clock_time_get", &[0, 0, bad], 21),
        ("clock_res_get", &[0, place], 0),
        ("random_get", &[place, 16], 0),
        ("random_get", &[bad, 16], 21),
        ("random_get", &[bad, 0], 0),
        ("random_get", &[place, 65_537], 28),
        ("sched_yield", &[], 0),
        ("fd_fdstat_get", &[1, place], 0),
        ("fd_fdstat_get", &[0, place], 8),
        ("fd_fdstat_get", &[1, bad], 21),
        ("fd_prestat_get", &[3, place], 8),
        ("fd_prestat_dir_name", &[3, place, 1], 52),
        ("fd_read", &[0, place, 0, place], 52),
        ("fd_seek", &[1, 0, 0, place], 0),
        ("fd_close", &[1], 0),
        ("path_open", &[3, 0, place, 0, 0, 0, 0, 0, place], 44),
        ("poll_oneoff", &[place, place, 0, place], 28),
        ("poll_oneoff", &[bad, place, 1, place], 21),
        ("proc_exit", &[3], 0),
        ("pthread_equal", &[7, 7], 1),
        ("pthread_equal", &[7, 8], 0),
        ("emscripten_notify_memory_growth", &[0], 0),
    ] {
        assert_eq!(bed.call(name, arguments), expected, "{name} {arguments:?}");
    }
}

#[test]
fn the_environment_is_listed_and_a_clock_never_waits() {
    let mut bed = Bed::new();
    let (place, list) = (bed.place(), bed.put([0; 8])[0]);
    let text = bed.put([0; 16])[0];
    assert_eq!(bed.call("environ_sizes_get", &[place.into(), u64::from(place) + 4]), 0);
    assert_eq!((bed.number(place), bed.number(place + 4)), (2, 10));
    assert_eq!(bed.call("environ_get", &[list, text]), 0);
    assert_eq!((u64::from(bed.number(list as u32)), u64::from(bed.number(list as u32 + 4))), (text, text + 4));
    assert_eq!(bed.number(text as u32), u32::from_le_bytes(*b"A=1\0"));

    let mut subscription = [0; 48];
    subscription[0] = 9;
    let ([asked, _], events) = (bed.put(subscription), bed.put([0xee; 32])[0]);
    assert_eq!(bed.call("poll_oneoff", &[asked, events, 1, place.into()]), 0);
    assert_eq!((bed.number(place), bed.number(events as u32), bed.number(events as u32 + 8)), (1, 9, 0));
}
