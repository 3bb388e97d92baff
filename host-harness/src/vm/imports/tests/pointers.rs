//! Every pointer that a guest passes is checked, and none of them is a trap; every name is there.

use super::bed::{Bed, OUTSIDE};
use crate::abi::MapKind;
use crate::vm::{CallView, MapView};

const INVALID: u32 = 6;

/// What a pointer stands for, in the order of a function's arguments: `i`nput pointers and their `s`izes, `o`utput pointers,
/// plain `0` and `1` and `9` (of which the last is out of every range), and `t`oken of a gRPC stream.
const FUNCTIONS: &[(&str, &str)] = &[
    ("proxy_log", "1is"),
    ("proxy_get_log_level", "o"),
    ("proxy_get_status", "ooo"),
    ("proxy_get_current_time_nanoseconds", "o"),
    ("proxy_get_property", "isoo"),
    ("proxy_set_property", "isis"),
    ("proxy_get_header_map_pairs", "0oo"),
    ("proxy_set_header_map_pairs", "0is"),
    ("proxy_get_header_map_size", "0o"),
    ("proxy_get_header_map_value", "0isoo"),
    ("proxy_add_header_map_value", "0isis"),
    ("proxy_replace_header_map_value", "0isis"),
    ("proxy_remove_header_map_value", "0is"),
    ("proxy_get_buffer_bytes", "001oo"),
    ("proxy_get_buffer_status", "0oo"),
    ("proxy_set_buffer_bytes", "000is"),
    ("proxy_send_local_response", "1isisis0"),
    ("proxy_http_call", "isisisis0o"),
    ("proxy_grpc_call", "isisisisis0o"),
    ("proxy_grpc_stream", "isisisiso"),
    ("proxy_grpc_send", "tis0"),
    ("proxy_get_shared_data", "isooo"),
    ("proxy_set_shared_data", "isis0"),
    ("proxy_register_shared_queue", "iso"),
    ("proxy_resolve_shared_queue", "isiso"),
    ("proxy_enqueue_shared_queue", "0is"),
    ("proxy_define_metric", "0iso"),
    ("proxy_get_metric", "4o"),
    ("proxy_call_foreign_function", "isisoo"),
];

/// A bed in which everything named `x` is there, and each argument of a function; inputs are the text `x` but where a
/// cluster, a property or a foreign function is wanted.
fn arguments(bed: &mut Bed, name: &str, signature: &str) -> Vec<u64> {
    let text = match name {
        "proxy_http_call" | "proxy_grpc_call" | "proxy_grpc_stream" => "ready",
        "proxy_call_foreign_function" => "compress",
        "proxy_resolve_shared_queue" => "",
        _ => "x",
    };
    let required = [(":path", "/"), (":method", "GET"), (":authority", "a")];
    let mut arguments = Vec::new();
    let mut inputs = 0;
    for what in signature.chars() {
        match what {
            'i' => {
                inputs += 1;
                let put = match (inputs, name) {
                    (2, "proxy_http_call") => bed.put_pairs(&required),
                    (2, "proxy_resolve_shared_queue") => bed.put("x"),
                    (1, _) => bed.put(text),
                    _ => bed.put("x"),
                };
                arguments.extend(put);
            }
            's' => {}
            'o' => arguments.push(bed.place().into()),
            't' => arguments.push(4_002),
            number => arguments.push(number.to_digit(10).unwrap().into()),
        }
    }
    arguments
}

fn ready() -> Bed {
    let mut bed = Bed::new();
    let stream = bed.stream();
    stream.request.headers = MapView::Live([("x", "1")].into_iter().collect());
    stream.request.body = Some("body".as_bytes().into());
    stream.properties.insert(b"x".to_vec(), b"value".to_vec());
    bed.root().status = (7, String::from("message"));
    let [key, key_size] = bed.put("x");
    assert_eq!(bed.call("proxy_set_shared_data", &[key, key_size, key, key_size, 0]), 0);
    let token = bed.place();
    assert_eq!(bed.call("proxy_register_shared_queue", &[key, key_size, token.into()]), 0);
    assert_eq!(bed.call("proxy_define_metric", &[0, key, key_size, token.into()]), 0);
    bed
}

#[test]
fn a_pointer_that_leads_out_of_the_memory_is_a_status_and_never_a_trap() {
    for (name, signature) in FUNCTIONS {
        let kinds: Vec<_> = signature.chars().collect();
        for (index, kind) in kinds.iter().enumerate() {
            if !matches!(kind, 'i' | 'o') {
                continue;
            }
            let mut bed = ready();
            let mut arguments = arguments(&mut bed, name, signature);
            arguments[index] = OUTSIDE.into();
            assert_eq!(bed.call(name, &arguments), INVALID, "{name}, argument {index}");
        }
    }
}

#[test]
fn a_length_that_leads_out_of_the_memory_is_a_status_too() {
    for (name, signature) in FUNCTIONS {
        for (index, _) in signature.chars().enumerate().filter(|(_, kind)| *kind == 's') {
            let mut bed = ready();
            let mut arguments = arguments(&mut bed, name, signature);
            arguments[index] = u32::MAX.into();
            assert_eq!(bed.call(name, &arguments), INVALID, "{name}, argument {index}");
        }
    }
}

#[test]
fn with_good_pointers_the_same_calls_succeed() {
    for (name, signature) in FUNCTIONS {
        let expected = match *name {
            "proxy_grpc_send" | "proxy_enqueue_shared_queue" => 1,
            _ => 0,
        };
        let mut bed = ready();
        let arguments = arguments(&mut bed, name, signature);
        assert_eq!(bed.call(name, &arguments), expected, "{name}");
    }
}

#[test]
fn a_number_out_of_range_is_seen_before_any_pointer() {
    let bad = u64::from(OUTSIDE);
    for (name, arguments) in [
        ("proxy_log", vec![6, bad, 1]),
        ("proxy_get_header_map_pairs", vec![8, bad, bad]),
        ("proxy_set_header_map_pairs", vec![8, bad, 1]),
        ("proxy_get_header_map_size", vec![8, bad]),
        ("proxy_get_header_map_value", vec![8, bad, 1, bad, bad]),
        ("proxy_add_header_map_value", vec![8, bad, 1, bad, 1]),
        ("proxy_replace_header_map_value", vec![8, bad, 1, bad, 1]),
        ("proxy_remove_header_map_value", vec![8, bad, 1]),
        ("proxy_get_buffer_bytes", vec![9, 0, 1, bad, bad]),
        ("proxy_get_buffer_status", vec![9, bad, bad]),
        ("proxy_set_buffer_bytes", vec![9, 0, 0, bad, 1]),
        ("proxy_continue_stream", vec![4]),
        ("proxy_close_stream", vec![4]),
    ] {
        assert_eq!(Bed::new().call(name, &arguments), 2, "{name}");
    }
    // A metric's kind is looked at only when its name can be read, as in Envoy.
    assert_eq!(Bed::new().call("proxy_define_metric", &[3, bad, 1, bad]), INVALID);
}

#[test]
fn an_allocator_that_has_nothing_left_is_an_invalid_access() {
    let mut bed = ready();
    bed.stream().request.body = Some(vec![0; 70_000].as_slice().into());
    let place = u64::from(bed.place());
    assert_eq!(bed.call("proxy_get_buffer_bytes", &[0, 0, 70_000, place, place + 4]), INVALID);
    bed.state().allocate = None;
    assert_eq!(bed.call("proxy_get_buffer_bytes", &[0, 0, 1, place, place + 4]), INVALID);
}

#[test]
fn while_the_module_starts_only_a_few_functions_can_be_called() {
    let mut bed = ready();
    bed.state().starting = true;
    for (name, signature) in FUNCTIONS {
        let arguments = arguments(&mut bed, name, signature);
        assert_eq!(bed.try_call(name, &arguments).is_ok(), *name == "proxy_log", "{name}");
    }
    for name in ["proxy_done", "proxy_continue_stream", "proxy_set_tick_period_milliseconds", "fd_close", "proc_exit"] {
        let arguments: &[u64] = if name == "proxy_done" { &[] } else { &[1] };
        assert!(bed.try_call(name, arguments).is_err(), "{name}");
    }
    assert_eq!(bed.try_call("sched_yield", &[]).unwrap(), 0);
}

#[test]
fn the_answer_to_a_call_can_be_read_from_a_stream_too() {
    let mut bed = ready();
    let headers = [(":status", "200")].into_iter().collect();
    bed.root().http_call = Some(CallView { headers, body: "body".into(), trailers: Default::default() });
    let [name, name_size] = bed.put(":status");
    let map = MapKind::HttpCallResponseHeaders as u64;
    assert_eq!(bed.read("proxy_get_header_map_value", &[map, name, name_size]), (0, b"200".to_vec()));
    assert_eq!(bed.read("proxy_get_buffer_bytes", &[4, 0, 10]), (0, b"body".to_vec()));
    // No trailers came, so there is no map of them.
    let map = MapKind::HttpCallResponseTrailers as u64;
    assert_eq!(bed.read("proxy_get_header_map_value", &[map, name, name_size]).0, 2);
}
