//! Receipts of vendors on their way to the service.

use super::scenario::{CALLS, MESSAGES, Scenario};
use super::world::Request;
use crate::lifecycle::Status;

const CONFIG: &str = r#"{
    "service": "push", "channels": ["oppo", {"name": "sms", "adapter": "sms-tencent"}],
    "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}, {"path": "/callbacks/sms/{key}", "adapter": "sms-tencent"}]
}"#;
const STATUSES: &str = "pointsman_message_statuses_total";
const RECEIPTS: &str = "pointsman_receipts_total";
const ARRIVED: &str =
    r#"[{"messageId": "m1", "registrationIds": "a,b", "eventType": "push_arrive"}, {"eventType": "regid_invalid"}]"#;

fn oppo() -> Request {
    Request::inbound("/callbacks/oppo")
}

#[test]
fn each_recipient_of_each_report_is_a_status_once_the_service_has_taken_the_receipt() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.worker.log_visits = true;
    scenario.send(&oppo(), ARRIVED).answer(200, "{}").finish();
    assert_eq!(scenario.counts(STATUSES), ["oppo delivered 2", "oppo failed 1"]);
    assert_eq!(scenario.counts(RECEIPTS), ["oppo accepted 1"]);
    assert_eq!(scenario.counts(CALLS), ["OPPO_RECEIPT oppo ok 1"]);
    assert_eq!(scenario.counts(MESSAGES), [""; 0], "a receipt is no message");
    let report = &scenario.report().unwrap().report;
    let seen: Vec<_> = report.statuses.iter().map(|status| (status.vendor_id.as_deref(), &*status.name)).collect();
    assert_eq!(seen, [(Some("m1"), "delivered"), (Some("m1"), "delivered"), (None, "failed")]);
    let first = report.statuses[0].recipient.as_deref().unwrap();
    assert!(first.len() == 32 && first != report.statuses[1].recipient.as_deref().unwrap(), "a hash of its own");
}

#[test]
fn words_may_stand_for_a_status_that_the_config_adds() {
    let mut scenario = Scenario::new(
        r#"{
            "channels": [{"name": "oppo", "overrides": {"receipt": [{
                "vendor_id": [{"json": "/*/messageId"}], "recipients": [{"json": "/*/registrationIds", "split": ","}],
                "status": [{"json": "/*/eventType"}],
                "words": {"delivered": ["push_arrive"]}, "otherwise": "suppressed"
            }]}}],
            "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}],
            "statuses": [{"name": "suppressed", "rank": 10, "after": ["sent"]}]
        }"#,
    );
    scenario.worker.log_visits = true;
    scenario.send(&oppo(), ARRIVED).answer(200, "{}").finish();
    assert_eq!(scenario.counts(STATUSES), ["oppo delivered 2", "oppo suppressed 1"]);
    let report = serde_json::to_value(scenario.report().unwrap()).unwrap();
    assert_eq!(report["statuses"][2]["status"], "suppressed");
}

#[test]
fn a_step_that_is_not_allowed_is_counted_by_its_ends() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.worker.status_conflict(Status::Delivered, Status::Sent);
    scenario.worker.status_conflict(Status::Delivered, Status::Sent);
    scenario.worker.status_conflict(Status::Read, Status::Failed);
    let counts = scenario.counts("pointsman_status_conflicts_total");
    assert_eq!(counts, ["delivered sent 2", "read failed 1"]);
}

#[test]
fn a_receipt_that_the_service_refuses_counts_nothing() {
    let mut scenario = Scenario::new(CONFIG);
    for status in [302, 401, 500] {
        scenario.send(&oppo(), ARRIVED).answer(status, "").finish();
    }
    assert_eq!((scenario.counts(STATUSES), scenario.counts(RECEIPTS)), (vec![], vec!["oppo refused 3".to_owned()]));
}

#[test]
fn a_receipt_that_cannot_be_read_is_counted_as_such() {
    let mut scenario = Scenario::new(CONFIG);
    for body in ["not JSON", r#"[{"messageId": "m1""#] {
        scenario.send(&oppo(), body).answer(200, "").finish();
    }
    assert_eq!((scenario.counts(STATUSES), scenario.counts(RECEIPTS)), (vec![], vec!["oppo opaque 2".to_owned()]));
}

#[test]
fn the_channel_of_a_receipt_is_the_one_with_its_adapter_and_other_paths_are_the_services() {
    let mut scenario = Scenario::new(CONFIG);
    let report = r#"[{"sid": "s1", "mobile": "13800138000", "nationcode": "86", "report_status": "SUCCESS"}]"#;
    scenario.send(&Request::inbound("/callbacks/sms/key"), report).answer(200, "").finish();
    scenario.send(&Request::inbound("/callbacks"), "{}").answer(200, "").finish();
    assert_eq!(scenario.counts(STATUSES), ["sms delivered 1"]);
    assert_eq!(scenario.counts(CALLS), ["PUSH none ok 1", "SMS_RECEIPT sms ok 1"]);
}

#[test]
fn what_else_comes_to_a_callback_url_is_no_message() {
    let config = r#"{"service": "push", "channels": ["wechat"], "receipts": [{"path": "/cb", "adapter": "wechat"}]}"#;
    let mut scenario = Scenario::new(config);
    let follow = "<xml><FromUserName>o1</FromUserName><MsgType>event</MsgType><Event>subscribe</Event></xml>";
    scenario.send(&Request::inbound("/cb"), follow).answer(200, "").finish();
    assert_eq!(scenario.counts(CALLS), ["WECHAT_RECEIPT wechat ok 1"]);
    assert_eq!((scenario.counts(MESSAGES), scenario.counts(STATUSES)), (vec![], vec![]));
}

#[test]
fn a_receipt_that_was_not_read_is_opaque() {
    let mut scenario = Scenario::new(CONFIG);
    scenario.send(&oppo().header("content-encoding", "gzip"), ARRIVED).answer(200, "").finish();
    scenario.open_without_body(&oppo()).answer(200, "").finish();
    assert_eq!((scenario.counts(STATUSES), scenario.counts(RECEIPTS)), (vec![], vec!["oppo opaque 2".to_owned()]));
}
