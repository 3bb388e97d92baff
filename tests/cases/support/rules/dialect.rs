//! How vendors speak: just enough of each to be called, to answer, and to see who gets what.

use super::seen::Answered;
use serde_json::{Value, json};

/// A request, or an answer with its status in place of the target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) authority: String,
    pub(crate) path: String,
    /// Without the pseudo-headers.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A vendor's answer, or the proxy's own in its place.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What a vendor reads of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) recipient: String,
    /// By which it removes repeats.
    pub(crate) key: Option<String>,
}

/// Who gets the message of this number, as this vendor names recipients. No phone has area code 555.
pub(crate) fn recipient(adapter: &str, number: usize) -> String {
    if adapter == "sms-tencent" { format!("+1555{number:07}") } else { format!("user-{number:06}") }
}

/// The host of a vendor whose channel names none.
pub(crate) fn host(adapter: &str) -> Option<&'static str> {
    match adapter {
        "oppo" => Some("api.push.oppomobile.com"),
        "sms-tencent" => Some("sms.tencentcloudapi.com"),
        _ => None,
    }
}

/// One message to one recipient.
pub(crate) fn request(adapter: &str, host: &str, id: &str, recipient: &str, key: bool) -> Request {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let (path, headers, body) = match adapter {
        "oppo" => {
            let mut message = json!({
                "target_type": 2,
                "target_value": recipient,
                "notification": {"title": "Hello", "content": "World"},
            });
            if key {
                message["notification"]["app_message_id"] = id.into();
            }
            let body = format!("auth_token=primary-secret&message={}", percent(&message.to_string()));
            ("/server/v1/message/notification/unicast", vec![form, ("cookie", "primary-secret")], body)
        }
        "sms-tencent" => {
            let body = json!({
                "PhoneNumberSet": [recipient],
                "SmsSdkAppId": "1400000000",
                "TemplateId": "449739",
                "TemplateParamSet": ["1234"],
                "SessionContext": id,
            });
            let action = [("x-tc-action", "SendSms"), ("x-tc-version", "2021-01-11")];
            let credential = ("authorization", "TC3-HMAC-SHA256 Credential=primary-secret");
            ("/", [&[json, credential], &action[..]].concat(), body.to_string())
        }
        _ => {
            let body = json!({"message_id": id, "to": recipient, "title": "Hello", "body": "World"});
            ("/push", vec![json, ("authorization", "Bearer primary-secret")], body.to_string())
        }
    };
    let mut headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    headers.push(("x-message-id".to_owned(), id.to_owned()));
    Request { authority: host.to_owned(), path: path.to_owned(), headers, body: body.into_bytes() }
}

/// What a vendor reads; `None` if it would refuse the request as none of its own.
pub(crate) fn read(adapter: &str, request: &Request) -> Option<Read> {
    let body = std::str::from_utf8(&request.body).ok()?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match adapter {
        "oppo" => {
            let message = body.split('&').find_map(|field| field.strip_prefix("message="))?;
            let message: Value = serde_json::from_str(&unpercent(message)?).ok()?;
            let key = text(&message["notification"]["app_message_id"]);
            Some(Read { recipient: text(&message["target_value"])?, key })
        }
        "sms-tencent" => {
            let body: Value = serde_json::from_str(body).ok()?;
            Some(Read { recipient: text(&body["PhoneNumberSet"][0])?, key: None })
        }
        _ => {
            let body: Value = serde_json::from_str(body).ok()?;
            ["title", "body", "template"].iter().find_map(|key| text(&body[*key]))?;
            let one = text(&body["to"]).or_else(|| text(&body["to"][0]));
            Some(Read { recipient: one?, key: None })
        }
    }
}

/// The answer to a message that the vendor takes.
pub(crate) fn accept(adapter: &str, number: u64) -> Answer {
    let body = match adapter {
        "oppo" => json!({"code": 0, "message": "Success", "data": {"messageId": format!("5f{number:022x}")}}),
        "sms-tencent" => {
            let status = json!({"SerialNo": format!("2640:{number:012}"), "Code": "Ok", "Message": "send success"});
            json!({"Response": {"SendStatusSet": [status], "RequestId": format!("request-{number}")}})
        }
        _ => json!({"code": 0, "id": format!("lc-{number:08}")}),
    };
    answer(200, &body)
}

/// The answer to a message that the vendor refuses.
pub(crate) fn refuse(adapter: &str, code: &str, status: u16) -> Answer {
    let number = code.parse::<i64>().map_or_else(|_| Value::from(code), Value::from);
    let body = match adapter {
        "sms-tencent" => json!({"Response": {"Error": {"Code": code, "Message": "refused"}, "RequestId": "request"}}),
        _ => json!({"code": number, "message": "refused"}),
    };
    answer(status, &body)
}

/// What a proxy before the vendor says in its place.
pub(crate) fn page(status: u16) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
    Answer { status, headers, body: format!("<html><h1>{status}</h1></html>").into_bytes() }
}

/// What the proxy says in a vendor's place.
pub(crate) fn proxy(status: u16, text: &str) -> Answer {
    let headers = vec![("content-type".to_owned(), "text/plain".to_owned())];
    Answer { status, headers, body: text.as_bytes().to_vec() }
}

fn answer(status: u16, body: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: body.to_string().into_bytes() }
}

/// What an application understands that speaks to this vendor.
pub(crate) fn understand(adapter: &str, answer: &Answer) -> Answered {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let done = match adapter {
        "sms-tencent" => body["Response"]["SendStatusSet"][0]["Code"] == "Ok",
        _ => body["code"] == 0,
    };
    match answer.status {
        429 => Answered::Shed,
        200 if done => Answered::Ok,
        _ => Answered::Failed,
    }
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn unpercent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let (byte, length) = match first {
            b'%' => (u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3),
            b'+' => (b' ', 1),
            byte => (byte, 1),
        };
        bytes.push(byte);
        rest = rest.get(length..)?;
    }
    String::from_utf8(bytes).ok()
}
