//! Callers that are told, in headers, what was understood of a vendor's answer.

use super::scenario::{BYPASSED, CALLS, RELEASED, Scenario};
use super::world::Request;
use std::time::Duration;

const CONFIG: &str =
    r#"{"channels": ["oppo", "apns"], "hold_request": true, "answer_headers": true, "max_body_bytes": 8192}"#;
const THROTTLED: &str = r#"{"code": 13, "message": "too many"}"#;

fn oppo(scenario: &mut Scenario) -> &mut Scenario {
    let request = Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/broadcast");
    scenario.send(&request, "target_value=a%3Bb")
}

fn told(outcome: &'static str, code: &'static str, fate: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("x-pointsman-outcome", outcome), ("x-pointsman-code", code), ("x-pointsman-fate", fate)]
}

#[test]
fn an_answer_waits_for_its_body_and_leaves_with_what_was_understood() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[("content-length", "35"), ("retry-after", "7")]);
    assert!(scenario.is_answer_held());
    let (first, rest) = THROTTLED.split_at(9);
    scenario.answer_body(first, false);
    assert!(scenario.is_answer_held());
    scenario.answer_body(rest, true).finish();
    let mut expected = told("rate_limited", "13", "rejected");
    expected.insert(2, ("x-pointsman-retry-after-ms", "7000"));
    assert_eq!(scenario.told(), expected);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo rate_limited 1"]);
    assert_eq!(scenario.counts(RELEASED), [""; 0]);
}

#[test]
fn what_ends_with_its_headers_or_is_envoys_own_is_told_at_once() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&Request::outbound("api.push.apple.com", "/3/device/abc"), "{}").answer_without_body(200).finish();
    assert_eq!(scenario.told(), told("ok", "200", "accepted"));
    oppo(&mut scenario).local_reply(503, "no_healthy_upstream").finish();
    assert_eq!(scenario.told(), [("x-pointsman-outcome", "vendor_unavailable"), ("x-pointsman-fate", "not_sent")]);
}

#[test]
fn trailers_end_a_held_answer_too() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[]).answer_body(THROTTLED, false).answer_trailers().finish();
    assert_eq!(scenario.told(), told("rate_limited", "13", "rejected"));
}

#[test]
fn an_answer_that_might_overflow_envoys_buffer_is_not_held() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[("content-length", "8193")]);
    assert!(!scenario.is_answer_held());
    scenario.answer_body(r#"{"code": 0}"#, true).finish();
    assert_eq!(scenario.told(), []);
    assert_eq!(scenario.counts(RELEASED), ["body_too_large 1"]);

    oppo(&mut scenario).answer_head(200, &[]);
    assert!(scenario.is_answer_held());
    scenario.answer_body(r#"{"code": 0, "#, false);
    assert!(!scenario.is_answer_held(), "what follows may be of any length");
    scenario.answer_body(format!(r#""x": "{}"}}"#, "x".repeat(4_096)), true).finish();
    assert_eq!(scenario.told(), []);
    assert_eq!(scenario.counts(RELEASED), ["body_too_large 1", "length_unknown 1"]);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 2"], "what was held has still been read");
}

#[test]
fn a_document_that_is_whole_in_its_first_piece_is_told_though_more_may_come() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[]).answer_body("", false);
    assert!(scenario.is_answer_held(), "nothing has come yet");
    scenario.answer_body(THROTTLED, false);
    assert!(!scenario.is_answer_held());
    assert_eq!(scenario.told(), told("rate_limited", "13", "rejected"));
    scenario.answer_body("\n", true).finish();
    assert_eq!(scenario.told(), told("rate_limited", "13", "rejected"), "once");
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo rate_limited 1"]);
}

#[test]
fn an_answer_in_gzip_is_read_and_goes_on_as_it_came() {
    let mut zipped = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    zipped.extend(miniz_oxide::deflate::compress_to_vec(THROTTLED.as_bytes(), 6));
    zipped.extend_from_slice(&[0; 8]);
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[("content-encoding", "gzip"), ("content-length", "60")]);
    scenario.answer_body(&zipped, true).finish();
    assert_eq!(scenario.told(), told("rate_limited", "13", "rejected"));
    oppo(&mut scenario).answer_head(200, &[("content-encoding", "br")]).answer_body("\u{1}", true).finish();
    assert_eq!(scenario.told(), told("unknown", "200", "unsure"));
    assert_eq!(scenario.counts(BYPASSED), ["body_encoded 1"]);
}

#[test]
fn the_tick_releases_an_answer_that_does_not_end() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[]).wait(Duration::from_secs(5)).tick();
    assert!(!scenario.is_answer_held());
    scenario.answer_body(r#"{"code": 0}"#, true).finish();
    assert_eq!(scenario.told(), []);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 1"]);

    oppo(&mut scenario).answer_head(200, &[("content-length", "11")]).answer_body(r#"{"code""#, false);
    assert!(scenario.is_answer_held());
    scenario.wait(Duration::from_secs(5)).tick().answer_body(": 0}", true).finish();
    assert_eq!(scenario.told(), []);
    assert_eq!(scenario.counts(CALLS), ["OPPO_PUSH oppo ok 2"], "what came while it was held is not forgotten");
    assert_eq!(scenario.counts(BYPASSED), [""; 0]);
}

#[test]
fn a_second_answer_in_the_place_of_a_held_one_ends_the_wait() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[("content-length", "35")]);
    assert!(scenario.is_answer_held());
    scenario.local_reply(503, "upstream_reset_before_response_started{connection_termination}").finish();
    scenario.wait(Duration::from_secs(9)).tick();
    assert_eq!(scenario.counts(RELEASED), [""; 0]);
}

#[test]
fn nobody_else_speaks_in_our_name() {
    let mut scenario = Scenario::new(CONFIG);
    oppo(&mut scenario).answer_head(200, &[("x-pointsman-fate", "accepted"), ("content-length", "35")]);
    assert_eq!(scenario.told(), [("x-pointsman-fate", "removed")]);
    scenario.answer_body(THROTTLED, true).finish();
    assert_eq!(scenario.told()[1..], told("rate_limited", "13", "rejected"));
}

#[test]
fn without_the_setting_no_answer_is_touched() {
    let mut scenario = Scenario::new(r#"{"channels": ["oppo"], "hold_request": true}"#);
    oppo(&mut scenario).answer_head(200, &[("x-pointsman-fate", "accepted")]);
    assert!(!scenario.is_answer_held());
    scenario.answer_body(THROTTLED, true).finish();
    assert_eq!(scenario.told(), []);
}
