//! The trace context of a request: continued, derived, drawn or left alone. What needs a held request is in `held`.

use super::scenario::{CONTEXTS, Scenario};
use super::world::Request;
use crate::plan::Direction::{Inbound, Outbound};
use crate::trace::TraceParent;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Of tenant `acme` and message `order-42`, under the secret of these tests.
pub(super) const DERIVED: &str = "004c2260186042da0fa47b9a604a094d";
const HASH_PAGE: &str = include_str!("../../../../../docs/hash.md");

/// The config names no message id of its own; adapters do.
const OF_ADAPTERS: &str = r#"{"tenant": "acme", "service": "push", "channels": ["apns", "oppo", "sms-tencent"]}"#;
/// The config promises a message id, in the head or in the body.
const PROMISED: &str = r#"{
    "tenant": "acme", "service": "push", "channels": ["apns", "oppo"],
    "message": {
        "id": [{"header": "x-message-id"}, {"json": "/id"}],
        "tenant": [{"header": "x-tenant", "from_edge": true}]
    }
}"#;

fn apns(message_id: &str) -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("apns-id", message_id)
}

/// The one context that the upstream gets.
fn context(scenario: &Scenario) -> TraceParent {
    let lines = scenario.upstream("traceparent");
    assert_eq!(lines.len(), 1, "{lines:?}");
    TraceParent::parse(lines[0].as_bytes()).unwrap()
}

#[test]
fn a_valid_context_goes_on_with_its_trace_id_and_known_flags_under_a_span_of_our_own() {
    for (flags, expected) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fc", "00"), ("ff", "03")] {
        let mut scenario = Scenario::new(OF_ADAPTERS);
        let parent = format!("00-{TRACE_ID}-00f067aa0ba902b7-{flags}");
        scenario.open(&apns("order-42").header("traceparent", parent));
        let ours = context(&scenario);
        assert_eq!(ours.trace_id.to_string(), TRACE_ID);
        assert_ne!(ours.parent_id.to_string(), "00f067aa0ba902b7");
        assert!(ours.to_string().ends_with(expected), "{flags}: {ours}");
        assert_eq!(scenario.counts(CONTEXTS), ["continued 1"]);
    }
}

#[test]
fn a_valid_context_is_neither_held_nor_too_late_for_an_id_in_the_body() {
    for hold in [true, false] {
        let config = PROMISED.replacen('{', &format!("{{\"hold_request\": {hold},"), 1);
        let mut scenario = Scenario::new(&config);
        scenario.open(&Request::inbound("/send").header("traceparent", PARENT));
        assert!(!scenario.is_held());
        assert_eq!(context(&scenario).trace_id.to_string(), TRACE_ID);
        scenario.body(r#"{"id": "order-42"}"#, true).answer(200, "").finish();
        assert_eq!(scenario.counts(CONTEXTS), ["continued 1"]);
    }
}

#[test]
fn each_visit_has_a_span_of_its_own() {
    let mut scenario = Scenario::new(OF_ADAPTERS);
    let mut spans = Vec::new();
    for _ in 0..20 {
        scenario.open(&apns("order-42").header("traceparent", PARENT)).finish();
        spans.push(context(&scenario).parent_id);
    }
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), 20);
}

#[test]
fn a_valid_tracestate_goes_on_and_an_untidy_one_as_one_line() {
    type Case = (&'static [&'static str], &'static [&'static str]);
    let cases: [Case; 5] = [
        (&["foo=1,bar=2"], &["foo=1,bar=2"]),
        (&["foo=1", "bar=2"], &["foo=1,bar=2"]),
        (&["foo=1,foo=2"], &["foo=1"]),
        (&["FOO=1"], &[]),
        (&[""], &[]),
    ];
    for (lines, expected) in cases {
        let mut scenario = Scenario::new(OF_ADAPTERS);
        let request = apns("order-42").header("traceparent", PARENT);
        let request = lines.iter().fold(request, |request, line| request.header("tracestate", line));
        scenario.open(&request);
        assert_eq!(scenario.upstream("tracestate"), expected, "{lines:?}");
        assert_eq!(context(&scenario).trace_id.to_string(), TRACE_ID);
    }
}

#[test]
fn an_invalid_or_repeated_traceparent_begins_a_new_trace_and_takes_tracestate_with_it() {
    let cases: [&[&[u8]]; 6] = [
        &[b"nonsense"],
        &[b""],
        &[b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
        &[b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"],
        &[b"00-\xff"],
        &[PARENT.as_bytes(), PARENT.as_bytes()],
    ];
    for lines in cases {
        let mut scenario = Scenario::new(OF_ADAPTERS);
        let request = lines.iter().fold(apns("order-42"), |request, line| request.header("traceparent", line));
        scenario.open(&request.header("tracestate", "foo=1").header("tracestate", "bar=2"));
        assert_eq!(context(&scenario).trace_id.to_string(), DERIVED, "{lines:?}");
        assert_eq!(scenario.upstream("tracestate"), [""; 0]);
        assert_eq!(scenario.counts(CONTEXTS), ["derived 1", "invalid 1"]);
    }
}

#[test]
fn a_tracestate_without_traceparent_goes() {
    let mut scenario = Scenario::new(OF_ADAPTERS);
    scenario.open(&apns("order-42").header("tracestate", "foo=1"));
    assert_eq!(scenario.upstream("tracestate"), [""; 0]);
    assert_eq!(scenario.counts(CONTEXTS), ["derived 1"]);
}

#[test]
fn without_a_context_the_trace_id_is_derived_from_tenant_and_message_id() {
    assert!(HASH_PAGE.contains(&format!("| `acme` | `trace` | `order-42` | `order-42` | `{DERIVED}` |")));
    let mut scenario = Scenario::new(OF_ADAPTERS);
    scenario.open(&apns("order-42"));
    let ours = context(&scenario);
    assert_eq!(ours.trace_id.to_string(), DERIVED);
    assert!(ours.flags.sampled() && ours.flags.random());
    assert_eq!(scenario.counts(CONTEXTS), ["derived 1"]);
}

#[test]
fn the_trace_id_is_the_same_on_both_sides_and_of_another_tenant_another() {
    let inbound = |tenant: &str| {
        let request = Request::inbound("/send").header("x-message-id", "订单-42").header("x-tenant", tenant);
        let mut scenario = Scenario::new(PROMISED);
        scenario.open(&request);
        context(&scenario).trace_id.to_string()
    };
    assert!(HASH_PAGE.contains("| `商城` | `trace` | `订单-42` | `订单-42` | `cbe87927c90c0d5be1652cf9199564ca` |"));
    assert_eq!(inbound("商城"), "cbe87927c90c0d5be1652cf9199564ca");
    assert_ne!(inbound("acme"), inbound("商城"));

    let mut outbound = Scenario::new(PROMISED);
    outbound.open(&apns("another").header("x-message-id", "订单-42").header("x-tenant", "商城"));
    assert_eq!(context(&outbound).trace_id.to_string(), inbound("商城"), "the config's id ranks before the adapter's");
}

#[test]
fn the_share_of_sampled_traces_is_the_configs() {
    for (ratio, sampled) in [("0", false), ("1", true)] {
        let config = format!(r#"{{"tenant": "acme", "channels": ["apns"], "sample_ratio": {ratio}}}"#);
        let mut scenario = Scenario::new(&config);
        scenario.open(&apns("order-42"));
        assert_eq!(context(&scenario).flags.sampled(), sampled);
        assert!(context(&scenario).flags.random());
    }
}

#[test]
fn an_id_in_a_body_that_is_not_held_comes_too_late_and_nothing_is_written() {
    let oppo = Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/unicast");
    for (config, request) in [(OF_ADAPTERS, &oppo), (PROMISED, &Request::inbound("/send"))] {
        let mut scenario = Scenario::new(config);
        scenario.open(request);
        assert!(!scenario.is_held());
        assert_eq!(scenario.upstream("traceparent"), [""; 0]);
        scenario.body("message={}", true).answer(200, "").finish();
        assert_eq!(scenario.counts(CONTEXTS), ["too_late 1"]);
    }
}

#[test]
fn what_comes_too_late_to_be_replaced_is_removed() {
    let mut scenario = Scenario::new(PROMISED);
    scenario.open(&Request::inbound("/send").header("traceparent", "nonsense").header("tracestate", "foo=1"));
    assert_eq!((scenario.upstream("traceparent"), scenario.upstream("tracestate")), (vec![], vec![]));
    assert_eq!(scenario.counts(CONTEXTS), ["invalid 1", "too_late 1"]);
}

#[test]
fn an_id_in_the_head_makes_the_body_not_worth_waiting_for() {
    for hold in [true, false] {
        let mut scenario = Scenario::new(&PROMISED.replacen('{', &format!("{{\"hold_request\": {hold},"), 1));
        scenario.open(&Request::inbound("/send").header("x-message-id", "order-42"));
        assert!(!scenario.is_held());
        assert_eq!(context(&scenario).trace_id.to_string(), DERIVED);
    }
}

#[test]
fn an_id_that_the_config_promises_and_the_request_lacks_is_not_made_up() {
    let mut scenario = Scenario::new(PROMISED);
    scenario.open_without_body(&Request::inbound("/send").header("tracestate", "foo=1"));
    assert_eq!((scenario.upstream("traceparent"), scenario.upstream("tracestate")), (vec![], vec![]));
    assert_eq!(scenario.counts(CONTEXTS), ["missing_id 1"]);
}

#[test]
fn a_message_of_which_the_config_names_no_id_has_a_random_trace() {
    let mut scenario = Scenario::new(OF_ADAPTERS);
    scenario.open(&Request::inbound("/send"));
    let first = context(&scenario);
    assert!(first.flags.sampled() && first.flags.random());
    scenario.open_without_body(&Request::outbound("api.push.apple.com", "/3/device/abc"));
    assert_ne!(context(&scenario).trace_id, first.trace_id);
    assert_eq!(scenario.counts(CONTEXTS), ["random 2"]);
}

#[test]
fn without_a_secret_the_trace_id_is_random() {
    let mut scenario = Scenario::without_secret(OF_ADAPTERS);
    scenario.open(&apns("order-42"));
    assert_ne!(context(&scenario).trace_id.to_string(), DERIVED);
    assert_eq!(scenario.counts(CONTEXTS), ["no_secret 1"]);
}

#[test]
fn at_the_edge_a_context_is_not_continued_and_its_tracestate_goes() {
    let mut scenario = Scenario::new(&OF_ADAPTERS.replacen('{', r#"{"sample_ratio": 0,"#, 1));
    let request = Request::inbound("/send").header("traceparent", PARENT).header("tracestate", "foo=1");
    scenario.open(&request.clone().at_edge());
    assert_ne!(context(&scenario).trace_id.to_string(), TRACE_ID);
    assert!(!context(&scenario).flags.sampled(), "nor is its sampled flag");
    assert_eq!(scenario.upstream("tracestate"), [""; 0]);
    assert_eq!(scenario.counts(CONTEXTS), ["edge 1", "random 1"]);

    scenario.open(&request);
    assert_eq!(context(&scenario).trace_id.to_string(), TRACE_ID, "inside it is believed");
}

#[test]
fn at_the_edge_headers_tell_only_what_the_config_lets_them() {
    let send = |config: &str| {
        let request = Request::inbound("/send").header("x-message-id", "order-42").header("x-tenant", "acme");
        let mut scenario = Scenario::new(config);
        scenario.open_without_body(&request.at_edge());
        scenario.counts(CONTEXTS)
    };
    assert_eq!(send(PROMISED), ["missing_id 1"]);
    let from_edge = PROMISED.replace(r#""header": "x-message-id""#, r#""header": "x-message-id", "from_edge": true"#);
    assert_eq!(send(&from_edge), ["derived 1"]);
}

#[test]
fn our_own_headers_are_removed_wherever_they_come_from() {
    let places =
        [(None, "/send"), (Some(Inbound), "/send"), (Some(Outbound), "/send"), (Some(Outbound), "/3/device/a")];
    for (direction, path) in places {
        let mut scenario = Scenario::new(OF_ADAPTERS);
        let request = Request::new(direction, "api.push.apple.com", path)
            .header("x-pointsman-fate", "accepted")
            .header("x-pointsman-fate", "unsure")
            .header("x-pointsman-", "")
            .header("x-pointsmans", "stays");
        scenario.open(&request.clone()).finish();
        for name in ["x-pointsman-fate", "x-pointsman-"] {
            assert_eq!(scenario.upstream(name), [""; 0], "{direction:?} {path}");
        }
        assert_eq!(scenario.upstream("x-pointsmans"), ["stays"]);
    }
}

#[test]
fn an_empty_config_passes_everything() {
    let mut scenario = Scenario::new("{}");
    let request = apns("order-42").header("traceparent", "nonsense").header("x-pointsman-fate", "accepted");
    scenario.send(&request, "{}").answer(500, "").finish();
    assert_eq!(scenario.upstream("traceparent"), ["nonsense"]);
    assert_eq!(scenario.upstream("x-pointsman-fate"), ["accepted"]);
    assert_eq!(scenario.all_counts().len(), 0);
    assert_eq!(scenario.asked(), Default::default());
}

#[test]
fn nothing_but_trace_headers_is_touched() {
    let request = Request::outbound("api.push.apple.com", "/3/device/abc?x=1")
        .header("apns-id", "order-42")
        .header("authorization", "bearer x")
        .header("x-bytes", b"\xff\x00")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    let upstream = |config: &str| {
        let mut scenario = Scenario::new(config);
        scenario.send(&request, "{}").answer(200, "").finish();
        scenario.upstream_without_trace()
    };
    assert_eq!(upstream(OF_ADAPTERS), upstream("{}"));
}
