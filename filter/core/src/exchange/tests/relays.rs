//! Messages that other channels take: after a failure, and before one.

use super::scenario::{MESSAGES, Scenario};
use super::world::Request;
use serde_json::Value;

pub(super) const RULES: &str = r#"{
    "tenant": "acme", "hold_request": true, "content": ["title"],
    "channels": [
        "oppo", "vivo",
        {"name": "oppo-b", "adapter": "oppo", "hosts": ["oppo-b.internal"]},
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"], "path": "/push", "cluster": "gateway",
         "overrides": {"response": {"vendor_id": [{"json": "/id"}]}}}
    ],
    "businesses": [{"name": "order", "priority": 9}, {"name": "promo", "priority": 1}],
    "message": {"business": [{"header": "x-business"}]},
    "rules": [
        {"name": "oppo-auto", "auto": {"channel": "oppo", "to": ["lc"], "consecutive_failures": 3, "window": "1s"}},
        {"name": "oppo-failover", "failover": {"channel": "oppo"}},
        {"name": "vivo-failover", "failover": {"channel": "vivo", "to": ["lc"]}}
    ]
}"#;
const SWITCHES: &str = "pointsman_channel_switches_total";
const FAILOVERS: &str = "pointsman_failovers_total";
pub(super) const REFUSED: &str = "upstream_reset_before_response_started{remote_connection_failure|connection_refused}";

pub(super) fn oppo() -> Request {
    Request::outbound("api.push.oppomobile.com", "/server/v1/message/notification/unicast")
        .header("content-length", "200")
        .header("auth_token", "the-first-channels-own")
        .header("authorization", "Bearer the-first-channels-own")
}

pub(super) fn body(key: bool) -> String {
    let key = if key { r#""app_message_id": "order-42", "# } else { "" };
    let message = format!(
        r#"{{"target_type": 2, "target_value": "reg-1", "notification": {{{key}"title": "Hi", "content": "Your parcel"}}}}"#
    );
    form_urlencoded::Serializer::new(String::new()).append_pair("message", &message).finish()
}

pub(super) const TAKEN: &str = r#"{"code": 0, "id": "lc-7"}"#;

#[test]
fn a_refused_connection_is_answered_by_another_channel_in_the_first_ones_words() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(true)).local_reply(503, REFUSED);
    assert!(scenario.is_answer_held());
    assert_eq!(scenario.calls.len(), 1);
    assert_eq!(scenario.calls[0].cluster, "gateway");
    assert_eq!((scenario.called(":authority"), scenario.called(":path")), (Some("lc.internal"), Some("/push")));
    assert_eq!((scenario.called("authorization"), scenario.called("auth_token")), (None, None));
    let sent: Value = serde_json::from_slice(&scenario.calls[0].body).unwrap();
    assert_eq!((&sent["to"], &sent["title"], &sent["body"]), (&"reg-1".into(), &"Hi".into(), &"Your parcel".into()));
    scenario.call_answer(200, &[], TAKEN).finish();
    let (status, reply) = scenario.reply();
    let reply: Value = serde_json::from_str(&reply).unwrap();
    assert_eq!((status, &reply["code"], &reply["data"]["messageId"]), (200, &0.into(), &"lc-7".into()));
    assert_eq!(scenario.counts(FAILOVERS), ["oppo lc sent 1"]);
    assert_eq!(scenario.counts(MESSAGES), ["LC_PUSH lc none ok 1", "OPPO_PUSH oppo none vendor_unavailable 1"]);
}

#[test]
fn nobody_below_may_send_again_what_may_be_sent_elsewhere() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo().header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "3"), body(true));
    assert!(scenario.upstream("x-envoy-retry-on").is_empty() && scenario.upstream("x-envoy-max-retries").is_empty());
}

#[test]
fn what_the_vendor_may_have_sent_goes_to_nobody_else() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(false)).local_reply(504, "response_timeout").finish();
    assert!(scenario.calls.is_empty());
    assert_eq!(scenario.records[0].attributes["push.fate"], "unsure");
    scenario.send(&oppo(), body(false)).answer(502, "<html>bad gateway</html>").finish();
    assert!(scenario.calls.is_empty());
}

#[test]
fn the_vendor_itself_is_asked_again_where_it_removes_the_repeat() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(true)).local_reply(504, "response_timeout");
    assert_eq!(scenario.calls[0].cluster, "oppo");
    assert_eq!(scenario.called("auth_token"), Some("the-first-channels-own"));
    assert_eq!(scenario.calls[0].body, body(true).into_bytes());
    let answer = r#"{"code": 0, "data": {"messageId": "m-1"}}"#;
    scenario.call_answer(200, &[("content-type", "application/json")], answer).finish();
    assert_eq!(scenario.reply(), (200, answer.to_owned()));
}

#[test]
fn a_recipients_fault_is_the_first_channels_last_word() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(true)).answer(200, r#"{"code": 10000}"#).finish();
    assert!(scenario.calls.is_empty() && scenario.replies.is_empty());
}

#[test]
fn the_callers_answer_is_the_first_one_if_nobody_else_takes_the_message() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(true)).answer(200, r#"{"code": 33}"#);
    assert_eq!(scenario.calls.len(), 1);
    scenario.call_fails().finish();
    assert!(scenario.replies.is_empty() && !scenario.is_answer_held());
    let letter = &scenario.records[0];
    assert_eq!((letter.name, &letter.attributes["push.title"]), ("push.message.dead_letter", &"Hi".into()));
    assert_eq!(letter.attributes.get("push.body"), None);
    assert_eq!(scenario.counts(FAILOVERS), ["oppo lc refused 1"]);
}

#[test]
fn a_backup_that_may_have_sent_it_is_the_last_one_asked() {
    let mut scenario = Scenario::new(RULES);
    scenario.send(&oppo(), body(true)).answer(200, r#"{"code": 33}"#).call_breaks().finish();
    assert_eq!(scenario.told(), [("x-pointsman-fate", "unsure")]);
    assert_eq!(scenario.counts(FAILOVERS), ["oppo lc unsure 1"]);
}

#[test]
fn a_degraded_channels_messages_go_to_the_next_before_it_is_asked() {
    let mut scenario = Scenario::new(RULES);
    for _ in 0..3 {
        scenario.send(&oppo(), body(true)).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick();
    assert_eq!(scenario.records[0].attributes["push.state"], "degraded");
    scenario.send(&oppo(), body(true));
    assert_eq!(scenario.calls[0].cluster, "gateway");
    assert!(scenario.is_held());
    scenario.call_answer(200, &[], TAKEN).finish();
    assert_eq!(scenario.reply().0, 200);
    assert_eq!(scenario.counts(SWITCHES), ["oppo lc consecutive_failures 1"]);
}

#[test]
fn a_switched_message_that_nobody_takes_goes_to_its_own_channel() {
    let mut scenario = Scenario::new(RULES);
    for _ in 0..3 {
        scenario.send(&oppo(), body(true)).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick();
    scenario.send(&oppo(), body(true)).call_fails();
    assert!(!scenario.is_held() && scenario.replies.is_empty());
    scenario.answer(200, r#"{"code": 0, "data": {"messageId": "m-1"}}"#).finish();
    assert_eq!(scenario.counts(SWITCHES), Vec::<String>::new());
}

#[test]
fn envoys_own_answer_to_a_request_that_waits_for_another_channel_goes_through() {
    let mut scenario = Scenario::new(RULES);
    for _ in 0..3 {
        scenario.send(&oppo(), body(true)).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick();
    scenario.send(&oppo(), body(true));
    assert!(scenario.is_held());
    scenario.local_reply(504, "stream_idle_timeout").finish();
    assert!(!scenario.is_answer_held());
    assert_eq!(scenario.records.last().map(|record| &record.attributes["push.fate"]), Some(&"unsure".into()));
}

#[test]
fn a_channel_whose_messages_go_nowhere_else_gets_well_by_its_own_traffic() {
    let mut scenario = Scenario::new(r#"{"channels": ["oppo"], "hold_request": true}"#);
    let state = |scenario: &mut Scenario| scenario.agreed("pointsman_channel_state");
    for _ in 0..5 {
        scenario.send(&oppo(), body(true)).local_reply(503, REFUSED).finish();
    }
    scenario.wait_ms(250).tick();
    assert_eq!(state(&mut scenario), ["oppo degraded 1"]);
    for _ in 0..600 {
        scenario.send(&oppo(), body(true));
        assert!(scenario.calls.is_empty());
        scenario.answer(200, r#"{"code": 0, "data": {"messageId": "m-1"}}"#).finish().wait_ms(250).tick();
    }
    assert_eq!(state(&mut scenario), ["oppo healthy 1"]);
}

#[test]
fn a_body_that_was_not_read_to_its_end_is_given_to_nobody() {
    let mut scenario = Scenario::new(RULES);
    scenario.open(&oppo().header("content-encoding", "gzip")).body("\x1f\u{8b}", true);
    scenario.local_reply(503, REFUSED).finish();
    assert!(scenario.calls.is_empty(), "a compressed body was not read");
    let with_context = oppo().header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    scenario.open(&with_context).body(&body(true).as_bytes()[..40], false).local_reply(503, REFUSED).finish();
    assert!(scenario.calls.is_empty(), "the answer came before the end of the body");
}

#[test]
fn a_dry_run_is_left_to_its_vendor() {
    let mut scenario = Scenario::new(
        r#"{"channels": ["huawei", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}], "hold_request": true,
            "rules": [{"name": "away", "by": "a", "reason": "b", "until": "2099-01-01T00:00:00Z",
                       "force": {"channel": "huawei", "action": "switch", "to": ["lc"]}}]}"#,
    );
    scenario.tick();
    let request = Request::outbound("push-api.cloud.huawei.com", "/v1/1/messages:send").header("content-length", "120");
    let message = |dry_run: bool| {
        let what = r#""message": {"token": ["t-1"], "notification": {"title": "Hi", "body": "Your parcel"}}"#;
        format!(r#"{{"validate_only": {dry_run}, {what}}}"#)
    };
    scenario.send(&request, message(true)).answer(200, r#"{"code": "80000000"}"#).finish();
    assert!(scenario.calls.is_empty());
    scenario.send(&request, message(false));
    assert_eq!(scenario.calls.len(), 1);
    scenario.call_answer(200, &[], TAKEN).finish();
}

#[test]
fn nobody_is_asked_twice_for_one_message() {
    let mut scenario = Scenario::new(RULES);
    for _ in 0..3 {
        scenario.send(&oppo(), body(true)).local_reply(503, REFUSED).call_answer(200, &[], TAKEN).finish();
    }
    scenario.wait_ms(250).tick();
    scenario.send(&oppo(), body(true)).call_fails().local_reply(503, REFUSED).finish();
    assert_eq!(scenario.calls.len(), 1);
}

#[test]
fn a_request_whose_caller_leaves_before_its_body_is_in_was_not_sent() {
    let mut scenario = Scenario::new(RULES);
    scenario.open(&oppo()).code_details("downstream_remote_disconnect").finish();
    assert!(scenario.records.is_empty(), "nothing is unsure of what has not left");
}

#[test]
fn an_order_holds_a_channel_in_a_state_whatever_it_sees() {
    let rules = |state: &str| {
        format!(
            r#"{{"channels": ["oppo", {{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}}], "hold_request": true,
                "businesses": [{{"name": "promo", "priority": 1}}], "message": {{"business": [{{"header": "x-business"}}]}},
                "rules": [
                    {{"name": "hold", "by": "a", "reason": "b", "until": "2099-01-01T00:00:00Z",
                      "force": {{"channel": "oppo", "action": "hold", "state": "{state}"}}}},
                    {{"name": "auto", "auto": {{"channel": "oppo", "to": ["lc"], "consecutive_failures": 2}}}},
                    {{"name": "shed", "shed": {{"channel": "oppo", "below_priority": 5}}}}
                ]}}"#
        )
    };
    let promo = || oppo().header("x-business", "promo");
    let mut scenario = Scenario::new(&rules("healthy"));
    for _ in 0..5 {
        scenario.send(&promo(), body(true)).local_reply(503, REFUSED).finish().wait_ms(250).tick();
        assert!(scenario.calls.is_empty() && scenario.replies.is_empty());
    }
    assert_eq!(scenario.agreed("pointsman_channel_state"), ["lc healthy 1", "oppo healthy 1"]);
    let mut scenario = Scenario::new(&rules("degraded"));
    scenario.tick().send(&promo(), body(true)).finish();
    assert_eq!(scenario.reply().0, 429);
    assert_eq!(scenario.agreed("pointsman_channel_state"), ["lc healthy 1", "oppo degraded 1"]);
}

#[test]
fn each_credential_has_its_own_limit_where_the_rule_says_so() {
    let mut scenario = Scenario::new(
        r#"{"channels": ["oppo"], "hold_request": true,
            "rules": [{"name": "l", "limit": {"channel": "oppo", "calls_at_once": 1, "credential": [{"header": "x-app"}]}}]}"#,
    );
    scenario.tick();
    let of = |app: &str| oppo().header("x-app", app);
    scenario.send(&of("a"), body(true));
    assert!(scenario.replies.is_empty());
    scenario.send(&of("b"), body(true));
    assert!(scenario.replies.is_empty(), "the other credential has room");
    scenario.send(&of("a"), body(true));
    assert_eq!(scenario.reply().0, 429);
}

pub(super) const DRILL: &str = r#"{
    "channels": [
        "oppo",
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"], "path": "/push"}
    ],
    "hold_request": true,
    "rules": [
        {"name": "oppo-failover", "failover": {"channel": "oppo", "to": ["lc"]}},
        {"name": "oppo-drill", "by": "a", "reason": "b", "until": "2099-01-01T00:00:00Z",
         "drill": {"channel": "oppo", "share": 0.5, "fault": "refused"}}
    ]
}"#;

/// Sends so many messages and counts those that the drill fails; whoever is asked in their stead takes them.
pub(super) fn struck(scenario: &mut Scenario, messages: usize) -> usize {
    let mut struck = 0;
    for index in 0..messages {
        scenario.send(&oppo(), body(true).replace("order-42", &format!("order-{index}")));
        if scenario.calls.is_empty() {
            assert!(scenario.replies.is_empty(), "nobody saves it");
            scenario.answer(200, r#"{"code": 0, "data": {"messageId": "m-1"}}"#).finish();
        } else {
            struck += 1;
            scenario.call_answer(200, &[], TAKEN).finish();
        }
    }
    struck
}

#[test]
fn a_drill_fails_its_share_and_the_rules_save_it() {
    let mut scenario = Scenario::new(DRILL);
    scenario.wait_ms(250).tick().wait_ms(250).tick();
    let struck = struck(&mut scenario, 200);
    assert!((70..130).contains(&struck), "{struck}");
    let drilled = [format!("oppo failed {struck}"), format!("oppo saved {struck}")];
    assert_eq!(scenario.counts("pointsman_drill_calls_total"), drilled);
}

#[test]
fn a_drill_harms_nobody_while_its_backup_is_down() {
    let mut scenario = Scenario::new(DRILL);
    let lc = Request::outbound("lc.internal", "/push").header("content-length", "30");
    for _ in 0..5 {
        scenario.send(&lc, r#"{"message_id": "m", "to": "u"}"#).local_reply(503, REFUSED).finish();
    }
    scenario.wait_ms(250).tick().wait_ms(250).tick();
    assert_eq!(struck(&mut scenario, 50), 0);
}
