//! Requests whose headers wait until the body tells the message's id.

use super::scenario::{BYPASSED, CALLS, CONTEXTS, RELEASED, Scenario};
use super::trace::DERIVED;
use super::world::Request;
use crate::trace::TraceParent;

const OPPO: &str = r#"{"tenant": "acme", "channels": ["oppo"], "hold_request": true}"#;
const PROMISED: &str = r#"{
    "tenant": "acme", "service": "push", "channels": ["sms-tencent"], "hold_request": true, "max_body_bytes": 200,
    "message": {"id": [{"json": "/id"}]}
}"#;

fn oppo() -> Request {
    Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/unicast")
        .header("content-length", "200")
}

fn oppo_body(message: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("auth_token", "x")
        .append_pair("message", message)
        .finish()
}

fn order_42() -> String {
    oppo_body(r#"{"target_value": "a", "notification": {"app_message_id": "order-42"}}"#)
}

fn trace_id(scenario: &Scenario) -> Option<String> {
    let lines = scenario.upstream("traceparent");
    assert!(lines.len() < 2, "{lines:?}");
    lines.first().map(|line| TraceParent::parse(line.as_bytes()).unwrap().trace_id.to_string())
}

#[test]
fn the_headers_wait_for_the_id_and_leave_with_the_derived_trace() {
    let mut scenario = Scenario::new(OPPO);
    scenario.open(&oppo().header("tracestate", "foo=1"));
    assert!(scenario.is_held());
    assert_eq!(scenario.upstream("traceparent"), [""; 0]);
    scenario.body(order_42(), true);
    assert_eq!((trace_id(&scenario).as_deref(), scenario.upstream("tracestate")), (Some(DERIVED), vec![]));
    scenario.answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.counts(CONTEXTS), ["derived 1"]);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 1"]);
    assert_eq!(scenario.counts(RELEASED), [""; 0]);
}

#[test]
fn a_held_body_is_read_once_however_many_pieces_it_comes_in() {
    let mut scenario = Scenario::new(OPPO);
    scenario.open(&oppo());
    let body = order_42();
    for byte in body.as_bytes() {
        scenario.body([*byte], false);
        assert!(scenario.is_held());
    }
    scenario.body("", true);
    assert_eq!(trace_id(&scenario).as_deref(), Some(DERIVED));
    assert_eq!((scenario.asked().body, scenario.copied()), (1, body.len()));
}

#[test]
fn trailers_end_a_held_body_too() {
    let mut scenario = Scenario::new(OPPO);
    scenario.open(&oppo()).body(order_42(), false).trailers();
    assert_eq!(trace_id(&scenario).as_deref(), Some(DERIVED));
    scenario.answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 1"]);
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
}

#[test]
fn an_id_that_only_the_adapter_names_and_that_is_missing_leaves_a_random_trace() {
    let mut scenario = Scenario::new(OPPO);
    scenario.open(&oppo()).body(oppo_body(r#"{"target_value": "a"}"#), true);
    assert!(trace_id(&scenario).is_some_and(|trace_id| trace_id != DERIVED));
    assert_eq!(scenario.counts(CONTEXTS), ["random 1"]);
}

#[test]
fn an_id_that_the_config_promises_and_that_is_missing_leaves_none() {
    for body in ["{}", "", "<html>", r#"{"id": {"nested": "order-42"}}"#] {
        let mut scenario = Scenario::new(PROMISED);
        scenario.open(&Request::inbound("/send").header("traceparent", "nonsense")).body(body, true);
        assert_eq!(trace_id(&scenario), None, "{body}");
        assert_eq!(scenario.upstream("traceparent"), [""; 0], "the invalid one goes all the same");
        assert_eq!(scenario.counts(CONTEXTS), ["invalid 1", "missing_id 1"]);
    }
}

#[test]
fn a_tenant_that_the_body_tells_is_waited_for_as_an_id_is() {
    let config = PROMISED.replace(r#"[{"json": "/id"}]"#, r#"[{"header": "x-id"}], "tenant": [{"json": "/tenant"}]"#);
    let mut scenario = Scenario::new(&config);
    scenario.open(&Request::inbound("/send").header("x-id", "order-42"));
    assert!(scenario.is_held());
    scenario.body(r#"{"tenant": "商城"}"#, true);
    assert!(trace_id(&scenario).is_some_and(|trace_id| trace_id != DERIVED));
    scenario.open(&Request::inbound("/send").header("x-id", "order-42")).body("{}", true);
    assert_eq!(trace_id(&scenario).as_deref(), Some(DERIVED), "the config's tenant stands in");

    let mut passing = Scenario::new(&config.replace("true", "false"));
    passing.open(&Request::inbound("/send").header("x-id", "order-42"));
    assert!(!passing.is_held());
    assert_eq!((trace_id(&passing), passing.counts(CONTEXTS)), (None, vec!["too_late 1".to_owned()]));
}

#[test]
fn several_messages_in_one_call_share_no_messages_trace() {
    let messages =
        r#"[{"notification": {"app_message_id": "order-42"}}, {"notification": {"app_message_id": "order-43"}}]"#;
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("messages", messages).finish();
    let mut scenario = Scenario::new(OPPO);
    let path = "/server/v1/message/notification/unicast_batch";
    scenario.open(&Request::outbound("api.push.oppomobile.com", path)).body(body, true);
    assert!(trace_id(&scenario).is_some_and(|trace_id| trace_id != DERIVED));
    assert_eq!(scenario.counts(CONTEXTS), ["random 1"]);
}

#[test]
fn without_a_secret_the_trace_of_a_held_request_is_random() {
    let mut scenario = Scenario::without_secret(OPPO);
    scenario.open(&oppo()).body(order_42(), true);
    assert!(trace_id(&scenario).is_some_and(|trace_id| trace_id != DERIVED));
    assert_eq!(scenario.counts(CONTEXTS), ["no_secret 1"]);
}

#[test]
fn what_has_no_readable_body_is_not_held() {
    let mut scenario = Scenario::new(PROMISED);
    scenario.open_without_body(&Request::inbound("/send")).answer(200, "").finish();
    assert_eq!((scenario.counts(CONTEXTS), scenario.counts(BYPASSED)), (vec!["missing_id 1".to_owned()], vec![]));

    let mut scenario = Scenario::new(PROMISED);
    scenario.open(&Request::inbound("/send").header("content-encoding", "gzip"));
    assert!(!scenario.is_held());
    scenario.body(b"\x1f\x8b", true).answer(200, "").finish();
    assert_eq!(scenario.asked().body, 0);
    assert_eq!(scenario.counts(CONTEXTS), ["missing_id 1"]);
    assert_eq!(scenario.counts(BYPASSED), ["body_encoded 1"]);
}

#[test]
fn of_a_body_that_is_not_announced_to_be_short_only_the_first_piece_is_waited_for() {
    let padding = "x".repeat(300);
    let early = (format!(r#"{{"id": "order-42", "text": "{padding}"}}"#), Some(DERIVED), "derived 1");
    let late = (format!(r#"{{"text": "{padding}", "id": "order-42"}}"#), None, "too_late 1");
    let announced = [
        (Some("201"), "body_too_large 1"),
        (Some("18446744073709551616"), "length_unknown 1"),
        (None, "length_unknown 1"),
    ];
    for ((length, release), (body, expected, context)) in announced.iter().flat_map(|a| [(a, &early), (a, &late)]) {
        let mut scenario = Scenario::new(PROMISED);
        let request = Request::inbound("/send");
        scenario.open(&match length {
            Some(length) => request.header("content-length", length),
            None => request,
        });
        assert!(scenario.is_held());
        let (first, rest) = body.split_at(150);
        scenario.body("", false);
        assert!(scenario.is_held(), "no piece has come");
        scenario.body(first, false);
        assert!(!scenario.is_held());
        assert_eq!(trace_id(&scenario).as_deref(), *expected);
        scenario.body(rest, true).answer(200, "").finish();
        assert_eq!(scenario.counts(CONTEXTS), [*context]);
        assert_eq!(scenario.counts(RELEASED), [*release]);
        assert_eq!(scenario.counts(BYPASSED), ["body_too_large 1"]);
        assert_eq!(scenario.copied(), 200);
        assert_eq!(scenario.counts(CALLS), ["PUSH none ok 1"]);
    }
}

#[test]
fn a_short_body_in_one_piece_is_traced_though_its_length_is_not_announced() {
    let mut scenario = Scenario::new(PROMISED);
    scenario
        .open(&Request::inbound("/send"))
        .body(r#"{"id": "order-42"}"#, false)
        .body("", true)
        .answer(200, "")
        .finish();
    assert_eq!(trace_id(&scenario).as_deref(), Some(DERIVED));
    assert_eq!((scenario.counts(CONTEXTS), scenario.counts(BYPASSED)), (vec!["derived 1".to_owned()], vec![]));
}

#[test]
fn a_body_longer_than_announced_is_released_at_once() {
    let mut scenario = Scenario::new(PROMISED);
    scenario.open(&Request::inbound("/send").header("content-length", "200")).body("x".repeat(201), false);
    assert!(!scenario.is_held());
    assert_eq!(scenario.counts(RELEASED), ["body_too_large 1"]);
}

#[test]
fn without_a_secret_only_what_goes_out_is_waited_for_since_it_may_have_come_in() {
    let mut scenario = Scenario::without_secret(PROMISED);
    scenario.open(&Request::inbound("/send").header("content-length", "20"));
    assert!(!scenario.is_held());
    scenario.body(r#"{"id": "order-42"}"#, true).answer(200, "").finish();

    let mut scenario = Scenario::without_secret(OPPO);
    scenario.open(&oppo());
    assert!(scenario.is_held());
    scenario.body(order_42(), true).answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.counts(CONTEXTS), ["no_secret 1"]);
}

#[test]
fn the_tick_releases_what_waits_too_long_and_the_body_still_tells_the_rest() {
    let mut scenario = Scenario::new(OPPO);
    scenario.open(&oppo()).wait_ms(4_999).tick();
    assert!(scenario.is_held());
    scenario.wait_ms(1).tick();
    assert!(!scenario.is_held());
    let body = oppo_body(r#"{"target_value": "a", "notification": {"app_message_id": "order-42"}}"#);
    scenario.body(body, true).answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.upstream("traceparent"), [""; 0]);
    assert_eq!(scenario.counts(CONTEXTS), ["too_late 1"]);
    assert_eq!(scenario.counts(RELEASED), ["timeout 1"]);
    assert_eq!(scenario.counts("pointsman_node_messages_total"), ["OPPO_PUSH oppo none ok 1"]);
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
}

#[test]
fn a_body_whose_beginning_went_by_in_a_release_is_not_taken_for_a_whole_one() {
    let mut scenario = Scenario::new(PROMISED);
    let request = Request::inbound("/send").header("content-length", "40");
    scenario.open(&request).body(r#"{"list": ["#, false).wait_ms(5_000).tick();
    // What comes now looks like a message, but is the end of another.
    scenario.body(r#"{"id": "order-42"}"#, false).body("]}", true).answer(200, "").finish();
    assert_eq!(scenario.counts(BYPASSED), ["body_unreadable 1"]);
    assert_eq!(scenario.counts(CONTEXTS), ["too_late 1"]);
    assert_eq!(scenario.copied(), 0);
}

#[test]
fn a_request_that_the_tick_released_ends_with_trailers_and_no_word_about_its_headers() {
    let mut scenario = Scenario::new(PROMISED);
    let request = Request::inbound("/send").header("traceparent", "nonsense");
    scenario.open(&request).wait_ms(5_000).tick().trailers().answer(200, "").finish();
    assert_eq!(scenario.upstream("traceparent"), ["nonsense"]);
    assert_eq!(scenario.counts(CONTEXTS), ["invalid 1", "too_late 1"]);
}

#[test]
fn a_vm_in_which_holding_does_not_work_stops_holding() {
    let mut scenario = Scenario::new(OPPO);
    for _ in 0..3 {
        scenario.open(&oppo());
        assert!(scenario.is_held());
        scenario.wait_ms(5_000).tick().body(order_42(), true).answer(200, r#"{"code": 0}"#).finish();
    }
    scenario.open(&oppo());
    assert!(!scenario.is_held());
    scenario.body(order_42(), true).answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.counts(CONTEXTS), ["too_late 4"]);
    assert_eq!(scenario.counts(RELEASED), ["timeout 3"]);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 4"]);
}

#[test]
fn an_answer_or_a_farewell_that_comes_before_the_body_ends_the_wait() {
    type End = fn(&mut Scenario) -> &mut Scenario;
    let cases: [(End, &str); 3] = [
        (|scenario| scenario.local_reply(504, "request_timeout"), "OPPO_PUSH oppo timeout 1"),
        (|scenario| scenario.code_details("downstream_remote_disconnect"), "OPPO_PUSH oppo unknown 1"),
        (|scenario| scenario.answer_head(200, &[]).answer_trailers(), "OPPO_PUSH oppo unknown 1"),
    ];
    for (end, expected) in cases {
        let mut scenario = Scenario::new(OPPO);
        scenario.open(&oppo()).body("mess", false);
        end(&mut scenario).finish();
        assert_eq!(scenario.counts(CALLS), [expected]);
        assert_eq!(scenario.counts(CONTEXTS), ["too_late 1"]);
        scenario.wait_ms(60_000).tick();
        assert_eq!(scenario.counts(RELEASED), [""; 0], "it is forgotten");
    }
}

#[test]
fn a_node_that_the_body_chooses_is_entered_at_the_time_of_the_headers() {
    let config = r#"{
        "tenant": "acme", "hold_request": true, "message": {"id": [{"json": "/id"}]},
        "nodes": [
            {"name": "SMS", "path": "/send", "when": [{"source": {"json": "/kind"}, "equals": ["sms"]}]},
            {"name": "PUSH", "path": "/send", "when": [{"source": {"json": "/kind"}, "equals": ["push"]}]}
        ]
    }"#;
    for hold in [true, false] {
        for (kind, calls, bypassed) in [("sms", vec!["SMS none ok 1"], vec![]), ("fax", vec![], vec!["no_node 1"])] {
            let mut scenario = Scenario::new(&config.replace("true", &hold.to_string()));
            scenario.open(&Request::inbound("/send"));
            assert_eq!(scenario.is_held(), hold);
            scenario.wait_ms(70).body(format!(r#"{{"kind": "{kind}", "id": "order-42"}}"#), true);
            scenario.wait_ms(30).answer(200, "").finish();
            assert_eq!((scenario.counts(CALLS), scenario.counts(BYPASSED)), (owned(&calls), owned(&bypassed)));
            assert_eq!(trace_id(&scenario).as_deref(), (kind == "sms" && hold).then_some(DERIVED));
            let durations = scenario.samples("pointsman_node_duration_milliseconds");
            assert_eq!(durations, if kind == "sms" { owned(&["SMS none 100"]) } else { vec![] });
        }
    }
}

fn owned(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}
