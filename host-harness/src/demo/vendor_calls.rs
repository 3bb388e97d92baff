//! The requests of vendors' APIs as an ordinary push service writes them, and what it reads from the answers.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use super::push::Push;
use crate::http::Response;

/// One call of a vendor.
pub(crate) struct Call {
    pub(crate) request: Request<Bytes>,
    pub(crate) recipients: usize,
}

/// The calls that a push takes; empty for a channel that the service does not know.
///
/// # Errors
/// When a recipient cannot stand in a URL.
pub(crate) fn calls(push: &Push) -> Result<Vec<Call>, http::Error> {
    match push.channel.as_str() {
        "oppo" if push.recipients.len() > 1 => Ok(vec![oppo_batch(push)?]),
        "sms-tencent" => Ok(vec![tencent(push)?]),
        channel => {
            let one: fn(&Push, &str) -> Result<Request<Bytes>, http::Error> = match channel {
                "apns" => apns,
                "fcm" => fcm,
                "oppo" => oppo,
                "wechat" => wechat,
                "lc" => gateway,
                "twilio" => twilio,
                _ => return Ok(Vec::new()),
            };
            let calls = push.recipients.iter().map(|recipient| {
                let request = one(push, recipient)?;
                Ok(Call { request, recipients: 1 })
            });
            calls.collect()
        }
    }
}

/// How many recipients of a call the vendor has accepted, by what stands in the body where the status says nothing.
pub(crate) fn accepted(channel: &str, response: &Response, recipients: usize) -> usize {
    let json = response.json().unwrap_or_default();
    let ok = match channel {
        "apns" | "fcm" => response.status == 200,
        "sms-tencent" => return tencent_accepted(&json),
        "wechat" => json["errcode"] == 0,
        "twilio" => response.status == 201,
        "oppo" if json["data"].is_array() => return oppo_accepted(&json),
        _ => json["code"] == 0,
    };
    if ok { recipients } else { 0 }
}

fn apns(push: &Push, token: &str) -> Result<Request<Bytes>, http::Error> {
    let payload = json!({
        "aps": {"alert": {"title": push.title, "body": push.body}, "sound": "default"},
        "template": push.template,
    });
    Request::post(format!("http://api.push.apple.com/3/device/{token}"))
        .header("authorization", "bearer stand-in")
        .header("apns-id", &push.message_id)
        .header("apns-topic", "com.example.app")
        .header("apns-push-type", "alert")
        .header("content-type", "application/json")
        .body(payload.to_string().into())
}

fn fcm(push: &Push, token: &str) -> Result<Request<Bytes>, http::Error> {
    let body = json!({"message": {
        "token": token,
        "notification": {"title": push.title, "body": push.body},
        "data": {"message_id": push.message_id, "template": push.template},
    }});
    Request::post("http://fcm.googleapis.com/v1/projects/example-app/messages:send")
        .header("authorization", "Bearer stand-in")
        .header("content-type", "application/json")
        .body(body.to_string().into())
}

fn oppo(push: &Push, target: &str) -> Result<Request<Bytes>, http::Error> {
    let message = oppo_message(push, target);
    oppo_form("unicast", "message", &message)
}

fn oppo_batch(push: &Push) -> Result<Call, http::Error> {
    let targets = push.recipients.iter();
    let messages: Value = targets.map(|target| oppo_message(push, target)).collect();
    Ok(Call { request: oppo_form("unicast_batch", "messages", &messages)?, recipients: push.recipients.len() })
}

fn oppo_message(push: &Push, target: &str) -> Value {
    json!({
        "target_type": 2,
        "target_value": target,
        "notification": {
            "app_message_id": push.message_id,
            "title": push.title,
            "content": push.body,
            "private_msg_template_id": push.template,
        },
    })
}

fn oppo_form(operation: &str, field: &str, json: &Value) -> Result<Request<Bytes>, http::Error> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("auth_token", "stand-in")
        .append_pair(field, &json.to_string())
        .finish();
    let path = format!("/server/v1/message/notification/{operation}");
    Request::post(format!("http://api.push.oppomobile.com{path}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into())
}

fn wechat(push: &Push, openid: &str) -> Result<Request<Bytes>, http::Error> {
    let body = json!({
        "touser": openid,
        "template_id": push.template,
        "client_msg_id": push.message_id,
        "data": {"first": {"value": push.title}, "remark": {"value": push.body}},
    });
    Request::post("http://api.weixin.qq.com/cgi-bin/message/template/send?access_token=stand-in")
        .header("content-type", "application/json")
        .body(body.to_string().into())
}

fn tencent(push: &Push) -> Result<Call, http::Error> {
    let body = json!({
        "PhoneNumberSet": push.recipients,
        "SmsSdkAppId": "1400000000",
        "TemplateId": push.template,
        "SignName": "Example",
        "TemplateParamSet": [push.title],
        "SessionContext": push.message_id,
    });
    let request = Request::post("http://sms.tencentcloudapi.com/")
        .header("authorization", "TC3-HMAC-SHA256 Credential=stand-in")
        .header("content-type", "application/json; charset=utf-8")
        .header("x-tc-action", "SendSms")
        .header("x-tc-version", "2021-01-11")
        .header("x-tc-region", "ap-guangzhou")
        .body(body.to_string().into())?;
    Ok(Call { request, recipients: push.recipients.len() })
}

fn gateway(push: &Push, user: &str) -> Result<Request<Bytes>, http::Error> {
    let body = json!({
        "message_id": push.message_id,
        "to": user,
        "title": push.title,
        "body": push.body,
        "template": push.template,
    });
    Request::post("http://lc.internal/push").header("content-type", "application/json").body(body.to_string().into())
}

fn twilio(push: &Push, phone: &str) -> Result<Request<Bytes>, http::Error> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("To", phone)
        .append_pair("From", "+447700900999")
        .append_pair("Body", &push.body)
        .finish();
    Request::post("http://api.twilio.com/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json")
        .header("authorization", "Basic c3RhbmQtaW46c3RhbmQtaW4=")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into())
}

fn tencent_accepted(json: &Value) -> usize {
    let set = json["Response"]["SendStatusSet"].as_array();
    let accepted = |phone: &&Value| phone["Code"] == "Ok";
    set.map_or(0, |set| set.iter().filter(accepted).count())
}

fn oppo_accepted(json: &Value) -> usize {
    let data = json["data"].as_array();
    let accepted = |target: &&Value| target["errorCode"].is_null();
    data.map_or(0, |data| data.iter().filter(accepted).count())
}
