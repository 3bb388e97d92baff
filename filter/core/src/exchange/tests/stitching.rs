//! What ties the visits of one message to each other, though the application hands no context on.

use super::scenario::{CONTEXTS, Scenario, Told};
use super::trace::DERIVED;
use super::world::Request;
use crate::trace::TraceParent;

const STITCHES: &str = "pointsman_stitches_total";
const MESSAGE_TIME: &str = "pointsman_message_duration_milliseconds";
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// It stands for the derived trace where none of its spans is known: the last eight bytes of its id.
const SPAN_OF_DERIVED: &str = "0fa47b9a604a094d";
const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const B3: &str = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1";
const B3_HEADERS: [&str; 6] = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"];

const CONFIG: &str = r#"{
    "tenant": "acme", "service": "push", "records": {"cluster": "otlp"},
    "channels": ["apns", "fcm", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"],
                 "message_id": [{"json": "/messages/*/id"}], "recipients": [{"json": "/messages/*/to"}]}],
    "message": {"id": [{"header": "x-message-id", "from_edge": true}, {"json": "/id"}]}
}"#;

fn inbound() -> Request {
    Request::inbound("/send")
}

fn apns(message_id: &str) -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("x-message-id", message_id)
}

/// The one context that the upstream gets.
fn context(scenario: &Scenario) -> TraceParent {
    let lines = scenario.upstream("traceparent");
    assert_eq!(lines.len(), 1, "{lines:?}");
    TraceParent::parse(lines[0].as_bytes()).unwrap()
}

/// Takes a message in and says with which span.
fn take_in(scenario: &mut Scenario, request: &Request) -> Told {
    scenario.open_without_body(request).answer(200, "").finish();
    scenario.exported().span().clone()
}

/// Sends a message and says with which span.
fn send(scenario: &mut Scenario, request: &Request) -> Told {
    scenario.open_without_body(request).answer(200, "").finish();
    scenario.exported().span().clone()
}

#[test]
fn a_message_goes_out_under_the_span_with_which_it_came_in_wherever_its_id_stood() {
    let whole = inbound().header("content-length", "20");
    let cases = [
        (false, inbound().header("x-message-id", "order-42"), ""),
        (false, inbound().header("x-message-id", "order-42").header("traceparent", PARENT), ""),
        (true, whole, r#"{"id": "order-42"}"#),
        (false, inbound(), r#"{"id": "order-42"}"#),
        (false, inbound().header("traceparent", PARENT), r#"{"id": "order-42"}"#),
    ];
    for (hold, request, body) in cases {
        let mut scenario = Scenario::new(&CONFIG.replacen('{', &format!("{{\"hold_request\": {hold},"), 1));
        scenario.send(&request, body).answer(200, "").finish();
        let came = scenario.exported().span().clone();
        let has_context = request.headers.iter().any(|(name, _)| name == "traceparent");
        assert_eq!(came.trace, if has_context { TRACE_ID } else { DERIVED });
        let went = send(&mut scenario, &apns("order-42"));
        assert_eq!((&went.trace, &went.parent), (&came.trace, &came.span), "{request:?}");
        assert!(went.links.is_empty());
        let written = context(&scenario);
        assert_eq!((written.trace_id.to_string(), written.parent_id.to_string()), (went.trace, went.span));
        assert_eq!(scenario.counts(STITCHES), ["found 1", "kept 1"]);
        assert!(scenario.counts(CONTEXTS).contains(&"stitched 1".to_owned()), "{:?}", scenario.counts(CONTEXTS));
    }
}

#[test]
fn messages_are_tied_though_nobody_is_told_of_it() {
    let config = CONFIG.replace(r#""records": {"cluster": "otlp"},"#, "");
    for (id_in_head, has_context) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut scenario = Scenario::new(&config);
        let request = if id_in_head { inbound().header("x-message-id", "order-42") } else { inbound() };
        let request = if has_context { request.header("traceparent", PARENT) } else { request };
        scenario.send(&request, r#"{"id": "order-42"}"#).answer(200, "").finish();
        scenario.open_without_body(&apns("order-42")).answer(200, "").finish();
        assert_eq!(context(&scenario).trace_id.to_string(), if has_context { TRACE_ID } else { DERIVED });
        assert_eq!(scenario.counts(STITCHES), ["found 1", "kept 1"]);
        assert!(scenario.exported().bytes.is_empty());
    }
}

#[test]
fn what_comes_too_late_to_be_written_is_tied_in_what_is_told_of_it() {
    let mut scenario = Scenario::new(CONFIG);
    let fcm = Request::outbound("fcm.googleapis.com", "/v1/projects/p/messages:send");
    let message = r#"{"id": "order-42", "message": {"token": "t-1"}}"#;
    let mut contexts = Vec::new();
    for context in [PARENT, OTHER] {
        let inbound = inbound().header("x-message-id", "order-42").header("traceparent", context);
        contexts.push(take_in(&mut scenario, &inbound));
        scenario.send(&fcm, message).answer(200, "{}").finish();
        assert_eq!(scenario.upstream("traceparent"), [""; 0]);
        let exported = scenario.exported();
        let (went, came) = (exported.span(), &contexts[0]);
        if contexts.len() == 1 {
            assert_eq!((&went.trace, &went.parent, went.links.len()), (&came.trace, &came.span, 0));
        } else {
            let links: Vec<_> = contexts.iter().map(|told| (told.trace.clone(), told.span.clone(), None)).collect();
            assert_eq!((went.trace.as_str(), went.parent.as_str(), &went.links), (DERIVED, "", &links));
        }
    }
}

#[test]
fn who_is_tied_to_a_trace_that_is_not_sampled_is_not_sampled_either() {
    for (flags, ratio, sampled) in [("00", "1", false), ("01", "0", true)] {
        let mut scenario = Scenario::new(&CONFIG.replacen('{', &format!("{{\"sample_ratio\": {ratio},"), 1));
        let came = PARENT.replace("b7-01", &format!("b7-{flags}"));
        scenario.open_without_body(&inbound().header("x-message-id", "order-42").header("traceparent", came));
        scenario.answer(200, "").finish().open_without_body(&apns("order-42"));
        assert_eq!(context(&scenario).trace_id.to_string(), TRACE_ID);
        assert_eq!(context(&scenario).flags.sampled(), sampled);
    }
}

#[test]
fn a_message_that_was_not_seen_to_come_in_begins_its_derived_trace() {
    let mut scenario = Scenario::new(CONFIG);
    take_in(&mut scenario, &inbound().header("x-message-id", "another"));
    let went = send(&mut scenario, &apns("order-42"));
    assert_eq!((went.trace.as_str(), went.parent.as_str()), (DERIVED, ""));
    assert_eq!(scenario.counts(STITCHES), ["kept 1", "missed 1"]);
}

#[test]
fn a_message_is_forgotten_after_its_time() {
    let config = CONFIG.replacen('{', r#"{"trace": {"remember": "5s"},"#, 1);
    for (wait_ms, found) in [(4_999, true), (5_000, false)] {
        let mut scenario = Scenario::new(&config);
        let came = take_in(&mut scenario, &inbound().header("x-message-id", "order-42").header("traceparent", PARENT));
        let went = send(scenario.wait_ms(wait_ms), &apns("order-42"));
        assert_eq!(went.parent == came.span, found, "{wait_ms}");
        assert_eq!(went.trace, if found { TRACE_ID } else { DERIVED });
    }
}

#[test]
fn what_is_not_kept_and_what_gives_way_is_counted() {
    let mut scenario = Scenario::new(&CONFIG.replacen('{', r#"{"trace": {"buckets": 16},"#, 1));
    take_in(scenario.overtaken(3), &inbound().header("x-message-id", "order-42"));
    assert_eq!(scenario.counts(STITCHES), ["contended 1"]);
    assert_eq!(send(&mut scenario, &apns("order-42")).parent, "");
    let count = |scenario: &mut Scenario, result: &str| {
        let counts = scenario.counts(STITCHES);
        counts.iter().find_map(|count| count.strip_prefix(result)?.trim().parse::<u32>().ok()).unwrap_or(0)
    };
    for index in 0..200 {
        scenario
            .open_without_body(&inbound().header("x-message-id", format!("order-{index}")))
            .answer(200, "")
            .finish();
    }
    let (kept, displaced) = (count(&mut scenario, "kept"), count(&mut scenario, "displaced"));
    assert_eq!((kept + displaced, kept <= 64), (200, true), "{kept}");
}

#[test]
fn nobody_guesses_between_two_that_came_in_under_one_id() {
    let mut scenario = Scenario::new(CONFIG);
    let came = [PARENT, OTHER].map(|context| {
        take_in(&mut scenario, &inbound().header("x-message-id", "order-42").header("traceparent", context))
    });
    let went = send(&mut scenario, &apns("order-42"));
    assert_eq!((went.trace.as_str(), went.parent.as_str()), (DERIVED, ""));
    assert_eq!(went.links, came.map(|told| (told.trace, told.span, None)));
    assert_eq!(scenario.counts(STITCHES), ["ambiguous 1", "kept 2"]);
    assert_eq!(scenario.counts(CONTEXTS), ["continued 2", "derived 1"]);
}

#[test]
fn a_context_that_the_application_hands_on_wins_and_is_tied_to_the_derived_trace() {
    let mut scenario = Scenario::new(CONFIG);
    take_in(&mut scenario, &inbound().header("x-message-id", "order-42").header("traceparent", OTHER));
    let went = send(&mut scenario, &apns("order-42").header("traceparent", PARENT));
    assert_eq!((went.trace.as_str(), went.parent.as_str()), (TRACE_ID, "00f067aa0ba902b7"));
    assert_eq!(went.links, [(DERIVED.to_owned(), SPAN_OF_DERIVED.to_owned(), None)]);
    assert_eq!(scenario.counts(STITCHES), ["kept 1"], "nobody has looked it up");

    let derived = format!("00-{DERIVED}-00f067aa0ba902b7-01");
    let went = send(&mut scenario, &apns("order-42").header("traceparent", derived));
    assert_eq!((went.trace.as_str(), went.links), (DERIVED, vec![]), "it is in that trace");
}

#[test]
fn without_a_secret_messages_are_tied_all_the_same() {
    for request in [inbound(), inbound().header("traceparent", PARENT)] {
        let mut scenario = Scenario::without_secret(CONFIG);
        let came = take_in(&mut scenario, &request.header("x-message-id", "order-42"));
        let went = send(&mut scenario, &apns("order-42"));
        assert_eq!((&went.trace, &went.parent), (&came.trace, &came.span));
        assert_ne!(went.trace, DERIVED);
        let other = send(&mut scenario, &apns("another"));
        assert_ne!(other.trace, came.trace);
        assert_eq!(scenario.counts(STITCHES), ["found 1", "kept 1", "missed 1"]);
    }
}

#[test]
fn one_tenants_message_is_not_anothers() {
    let config = CONFIG.replace(r#""message": {"#, r#""message": {"tenant": [{"header": "x-tenant"}], "#);
    let mut scenario = Scenario::new(&config);
    let request = |request: Request, tenant: &str| request.header("x-tenant", tenant);
    let came = take_in(&mut scenario, &request(inbound().header("x-message-id", "order-42"), "umbrella"));
    assert_eq!(send(&mut scenario, &apns("order-42")).parent, "");
    assert_eq!(send(&mut scenario, &request(apns("order-42"), "umbrella")).parent, came.span);
}

#[test]
fn what_the_public_says_of_a_trace_is_a_link_and_nothing_more() {
    let mut scenario = Scenario::new(CONFIG);
    let request = inbound().header("x-message-id", "order-42").header("traceparent", PARENT);
    let came = take_in(&mut scenario, &request.at_edge());
    assert_eq!((came.trace.as_str(), came.parent.as_str()), (DERIVED, ""));
    let went = send(&mut scenario, &apns("order-42"));
    assert_eq!((&went.trace, &went.parent), (&came.trace, &came.span));
    assert_eq!(came.links, [(TRACE_ID.to_owned(), "00f067aa0ba902b7".to_owned(), None)]);
    assert!(went.links.is_empty());
}

#[test]
fn a_batch_is_in_no_messages_trace_and_has_a_link_to_each() {
    for (secret, links_of_unknown) in [(true, 1), (false, 0)] {
        let mut scenario = if secret { Scenario::new(CONFIG) } else { Scenario::without_secret(CONFIG) };
        let came = take_in(&mut scenario, &inbound().header("x-message-id", "m-1").header("traceparent", PARENT));
        let batch = r#"{"messages": [{"id": "m-1", "to": "a"}, {"id": "order-42", "to": "b"}]}"#;
        scenario.send(&Request::outbound("lc.internal", "/push").header("content-length", "80"), batch);
        scenario.answer(200, r#"{"code": 0}"#).finish();
        let exported = scenario.exported();
        let span = exported.span();
        assert!(span.trace != DERIVED && span.trace != came.trace);
        assert_eq!(span.parent, "");
        assert_eq!(span.get("messaging.batch.message_count"), Some("2"));
        assert_eq!(span.get("messaging.message.id"), None);
        let mut links = vec![(came.trace, came.span, Some("m-1".to_owned()))];
        links.extend(
            (0..links_of_unknown)
                .map(|_| (DERIVED.to_owned(), SPAN_OF_DERIVED.to_owned(), Some("order-42".to_owned()))),
        );
        assert_eq!(span.links, links);
        assert_eq!(scenario.counts(STITCHES), ["kept 1"]);
    }
}

#[test]
fn a_messages_time_runs_from_when_it_came_in() {
    for config in [CONFIG.to_owned(), CONFIG.replace(r#""records": {"cluster": "otlp"},"#, "")] {
        let mut scenario = Scenario::new(&config);
        scenario.open_without_body(&inbound().header("x-message-id", "order-42")).wait_ms(200).answer(200, "").finish();
        let request = apns("order-42");
        scenario.wait_ms(3_000).open_without_body(&request).wait_ms(50).answer(410, "{}").finish();
        assert_eq!(scenario.samples(MESSAGE_TIME), [""; 0], "it was not taken");
        scenario.wait_ms(1_000).open_without_body(&request).wait_ms(60).answer(200, "").finish();
        assert_eq!(scenario.samples(MESSAGE_TIME), ["apns 4310"]);
        let handed_on = apns("order-42").header("traceparent", PARENT);
        scenario.open_without_body(&handed_on).wait_ms(90).answer(200, "").finish();
        assert_eq!(scenario.samples(MESSAGE_TIME)[1..], ["apns 4400"], "whatever trace it is in");
        scenario.open_without_body(&apns("another")).wait_ms(90).answer(200, "").finish();
        assert_eq!(scenario.samples(MESSAGE_TIME).len(), 2, "nobody knows when it came in");
    }
}

#[test]
fn tries_are_counted_by_node_and_recipient() {
    let mut scenario = Scenario::new(CONFIG);
    let attempt = |scenario: &mut Scenario, request: &Request| {
        scenario.open_without_body(request).answer(503, "{}").finish();
        let exported = scenario.exported();
        let status = exported.lines(super::scenario::STATUS, &["push.attempt"]);
        assert_eq!(status.len(), 1);
        format!("{} {}", status[0], exported.span().line(&["http.request.resend_count"]))
    };
    let tries: Vec<_> = (0..3).map(|_| attempt(&mut scenario, &apns("order-42"))).collect();
    assert_eq!(tries, ["- -", "2 1", "3 2"]);
    let to = |host: &str, path: &str| Request::outbound(host, path).header("x-message-id", "order-42");
    assert_eq!(attempt(&mut scenario, &to("api.push.apple.com", "/3/device/def")), "- -", "another recipient");
    assert_eq!(
        attempt(&mut scenario, &to("fcm.googleapis.com", "/v1/projects/p/messages:send")),
        "- -",
        "another node"
    );
    assert_eq!(attempt(&mut scenario, &apns("another")), "- -", "another message");
    assert_eq!(attempt(&mut scenario, &apns("order-42")), "4 3");
}

/// The B3 headers that the upstream gets.
fn b3(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let lines = |name| scenario.upstream(name).into_iter().map(move |value| (name, value));
    B3_HEADERS.into_iter().flat_map(lines).collect()
}

fn in_style(style: &str) -> Scenario {
    Scenario::new(&CONFIG.replacen('{', &format!("{{\"trace\": {{\"b3\": \"{style}\"}},"), 1))
}

#[test]
fn b3_is_read_where_no_traceparent_came_and_written_as_the_config_says() {
    let several = [("x-b3-traceid", TRACE_ID), ("x-b3-spanid", "00f067aa0ba902b7"), ("x-b3-sampled", "1")];
    for came in [&[("b3", B3)][..], &several[..]] {
        for style in ["none", "single", "multi"] {
            let mut scenario = in_style(style);
            let request = came.iter().fold(apns("order-42"), |request, (name, value)| request.header(name, value));
            scenario.open_without_body(&request);
            let ours = context(&scenario);
            assert_eq!(ours.trace_id.to_string(), TRACE_ID);
            let span = ours.parent_id.to_string();
            assert_ne!(span, "00f067aa0ba902b7");
            let expected = match style {
                // What is not written is none of our business, as long as it is true.
                "none" => came.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
                "single" => vec![("b3", format!("{TRACE_ID}-{span}-1"))],
                _ => {
                    vec![("x-b3-traceid", TRACE_ID.to_owned()), ("x-b3-spanid", span), ("x-b3-sampled", "1".to_owned())]
                }
            };
            assert_eq!(b3(&scenario), expected, "{style}");
            assert_eq!(scenario.counts(CONTEXTS), ["continued 1"]);
            scenario.answer(200, "").finish();
            assert_eq!(scenario.exported().span().parent, "00f067aa0ba902b7");
        }
    }
}

#[test]
fn a_traceparent_ranks_before_b3() {
    let mut scenario = in_style("single");
    scenario.open_without_body(&apns("order-42").header("traceparent", OTHER).header("b3", B3));
    let ours = context(&scenario);
    assert!(OTHER.contains(&ours.trace_id.to_string()));
    assert_eq!(b3(&scenario), [("b3", format!("{}-{}-1", ours.trace_id, ours.parent_id))]);
}

#[test]
fn the_publics_b3_goes_on_in_no_form() {
    for style in ["none", "single", "multi"] {
        let mut scenario = in_style(style);
        let request = inbound().header("x-message-id", "order-42").header("b3", B3).header("x-b3-flags", "1");
        scenario.open_without_body(&request.at_edge());
        assert_eq!(context(&scenario).trace_id.to_string(), DERIVED);
        assert_eq!(
            b3(&scenario).len(),
            match style {
                "none" => 0,
                "single" => 1,
                _ => 3,
            },
            "{style}"
        );
        assert!(b3(&scenario).iter().all(|(_, value)| !value.contains(TRACE_ID)));
        assert_eq!(scenario.counts(CONTEXTS), ["derived 1", "edge 1"]);
    }
}

#[test]
fn a_decision_of_b3_alone_holds_for_the_trace_that_begins_here() {
    for (b3, ratio, sampled) in [("0", "1", false), ("1", "0", true), ("d", "0", true)] {
        let config = CONFIG.replacen('{', &format!("{{\"sample_ratio\": {ratio},"), 1);
        let mut scenario = Scenario::new(&config);
        scenario.open_without_body(&apns("order-42").header("b3", b3));
        assert_eq!(context(&scenario).trace_id.to_string(), DERIVED);
        assert_eq!(context(&scenario).flags.sampled(), sampled, "{b3}");
        let mut scenario = Scenario::new(&config);
        let request = inbound().header("x-message-id", "order-42").header("b3", b3).at_edge();
        scenario.open_without_body(&request);
        assert_eq!(context(&scenario).flags.sampled(), !sampled, "the public decides nothing");
    }
}

#[test]
fn b3_that_nothing_can_be_made_of_is_replaced_or_goes() {
    let mut scenario = in_style("single");
    scenario.open_without_body(&apns("order-42").header("b3", "nonsense").header("x-b3-traceid", TRACE_ID));
    let ours = context(&scenario);
    assert_eq!(b3(&scenario), [("b3", format!("{DERIVED}-{}-1", ours.parent_id))]);
    let mut scenario = in_style("multi");
    scenario.open(&inbound().header("b3", "nonsense"));
    assert_eq!((b3(&scenario), scenario.upstream("traceparent")), (vec![], vec![]), "it comes too late to be replaced");
    assert_eq!(scenario.counts(CONTEXTS), ["too_late 1"]);
}
