//! Answers that do not come as they should, and bodies that cannot be read.

use super::scenario::{BYPASSED, CALLS, CODES, CONTEXTS, MESSAGES, Scenario};
use super::world::Request;

const CONFIG: &str = r#"{"service": "push", "channels": ["apns", "oppo", "sms-tencent"], "max_body_bytes": 100}"#;
const OK: &str = r#"{"code": 0}"#;

fn apns() -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("apns-id", "order-42")
}

fn oppo() -> Request {
    Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/broadcast")
}

fn broadcast(recipients: usize) -> String {
    format!("target_value={}", vec!["a"; recipients].join("%3B"))
}

/// A scenario that logs its visits, for their fate.
fn logging() -> Scenario {
    let mut scenario = Scenario::new(CONFIG);
    scenario.worker.log_visits = true;
    scenario
}

fn fate(scenario: &Scenario) -> &str {
    scenario.report().unwrap().report.fate.as_str()
}

#[test]
fn an_answer_of_envoys_own_is_judged_by_envoys_words_and_not_by_its_body() {
    let cases = [
        (503, "no_healthy_upstream", "vendor_unavailable", "not_sent"),
        (503, "upstream_reset_before_response_started{connection_failure}", "vendor_unavailable", "not_sent"),
        (
            503,
            "upstream_reset_before_response_started{remote_connection_failure|refused}",
            "vendor_unavailable",
            "not_sent",
        ),
        (503, "upstream_reset_before_response_started{overflow}", "vendor_unavailable", "not_sent"),
        (503, "cluster_not_found", "vendor_unavailable", "not_sent"),
        (503, "upstream_reset_before_response_started{connection_termination}", "vendor_unavailable", "unsure"),
        (503, "upstream_reset_before_response_started{remote_reset}", "vendor_unavailable", "unsure"),
        (504, "response_timeout", "timeout", "unsure"),
        (504, "upstream_response_timeout", "timeout", "unsure"),
        (408, "request_overall_timeout", "timeout", "unsure"),
        (404, "route_not_found", "invalid_request", "not_sent"),
        (403, "rbac_access_denied_matched_policy[none]", "permission", "unsure"),
        (413, "request_payload_too_large", "invalid_request", "unsure"),
        (429, "request_rate_limited", "rate_limited", "unsure"),
    ];
    for (status, details, outcome, expected_fate) in cases {
        let mut scenario = logging();
        // A vendor's success in the body of Envoy's own answer would be a forgery.
        scenario.send(&oppo(), broadcast(3)).code_details(details).answer(status, OK).finish();
        assert_eq!(scenario.counts(CALLS), [format!("OPPO_PUSH oppo {outcome} 1")], "{details}");
        assert_eq!(scenario.counts(MESSAGES), [format!("OPPO_PUSH oppo none {outcome} 3")], "{details}");
        assert_eq!(scenario.counts(CODES), [""; 0], "{details}: no vendor has spoken");
        assert_eq!(fate(&scenario), expected_fate, "{details}");
        assert_eq!(scenario.asked().code_details, 1);
    }
}

#[test]
fn a_vendor_cannot_pass_its_own_failure_off_as_envoys() {
    let mut scenario = logging();
    scenario.send(&apns(), "{}").code_details("via_upstream");
    scenario.answer_head(503, &[("x-envoy-overloaded", "true")]).answer_body("no healthy upstream", true).finish();
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns vendor_unavailable 1"]);
    assert_eq!(scenario.counts(CODES), ["apns 503 1"]);
    assert_eq!(fate(&scenario), "unsure");
}

#[test]
fn a_client_that_leaves_within_the_objective_tells_nothing_and_after_it_that_it_was_too_slow() {
    for (waited_ms, outcome, on_time) in [(2_000, "unknown", "true"), (2_001, "timeout", "false")] {
        let mut scenario = logging();
        scenario.send(&apns(), "{}").wait_ms(waited_ms).code_details("downstream_remote_disconnect").finish();
        assert_eq!(scenario.counts(CALLS), [format!("APNS_PUSH apns {outcome} 1")]);
        assert_eq!(scenario.counts("pointsman_node_on_time_total"), [format!("APNS_PUSH apns {on_time} 1")]);
        assert_eq!(fate(&scenario), "unsure");
    }
}

#[test]
fn a_client_may_leave_at_any_moment() {
    type Steps = fn(&mut Scenario) -> &mut Scenario;
    let moments: [Steps; 6] = [
        |scenario| scenario.open(&oppo()),
        |scenario| scenario.open(&oppo()).body("target", false),
        |scenario| scenario.open(&oppo()).body("target_value=a", true),
        |scenario| scenario.send(&oppo(), "target_value=a").answer_head(200, &[]),
        |scenario| scenario.send(&oppo(), "target_value=a").answer_head(200, &[]).answer_body(r#"{"code""#, false),
        |scenario| scenario.open(&oppo()).answer_head(200, &[]),
    ];
    for (index, moment) in moments.into_iter().enumerate() {
        let mut scenario = logging();
        moment(&mut scenario).code_details("http2.remote_reset").finish();
        assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo unknown 1"], "moment {index}");
        assert_eq!(fate(&scenario), "unsure", "moment {index}");
    }
}

#[test]
fn an_upstream_that_breaks_off_in_the_middle_of_its_answer_is_down() {
    let mut scenario = logging();
    scenario.send(&oppo(), broadcast(2)).answer_head(200, &[]).answer_body(OK, false);
    scenario.code_details("upstream_reset_after_response_started{connection_termination}").finish();
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo vendor_unavailable 1"]);
    assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none vendor_unavailable 2"]);
    assert_eq!(fate(&scenario), "unsure");
}

#[test]
fn a_time_out_with_no_answer_at_all_is_one() {
    let mut scenario = logging();
    scenario.send(&apns(), "{}").code_details("stream_idle_timeout").finish();
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns timeout 1"]);
}

#[test]
fn an_answer_that_never_ends_is_counted_when_the_exchange_does() {
    let mut scenario = logging();
    scenario.send(&oppo(), broadcast(1)).answer_head(200, &[]).answer_body(OK, false);
    for _ in 0..5_000 {
        scenario.wait_ms(10).answer_body(" ", false);
    }
    assert_eq!(scenario.counts(CALLS), [""; 0]);
    assert_eq!(scenario.gauges("pointsman_node_in_flight"), ["OPPO_PUSH oppo none 1"]);
    scenario.code_details("via_upstream").finish();
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo timeout 1"]);
    assert_eq!(scenario.counts(BYPASSED), ["body_too_large 1"]);
    assert!(scenario.asked().body < 200, "{:?}", scenario.asked());
}

#[test]
fn an_answer_before_the_end_of_the_request_ends_the_visit() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&oppo()).body("target_value=a%3Bb", false).answer(200, OK);
    assert_eq!(scenario.gauges("pointsman_node_in_flight"), [""; 0]);
    scenario.body("%3Bc", false).body("", true).finish();
    assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none ok 2"], "as far as the request had told");
}

#[test]
fn trailers_end_a_request_and_an_answer() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&oppo()).body(broadcast(2), false).trailers();
    scenario.answer_head(200, &[]).answer_body(OK, false).answer_trailers().finish();
    assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none ok 2"]);
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
}

#[test]
fn a_body_that_comes_byte_by_byte_is_read_as_one_that_comes_at_once() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&oppo());
    for byte in broadcast(3).bytes() {
        scenario.body([byte], false);
    }
    scenario.body("", true).answer_head(200, &[]);
    for byte in br#"{"code": 33}"# {
        scenario.answer_body([*byte], false);
    }
    scenario.answer_body("", true).finish();
    assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none quota_app 3"]);
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
}

#[test]
fn of_a_long_body_only_the_beginning_is_read() {
    for piece_bytes in [1, 7, 100, 101, 1_000] {
        let mut scenario = Scenario::new(CONFIG);
        let body = format!("{}&padding={}", broadcast(3), "x".repeat(500));
        let answer = format!(r#"{{"code": 33, "message": "{}"}}"#, "x".repeat(500));
        scenario.open(&oppo());
        for piece in body.as_bytes().chunks(piece_bytes) {
            scenario.body(piece, false);
        }
        scenario.body("", true).answer_head(200, &[]);
        for piece in answer.as_bytes().chunks(piece_bytes) {
            scenario.answer_body(piece, false);
        }
        scenario.answer_body("", true).finish();
        assert_eq!(scenario.copied(), 200, "in pieces of {piece_bytes}");
        assert_eq!(scenario.counts(BYPASSED), ["body_too_large 2"]);
        assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none quota_app 3"]);
    }
}

#[test]
fn a_body_of_just_the_allowed_size_is_whole() {
    let mut scenario = Scenario::new(CONFIG);
    let answer = format!(r#"{{"code": 0, "m": "{}"}}"#, "x".repeat(100 - 20));
    scenario.send(&oppo(), format!("target_value={}", "a".repeat(100 - 13))).answer(200, &answer).finish();
    assert_eq!(answer.len(), 100);
    assert_eq!((scenario.counts(BYPASSED), scenario.copied()), (vec![], 200));
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 1"]);
}

#[test]
fn a_body_in_too_many_pieces_is_not_read_on() {
    let roomy = CONFIG.replace(r#""max_body_bytes": 100"#, r#""max_body_bytes": 100000"#);
    let mut scenario = Scenario::new(&roomy);
    scenario.open(&oppo()).body("target_value=a%3Bb&x=", false);
    for _ in 0..3_000 {
        scenario.body("x", false);
    }
    scenario.body("", true).answer_head(200, &[]).answer_body(r#"{"code": 33,"#, false);
    for _ in 0..3_000 {
        scenario.answer_body(" ", false);
    }
    scenario.answer_body(r#""m": ""}"#, true).finish();
    assert_eq!(scenario.counts(BYPASSED), ["body_in_pieces 2"]);
    assert_eq!(scenario.counts(MESSAGES), ["OPPO_PUSH oppo none quota_app 2"]);
    assert_eq!(scenario.asked().body, 2 * u32::from(super::super::collected::MAX_READS));
}

#[test]
fn the_last_allowed_piece_may_be_the_last_of_all() {
    let mut scenario = Scenario::new(&CONFIG.replace(r#""max_body_bytes": 100"#, r#""max_body_bytes": 100000"#));
    let pieces = super::super::collected::MAX_READS;
    scenario.open(&oppo());
    for piece in 1..=pieces {
        scenario.body("x", piece == pieces);
    }
    scenario.answer_head(200, &[]).answer_body(r#"{"code": 0"#, false);
    for piece in 2..=pieces {
        scenario.answer_body(if piece == pieces { "}" } else { " " }, piece == pieces);
    }
    scenario.finish();
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 1"]);
}

#[test]
fn encoded_bodies_are_not_read() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&oppo().header("content-encoding", "gzip")).body(b"\x1f\x8b\x08", true);
    scenario.answer_head(200, &[("content-encoding", "br")]).answer_body(OK, true).finish();
    assert_eq!(scenario.counts(BYPASSED), ["body_encoded 2"]);
    assert_eq!(scenario.asked().body, 0);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo unknown 1"], "a 200 that cannot be read is no success");

    let mut identity = Scenario::new(CONFIG);
    identity.open(&oppo().header("content-encoding", "Identity")).body(broadcast(2), true);
    identity.answer_head(200, &[("content-encoding", "identity")]).answer_body(OK, true).finish();
    assert_eq!(identity.counts(MESSAGES), ["OPPO_PUSH oppo none ok 2"]);
    assert_eq!(identity.counts(BYPASSED), [""; 0]);
}

#[test]
fn an_encoded_body_in_which_nothing_is_wanted_is_no_loss() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&Request::inbound("/send").header("content-encoding", "gzip")).body(b"\x1f\x8b", true);
    scenario.answer_head(200, &[("content-encoding", "gzip")]).answer_body(b"\x1f\x8b", true).finish();
    assert_eq!(scenario.counts(CALLS), ["PUSH none ok 1"]);
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
    assert_eq!(scenario.asked().body, 0);
}

#[test]
fn json_that_is_none_or_cut_short_is_counted_and_never_a_success() {
    let sms = Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "SendSms");
    for (body, answer, bypassed) in [
        ("<html>", r#"{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}"#, "body_unreadable 1"),
        (r#"{"PhoneNumberSet": ["1""#, r#"{"Response": {"SendStatusSet": [{"Code": "Ok"}]}"#, "body_unreadable 2"),
        ("{}", "<html><title>It works!</title></html>", "body_unreadable 1"),
    ] {
        let mut scenario = Scenario::new(CONFIG);
        scenario.send(&sms, body).answer(200, answer).finish();
        assert_eq!(scenario.counts(BYPASSED), [bypassed], "{body} {answer}");
        let ok = answer.ends_with("]}}");
        let outcome = if ok { "ok" } else { "unknown" };
        assert_eq!(scenario.counts(CALLS), [format!("SMS_TENCENT_PUSH sms-tencent {outcome} 1")]);
    }
}

#[test]
fn where_there_is_no_body_none_is_missed() {
    for empty in [false, true] {
        let mut scenario = Scenario::new(CONFIG);
        let sms = Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "SendSms");
        if empty {
            scenario.send(&sms, "").answer(200, "").finish();
            scenario.send(&apns(), "").answer(200, "").finish();
        } else {
            scenario.open_without_body(&sms).answer_without_body(200).finish();
            scenario.open_without_body(&apns()).answer_without_body(200).finish();
        }
        assert_eq!(
            scenario.counts(CALLS),
            ["APNS_PUSH apns ok 1", "SMS_TENCENT_PUSH sms-tencent unknown 1"],
            "APNs says yes without a word, Tencent does not"
        );
        assert_eq!(scenario.counts(BYPASSED), [""; 0]);
        assert_eq!(scenario.asked().body, 0);
    }
}

#[test]
fn an_answer_without_a_readable_status_is_unknown() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&apns(), "{}").answer(0, "").finish();
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns unknown 1"]);
}

#[test]
fn headers_that_are_no_text_hurt_nobody() {
    let mut scenario = Scenario::new(CONFIG);
    let request = Request::inbound("/send")
        .header("x-bytes", b"\xff\xfe")
        .header("content-type", b"\xff")
        .header("traceparent", b"\xff\xff")
        .header("x-business", b"\xc3\x28");
    scenario.send(&request, b"\xff").answer(200, b"\xff").finish();
    assert_eq!(scenario.counts(CALLS), ["PUSH none ok 1"]);
    assert_eq!(scenario.counts(CONTEXTS), ["invalid 1", "random 1"]);
}
