//! What a collector is told of visits: the states of messages, the vendors' ids for them, and what lasts too long.

use super::scenario::{ALIAS, ENTER, SECRET, STATUS, Scenario, Told};
use super::world::Request;
use crate::adapter::RecipientKind;
use crate::trace::{CountryCode, Key};

const CONFIG: &str = r#"{
    "tenant": "acme", "service": "push", "records": {"cluster": "otlp"},
    "channels": ["apns", "oppo", "sms-tencent", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"],
                 "message_id": [{"json": "/messages/*/id"}], "recipients": [{"json": "/messages/*/to"}]}],
    "nodes": [
        {"name": "FILTER", "direction": "outbound", "hosts": ["filter.internal"], "path": "/check", "enter": true,
         "statuses": {"user_blocked": "suppressed"},
         "response": {"code": [{"json": "/code"}], "ok_codes": ["0"], "class": {"user_blocked": ["17"]}}},
        {"name": "QUIET", "direction": "inbound", "path": "/quiet", "statuses": {}}
    ],
    "statuses": [{"name": "suppressed", "rank": 10, "after": ["submitted"]}],
    "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}],
    "businesses": [{"name": "order"}],
    "message": {"id": [{"header": "x-message-id"}], "business": [{"header": "x-business"}],
                "tenant": [{"header": "x-tenant"}]}
}"#;
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const CONFLICTS: &str = "pointsman_status_conflicts_total";
/// Numbers of kinds of spans.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;

fn apns() -> Request {
    Request::outbound("api.push.apple.com", "/3/device/abc").header("x-message-id", "order-42")
}

fn tencent() -> Request {
    Request::outbound("sms.tencentcloudapi.com", "/").header("x-tc-action", "SendSms")
}

fn oppo() -> Request {
    Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/unicast")
        .header("x-message-id", "order-42")
}

/// Sends a message by OPPO, who names it `m-1`.
fn send(scenario: &mut Scenario, request: &Request) -> Told {
    let message = r#"{"target_type": 2, "target_value": "reg-1", "notification": {"title": "Hi"}}"#;
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("message", message).finish();
    scenario.send(request, body).answer(200, r#"{"code": 0, "data": {"messageId": "m-1"}}"#).finish();
    let exported = scenario.exported();
    let tied = exported.lines(ALIAS, &["push.tenant", "push.message.id", "push.vendor.message_id", "push.channel"]);
    assert_eq!(tied.len(), 1, "{:?}", exported.logs);
    assert!(tied[0].ends_with(" order-42 m-1 oppo"), "{tied:?}");
    exported.span().clone()
}

/// What is told of a receipt that reports `event` of `m-1`.
fn receipt(scenario: &mut Scenario, event: &str, status: u16) -> Vec<Told> {
    let report = format!(r#"[{{"messageId": "m-1", "registrationIds": "reg-1", "eventType": "{event}"}}]"#);
    scenario.send(&Request::inbound("/callbacks/oppo"), report).answer(status, "{}").finish();
    scenario.exported().logs
}

#[test]
fn each_recipient_of_a_send_has_a_status_of_its_own() {
    let mut scenario = Scenario::new(CONFIG);
    let phones = ["+8613800138000", "+8613800138001"];
    let body = format!(
        r#"{{"PhoneNumberSet": ["{}", "{}"], "SessionContext": "order-42", "TemplateId": "t-1"}}"#,
        phones[0], phones[1]
    );
    let answer = format!(
        r#"{{"Response": {{"SendStatusSet": [
            {{"SerialNo": "s-1", "PhoneNumber": "{}", "Code": "Ok"}},
            {{"SerialNo": "", "PhoneNumber": "{}", "Code": "FailedOperation.PhoneNumberInBlacklist"}}]}}}}"#,
        phones[0], phones[1]
    );
    let request = tencent().header("x-business", "order").header("traceparent", PARENT);
    scenario.send(&request, body).wait_ms(30).answer(200, answer).finish();
    let exported = scenario.exported();
    let told = ["push.message.id", "push.status", "push.outcome", "push.vendor.code", "push.vendor.message_id"];
    let refused = "order-42 failed user_blocked FailedOperation.PhoneNumberInBlacklist -";
    assert_eq!(exported.lines(STATUS, &told), ["order-42 sent ok Ok s-1", refused]);
    let same = ["push.node", "push.channel", "push.business", "push.template.id", "push.duration_ms", "push.on_time"];
    assert_eq!(exported.lines(STATUS, &same), ["SMS_TENCENT_PUSH sms-tencent order t-1 30 true"; 2]);
    let hashed = |phone| {
        let recipient = RecipientKind::Phone.of(phone, CountryCode::default());
        Key::new(SECRET).unwrap().recipient_hash("acme", recipient).to_string()
    };
    assert_eq!(exported.lines(STATUS, &["push.recipient.hash"]), phones.map(hashed));
    let is_error: Vec<bool> = exported.of(STATUS).iter().map(|status| status.is_error).collect();
    assert_eq!(is_error, [false, true]);
    assert_eq!(exported.lines(ALIAS, &["push.message.id", "push.vendor.message_id"]), ["order-42 s-1"]);
    let span = exported.span();
    assert!(exported.logs.iter().all(|log| (&log.trace, &log.span) == (&span.trace, &span.span)));
    assert_eq!((span.name.as_str(), span.kind, span.is_error), ("send sms-tencent", CLIENT, false));
    assert_eq!(span.at_ms, (0, 30));
    let told =
        ["messaging.message.id", "messaging.batch.message_count", "push.outcome", "error.type", "server.address"];
    assert_eq!(span.line(&told), "order-42 2 partial - sms.tencentcloudapi.com");
    let told = ["messaging.system", "messaging.destination.name", "http.request.method", "http.response.status_code"];
    assert_eq!(span.line(&told), "sms-tencent sms-tencent POST 200");
}

#[test]
fn each_message_of_a_batch_has_a_status_of_its_own() {
    let mut scenario = Scenario::new(CONFIG);
    let batch = r#"{"messages": [{"id": "m-1", "to": "a"}, {"id": "m-2", "to": "b"}]}"#;
    scenario.send(&Request::outbound("lc.internal", "/push"), batch).answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.exported().lines(STATUS, &["push.message.id", "push.status"]), ["m-1 sent", "m-2 sent"]);
}

#[test]
fn every_id_of_an_answer_up_to_the_bound_is_tied() {
    let mut scenario = Scenario::new(CONFIG);
    let phone = |index: usize| format!("+86138001{index:05}");
    let listed = |one: &dyn Fn(usize) -> String| (0..64).map(one).collect::<Vec<_>>().join(",");
    let phones = listed(&|index| format!(r#""{}""#, phone(index)));
    let results =
        listed(&|index| format!(r#"{{"SerialNo": "s-{index}", "PhoneNumber": "{}", "Code": "Ok"}}"#, phone(index)));
    let body = format!(r#"{{"PhoneNumberSet": [{phones}], "SessionContext": "order-42"}}"#);
    let answer = format!(r#"{{"Response": {{"SendStatusSet": [{results}]}}}}"#);
    scenario.send(&tencent(), body).answer(200, answer).finish();
    assert_eq!(scenario.exported().of(ALIAS).len(), 64);
    let tied = (0..64).filter(|index| scenario.is_tied("sms-tencent", &format!("s-{index}"))).count();
    assert_eq!(tied, 64);
}

#[test]
fn a_send_of_which_nobody_knows_has_failed_and_says_so() {
    let cases = [
        (504, "response_timeout", "failed timeout unsure"),
        (503, "no_healthy_upstream", "failed vendor_unavailable -"),
    ];
    for (status, details, expected) in cases {
        let mut scenario = Scenario::new(CONFIG);
        scenario.open_without_body(&apns()).local_reply(status, details).finish();
        let exported = scenario.exported();
        assert_eq!(exported.lines(STATUS, &["push.status", "push.outcome", "push.fate"]), [expected]);
        assert!(exported.of(STATUS)[0].is_error && exported.span().is_error);
        assert_eq!(exported.span().kind, PRODUCER, "its trace begins here");
    }
}

#[test]
fn a_visit_that_breaks_off_has_failed_and_nobody_knows_more() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.open_without_body(&apns()).code_details("downstream_remote_disconnect").finish();
    let told = ["push.status", "push.outcome", "push.fate"];
    assert_eq!(scenario.exported().lines(STATUS, &told), ["failed unknown unsure"]);
}

#[test]
fn what_hands_no_message_on_has_no_state() {
    let mut scenario = Scenario::new(&CONFIG.replacen(r#""apns","#, r#""apns", "huawei","#, 1));
    let request = Request::outbound("push-api.cloud.huawei.com", "/v1/1/messages:send").header("x-message-id", "o");
    let message = |dry_run: bool| format!(r#"{{"validate_only": {dry_run}, "message": {{"token": ["t-1"]}}}}"#);
    let mut states = |request: &Request, body: String| {
        scenario.send(request, body).answer(200, r#"{"code": "80000000"}"#).finish();
        let exported = scenario.exported();
        assert_eq!(exported.spans.len(), 1);
        exported.lines(STATUS, &["push.status"])
    };
    assert_eq!(states(&request, message(false)), ["sent"]);
    assert_eq!(states(&request, message(true)), [""; 0], "it is only checked");
    assert_eq!(states(&Request::outbound("oauth-login.cloud.huawei.com", "/oauth2/v3/token"), String::new()), [""; 0]);
}

#[test]
fn what_the_service_takes_is_submitted_unless_the_config_says_otherwise() {
    let request = |path: &str| Request::inbound(path).header("x-message-id", "order-42").header("x-tenant", "umbrella");
    let cases: [(&str, u16, &[&str]); 3] =
        [("/send", 200, &["umbrella order-42 submitted ok PUSH -"]), ("/send", 400, &[]), ("/quiet", 200, &[])];
    for (path, status, expected) in cases {
        let mut scenario = Scenario::new(CONFIG);
        scenario.open_without_body(&request(path)).answer(status, "").finish();
        let exported = scenario.exported();
        let told = ["push.tenant", "push.message.id", "push.status", "push.outcome", "push.node", "push.channel"];
        assert_eq!(exported.lines(STATUS, &told), expected, "{path} {status}");
        assert_eq!(exported.span().kind, SERVER);
    }
}

#[test]
fn a_node_ends_messages_as_the_config_says() {
    for (code, expected) in [(17, &["order-42 suppressed user_blocked FILTER"][..]), (0, &[]), (99, &[])] {
        let mut scenario = Scenario::new(CONFIG);
        let request = Request::outbound("filter.internal", "/check").header("x-message-id", "order-42");
        scenario.open_without_body(&request).answer(200, format!(r#"{{"code": {code}}}"#)).finish();
        let told = ["push.message.id", "push.status", "push.outcome", "push.node"];
        assert_eq!(scenario.exported().lines(STATUS, &told), expected, "{code}");
    }
}

#[test]
fn that_a_send_begins_is_told_where_the_config_wants_it() {
    for sending in [false, true] {
        let config = CONFIG.replace(r#""cluster": "otlp""#, &format!(r#""cluster": "otlp", "sending": {sending}"#));
        let mut scenario = Scenario::new(&config);
        scenario.open_without_body(&apns()).wait_ms(40);
        let expected: &[&str] = if sending { &["order-42 sending - - APNS_PUSH"] } else { &[] };
        let exported = scenario.exported();
        let told = ["push.message.id", "push.status", "push.outcome", "push.duration_ms", "push.node"];
        assert_eq!(exported.lines(STATUS, &told), expected);
        assert!(exported.of(STATUS).iter().all(|status| status.at_ms.0 == 0));
        scenario.answer(200, "").finish();
        assert_eq!(scenario.exported().lines(STATUS, &told), ["order-42 sent ok 40 APNS_PUSH"]);
        let filter = Request::outbound("filter.internal", "/check").header("x-message-id", "order-42");
        scenario.open_without_body(&filter);
        assert_eq!(scenario.exported().of(STATUS).len(), 0, "it hands the message to no vendor");
    }
}

#[test]
fn each_visit_of_a_node_is_told_as_it_begins_where_the_config_wants_it() {
    let mut scenario = Scenario::new(CONFIG);
    let request =
        Request::outbound("filter.internal", "/check").header("x-business", "order").header("x-message-id", "o");
    scenario.open_without_body(&request);
    let told = ["push.message.id", "push.node", "push.channel", "push.business", "push.open_for_ms"];
    let exported = scenario.exported();
    assert_eq!(exported.lines(ENTER, &told), ["o FILTER - order -"]);
    scenario.answer(200, r#"{"code": 0}"#).finish();
    assert_eq!(scenario.exported().span().span, exported.of(ENTER)[0].span);
    scenario.open_without_body(&apns()).answer(200, "").finish();
    assert_eq!(scenario.exported().of(ENTER).len(), 0);
}

#[test]
fn whose_a_visit_is_that_lasts_too_long_is_told_once() {
    let config = CONFIG.replace(r#""cluster": "otlp""#, r#""cluster": "otlp", "enter_after": "30s""#);
    let mut scenario = Scenario::new(&config);
    let told = ["push.message.id", "push.node", "push.channel", "push.business", "push.open_for_ms"];
    scenario.open_without_body(&apns().header("x-business", "order")).wait_ms(29_999).tick();
    assert_eq!(scenario.exported().of(ENTER).len(), 0);
    scenario.wait_ms(1).tick();
    let late = scenario.exported();
    assert_eq!(late.lines(ENTER, &told), ["order-42 APNS_PUSH apns order 30000"]);
    assert_eq!(late.of(ENTER)[0].at_ms.0, 30_000);
    scenario.wait_ms(60_000).tick();
    assert_eq!(scenario.exported().of(ENTER).len(), 0);
    scenario.answer(200, "").finish();
    let span = scenario.exported().span().clone();
    assert_eq!((&span.trace, &span.span), (&late.of(ENTER)[0].trace, &late.of(ENTER)[0].span));
    scenario.open_without_body(&apns()).answer(200, "").finish().wait_ms(60_000).tick();
    assert_eq!(scenario.exported().of(ENTER).len(), 0, "it is over");
}

#[test]
fn a_receipt_belongs_to_the_message_and_the_trace_of_the_send() {
    for tenant in ["acme", "umbrella"] {
        let mut scenario = Scenario::new(CONFIG);
        let sent = send(&mut scenario, &oppo().header("x-tenant", tenant));
        let report = r#"[{"messageId": "m-1", "registrationIds": "reg-1", "eventType": "push_arrive"}]"#;
        scenario.wait_ms(5_000).send(&Request::inbound("/callbacks/oppo"), report).answer(200, "{}").finish();
        let exported = scenario.exported();
        let told = ["push.message.id", "push.status", "push.vendor.message_id", "push.channel", "push.status.conflict"];
        assert_eq!(exported.lines(STATUS, &told), ["order-42 delivered m-1 oppo -"]);
        let status = exported.of(STATUS)[0];
        assert_eq!((&status.trace, &status.span, status.is_error), (&sent.trace, &sent.span, false));
        assert_eq!(status.at_ms.0, 5_000);
        let foreign = (tenant != "acme").then_some(tenant);
        assert_eq!(status.get("push.tenant"), foreign, "whose message it is, the receipt does not say");
        let hash = Key::new(SECRET)
            .unwrap()
            .recipient_hash(tenant, RecipientKind::Token.of("reg-1", CountryCode::default()))
            .to_string();
        assert_eq!(status.get("push.recipient.hash"), Some(hash.as_str()), "the same as with the send");
        let span = exported.span();
        assert_ne!(span.trace, sent.trace);
        assert_eq!(span.links, [(sent.trace, sent.span, Some("order-42".to_owned()))]);
    }
}

#[test]
fn a_receipt_of_a_message_that_is_not_known_tells_the_vendors_id_alone() {
    let mut scenario = Scenario::new(CONFIG);
    let told = receipt(&mut scenario, "push_arrive", 200);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].line(&["push.message.id", "push.status", "push.vendor.message_id"]), "- delivered m-1");
    assert!(told[0].get("push.recipient.hash").is_some_and(|hash| hash.len() == 32));
}

#[test]
fn a_receipt_that_the_service_refuses_tells_nothing() {
    let mut scenario = Scenario::new(CONFIG);
    send(&mut scenario, &oppo());
    for status in [302, 401, 500] {
        assert_eq!(receipt(&mut scenario, "push_arrive", status), []);
    }
    let told = receipt(&mut scenario, "regid_invalid", 200);
    assert_eq!(told[0].get("push.status.conflict"), None, "nor is it remembered");
}

#[test]
fn a_step_that_is_not_allowed_is_told_with_what_it_conflicts_and_counted_once() {
    let mut scenario = Scenario::new(CONFIG);
    send(&mut scenario, &oppo());
    let told = ["push.status", "push.status.conflict"];
    let mut report = |event: &str| {
        let told: Vec<_> = receipt(scenario.wait_ms(1_000), event, 200)
            .iter()
            .map(|status| (status.line(&told), status.is_error))
            .collect();
        (told, scenario.counts(CONFLICTS))
    };
    assert_eq!(report("push_arrive"), (vec![("delivered -".to_owned(), false)], vec![]));
    let once = vec!["delivered failed 1".to_owned()];
    assert_eq!(report("regid_invalid"), (vec![("failed delivered".to_owned(), true)], once.clone()));
    assert_eq!(report("regid_invalid"), (vec![("failed -".to_owned(), true)], once), "it is known already");
}
