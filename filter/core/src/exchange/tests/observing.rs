//! Whose the context on the wire is, which visits have a span, and what the proxy's own log may print.

use super::relays::{DRILL, REFUSED, RULES, TAKEN};
use super::scenario::{CONTEXTS, STATUS, Scenario, Told};
use super::trace::DERIVED;
use super::world::Request;
use super::{relays, scenario};
use crate::trace::TraceParent;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Contexts that the proxy's tracer writes: in the trace that came, and in one of its own.
const SAME: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn apns() -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("apns-id", "order-42")
}

/// A sidecar with APNs, and this in its config.
fn with(settings: &str) -> Scenario {
    Scenario::new(&format!(
        r#"{{"tenant": "acme", "service": "push", "channels": ["apns"], "records": {{"cluster": "otlp"}}, {settings}}}"#
    ))
}

fn in_mode(mode: &str) -> Scenario {
    with(&format!(r#""trace": {{"mode": "{mode}"}}"#))
}

/// The span of a message that the proxy's tracer, if it is there, sends with this context.
fn send(scenario: &mut Scenario, request: &Request, tracer: Option<&str>) -> Told {
    scenario.open_without_body(request);
    if let Some(context) = tracer {
        scenario.traced_by_proxy(context);
    }
    scenario.answer(200, "").finish();
    scenario.exported().span().clone()
}

fn observed(scenario: &mut Scenario) -> Vec<String> {
    scenario.counts(CONTEXTS).into_iter().filter(|count| count.starts_with("observed")).collect()
}

/// The trace and the span of a `traceparent`.
fn ids(context: &str) -> (String, String) {
    let context = TraceParent::parse(context.as_bytes()).unwrap();
    (context.trace_id.to_string(), context.parent_id.to_string())
}

fn link_to(context: &str) -> (String, String, Option<String>) {
    let (trace, span) = ids(context);
    (trace, span, None)
}

#[test]
fn what_the_config_calls_ours_is_written_whoever_else_writes() {
    let mut scenario = in_mode("own");
    for _ in 0..3 {
        let span = send(&mut scenario, &apns().header("traceparent", PARENT), Some(SAME));
        assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE_ID, "00f067aa0ba902b7"));
        scenario.open_without_body(&apns());
        assert_eq!(scenario.upstream("traceparent").len(), 1);
        scenario.answer(200, "").finish().exported();
    }
    assert_eq!(observed(&mut scenario), [""; 0]);
}

#[test]
fn where_the_proxys_tracer_writes_nothing_is_and_its_span_is_the_parent_or_has_a_link() {
    let mut scenario = in_mode("observe");
    scenario.open_without_body(&apns()).answer(200, "").finish();
    assert_eq!(scenario.upstream("traceparent"), [""; 0]);
    assert_eq!(scenario.exported().span().trace, DERIVED);
    let with_state = apns().header("traceparent", PARENT).header("tracestate", "foo=1,foo=2");
    scenario.open_without_body(&with_state);
    assert_eq!((scenario.upstream("traceparent"), scenario.upstream("tracestate").len()), (vec![PARENT.to_owned()], 1));
    scenario.answer(200, "").finish();
    assert_eq!(scenario.exported().span().parent, "00f067aa0ba902b7", "it passed as it came");
    assert_eq!(observed(&mut scenario), [""; 0]);

    let span = send(&mut scenario, &apns().header("traceparent", PARENT), Some(SAME));
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE_ID, "1111111111111111"));
    assert!(!span.links.contains(&link_to(SAME)));
    let span = send(&mut scenario, &apns(), Some(OTHER));
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (DERIVED, ""));
    assert_eq!(span.links, [link_to(OTHER)]);
    assert_eq!(observed(&mut scenario), ["observed 2"]);
}

#[test]
fn by_itself_it_finds_out_that_the_proxys_tracer_writes_and_that_it_has_stopped() {
    let mut scenario = with(r#""sample_ratio": 1"#);
    let is_written = |scenario: &mut Scenario, tracer: Option<&str>| {
        scenario.open_without_body(&apns());
        let is_written = !scenario.upstream("traceparent").is_empty();
        if let Some(context) = tracer {
            scenario.traced_by_proxy(context);
        }
        scenario.answer(200, "").finish();
        let links = scenario.exported().span().links.clone();
        assert_eq!(links, tracer.map(link_to).into_iter().collect::<Vec<_>>());
        is_written
    };
    assert!(is_written(&mut scenario, None));
    assert!(is_written(&mut scenario, Some(OTHER)), "nothing was known of it");
    assert!(!is_written(&mut scenario, Some(OTHER)));
    assert!(!is_written(&mut scenario, None), "it has just stopped");
    assert!(is_written(&mut scenario, None));
    assert_eq!(observed(&mut scenario), ["observed 2"]);
}

#[test]
fn a_message_is_tied_to_the_trace_of_the_proxys_tracer_that_it_came_in_with() {
    let mut scenario = in_mode("observe");
    let inbound = Request::inbound("/send").header("traceparent", PARENT);
    let config = r#""trace": {"mode": "observe"}, "message": {"id": [{"header": "x-message-id"}]}"#;
    let mut tied = with(config);
    let came = send(&mut tied, &inbound.clone().header("x-message-id", "order-42"), Some(SAME));
    assert_eq!(came.parent, "1111111111111111");
    let went = send(&mut tied, &apns().header("x-message-id", "order-42"), Some(OTHER));
    assert_eq!((went.trace.as_str(), &went.parent, went.links), (TRACE_ID, &came.span, vec![link_to(OTHER)]));
    send(&mut scenario, &inbound, None);
    assert_eq!(scenario.counts("pointsman_stitches_total"), [""; 0], "it has no id");
}

#[test]
fn without_records_the_tracer_is_found_out_all_the_same() {
    let mut scenario = Scenario::new(r#"{"tenant": "acme", "channels": ["apns"]}"#);
    scenario.open_without_body(&apns()).traced_by_proxy(OTHER).answer(200, "").finish();
    scenario.open_without_body(&apns());
    assert_eq!(scenario.upstream("traceparent"), [""; 0]);
    assert_eq!(observed(&mut scenario), ["observed 1"]);
    assert!(scenario.exported().bytes.is_empty());
}

#[test]
fn a_visit_that_is_not_sampled_has_a_span_if_it_is_worth_one() {
    let spans = |scenario: &mut Scenario| {
        let exported = scenario.exported();
        assert!(!exported.of(STATUS).is_empty(), "its state is told in any case");
        exported.spans.len()
    };
    for settings in [r#""sample_ratio": 0"#, r#""records": {"cluster": "otlp"}"#] {
        let is_drawn = settings.starts_with("\"sample");
        let mut scenario = if is_drawn { with(settings) } else { with(r#""hold_request": false"#) };
        let unsampled = PARENT.replace("b7-01", "b7-00");
        let request = if is_drawn { apns() } else { apns().header("traceparent", unsampled) };
        scenario.open_without_body(&request).wait_ms(2_000).answer(200, "").finish();
        assert_eq!(spans(&mut scenario), 0);
        scenario.open_without_body(&request).wait_ms(2_001).answer(200, "").finish();
        assert_eq!(spans(&mut scenario), 1, "it is slow");
        scenario.open_without_body(&request).answer(410, r#"{"reason": "Unregistered"}"#).finish();
        assert_eq!(spans(&mut scenario), 1, "it has failed");
    }
    let mut sampled = with(r#""sample_ratio": 0"#);
    send(&mut sampled, &apns().header("traceparent", PARENT), None);
}

#[test]
fn spans_can_be_left_out() {
    let mut scenario = Scenario::new(r#"{"channels": ["apns"], "records": {"cluster": "otlp", "spans": false}}"#);
    scenario.open_without_body(&apns()).answer(503, "{}").finish();
    let exported = scenario.exported();
    assert_eq!((exported.spans.len(), exported.lines(STATUS, &["push.status"])), (0, vec!["failed".to_owned()]));
}

/// The same config with a collector, and no trace sampled.
fn told(config: &str) -> String {
    config.replacen('{', r#"{"records": {"cluster": "otlp"}, "sample_ratio": 0,"#, 1)
}

fn oppo(scenario: &mut Scenario) -> &mut Scenario {
    scenario.send(&relays::oppo(), relays::body(true))
}

#[test]
fn a_channel_that_is_asked_after_another_is_below_its_span() {
    let mut scenario = Scenario::new(&told(RULES));
    oppo(&mut scenario).local_reply(503, REFUSED);
    let context = scenario.called("traceparent").unwrap().to_owned();
    scenario.wait_ms(70).call_answer(200, &[], TAKEN).finish();
    let exported = scenario.exported();
    let [leg, first] = exported.spans.as_slice() else { panic!("{:?}", exported.spans) };
    assert_eq!((first.name.as_str(), leg.name.as_str()), ("send oppo", "send lc"));
    assert_eq!((&leg.trace, &leg.parent, first.parent.as_str()), (&first.trace, &first.span, ""));
    assert_eq!((leg.trace.clone(), leg.span.clone()), ids(&context));
    assert_eq!((first.is_error, leg.is_error, leg.at_ms), (true, false, (0, 70)));
    assert_eq!(
        leg.line(&["server.address", "http.request.method", "http.response.status_code"]),
        "lc.internal POST 200"
    );
    let names = ["push.message.id", "push.channel", "push.status", "push.switched_from", "push.vendor.message_id"];
    assert_eq!(exported.lines(STATUS, &names), ["order-42 oppo failed - -", "order-42 lc sent oppo lc-7"]);
    let statuses = exported.of(STATUS);
    assert_eq!((&statuses[0].span, &statuses[1].span), (&first.span, &leg.span));
    assert_eq!(exported.lines(scenario::ALIAS, &["push.message.id", "push.vendor.message_id"]), ["order-42 lc-7"]);
}

#[test]
fn a_channel_that_is_asked_before_another_has_its_place_in_the_trace() {
    let mut scenario = Scenario::new(&told(RULES));
    for _ in 0..3 {
        oppo(&mut scenario).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick().exported();
    scenario.send(&relays::oppo().header("traceparent", PARENT), relays::body(true));
    let context = scenario.called("traceparent").unwrap().to_owned();
    scenario.call_answer(200, &[], TAKEN).finish();
    let exported = scenario.exported();
    let span = exported.span();
    assert_eq!((span.name.as_str(), span.get("push.switched_from")), ("send lc", Some("oppo")));
    assert_eq!((span.trace.clone(), span.span.clone()), ids(&context));
    assert_eq!(span.trace, TRACE_ID);
    assert_eq!(span.parent, "00f067aa0ba902b7", "the channel that was not asked has no span");
    let names = ["push.channel", "push.status", "push.switched_from", "push.attempt"];
    assert_eq!(exported.lines(STATUS, &names), ["lc sent oppo 4"]);

    oppo(&mut scenario).call_fails().answer(200, r#"{"code": 0, "data": {"messageId": "m-1"}}"#).finish();
    let exported = scenario.exported();
    assert_eq!(
        exported.lines(STATUS, &names),
        ["lc failed oppo 5", "oppo sent - 4"],
        "its own channel is the last one"
    );
    assert_eq!(exported.lines(scenario::ALIAS, &["push.message.id", "push.vendor.message_id"]), ["order-42 m-1"]);
}

#[test]
fn what_a_drill_fails_and_who_saves_it_have_spans() {
    let mut scenario = Scenario::new(&told(DRILL));
    scenario.wait_ms(250).tick().wait_ms(250).tick().exported();
    let struck = relays::struck(&mut scenario, 40);
    let exported = scenario.exported();
    let drilled: Vec<_> = exported.spans.iter().filter(|span| span.get("push.drill").is_some()).collect();
    assert_eq!((struck > 5, drilled.len()), (true, struck));
    assert_eq!(exported.spans.len(), 2 * struck);
    for first in drilled {
        assert_eq!(first.line(&["push.drill", "push.outcome"]), "true vendor_unavailable");
        let legs = exported.spans.iter().filter(|leg| leg.parent == first.span).count();
        assert_eq!(legs, 1);
    }
    let names = ["push.status", "push.drill"];
    let failed = exported.lines(STATUS, &names).iter().filter(|line| *line == "failed true").count();
    assert_eq!(failed, struck);
}

#[test]
fn a_try_that_a_drill_fails_is_one() {
    let mut scenario = Scenario::new(&told(DRILL));
    scenario.wait_ms(250).tick().wait_ms(250).tick().exported();
    let struck = |scenario: &mut Scenario, index: usize| {
        scenario.send(&relays::oppo(), relays::body(true).replace("order-42", &format!("order-{index}")));
        let is_struck = !scenario.calls.is_empty();
        if is_struck {
            scenario.call_answer(200, &[], TAKEN).finish();
        } else {
            scenario.answer(200, r#"{"code": 0}"#).finish();
        }
        is_struck
    };
    let index = (0..20).find(|index| struck(&mut scenario, *index)).unwrap();
    scenario.exported();
    assert!(struck(&mut scenario, index), "a drill hits the same message again");
    let tries = scenario.exported().lines(STATUS, &["push.channel", "push.status", "push.attempt"]);
    assert_eq!(tries, ["oppo failed 2", "lc sent 2"]);
}

#[test]
fn who_has_a_collector_reads_no_lines_of_lost_messages() {
    for has_collector in [true, false] {
        let config = if has_collector { told(RULES) } else { RULES.to_owned() };
        let mut scenario = Scenario::new(&config);
        oppo(&mut scenario).answer(200, r#"{"code": 33}"#).call_fails().finish();
        let lines: Vec<&str> = scenario.records.iter().map(|record| record.name).collect();
        let exported = scenario.exported();
        let letters = exported.of("push.message.dead_letter");
        if has_collector {
            assert_eq!((lines, letters.len()), (vec![], 1));
            assert_eq!(letters[0].line(&["push.channel", "push.outcome", "push.title"]), "oppo quota_app Hi");
            assert_eq!(letters[0].trace, exported.of(STATUS)[0].trace);
            assert!(letters[0].is_error);
        } else {
            assert_eq!((lines, exported.bytes), (vec!["push.message.dead_letter"], vec![]));
        }
        scenario.send(&relays::oppo(), relays::body(false)).local_reply(504, "response_timeout").finish();
        let lines: Vec<&str> = scenario.records.iter().map(|record| record.name).collect();
        assert_eq!(lines, if has_collector { &[][..] } else { &["push.message.status"] });
        let expected = if has_collector { vec!["unsure".to_owned()] } else { vec![] };
        assert_eq!(scenario.exported().lines(STATUS, &["push.fate"]), expected);
    }
}

#[test]
fn a_lost_message_has_its_trace_though_nothing_was_written() {
    let mut scenario = Scenario::new(&told(RULES).replacen('{', r#"{"trace": {"mode": "observe"},"#, 1));
    oppo(&mut scenario).answer(200, r#"{"code": 33}"#).call_fails().finish();
    let exported = scenario.exported();
    let letters = exported.of("push.message.dead_letter");
    assert_eq!((letters.len(), letters[0].trace.as_str()), (1, DERIVED));
}

#[test]
fn rules_and_moves_of_channels_are_told_too() {
    let mut scenario = Scenario::new(&told(RULES));
    scenario.wait_ms(250).tick().wait_ms(250).tick();
    let rules = scenario.exported();
    assert_eq!(rules.lines("push.rule.applied", &["push.rule", "push.rule.result"]).len(), 3, "{:?}", rules.logs);
    for _ in 0..3 {
        oppo(&mut scenario).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick();
    let moved = scenario.exported().lines("push.channel.state", &["push.channel", "push.state"]);
    assert_eq!(moved, ["oppo degraded"]);
}

#[test]
fn the_proxys_access_log_may_print_what_is_known_of_a_visit() {
    let config = r#"{"tenant": "acme", "channels": ["apns", "sms-tencent"], "access_log": true}"#;
    let mut scenario = Scenario::new(config);
    let sms = Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "SendSms");
    let body = r#"{"PhoneNumberSet": ["+8613800138000"], "SessionContext": "order-42", "TemplateId": "t-1"}"#;
    let answer = r#"{"Response": {"SendStatusSet": [{"PhoneNumber": "+8613800138000", "Code": "Ok"}]}}"#;
    scenario.send(&sms.header("traceparent", PARENT), body).answer(200, answer).finish();
    let names: Vec<&str> = scenario.fields.iter().map(|(name, _)| *name).collect();
    let known = ["trace_id", "message_id", "recipient_hash", "template", "code", "outcome"];
    assert_eq!(names, known.map(|name| format!("pointsman.{name}")));
    let mut values: Vec<&str> = scenario.fields.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values.remove(2).len(), 32);
    assert_eq!(values, [TRACE_ID, "order-42", "t-1", "Ok", "ok"]);

    scenario.open_without_body(&apns()).answer(410, r#"{"reason": "Unregistered"}"#).finish();
    let last = |name: &str| scenario.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    assert_eq!(last("pointsman.code"), Some("Unregistered"));
    assert_eq!(last("pointsman.trace_id"), Some(DERIVED));
    assert_eq!(last("pointsman.template"), None);
    let mut scenario = with(r#""sample_ratio": 1"#);
    scenario.open_without_body(&apns()).answer(200, "").finish();
    assert!(scenario.fields.is_empty());
}
