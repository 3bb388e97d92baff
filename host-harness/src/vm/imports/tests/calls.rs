//! What a guest asks for: calls, replies, timers, queues, metrics, foreign functions.

use super::bed::{Bed, ROOT, STREAM};
use crate::filter::CallId;

const FULL: &[(&str, &str)] = &[(":method", "GET"), (":path", "/"), (":authority", "a")];

fn http(bed: &mut Bed, cluster: &str, pairs: &[(&str, &str)], timeout_ms: u32) -> (u32, u32) {
    let ([c, cs], [p, ps], [b, bs]) = (bed.put(cluster), bed.put_pairs(pairs), bed.put("body"));
    let token = bed.place();
    let status = bed.call("proxy_http_call", &[c, cs, p, ps, b, bs, 0, 0, timeout_ms.into(), token.into()]);
    (status, bed.number(token))
}

#[test]
fn an_http_call_goes_out_or_says_why_not() {
    for (cluster, pairs, timeout_ms, expected, asked) in [
        ("ready", FULL, 1_500, (0, 4), "http(4,ready,Some(1.5s))"),
        ("ready", FULL, 0, (0, 4), "http(4,ready,None)"),
        ("unknown", FULL, 1, (2, 0), ""),
        ("refused", FULL, 1, (10, 0), ""),
        ("ready", &FULL[..2], 1, (2, 0), ""),
        ("refused", &FULL[1..], 1, (2, 0), ""),
        ("ready", FULL, u32::MAX, (2, 0), ""),
    ] {
        let mut bed = Bed::new();
        assert_eq!(http(&mut bed, cluster, pairs, timeout_ms), expected, "{cluster} {timeout_ms}");
        assert_eq!(bed.state().pending_calls.get(&CallId(4)).copied(), (expected.0 == 0).then_some(ROOT));
        assert_eq!(bed.deferred(), asked);
    }
}

#[test]
fn the_calls_that_wait_have_a_bound_and_numbers_of_their_kind() {
    let mut bed = Bed::new();
    assert_eq!(http(&mut bed, "ready", FULL, 0), (0, 4));
    assert_eq!(http(&mut bed, "ready", FULL, 0), (0, 8));
    let mut plugin = (*bed.state().plugin).clone();
    plugin.limits.pending_calls = 2;
    bed.state().plugin = plugin.into();
    assert_eq!(http(&mut bed, "ready", FULL, 0), (10, 0));
    bed.state().pending_calls.remove(&CallId(4));
    assert_eq!(http(&mut bed, "ready", FULL, 0).0, 0);
}

#[test]
fn a_call_announces_the_length_of_its_body() {
    let mut bed = Bed::new();
    http(&mut bed, "ready", &[FULL, &[("content-length", "99")]].concat(), 0);
    let call = bed.state().deferred.pop();
    let Some(crate::vm::Deferred::HttpCall(_, call)) = call else { panic!("a call") };
    assert_eq!(call.headers.get_str("content-length"), Some("4"));
}

fn grpc(bed: &mut Bed, target: &[u8], unary: bool) -> (u32, u32) {
    let ([t, ts], [s, ss], token) = (bed.put(target), bed.put("pkg.Service"), bed.place());
    let target = [t, ts, s, ss, s, ss, 0, 0];
    let status = match unary {
        true => bed.call("proxy_grpc_call", &[&target[..], &[s, ss, 2_000, token.into()]].concat()),
        false => bed.call("proxy_grpc_stream", &[&target[..], &[token.into()]].concat()),
    };
    (status, if status == 0 { bed.number(token) } else { 0 })
}

#[test]
fn a_grpc_call_names_its_cluster_as_text_or_as_envoys_message() {
    for (target, expected) in [
        (&b"ready"[..], (0, 5)),
        (b"unknown", (4, 0)),
        (b"\x0a\x07\x0a\x05ready", (0, 5)),
        (b"\x0a\x09\x0a\x07unknown", (10, 0)),
        (b"\x0a\x09\x0a\x07refused", (10, 0)),
        (b"", (2, 0)),
    ] {
        let mut bed = Bed::new();
        assert_eq!(grpc(&mut bed, target, true), expected, "{}", target.escape_ascii());
        assert_eq!(bed.deferred(), if expected.0 == 0 { "grpc(5,ready,Some(2s))" } else { "" });
    }
}

#[test]
fn a_grpc_stream_sends_closes_and_is_cancelled() {
    let mut bed = Bed::new();
    assert_eq!(grpc(&mut bed, b"ready", false), (0, 6));
    let [m, ms] = bed.put("xy");
    for (name, arguments, expected) in [
        ("proxy_grpc_send", &[6, m, ms, 1][..], 0),
        ("proxy_grpc_send", &[10, m, ms, 1], 1),
        ("proxy_grpc_send", &[5, m, ms, 1], 2),
        ("proxy_grpc_send", &[4, m, ms, 1], 2),
        ("proxy_grpc_close", &[6], 0),
        ("proxy_grpc_close", &[6], 0),
        ("proxy_grpc_close", &[4], 2),
        ("proxy_grpc_close", &[7], 2),
        ("proxy_grpc_cancel", &[6], 0),
        ("proxy_grpc_cancel", &[6], 1),
        ("proxy_grpc_cancel", &[4], 2),
    ] {
        assert_eq!(bed.call(name, arguments), expected, "{name} {arguments:?}");
    }
    assert_eq!(bed.deferred(), "grpc(6,ready,None) send(6,2,true) half-close(6) half-close(6) cancel(6)");
}

#[test]
fn a_reply_is_sent_once() {
    let mut bed = Bed::new();
    let ([d, ds], [b, bs], [p, ps]) = (bed.put("a b"), bed.put("body"), bed.put_pairs(&[("X", "1")]));
    for grpc_status in [u64::from(u32::MAX), 7] {
        let arguments = [403, d, ds, b, bs, p, ps, grpc_status];
        assert_eq!(bed.call("proxy_send_local_response", &arguments), 0);
        assert!(std::mem::take(&mut bed.state().stop_iteration));
    }
    assert_eq!(bed.deferred(), "reply(2,403,None,a_b)");
    bed.stream().replied = false;
    bed.call("proxy_send_local_response", &[403, d, ds, b, bs, p, ps, 7]);
    assert_eq!(bed.deferred(), "reply(2,403,Some(7),a_b)");
}

#[test]
fn streams_and_contexts_are_steered() {
    for (name, arguments, expected, asked) in [
        ("proxy_continue_stream", &[0][..], 0, "continue(2,Request)"),
        ("proxy_continue_stream", &[1], 0, "continue(2,Response)"),
        ("proxy_continue_stream", &[2], 0, ""),
        ("proxy_continue_stream", &[3], 12, ""),
        ("proxy_close_stream", &[0], 0, "close(2)"),
        ("proxy_close_stream", &[1], 0, "close(2)"),
        ("proxy_close_stream", &[2], 0, ""),
        ("proxy_close_stream", &[3], 0, ""),
        ("proxy_set_tick_period_milliseconds", &[250], 0, "tick(1,Some(250ms))"),
        ("proxy_set_tick_period_milliseconds", &[0], 0, "tick(1,None)"),
        ("proxy_set_effective_context", &[99], 2, ""),
        ("proxy_set_effective_context", &[0], 0, ""),
        ("proxy_done", &[], 1, ""),
    ] {
        let mut bed = Bed::new();
        assert_eq!(bed.call(name, arguments), expected, "{name} {arguments:?}");
        assert_eq!(bed.deferred(), asked, "{name} {arguments:?}");
    }
}

#[test]
fn the_effective_context_takes_the_place_of_the_current_one() {
    let mut bed = Bed::new();
    bed.state().current = ROOT;
    assert_eq!(bed.call("proxy_set_effective_context", &[STREAM.into()]), 0);
    assert_eq!(bed.call("proxy_close_stream", &[0]), 0);
    assert_eq!(bed.call("proxy_set_effective_context", &[ROOT.into()]), 0);
    assert_eq!(bed.call("proxy_done", &[]), 1, "nobody has told it to end");
    bed.root().ending = true;
    assert_eq!(bed.call("proxy_done", &[]), 0);
    assert_eq!(bed.deferred(), "close(2) done(1)");
}

#[test]
fn metrics_take_what_their_kind_takes() {
    let mut bed = Bed::new();
    let define = |bed: &mut Bed, kind: u64, name: &str| {
        let ([n, ns], id) = (bed.put(name), bed.place());
        (bed.call("proxy_define_metric", &[kind, n, ns, id.into()]), bed.number(id))
    };
    assert_eq!(define(&mut bed, 0, "c"), (0, 4));
    assert_eq!(define(&mut bed, 1, "g"), (0, 9));
    assert_eq!(define(&mut bed, 2, "h"), (0, 14));
    assert_eq!(define(&mut bed, 0, "c"), (0, 4));
    assert_eq!(define(&mut bed, 3, "x").0, 2);
    let minus_one = u64::MAX;
    for (name, id, value, expected) in [
        ("proxy_increment_metric", 4, 5, 0),
        ("proxy_increment_metric", 4, 0, 2),
        ("proxy_increment_metric", 4, minus_one, 2),
        ("proxy_increment_metric", 9, minus_one, 0),
        ("proxy_record_metric", 9, 7, 0),
        ("proxy_record_metric", 4, 1, 0),
        ("proxy_record_metric", 14, 3, 0),
        ("proxy_increment_metric", 14, 1, 2),
        ("proxy_increment_metric", 400, 1, 1),
        ("proxy_increment_metric", 402, 1, 2),
        ("proxy_increment_metric", 403, 1, 2),
        ("proxy_record_metric", 402, 1, 1),
        ("proxy_record_metric", 403, 1, 1),
        ("proxy_record_metric", 5, 1, 1),
    ] {
        assert_eq!(bed.call(name, &[id, value]), expected, "{name} {id} {value}");
    }
    let place = bed.place();
    for (id, expected, value) in [(4, 0, 6), (9, 0, 7), (14, 2, 0), (403, 2, 0), (400, 1, 0)] {
        assert_eq!(bed.call("proxy_get_metric", &[id, place.into()]), expected, "{id}");
        assert!(expected != 0 || bed.number(place) == value, "{id}");
    }
}

#[test]
fn shared_data_and_queues_answer_with_their_statuses() {
    let mut bed = Bed::new();
    let ([k, ks], [v, vs], token) = (bed.put("key"), bed.put("value"), bed.place());
    let (place, cas) = (u64::from(bed.place()), u64::from(bed.place()));
    assert_eq!(bed.call("proxy_get_shared_data", &[k, ks, place, place + 4, cas]), 1);
    assert_eq!(bed.call("proxy_set_shared_data", &[k, ks, v, vs, 0]), 0);
    assert_eq!(bed.call("proxy_get_shared_data", &[k, ks, place, place + 4, cas]), 0);
    assert_eq!(bed.at(place as u32), b"value");
    let version = u64::from(bed.number(cas as u32));
    assert_eq!(bed.call("proxy_set_shared_data", &[k, ks, v, vs, version + 1]), 8);
    assert_eq!(bed.call("proxy_set_shared_data", &[k, ks, v, vs, version]), 0);

    assert_eq!(bed.call("proxy_resolve_shared_queue", &[0, 0, k, ks, token.into()]), 1);
    assert_eq!(bed.call("proxy_register_shared_queue", &[k, ks, token.into()]), 0);
    let queue = u64::from(bed.number(token));
    assert_eq!(bed.call("proxy_resolve_shared_queue", &[0, 0, k, ks, token.into()]), 0);
    assert_eq!(u64::from(bed.number(token)), queue);
    assert_eq!(bed.read("proxy_dequeue_shared_queue", &[queue]).0, 7);
    assert_eq!(bed.call("proxy_enqueue_shared_queue", &[queue, v, vs]), 0);
    assert_eq!(bed.read("proxy_dequeue_shared_queue", &[queue]), (0, b"value".to_vec()));
    assert_eq!(bed.read("proxy_dequeue_shared_queue", &[queue + 1]).0, 1);
}

#[test]
fn foreign_functions_answer_as_in_envoy() {
    let mut bed = Bed::new();
    let mut call = |name: &str, argument: &[u8]| {
        let ([n, ns], [a, length]) = (bed.put(name), bed.put(argument));
        bed.read("proxy_call_foreign_function", &[n, ns, a, length])
    };
    let (status, packed) = call("compress", b"hello hello hello hello");
    assert_eq!((status, call("uncompress", &packed)), (0, (0, b"hello hello hello hello".to_vec())));
    for (name, argument, expected) in [
        ("uncompress", &packed[..packed.len() - 6], 3),
        ("uncompress", b"nonsense", 3),
        ("clear_route_cache", b"", 0),
        ("declare_property", b"\x0a\x01q", 0),
        ("declare_property", b"\x0a\x01q", 2),
        ("declare_property", b"\xff", 2),
        ("set_envoy_filter_state", b"\x0a\x01q", 1),
        ("set_envoy_filter_state", b"\xff", 2),
        ("expr_create", b"1", 1),
        ("verify_signature", b"", 1),
        ("sign", b"", 1),
        ("nope", b"", 1),
    ] {
        assert_eq!(call(name, argument).0, expected, "{name}");
    }
    let ([n, ns], [a, length]) = (bed.put("compress"), bed.put("x"));
    assert_eq!(bed.call("proxy_call_foreign_function", &[n, ns, a, length, 0, 0]), 0);
}
