//! What is counted about visits that end as they should.

use super::scenario::{BLOCKED, BYPASSED, CALLS, CODES, CONTEXTS, IN_FLIGHT, MESSAGES, ON_TIME, Scenario};
use super::world::Request;
use crate::open::MAX_OPEN_VISITS;
use crate::plan::{BusinessId, Direction, NodeId};
use crate::time::Monotonic;
use std::time::Duration;

const CONFIG: &str = r#"{
    "service": "push",
    "channels": ["apns", "fcm", "oppo", "sms-tencent"],
    "businesses": [{"name": "order"}, {"name": "promo"}],
    "message": {"business": [{"header": "x-business"}, {"json": "/business"}], "submitted_at": [{"header": "x-submitted-at"}]}
}"#;

fn apns() -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("apns-id", "order-42")
}

fn fcm() -> Request {
    Request::outbound("fcm.googleapis.com", "/v1/projects/demo/messages:send")
}

fn sms() -> Request {
    Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "SendSms")
}

#[test]
fn a_visit_lasts_from_the_requests_headers_to_the_end_of_the_answer() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&apns()).wait_ms(10).body("{}", true).wait_ms(20).answer_head(410, &[]);
    scenario.wait_ms(5).answer_body(r#"{"reason": "#, false).wait_ms(5).answer_body(r#""Unregistered"}"#, true);
    scenario.wait_ms(1_000).finish();
    assert_eq!(scenario.samples("pointsman_node_duration_milliseconds"), ["APNS_PUSH apns 40"]);
    assert_eq!(scenario.now_ms(), 1_040);
}

#[test]
fn a_visit_is_on_time_up_to_and_at_the_limit_of_its_node() {
    for (waited, expected) in [(Duration::from_secs(2), "true"), (Duration::from_nanos(2_000_000_001), "false")] {
        let mut scenario = Scenario::new(CONFIG);
        scenario.send(&apns(), "{}").wait(waited).answer(200, "").finish();
        assert_eq!(scenario.counts(ON_TIME), [format!("APNS_PUSH apns {expected} 1")]);
    }
}

#[test]
fn a_refusal_in_time_is_on_time() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&apns(), "{}").answer(410, r#"{"reason": "Unregistered"}"#).finish();
    assert_eq!(scenario.counts(ON_TIME), ["APNS_PUSH apns true 1"]);
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns invalid_token 1"]);
}

#[test]
fn the_names_of_series_carry_their_labels() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&apns().header("x-business", "order"), "{}").answer(200, "").finish();
    assert_eq!(
        scenario.all_counts().into_keys().collect::<Vec<_>>(),
        [
            "business=.=order;.;outcome=.=ok;.;pointsman_business_value_total",
            "channel=.=apns;.;code=.=200;.;pointsman_vendor_codes_total",
            "node=.=APNS_PUSH;.;channel=.=apns;.;business=.=order;.;outcome=.=ok;.;pointsman_node_messages_total",
            "node=.=APNS_PUSH;.;channel=.=apns;.;met=.=true;.;pointsman_node_on_time_total",
            "node=.=APNS_PUSH;.;channel=.=apns;.;outcome=.=ok;.;pointsman_node_calls_total",
            "result=.=derived;.;pointsman_trace_contexts_total",
            "result=.=missed;.;pointsman_stitches_total",
        ]
    );
}

#[test]
fn each_recipient_is_a_message_and_each_call_a_call() {
    let mut scenario = Scenario::new(CONFIG);
    let body = r#"{"PhoneNumberSet": ["+8613800138000", "+8613800138001", "+8613800138002"], "TemplateId": "7"}"#;
    let answer = r#"{"Response": {"SendStatusSet": [
        {"Code": "Ok"}, {"Code": "InvalidParameterValue.IncorrectPhoneNumber"}, {"Code": "Ok"}], "RequestId": "r"}}"#;
    scenario.send(&sms(), body).answer(200, answer).finish();
    assert_eq!(scenario.counts(CALLS), ["SMS_TENCENT_PUSH sms-tencent partial 1"]);
    assert_eq!(
        scenario.counts(MESSAGES),
        ["SMS_TENCENT_PUSH sms-tencent none invalid_token 1", "SMS_TENCENT_PUSH sms-tencent none ok 2"]
    );
    assert_eq!(
        scenario.counts(CODES),
        ["sms-tencent InvalidParameterValue.IncorrectPhoneNumber 1", "sms-tencent Ok 2"]
    );
}

#[test]
fn a_request_that_names_no_recipient_is_one_message() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&Request::inbound("/send"), "{}").answer(202, "").finish();
    assert_eq!(scenario.counts(MESSAGES), ["PUSH none none ok 1"]);
    assert_eq!(scenario.counts(CODES), [""; 0], "what is no channel has no vendor's codes");
}

#[test]
fn a_node_of_the_config_is_judged_as_the_config_says() {
    let config = r#"{"nodes": [{
        "name": "FREQUENCY_FILTER", "direction": "outbound", "hosts": ["filter.internal"], "path": "/check/{user}",
        "recipients": [{"path": "user", "split": ","}],
        "response": {"code": [{"header": "x-code"}], "ok_codes": ["pass"], "class": {"user_blocked": ["tired"]}}
    }]}"#;
    let mut scenario = Scenario::new(config);
    for code in ["pass", "tired", "?"] {
        let request = Request::outbound("filter.internal", "/check/a,b").method("GET");
        scenario
            .open_without_body(&request)
            .answer_head(200, &[("x-code", code)])
            .answer_body("ignored", true)
            .finish();
        assert_eq!(scenario.asked().body, 0);
    }
    assert_eq!(
        scenario.counts(MESSAGES),
        [
            "FREQUENCY_FILTER none none ok 2",
            "FREQUENCY_FILTER none none unknown 2",
            "FREQUENCY_FILTER none none user_blocked 2"
        ]
    );
}

#[test]
fn a_code_that_nobody_listed_is_a_failure_and_counted_as_other() {
    let mut scenario = Scenario::new(CONFIG);
    for reason in ["Unregistered", "BrandNew", "x;.;y=.=z"] {
        scenario.send(&apns(), "{}").answer(410, format!(r#"{{"reason": "{reason}"}}"#)).finish();
    }
    assert_eq!(scenario.counts(CODES), ["apns Unregistered 1", "apns other 2"]);
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns invalid_token 1", "APNS_PUSH apns unknown 2"]);
}

#[test]
fn a_dry_run_is_a_call_and_no_message() {
    let mut scenario = Scenario::new(CONFIG);
    for validate_only in ["true", "false"] {
        let body = format!(r#"{{"validate_only": {validate_only}, "message": {{"token": "t"}}}}"#);
        scenario.send(&fcm(), body).answer(200, r#"{"name": "projects/demo/messages/1"}"#).finish();
    }
    assert_eq!(scenario.counts(CALLS), ["FCM_PUSH fcm ok 2"]);
    assert_eq!(scenario.counts(ON_TIME), ["FCM_PUSH fcm true 2"]);
    assert_eq!(scenario.counts(MESSAGES), ["FCM_PUSH fcm none ok 1"]);
    assert_eq!(scenario.counts(CODES), ["fcm 200 1"]);
}

#[test]
fn a_token_request_has_a_node_of_its_own_and_is_no_message() {
    let mut scenario = Scenario::new(CONFIG);
    let auth = Request::outbound("api.push.oppomobile.com", "/server/v1/auth");
    scenario.send(&auth, "app_key=k&sign=s&timestamp=1");
    assert_eq!(scenario.gauges(IN_FLIGHT), ["OPPO_TOKEN oppo none 1"]);
    scenario.answer(200, r#"{"code": 0, "data": {"auth_token": "x"}}"#).finish();
    scenario.send(&auth, "app_key=k").answer(200, r#"{"code": 14}"#).finish();
    assert_eq!(scenario.counts(CALLS), ["OPPO_TOKEN oppo auth 1", "OPPO_TOKEN oppo ok 1"]);
    assert_eq!((scenario.counts(MESSAGES), scenario.counts(CODES)), (vec![], vec![]));
}

#[test]
fn a_business_that_the_config_does_not_list_is_other() {
    let mut scenario = Scenario::new(CONFIG);
    for business in ["order", "order", "promo", "Order", "gossip", "none", "other"] {
        scenario.send(&apns().header("x-business", business), "{}").answer(200, "").finish();
    }
    scenario.send(&apns(), "{}").answer(200, "").finish();
    assert_eq!(
        scenario.counts(MESSAGES),
        [
            "APNS_PUSH apns none ok 1",
            "APNS_PUSH apns order ok 2",
            "APNS_PUSH apns other ok 4",
            "APNS_PUSH apns promo ok 1"
        ]
    );
}

#[test]
fn a_business_that_the_body_tells_moves_the_visit_in_flight() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&Request::inbound("/send"));
    assert_eq!(scenario.gauges(IN_FLIGHT), ["PUSH none none 1"]);
    scenario.body(r#"{"business": "order"}"#, true);
    assert_eq!(scenario.gauges(IN_FLIGHT), ["PUSH none order 1"]);
    scenario.wait_ms(5_000);
    assert_eq!(scenario.gauges(BLOCKED), ["PUSH none order 5s 1"]);
    scenario.answer(200, "").finish();
    assert_eq!(scenario.counts(MESSAGES), ["PUSH none order ok 1"]);
}

#[test]
fn a_visit_is_in_flight_from_its_headers_on_and_blocked_by_its_age() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open(&apns());
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push((scenario.gauges(IN_FLIGHT).len(), scenario.gauges(BLOCKED).join("")));
        scenario.wait_ms(15_000);
    }
    let expected = ["", "APNS_PUSH apns none 5s 1", "APNS_PUSH apns none 30s 1", "APNS_PUSH apns none 30s 1"];
    assert_eq!(seen, expected.map(|blocked| (1, blocked.to_owned())));
    scenario.body("{}", true).answer(200, "").finish();
}

#[test]
fn the_whole_messages_time_is_judged_where_a_vendor_accepts_it() {
    let on_time = |answer: u16, submitted: &str, seconds: u64| {
        let mut scenario = Scenario::new(CONFIG);
        scenario.set_calendar(1_700_000_000);
        scenario.send(&apns().header("x-submitted-at", submitted), "{}").wait_ms(seconds * 1_000);
        scenario.answer(answer, "").finish();
        let samples = scenario.samples("pointsman_message_duration_milliseconds");
        (scenario.counts("pointsman_message_on_time_total").join(","), samples.join(","))
    };
    let case = |on_time: &str, sample: &str| (on_time.to_owned(), sample.to_owned());
    assert_eq!(on_time(200, "1699999992", 2), case("apns true 1", "apns 10000"));
    assert_eq!(on_time(200, "1699999991", 2), case("apns false 1", "apns 11000"));
    assert_eq!(on_time(200, "1699999991500", 2), case("apns false 1", "apns 10500"));
    assert_eq!(on_time(410, "1699999992", 2), case("", ""), "not accepted");
    assert_eq!(on_time(200, "yesterday", 2), case("", ""));
    assert_eq!(on_time(200, "1700000100", 2), case("apns true 1", "apns 0"), "another machine's clock is ahead");
}

#[test]
fn only_what_matters_is_asked_of_the_host() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&apns(), "{}").answer(200, "").finish();
    let asked = scenario.asked();
    assert_eq!((asked.now, asked.code_details, asked.wall_clock), (2, 0, 0), "{asked:?}");
    assert!(asked.body <= 1, "{asked:?}");

    scenario.open_without_body(&Request::inbound("/send")).answer_without_body(200).finish();
    assert_eq!(scenario.asked().body, 0);

    scenario.send(&Request::inbound("/health").method("GET"), "").answer(200, "{}").finish();
    assert_eq!(scenario.asked(), Default::default(), "what visits no node asks nothing");
}

#[test]
fn what_visits_no_node_passes_and_is_counted() {
    let elsewhere = [
        Request::inbound("/send").method("GET"),
        Request::outbound("api.push.apple.com", "/3/other/abc"),
        Request::outbound("api.push.apple.com", "/3/device/abc").method("GET"),
        Request::outbound("apple.com", "/3/device/abc"),
        Request::outbound("evilapi.push.apple.com", "/3/device/abc"),
        Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "DescribeSmsSignList"),
    ];
    let count = elsewhere.len();
    let mut scenario = Scenario::new(CONFIG);
    for request in elsewhere {
        scenario.send(&request, "{}").answer(200, "{}").finish();
        assert_eq!(scenario.upstream("traceparent"), [""; 0]);
    }
    assert_eq!(scenario.counts(BYPASSED), [format!("no_node {count}")]);
    assert_eq!((scenario.counts(CALLS), scenario.counts(CONTEXTS)), (vec![], vec![]));
}

#[test]
fn without_a_direction_a_request_passes_and_is_counted() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&Request::new(None, "api.push.apple.com", "/3/device/abc"), "{}").answer(200, "").finish();
    assert_eq!(scenario.counts(BYPASSED), ["no_direction 1"]);
}

#[test]
fn a_host_is_known_with_port_in_any_case_and_below_another() {
    for host in ["API.PUSH.APPLE.COM:443", "api.push.apple.com", "eu.api.push.apple.com"] {
        let mut scenario = Scenario::new(CONFIG);
        scenario.open(&Request::new(Some(Direction::Outbound), host, "/3/device/abc?x=1")).finish();
        assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns unknown 1"], "{host}");
    }
}

#[test]
fn a_visit_beyond_the_bound_of_open_ones_is_still_timed_and_counted() {
    let mut scenario = Scenario::new(CONFIG);
    let open = &mut scenario.worker.open;
    let others: Vec<_> =
        (0..MAX_OPEN_VISITS).filter_map(|_| open.enter(NodeId(0), BusinessId::NONE, Monotonic(0))).collect();
    scenario.send(&apns(), "{}").wait_ms(7).answer(200, "");
    for other in others {
        scenario.worker.open.leave(other);
    }
    scenario.finish();
    assert_eq!(scenario.counts(BYPASSED), ["open_table_full 1"]);
    assert_eq!(scenario.counts(CALLS), ["APNS_PUSH apns ok 1"]);
    assert_eq!(scenario.samples("pointsman_node_duration_milliseconds"), ["APNS_PUSH apns 7"]);
}

#[test]
fn a_visits_log_line_shows_what_was_understood_and_no_recipient() {
    let config = CONFIG.replacen('{', r#"{"tenant": "acme", "hold_request": true,"#, 1);
    let mut scenario = Scenario::new(&config);
    let body =
        r#"{"PhoneNumberSet": ["13800138000"], "TemplateId": "7", "SessionContext": "order\n42", "business": "order"}"#;
    let answer = r#"{"Response": {"SendStatusSet": [{"Code": "Ok"}]}}"#;
    scenario.send(&sms(), body).answer(200, answer).finish();
    assert_eq!(scenario.report(), None, "only at debug level");

    scenario.worker.log_visits = true;
    scenario.send(&sms(), body).wait_ms(3).answer(200, answer).finish();
    let line = scenario.report().unwrap().line();
    let expected = "visit {\"node\":\"SMS_TENCENT_PUSH\",\"channel\":\"sms-tencent\",\"operation\":\"send\",\
                    \"message_ids\":[\"order\\n42\"],\"recipients\":[\"45d85bec7c6bd5c3077f706d62320792\"],\
                    \"template\":\"7\",\"business\":\"order\",\"batch\":1,\"outcome\":\"ok\",\"fate\":\"accepted\",\
                    \"code\":\"Ok\",\"vendor_ids\":[],\"results\":{\"ok\":1},\"retry_after_ms\":null,\"statuses\":[],\
                    \"url\":\"/\",\"dedupe\":false,\"opaque\":false,\"priority\":null,\"duration_ms\":3,\"trace_id\":\"";
    assert!(line.starts_with(expected), "{line}");
    assert!(!line.contains("138001"), "{line}");
}

#[test]
fn a_dropped_recipient_is_not_even_hashed() {
    let mut scenario = Scenario::new(&CONFIG.replacen('{', r#"{"recipient": "drop","#, 1));
    scenario.worker.log_visits = true;
    scenario.send(&apns(), "{}").answer(200, "").finish();
    let report = &scenario.report().unwrap().report;
    assert_eq!((report.batch, report.recipients.len()), (1, 0));
}
