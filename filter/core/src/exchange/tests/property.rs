//! Whatever comes in whatever order and pieces.

use super::scenario::{BYPASSED, CALLS, IN_FLIGHT, Scenario};
use super::world::Request;
use proptest::prelude::*;

const CONFIG: &str = r#"{
    "service": "push", "hold_request": HOLD, "max_body_bytes": 64, "businesses": [{"name": "order"}],
    "channels": ["apns", "fcm", "oppo", "wechat", "sms-tencent", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
    "nodes": [
        {"name": "SMS", "path": "/choose", "when": [{"source": {"json": "/kind"}, "equals": ["sms"]}]},
        {"name": "MAIL", "path": "/choose", "when": [{"source": {"json": "/kind"}}]}
    ],
    "message": {"business": [{"json": "/business"}], "id": [{"header": "x-id"}, {"json": "/id"}]}
}"#;

/// One callback of Envoy, or what happens between two.
#[derive(Clone, Debug)]
enum Step {
    Body(Vec<u8>, bool),
    Trailers,
    Head(u16, Option<&'static str>, bool),
    AnswerBody(Vec<u8>, bool),
    AnswerTrailers,
    Wait(u64),
    Tick,
    Finish,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..90),
        prop::sample::select(vec![
            r#"{"kind": "sms", "id": "a", "business": "order"}"#,
            r#"{"code": 0, "errcode": 0, "name": "x"}"#,
            r#"{"Response": {"SendStatusSet": [{"Code": "Ok"}, {}, 7]}}"#,
            "message=%7B%22target_value%22%3A%22a%3Bb%22%7D",
            r#"{"kind": "#,
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let details = prop::sample::select(vec![
        None,
        Some("via_upstream"),
        Some("no_healthy_upstream"),
        Some("response_timeout"),
        Some("downstream_remote_disconnect"),
        Some("direct_response"),
        Some("{"),
    ]);
    let status = prop::sample::select(vec![0, 100, 200, 204, 302, 404, 410, 429, 503, 999]);
    prop_oneof![
        3 => (bytes(), any::<bool>()).prop_map(|(bytes, end)| Step::Body(bytes, end)),
        1 => Just(Step::Trailers),
        2 => (status, details, any::<bool>()).prop_map(|(status, details, end)| Step::Head(status, details, end)),
        3 => (bytes(), any::<bool>()).prop_map(|(bytes, end)| Step::AnswerBody(bytes, end)),
        1 => Just(Step::AnswerTrailers),
        1 => (0_u64..20_000).prop_map(Step::Wait),
        1 => Just(Step::Tick),
        1 => Just(Step::Finish),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let places = prop::sample::select(vec![
        ("", "/send"),
        ("", "/choose"),
        ("api.push.apple.com", "/3/device/abc"),
        ("fcm.googleapis.com", "/v1/projects/p/messages:send"),
        ("api.push.oppomobile.com", "/server/v1/message/notification/unicast"),
        ("api.push.oppomobile.com", "/server/v1/auth"),
        ("sms.tencentcloudapi.com", "/"),
        ("lc.internal", "/push?x"),
        ("elsewhere", "/"),
    ]);
    let names = prop::sample::select(vec![
        "traceparent",
        "tracestate",
        "x-id",
        "x-tc-action",
        "content-encoding",
        "x-pointsman-a",
    ]);
    let values = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..9),
        prop::sample::select(vec![
            "SendSms",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "identity",
            "a=1"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    (places, prop::collection::vec((names, values), 0..4), any::<bool>()).prop_map(|((host, path), headers, edge)| {
        let request = if host.is_empty() { Request::inbound(path) } else { Request::outbound(host, path) };
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        if edge { request.at_edge() } else { request }
    })
}

fn take(scenario: &mut Scenario, step: Step) {
    match step {
        Step::Body(bytes, end) => scenario.body(bytes, end),
        Step::Trailers => scenario.trailers(),
        Step::Head(status, details, end) => {
            if let Some(details) = details {
                scenario.code_details(details);
            }
            if end { scenario.answer_without_body(status) } else { scenario.answer_head(status, &[]) }
        }
        Step::AnswerBody(bytes, end) => scenario.answer_body(bytes, end),
        Step::AnswerTrailers => scenario.answer_trailers(),
        Step::Wait(ms) => scenario.wait_ms(ms),
        Step::Tick => scenario.tick(),
        Step::Finish => scenario.finish(),
    };
}

fn scenario(hold: bool) -> Scenario {
    Scenario::new(&CONFIG.replace("HOLD", &hold.to_string()))
}

/// All that was counted of one metric, whatever its labels.
fn total(lines: &[String]) -> u64 {
    lines.iter().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

proptest! {
    #[test]
    fn every_request_ends_as_one_call_or_one_bypass_and_leaves_nothing_behind(
        exchanges in prop::collection::vec((request(), any::<bool>(), prop::collection::vec(step(), 0..12)), 1..4),
        hold: bool,
        logs: bool,
    ) {
        let mut scenario = scenario(hold);
        scenario.worker.log_visits = logs;
        let requests = exchanges.len() as u64;
        for (request, end_of_stream, steps) in exchanges {
            if end_of_stream {
                scenario.open_without_body(&request);
            } else {
                scenario.open(&request);
            }
            let answers = steps.iter().filter(|step| matches!(step, Step::Head(..))).count();
            for step in steps {
                take(&mut scenario, step);
            }
            scenario.finish();
            prop_assert!(scenario.copied() <= (1 + answers) * 64, "{} bytes were copied", scenario.copied());
        }
        let no_node = scenario.counts(BYPASSED).into_iter().filter(|line| line.starts_with("no_node")).collect::<Vec<_>>();
        prop_assert_eq!(total(&scenario.counts(CALLS)) + total(&no_node), requests);
        prop_assert_eq!(scenario.gauges(IN_FLIGHT), Vec::<String>::new());
    }

    #[test]
    fn the_pieces_in_which_bodies_come_make_no_difference(
        request in request(),
        body in bytes(),
        answer in bytes(),
        pieces in 1_usize..20,
        hold: bool,
        trailers: bool,
    ) {
        // A trace waits for more than the first piece only of what is announced to be short.
        let hold = hold && body.len() <= 64;
        let request = request.header("content-length", body.len().to_string());
        let whole = |pieces: usize| {
            let mut scenario = scenario(hold);
            scenario.open(&request);
            for piece in body.chunks(pieces) {
                scenario.body(piece, false);
            }
            if trailers { scenario.trailers() } else { scenario.body("", true) };
            scenario.answer_head(200, &[]);
            for piece in answer.chunks(pieces) {
                scenario.answer_body(piece, false);
            }
            if trailers { scenario.answer_trailers() } else { scenario.answer_body("", true) };
            scenario.finish();
            (scenario.all_counts(), scenario.upstream("traceparent"))
        };
        prop_assert_eq!(whole(pieces), whole(1_000));
    }
}
