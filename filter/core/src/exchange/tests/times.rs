//! When that has happened which a receipt reports.

use super::scenario::{STATUS, Scenario};
use super::world::Request;

/// 2026-11-27 08:00:05 UTC.
const HAPPENED_S: u64 = 1_795_766_405;
const ARRIVED_S: u64 = HAPPENED_S + 3_600;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The times of the records of a receipt, in milliseconds since 1970.
fn times(adapter: &str, kind: &str, body: &str) -> Vec<u64> {
    let config = r#"{"records": {"cluster": "otlp"}, "channels": ["ADAPTER"],
                     "receipts": [{"path": "/callback", "adapter": "ADAPTER"}]}"#;
    let mut scenario = Scenario::new(&config.replace("ADAPTER", adapter));
    scenario.set_calendar(ARRIVED_S);
    scenario.send(&Request::inbound("/callback").header("content-type", kind), body).answer(200, "{}").finish();
    scenario.exported().of(STATUS).iter().map(|status| status.at_ms.0).collect()
}

fn form(name: &str, value: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
}

#[test]
fn a_status_has_the_time_that_the_vendor_tells() {
    let event = |event: &str, rest: &str| {
        format!(
            "<xml><FromUserName>o1</FromUserName><CreateTime>1795766405</CreateTime><Event>{event}</Event>{rest}</xml>"
        )
    };
    let sent = "<SubscribeMsgSentEvent><List><MsgID>1</MsgID><ErrorCode>0</ErrorCode></List></SubscribeMsgSentEvent>";
    let json = |body: &str| body.to_owned();
    let cases = [
        ("oppo", JSON, json(r#"[{"messageId": "m", "eventType": "push_arrive", "eventTime": "1795766405000"}]"#)),
        ("huawei", JSON, json(r#"{"statuses": [{"requestId": "m", "status": 0, "timestamp": 1795766405000}]}"#)),
        (
            "huawei",
            JSON,
            json(r#"{"statuses": [{"requestId": "m", "deliveryStatus": {"result": 0, "timestamp": 1795766405000}}]}"#),
        ),
        ("xiaomi", FORM, form("data", r#"{"m": {"type": 1, "targets": "a", "timestamp": 1795766405000}}"#)),
        ("sendgrid", JSON, json(r#"[{"sg_message_id": "m", "event": "open", "timestamp": 1795766405}]"#)),
        (
            "mailgun",
            JSON,
            json(
                r#"{"signature": {"timestamp": "1795770000"},
                    "event-data": {"event": "opened", "timestamp": 1795766405.0, "message": {"headers": {"message-id": "m"}}}}"#,
            ),
        ),
        ("wechat", "text/xml", event("TEMPLATESENDJOBFINISH", "<MsgID>1</MsgID><Status>success</Status>")),
        ("wechat", "text/xml", event("MASSSENDJOBFINISH", "<MsgID>1</MsgID><Status>send success</Status>")),
        ("wechat", "text/xml", event("subscribe_msg_sent_event", sent)),
        ("wechat-mini", "text/xml", event("subscribe_msg_sent_event", sent)),
        (
            "wechat-mini",
            JSON,
            json(
                r#"{"FromUserName": "o1", "CreateTime": 1795766405, "Event": "subscribe_msg_sent_event",
                    "List": [{"MsgID": "1", "ErrorCode": "0"}]}"#,
            ),
        ),
        ("sms-aliyun", JSON, json(r#"[{"biz_id": "m", "success": true, "report_time": "2026-11-27 16:00:05"}]"#)),
        (
            "sms-tencent",
            JSON,
            json(r#"[{"sid": "m", "report_status": "SUCCESS", "user_receive_time": "2026-11-27 16:00:05"}]"#),
        ),
    ];
    for (adapter, kind, body) in cases {
        assert_eq!(times(adapter, kind, &body), [HAPPENED_S * 1_000], "{adapter}: {body}");
    }
}

#[test]
fn what_is_no_time_leaves_that_of_the_arrival() {
    let tomorrow = ARRIVED_S + 24 * 3_600;
    let of = |time: &str| {
        let body = format!(r#"[{{"messageId": "m", "eventType": "push_arrive", "eventTime": "{time}"}}]"#);
        times("oppo", JSON, &body)
    };
    for time in ["", "0", "soon", "946684799", &format!("{}", tomorrow + 1)] {
        assert_eq!(of(time), [ARRIVED_S * 1_000], "{time}");
    }
    assert_eq!(of("946684800"), [946_684_800_000]);
    assert_eq!(of(&tomorrow.to_string()), [tomorrow * 1_000], "the vendor's clock may be ahead");
    assert_eq!(times("twilio", FORM, "MessageSid=m&MessageStatus=delivered"), [ARRIVED_S * 1_000]);
}

#[test]
fn each_report_has_its_own_time_and_all_of_its_recipients_have_it() {
    let body = r#"[{"messageId": "m", "registrationIds": "a,b", "eventType": "push_arrive", "eventTime": 1795766405000},
                   {"messageId": "m", "registrationIds": "c", "eventType": "regid_invalid"},
                   {"messageId": "m", "registrationIds": "d", "eventType": "regid_invalid", "eventTime": 1795766406000}]"#;
    let told = [HAPPENED_S, HAPPENED_S, ARRIVED_S, HAPPENED_S + 1].map(|second| second * 1_000);
    assert_eq!(times("oppo", JSON, body), told);
}
