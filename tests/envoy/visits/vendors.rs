//! The built-in adapters against the stand-ins of their vendors.

use pointsman_host::vendors::Fault;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{APNS, FCM, LC, OPPO, SMS, WECHAT};
use pointsman_tests::{Setup, pushes};

const ALL: &str = r#"{
    "service": "push",
    "hold_request": true,
    "channels": [
        "apns", "fcm", "oppo", "wechat", "sms-tencent",
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}
    ]
}"#;

#[tokio::test]
async fn a_push_to_each_vendor_counts_once_at_its_own_node_and_nowhere_else() {
    let bed = Setup::with_rules(ALL).start().await;
    let pushes = [
        pushes::apns(pushes::APNS_TOKEN),
        pushes::fcm("registration-1"),
        pushes::oppo("m1"),
        pushes::wechat("m2"),
        pushes::sms("m3", &["+447700900001"]),
        pushes::lc("m4"),
    ];
    for push in pushes {
        assert_eq!(bed.outbound(push).await.status, 200);
    }
    let mut expected = Counts::default();
    for (node, code, trace) in [
        (APNS, "200", "random"),
        (FCM, "200", "random"),
        (OPPO, "0", "derived"),
        (WECHAT, "0", "derived"),
        (SMS, "Ok", "derived"),
        (LC, "0", "derived"),
    ] {
        expected = expected.call(node, "ok").messages(node, "ok", 1).code(node, code, 1).trace(trace);
        let on_time = [("node", node.0), ("channel", node.1), ("met", "true")];
        bed.expect("pointsman_node_on_time_total", &on_time, 1.0).await;
    }
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn a_batch_is_one_call_and_each_recipient_is_judged_alone() {
    let bed = Setup::with_rules(ALL).start().await;
    bed.vendors.set_fault("sms-tencent", Fault::error_for("FailedOperation.PhoneNumberInBlacklist", 1)).unwrap();
    bed.vendors.set_fault("oppo", Fault::error_for("10000", 2)).unwrap();
    let phones = ["+447700900001", "+447700900002", "+447700900003", "+447700900004", "+447700900005"];
    bed.outbound(pushes::sms("m1", &phones)).await;
    bed.outbound(pushes::oppo_batch(&["m2", "m3"])).await;
    let expected = Counts::default()
        .call(SMS, "partial")
        .messages(SMS, "ok", 4)
        .messages(SMS, "user_blocked", 1)
        .code(SMS, "Ok", 4)
        .code(SMS, "FailedOperation.PhoneNumberInBlacklist", 1)
        .trace("derived")
        .call(OPPO, "invalid_token")
        .messages(OPPO, "invalid_token", 2)
        .code(OPPO, "10000", 2)
        // Two messages in one call are in no single message's trace.
        .trace("random");
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn a_failure_is_told_by_the_vendors_own_code_behind_a_200_as_behind_any_other_status() {
    let bed = Setup::with_rules(ALL).start().await;
    let mut expected = Counts::default();
    for (vendor, node, push, code, status, outcome, trace) in [
        ("oppo", OPPO, pushes::oppo("m1"), "33", 200, "quota_app", "derived"),
        ("wechat", WECHAT, pushes::wechat("m2"), "43004", 200, "user_blocked", "derived"),
        ("sms-tencent", SMS, pushes::sms("m3", &["+447700900001"]), "InternalError.Timeout", 200, "timeout", "derived"),
        ("apns", APNS, pushes::apns(pushes::APNS_TOKEN), "Unregistered", 410, "invalid_token", "random"),
        ("fcm", FCM, pushes::fcm("registration-1"), "QUOTA_EXCEEDED", 429, "rate_limited", "random"),
    ] {
        bed.vendors.set_fault(vendor, Fault::error(code)).unwrap();
        assert_eq!(bed.outbound(push).await.status, status);
        expected = expected.call(node, outcome).messages(node, outcome, 1).code(node, code, 1).trace(trace);
    }
    // A code that no adapter lists is a failure of no known class and makes no series of its own.
    bed.vendors.set_fault("oppo", Fault::error("4711")).unwrap();
    assert_eq!(bed.outbound(pushes::oppo("m4")).await.status, 200);
    expected = expected.call(OPPO, "unknown").messages(OPPO, "unknown", 1).code(OPPO, "other", 1).trace("derived");
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn a_dry_run_and_a_token_are_calls_and_no_messages() {
    use pointsman_tests::counts::Node;
    let bed = Setup::with_rules(ALL).start().await;
    for request in [pushes::fcm_dry_run("registration-1"), pushes::oppo_token(), pushes::wechat_token()] {
        assert_eq!(bed.outbound(request).await.status, 200);
    }
    let expected = Counts::default()
        .call(FCM, "ok")
        .trace("random")
        .call(Node("OPPO_TOKEN", "oppo"), "ok")
        .trace("random")
        .call(Node("WECHAT_TOKEN", "wechat"), "ok")
        .trace("random");
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn a_visit_beyond_the_objective_is_not_on_time_whatever_its_outcome() {
    let rules = r#"{"channels": [{"name": "oppo", "objective": {"limit": "100ms"}}], "hold_request": true}"#;
    let bed = Setup::with_rules(rules).start().await;
    bed.vendors.set_fault("oppo", Fault::delay(150)).unwrap();
    bed.outbound(pushes::oppo("m1")).await;
    let expected = Counts::default().call(OPPO, "ok").messages(OPPO, "ok", 1).code(OPPO, "0", 1).trace("derived");
    bed.expect_counts(&expected).await;
    bed.expect("pointsman_node_on_time_total", &[("node", "OPPO_PUSH"), ("met", "false")], 1.0).await;
    // A histogram is as fine as its buckets and keeps two digits; the answer took at least as long as the vendor did.
    let scrape = bed.scrape().await;
    let within = |le| scrape.sum("pointsman_node_duration_milliseconds_bucket", &[("node", "OPPO_PUSH"), ("le", le)]);
    assert_eq!((within("100"), within("60000")), (0.0, 1.0));
}
