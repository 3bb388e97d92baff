//! The pushes of these tests: one message to one recipient, both made of its number.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

/// Stands in every credential of an application, and must never reach a vendor that it is not for.
pub(crate) const SECRET: &str = "secret-of-the-primary";

pub(crate) fn id(number: usize) -> String {
    format!("message-{number:06}")
}

/// A device of OPPO's.
pub(crate) fn oppo_recipient(number: usize) -> String {
    format!("OPPO_CN_{number:032}")
}

/// To OPPO, with the key by which it removes repeats.
pub(crate) fn oppo(number: usize) -> Request<Bytes> {
    oppo_form("unicast", "message", &oppo_message(number))
}

fn oppo_message(number: usize) -> Value {
    json!({
        "target_type": 2,
        "target_value": oppo_recipient(number),
        "notification": {"app_message_id": id(number), "title": "Hello", "content": "World"},
    })
}

/// To several devices of OPPO's in one call.
pub(crate) fn oppo_batch(numbers: std::ops::Range<usize>) -> Request<Bytes> {
    let messages: Vec<Value> = numbers.map(oppo_message).collect();
    oppo_form("unicast_batch", "messages", &Value::from(messages))
}

/// With a text of so many bytes.
pub(crate) fn oppo_long(number: usize, length: usize) -> Request<Bytes> {
    let mut message = oppo_message(number);
    message["notification"]["content"] = "x".repeat(length).into();
    oppo_form("unicast", "message", &message)
}

fn oppo_form(operation: &str, field: &str, message: &Value) -> Request<Bytes> {
    let percent: String = message.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("auth_token={SECRET}&{field}={percent}");
    let request = Request::post(format!("/server/v1/message/notification/{operation}"))
        .header("host", "api.push.oppomobile.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", SECRET);
    request.body(body.into()).expect("a request of fixed parts")
}

/// A device of Google's.
pub(crate) fn fcm_recipient(number: usize) -> String {
    format!("fcm-token-{number:06}")
}

/// To FCM, which removes no repeats.
pub(crate) fn fcm(number: usize) -> Request<Bytes> {
    let body = json!({"message": {
        "token": fcm_recipient(number),
        "notification": {"title": "Hello", "body": "World"},
        "data": {"id": id(number)},
    }});
    let request = Request::post("/v1/projects/example-app/messages:send")
        .header("host", "fcm.googleapis.com")
        .header("authorization", format!("Bearer {SECRET}"));
    with_json(request, &body)
}

/// A phone with an area code that nobody has.
pub(crate) fn sms_recipient(number: usize) -> String {
    format!("+1555{number:07}")
}

/// To Tencent's SMS, which removes no repeats.
pub(crate) fn sms(number: usize) -> Request<Bytes> {
    let body = json!({
        "PhoneNumberSet": [sms_recipient(number)],
        "SmsSdkAppId": "1400000000",
        "TemplateId": "449739",
        "TemplateParamSet": ["1234"],
        "SessionContext": id(number),
    });
    let request = Request::post("/")
        .header("host", "sms.tencentcloudapi.com")
        .header("authorization", format!("TC3-HMAC-SHA256 Credential={SECRET}"))
        .header("x-tc-action", "SendSms")
        .header("x-tc-version", "2021-01-11");
    with_json(request, &body)
}

fn with_json(request: http::request::Builder, body: &Value) -> Request<Bytes> {
    let request = request.header("content-type", "application/json");
    request.body(body.to_string().into()).expect("a request of fixed parts")
}
