//! Each kind of record, and what is kept of it.

use super::*;

/// What every event of these tests says, with what it says beside.
fn with(more: &Value) -> Value {
    let mut event = json!({
        "tenant": "acme",
        "service": "push",
        "at_ms": NOW_MS,
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
    });
    let all = event.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    event
}

#[test]
fn a_log_record_becomes_the_events_that_it_tells() {
    let cases = [
        (
            "a status has a place for all that it says",
            log(
                "push.message.status",
                &json!({
                    "push.message.id": "order-42", "push.status": "failed", "push.node": "OPPO_PUSH", "push.channel": "oppo",
                    "push.business": "order", "push.template.id": "1001", "push.tenant": "shop", "push.outcome": "rejected",
                    "push.vendor.code": "-1", "push.vendor.message_id": "v-7", "push.recipient.hash": "5d1e", "push.attempt": 2,
                    "push.duration_ms": 31, "push.on_time": false, "push.fate": "unsure", "push.switched_from": "apns",
                    "push.drill": true, "push.status.conflict": "delivered",
                }),
            ),
            json!([with(&json!({
                "kind": "status", "message_id": "order-42", "status": "failed", "node": "OPPO_PUSH", "channel": "oppo",
                "business": "order", "template": "1001", "tenant": "shop", "outcome": "rejected", "code": "-1",
                "vendor_id": "v-7", "recipient": "5d1e", "attempt": 2, "duration_ms": 31, "fate": "unsure",
                "switched_from": "apns", "drill": true, "conflict": "delivered",
            }))]),
        ),
        (
            "a code may be a number, and what somebody says of a failure is made the same for equal failures",
            log(
                "push.message.status",
                &json!({"push.status": "failed", "push.vendor.code": 40037, "error.message": "No user 4711"}),
            ),
            json!([with(&json!({
                "kind": "status", "status": "failed", "code": "40037", "text": "no user #",
                "rest": {"error.message": "No user 4711"},
            }))]),
        ),
        (
            "a status that names none is kept under its name",
            log("push.message.status", &json!({"push.message.id": "order-42", "push.state": "odd"})),
            json!([with(&json!({
                "kind": "other", "name": "push.message.status", "message_id": "order-42", "rest": {"push.state": "odd"},
            }))]),
        ),
        (
            "of several messages with as many recipients each has its own",
            log("push.message.dead_letter", &json!({"push.message.id": ["a", "b"], "push.recipient.hash": ["1", "2"]})),
            json!([
                with(&json!({"kind": "dead_letter", "message_id": "a", "recipient": "1"})),
                with(&json!({"kind": "dead_letter", "message_id": "b", "recipient": "2"})),
            ]),
        ),
        (
            "a message to several recipients makes an event for each",
            log(
                "push.message.status",
                &json!({"push.message.id": ["a"], "push.status": "sent", "push.recipient.hash": ["1", "2"]}),
            ),
            json!([
                with(&json!({"kind": "status", "status": "sent", "message_id": "a", "recipient": "1"})),
                with(&json!({"kind": "status", "status": "sent", "message_id": "a", "recipient": "2"})),
            ]),
        ),
        (
            "whose recipients they are is not guessed",
            log("push.node.enter", &json!({"push.message.id": ["a", "b"], "push.recipient.hash": ["1", "2", "3"]})),
            json!([
                with(&json!({"kind": "enter", "message_id": "a", "rest": {"push.recipient.hash": ["1", "2", "3"]}})),
                with(&json!({"kind": "enter", "message_id": "b", "rest": {"push.recipient.hash": ["1", "2", "3"]}})),
            ]),
        ),
        (
            "a message that is not named has an empty list",
            log(
                "push.message.dead_letter",
                &json!({"push.message.id": [], "push.recipient.hash": ["1"], "push.recipient.count": 1}),
            ),
            json!([with(&json!({"kind": "dead_letter", "recipient": "1", "rest": {"push.recipient.count": 1}}))]),
        ),
        (
            "an alias ties two names",
            log(
                "push.message.alias",
                &json!({"push.message.id": "a", "push.vendor.message_id": "v", "push.channel": "oppo"}),
            ),
            json!([with(&json!({"kind": "alias", "message_id": "a", "vendor_id": "v", "channel": "oppo"}))]),
        ),
        (
            "an alias that ties nothing is kept under its name",
            log("push.message.alias", &json!({"push.vendor.message_id": "v", "push.channel": "oppo"})),
            json!([with(&json!({"kind": "other", "name": "push.message.alias", "vendor_id": "v", "channel": "oppo"}))]),
        ),
        (
            "of a breaker its state and the reason are told",
            log(
                "push.channel.state",
                &json!({"push.channel": "oppo", "push.state": "degraded", "push.state.from": "healthy", "push.reason": "quota"}),
            ),
            json!([with(&json!({
                "kind": "channel_state", "channel": "oppo", "status": "degraded", "code": "quota",
                "rest": {"push.state.from": "healthy"},
            }))]),
        ),
        (
            "of a rule its name, kind and result are told",
            log(
                "push.rule.applied",
                &json!({
                    "push.rule": "oppo-release", "push.rule.kind": "force", "push.rule.result": "applied", "push.channel": "oppo",
                    "push.by": "alice", "push.reason": "a move", "push.until_unix_ms": 1_795_789_800_000_u64, "push.config.version": "9f2c",
                }),
            ),
            json!([with(&json!({
                "kind": "rule", "name": "oppo-release", "template": "force", "code": "applied", "channel": "oppo",
                "rest": {"push.by": "alice", "push.reason": "a move", "push.until_unix_ms": 1_795_789_800_000_u64, "push.config.version": "9f2c"},
            }))]),
        ),
        (
            "of a drill its name is told",
            log(
                "push.drill.report",
                &json!({"push.drill.name": "yearly", "push.channel": "oppo", "push.drill.verdict": "passed"}),
            ),
            json!([with(&json!({
                "kind": "drill_report", "name": "yearly", "channel": "oppo", "rest": {"push.drill.verdict": "passed"},
            }))]),
        ),
        (
            "what nobody knows is kept with all that it says",
            json!({
                "timeUnixNano": (NOW_MS * 1_000_000).to_string(), "severityNumber": 17, "severityText": "ERROR",
                "body": value(&json!({"a": [1, 2.5, null, {"b": "\u{1}\"\\"}]})),
                "attributes": attributes(&json!({"push.attempt": -1, "push.on_time": "yes", "z": "bytes"})),
            }),
            json!([with(&json!({
                "kind": "other", "trace_id": null, "span_id": null,
                "rest": {
                    "body": {"a": [1, 2.5, null, {"b": "\u{1}\"\\"}]}, "severity": 17, "severity.text": "ERROR",
                    "push.attempt": -1, "push.on_time": "yes", "z": "bytes",
                },
            }))]),
        ),
    ];
    for (sentence, record, expected) in cases {
        let (events, expired) = events_of(Signal::Logs, &record);
        assert_eq!(events.iter().map(told).collect::<Value>(), expected, "{sentence}");
        assert_eq!(expired, 0, "{sentence}");
    }
}

#[test]
fn a_span_becomes_an_event_for_each_message_that_it_is_of() {
    let span = |more: Value| {
        let mut span = json!({
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "send oppo",
            "startTimeUnixNano": (NOW_MS * 1_000_000).to_string(),
            "endTimeUnixNano": (NOW_MS * 1_000_000 + 31_900_000).to_string(),
        });
        span.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        span
    };
    let event = |more: Value| {
        let mut event = with(&json!({"kind": "span", "name": "send oppo", "duration_ms": 31}));
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let link = |id: Option<&str>| {
        let mut named = json!({"a": 1});
        id.iter().for_each(|id| named["push.message.id"] = json!(id));
        json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "attributes": attributes(&named)})
    };
    let linked = |id: Option<&str>| {
        let mut told = json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "a": 1});
        id.iter().for_each(|id| told["message_id"] = json!(id));
        told
    };
    let cases = [
        (
            "its attributes have the places of a status, and OpenTelemetry's own stand in the rest",
            span(json!({
                "parentSpanId": "b7ad6b7169203331", "kind": 3, "status": {"code": 2, "message": "HTTP 503"},
                "attributes": attributes(&json!({
                    "messaging.message.id": "order-42", "push.node": "OPPO_PUSH", "push.channel": "oppo", "push.outcome": "vendor_unavailable",
                    "push.vendor.code": "503", "http.response.status_code": 503, "server.address": "api.example.com",
                })),
            })),
            json!([event(json!({
                "message_id": "order-42", "parent_id": "b7ad6b7169203331", "node": "OPPO_PUSH", "channel": "oppo",
                "outcome": "vendor_unavailable", "code": "503", "text": "http #",
                "rest": {
                    "http.response.status_code": 503, "server.address": "api.example.com", "span.kind": "client",
                    "status.code": "error", "status.message": "HTTP 503",
                },
            }))]),
        ),
        (
            "our own name of a message counts more than that of messaging",
            span(
                json!({"attributes": attributes(&json!({"messaging.message.id": "other", "push.message.id": "own"}))}),
            ),
            json!([event(json!({"message_id": "own"}))]),
        ),
        (
            "of a batch each message that a link names has an event, once",
            span(json!({"links": [link(None), link(Some("a")), link(Some("b")), link(Some("a"))]})),
            json!([
                event(json!({"message_id": "a", "rest": {"link": linked(Some("a")), "links": [linked(None)]}})),
                event(json!({"message_id": "b", "rest": {"link": linked(Some("b")), "links": [linked(None)]}})),
            ]),
        ),
        (
            "links of a span that names its message make no more of it",
            span(json!({"links": [link(Some("b"))], "attributes": attributes(&json!({"push.message.id": "a"}))})),
            json!([event(json!({"message_id": "a", "rest": {"links": [linked(Some("b"))]}}))]),
        ),
        (
            "without any message it is of its trace, and what was thrown within it is told",
            span(json!({"events": [{
                "name": "exception", "timeUnixNano": (NOW_MS * 1_000_000).to_string(),
                "attributes": attributes(&json!({"exception.message": "no route to 10.0.0.7"})),
            }]})),
            json!([event(json!({
                "text": "no route to #",
                "rest": {"events": [{"name": "exception", "at_ms": NOW_MS, "exception.message": "no route to 10.0.0.7"}]},
            }))]),
        ),
    ];
    for (sentence, record, expected) in cases {
        let (events, _) = events_of(Signal::Traces, &record);
        assert_eq!(events.iter().map(told).collect::<Value>(), expected, "{sentence}");
    }
}

#[test]
fn a_clock_that_is_wrong_moves_nothing_out_of_sight() {
    let at = |own: u64, observed: u64| {
        let mut record = log("push.message.status", &json!({"push.status": "sent", "push.message.id": "a"}));
        record["timeUnixNano"] = json!((own * 1_000_000).to_string());
        record["observedTimeUnixNano"] = json!((observed * 1_000_000).to_string());
        let (events, expired) = events_of(Signal::Logs, &record);
        (events.first().map(|event| event.at_ms), events.first().map(|event| event.rest.clone()), expired)
    };
    let plain = |at_ms: u64| (Some(at_ms), Some(String::new()), 0);
    assert_eq!(at(NOW_MS - 999_999, 0), plain(NOW_MS - 999_999), "late");
    assert_eq!(at(0, NOW_MS - 5), plain(NOW_MS - 5), "with the time at which it was observed");
    assert_eq!(at(0, 0), plain(NOW_MS), "with no time");
    assert_eq!(at(NOW_MS + 600_000, 0), plain(NOW_MS + 600_000), "a little ahead");
    let claimed = format!("{{\"claimed_unix_ms\":{}}}", NOW_MS + 600_001);
    assert_eq!(at(NOW_MS + 600_001, 0), (Some(NOW_MS), Some(claimed), 0), "far ahead");
    assert_eq!(at(NOW_MS - 1_000_001, 0), (None, None, 1), "older than anything that is kept");
    let mut other = log("started", &json!({}));
    other["timeUnixNano"] = json!("0");
    let (events, _) = events_of(Signal::Logs, &other);
    let told = events.first().map(|event| (event.at_ms, &*event.rest));
    assert_eq!(told, Some((NOW_MS, r#"{"claimed_unix_ms":0}"#)), "with no time, and nothing else that tells it apart");
}

#[test]
fn what_a_resource_says_stands_in_each_event_wherever_the_resource_stands() {
    let records = json!([{"logRecords": [log("push.node.enter", &json!({"push.tenant": ""}))]}]);
    let resource = json!({"attributes": attributes(&json!({"service.name": "push", "push.key_id": "3dc1d5a8"}))});
    // In this text it stands behind its records.
    let text = format!(
        r#"{{"resourceLogs": [{{"scopeLogs": {records}, "resource": {resource}}}, {{"scopeLogs": {records}}}]}}"#
    );
    let made = to_protobuf(Signal::Logs, text.as_bytes()).unwrap();
    let (events, _) = decode(Signal::Logs, &made).unwrap();
    let told: Vec<_> = events.iter().map(|event| (&*event.facts.service, &*event.rest)).collect();
    assert_eq!(told, [("push", r#"{"resource":{"push.key_id":"3dc1d5a8"}}"#), ("", "")]);
}
