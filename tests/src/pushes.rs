//! One valid push to each vendor's stand-in, and the requests that only sound like one.

use bytes::Bytes;
use http::Request;
use http::request::Builder;
use serde_json::{Value, json};

pub use crate::load::{gateway_push as lc, wechat_push as wechat};

/// A device token in the form of APNs'.
pub const APNS_TOKEN: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";

/// To one device of Apple's. The message has no id.
pub fn apns(token: &str) -> Request<Bytes> {
    let request = post("api.push.apple.com", &format!("/3/device/{token}"))
        .header("authorization", "bearer stand-in")
        .header("apns-topic", "com.example.app");
    with_json(request, &json!({"aps": {"alert": {"title": "t", "body": "b"}}}))
}

/// To one device of Google's. The message has no id.
pub fn fcm(token: &str) -> Request<Bytes> {
    with_json(to_fcm(), &json!({"message": {"token": token, "notification": {"title": "t", "body": "b"}}}))
}

/// A message that Google's server is to check and not to send.
pub fn fcm_dry_run(token: &str) -> Request<Bytes> {
    with_json(to_fcm(), &json!({"validate_only": true, "message": {"token": token}}))
}

fn to_fcm() -> Builder {
    post("fcm.googleapis.com", "/v1/projects/example-app/messages:send").header("authorization", "Bearer stand-in")
}

/// To one device of OPPO's, its registration id made of the message's id.
pub fn oppo(id: &str) -> Request<Bytes> {
    oppo_form("unicast", "message", &oppo_message(id))
}

/// To one device of OPPO's. The message has no id.
pub fn oppo_nameless(registration: &str) -> Request<Bytes> {
    let message = json!({
        "target_type": 2,
        "target_value": registration,
        "notification": {"title": "t", "content": "c"},
    });
    oppo_form("unicast", "message", &message)
}

/// To one device for each message id, all in one call.
pub fn oppo_batch(ids: &[&str]) -> Request<Bytes> {
    let messages: Vec<Value> = ids.iter().map(|id| oppo_message(id)).collect();
    oppo_form("unicast_batch", "messages", &Value::from(messages))
}

/// A token of OPPO's, which is no message.
pub fn oppo_token() -> Request<Bytes> {
    let request = post("api.push.oppomobile.com", "/server/v1/auth");
    with_form(request, "app_key=stand-in&sign=stand-in&timestamp=1700000000000".to_owned())
}

/// The registration id that [`oppo`] sends to.
pub fn oppo_registration(id: &str) -> String {
    format!("OPPO_CN_registration_{id}")
}

fn oppo_message(id: &str) -> Value {
    json!({
        "target_type": 2,
        "target_value": oppo_registration(id),
        "notification": {"app_message_id": id, "title": "t", "content": "c"},
    })
}

fn oppo_form(operation: &str, field: &str, message: &Value) -> Request<Bytes> {
    let path = format!("/server/v1/message/notification/{operation}");
    let form = format!("auth_token=stand-in&{field}={}", percent(&message.to_string()));
    with_form(post("api.push.oppomobile.com", &path), form)
}

/// A token of WeChat's, which is no message.
pub fn wechat_token() -> Request<Bytes> {
    let path = "/cgi-bin/token?grant_type=client_credential&appid=stand-in&secret=stand-in";
    whole(Request::get(path).header("host", "api.weixin.qq.com"), Bytes::new())
}

/// One text message to each phone, through Tencent's gateway.
pub fn sms(id: &str, phones: &[&str]) -> Request<Bytes> {
    let request = post("sms.tencentcloudapi.com", "/")
        .header("authorization", "TC3-HMAC-SHA256 Credential=stand-in")
        .header("x-tc-action", "SendSms")
        .header("x-tc-version", "2021-01-11");
    let body = json!({
        "PhoneNumberSet": phones,
        "SmsSdkAppId": "1400000000",
        "TemplateId": "449739",
        "SessionContext": id,
    });
    with_json(request, &body)
}

/// What a caller asks of the push service.
pub fn service(body: &Value) -> Request<Bytes> {
    with_json(post("push.internal", "/push"), body)
}

fn post(host: &str, path: &str) -> Builder {
    Request::post(path).header("host", host)
}

fn with_json(request: Builder, body: &Value) -> Request<Bytes> {
    whole(request.header("content-type", "application/json"), body.to_string().into())
}

fn with_form(request: Builder, form: String) -> Request<Bytes> {
    whole(request.header("content-type", "application/x-www-form-urlencoded"), form.into())
}

fn whole(request: Builder, body: Bytes) -> Request<Bytes> {
    request.body(body).expect("a request of fixed parts")
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The same request with one more header line.
#[must_use]
pub fn with(mut request: Request<Bytes>, name: &'static str, value: &[u8]) -> Request<Bytes> {
    let value = http::HeaderValue::from_bytes(value).expect("bytes that HTTP allows in a header");
    request.headers_mut().append(name, value);
    request
}
