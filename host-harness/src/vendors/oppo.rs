//! OPPO push: a form with JSON in one of its fields, and status 200 whatever becomes of the message.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, Example, Verdict, number as parse_number};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "0";
const NAME: &str = "oppo";
const JSON: &str = "application/json;charset=UTF-8";
const AUTH: &str = "/server/v1/auth";
const UNICAST: &str = "/server/v1/message/notification/unicast";
const UNICAST_BATCH: &str = "/server/v1/message/notification/unicast_batch";
const MAX_BATCH: usize = 1_000;

const INVALID_AUTH_TOKEN: &str = "11";
const MISSING_APP_KEY: &str = "15";
const MISSING_SIGN: &str = "17";
const MISSING_TIMESTAMP: &str = "18";
const MISSING_ARGUMENTS: &str = "40";
const INVALID_ARGUMENTS: &str = "41";

/// The stand-in of OPPO push.
pub(super) struct Oppo;

impl Api for Oppo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "api.push.oppomobile.com"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && matches!(head.uri.path(), UNICAST | UNICAST_BATCH)
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        match request.path() {
            _ if request.method != Method::POST => Answer::other(StatusCode::METHOD_NOT_ALLOWED),
            UNICAST => unicast(request, refusal, number),
            UNICAST_BATCH => batch(request, refusal, number),
            AUTH => token(request, number),
            _ => Answer::other(StatusCode::NOT_FOUND),
        }
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        parse_number(NAME, &refusal.code).map(|_| ())
    }

    fn example(&self) -> Example {
        let message = json!({
            "target_type": 2,
            "target_value": "OPPO_CN_00000000000000000000000000000000",
            "notification": {"app_message_id": "m-1", "title": "Hello", "content": "World"},
        });
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("auth_token", "stand-in")
            .append_pair("message", &message.to_string())
            .finish();
        Example { path: UNICAST, headers: &[("content-type", "application/x-www-form-urlencoded")], body: form }
    }

    fn receipt(&self, answer: &Answer) -> Option<Value> {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let ids: Vec<&Value> = match &body["data"] {
            Value::Array(items) => items.iter().filter(|item| item["errorCode"].is_null()).collect(),
            one => vec![one],
        };
        let arrived = ids.into_iter().zip(&answer.deliveries).map(|(item, delivery)| {
            json!({
                "messageId": item["messageId"],
                "registrationIds": delivery.recipient,
                "eventType": "push_arrive",
            })
        });
        Some(Value::Array(arrived.collect()))
    }

    /// By `app_message_id`.
    fn removes_repeats(&self) -> bool {
        true
    }
}

fn unicast(request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
    let message = match read(request, "message") {
        Ok(message) => message,
        Err(code) => return refuse(code, 1),
    };
    if let Err(code) = check_message(&message) {
        return refuse(code, 1);
    }
    if let Some(refusal) = refusal {
        return refuse(&refusal.code, 1);
    }
    let body = json!({
        "code": 0,
        "message": "Success",
        "data": {"messageId": message_id(number, 0), "status": "call_success"},
    });
    delivers(Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, 1)).json(JSON, &body), &message)
}

fn delivers(answer: Answer, message: &Value) -> Answer {
    let id = message.pointer("/notification/app_message_id").and_then(Value::as_str);
    answer.delivers(id, message["target_value"].as_str())
}

fn batch(request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
    let messages = match read(request, "messages") {
        Ok(Value::Array(messages)) => messages,
        Ok(_) => return refuse(INVALID_ARGUMENTS, 1),
        Err(code) => return refuse(code, 1),
    };
    if messages.is_empty() || messages.len() > MAX_BATCH {
        return refuse(INVALID_ARGUMENTS, messages.len().max(1));
    }
    if let Some(code) = messages.iter().find_map(|it| check_message(it).err()) {
        return refuse(code, messages.len());
    }
    match refusal {
        Some(Refusal { code, recipients: None, .. }) => refuse(code, messages.len()),
        refusal => batch_results(&messages, refusal, number),
    }
}

fn batch_results(messages: &[Value], refusal: Option<&Refusal>, number: u64) -> Answer {
    let refused = refusal.and_then(|refusal| refusal.recipients).unwrap_or(0).min(messages.len());
    let code = refusal.map_or(ACCEPTED, |refusal| refusal.code.as_str());
    let data: Vec<Value> = messages
        .iter()
        .enumerate()
        .map(|(index, message)| {
            let target = &message["target_value"];
            let mut item = json!({"registrationId": target, "messageId": message_id(number, index)});
            // An accepted target has no code at all, not a code that means success.
            if index < refused {
                item["errorCode"] = json!(numeric(code));
                item["errorMessage"] = json!(text(code));
            }
            item
        })
        .collect();
    let body = json!({"code": 0, "message": "Success", "data": data});
    let mut answer = Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, messages.len() - refused));
    answer.verdicts.push(Verdict::refused(code, refused));
    answer.verdicts.retain(|verdict| verdict.recipients > 0);
    messages.iter().skip(refused).fold(answer.json(JSON, &body), delivers)
}

fn token(request: &Received, number: u64) -> Answer {
    let missing = [("app_key", MISSING_APP_KEY), ("sign", MISSING_SIGN), ("timestamp", MISSING_TIMESTAMP)]
        .into_iter()
        .find(|(field, _)| request.form(field).is_none_or(|value| value.is_empty()));
    let body = match missing {
        Some((_, code)) => json!({"code": numeric(code), "message": text(code)}),
        None => json!({
            "code": 0,
            "message": "success",
            "data": {"auth_token": format!("stand-in-{number}"), "create_time": number},
        }),
    };
    Answer::other(StatusCode::OK).json(JSON, &body)
}

/// The JSON in a form field, once the caller has shown a token, in the form or, as older SDKs do, in a header.
fn read(request: &Received, field: &str) -> Result<Value, &'static str> {
    let token = request.form("auth_token").or_else(|| request.header("auth_token").map(str::to_owned));
    if token.is_none_or(|token| token.is_empty()) {
        return Err(INVALID_AUTH_TOKEN);
    }
    let text = request.form(field).ok_or(MISSING_ARGUMENTS)?;
    serde_json::from_str(&text).map_err(|_| INVALID_ARGUMENTS)
}

fn check_message(message: &Value) -> Result<(), &'static str> {
    let text = |pointer| {
        let text = message.pointer(pointer).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty())
    };
    if !text("/target_value") || !text("/notification/title") || !text("/notification/content") {
        return Err(MISSING_ARGUMENTS);
    }
    match message["target_type"].as_i64() {
        Some(2 | 3 | 5) => Ok(()),
        Some(_) => Err(INVALID_ARGUMENTS),
        None => Err(MISSING_ARGUMENTS),
    }
}

fn refuse(code: &str, recipients: usize) -> Answer {
    let body = json!({"code": numeric(code), "message": text(code)});
    Answer::send(StatusCode::OK, Verdict::refused(code, recipients)).json(JSON, &body)
}

/// Codes are checked to be numbers before they come here; -1 is OPPO's "service not available".
fn numeric(code: &str) -> i64 {
    code.parse().unwrap_or(-1)
}

fn text(code: &str) -> &'static str {
    match code {
        "-1" => "Service Currently Unavailable",
        "-2" => "Service in Flow Control",
        INVALID_AUTH_TOKEN => "Invalid AuthToken",
        "13" => "App Call Limited",
        MISSING_APP_KEY => "Missing App Key",
        MISSING_SIGN => "Missing Sign",
        MISSING_TIMESTAMP => "Missing Timestamp",
        "33" => "The number of messages exceeds the daily limit",
        MISSING_ARGUMENTS => "Missing Required Arguments",
        INVALID_ARGUMENTS => "Invalid Arguments",
        "10000" => "Invalid Registration_id",
        _ => "Failed",
    }
}

fn message_id(number: u64, index: usize) -> String {
    format!("5f0000000000{number:08x}{index:04x}")
}
