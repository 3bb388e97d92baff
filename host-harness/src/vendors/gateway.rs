//! A push gateway of the platform's own, such as its long connections: plain JSON in and out, success in `code`.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, Example, Verdict, number as parse_number, whole};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "0";
const NAME: &str = "lc";
const SEND: &str = "/push";
/// Where a gateway is sent to that nobody has given a path.
const ROOT: &str = "/";
const JSON: &str = "application/json";
const INVALID: &str = "400";

/// The stand-in of the gateway.
pub(super) struct Gateway;

impl Api for Gateway {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "lc.internal"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && matches!(head.uri.path(), SEND | ROOT)
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        match request.path() {
            SEND | ROOT if request.method == Method::POST => send(request, refusal, number),
            SEND | ROOT => Answer::other(StatusCode::METHOD_NOT_ALLOWED),
            _ => Answer::other(StatusCode::NOT_FOUND),
        }
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        parse_number(NAME, &refusal.code)?;
        whole(NAME, refusal)
    }

    fn receipt(&self, answer: &Answer) -> Option<Value> {
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let delivery = answer.deliveries.first()?;
        Some(json!({"id": body["id"], "to": delivery.recipient, "status": "delivered"}))
    }

    fn example(&self) -> Example {
        Example {
            path: SEND,
            headers: &[("content-type", JSON)],
            body: json!({
                "message_id": "m-1",
                "to": "user-1",
                "title": "Hello",
                "body": "World",
                "template": "greeting",
            })
            .to_string(),
        }
    }
}

fn send(request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
    let body = request.json().unwrap_or_default();
    let recipients = recipients(&body["to"]);
    if let Some(what) = missing(&body, recipients.len()) {
        let verdict = Verdict::refused(INVALID, recipients.len().max(1));
        let body = json!({"code": 400, "message": format!("missing field: {what}")});
        return Answer::send(StatusCode::BAD_REQUEST, verdict).json(JSON, &body);
    }
    match refusal {
        Some(Refusal { code, .. }) => {
            let verdict = Verdict::refused(code.as_str(), recipients.len());
            // Codes are checked to be numbers when the fault is set.
            let code: i64 = code.parse().unwrap_or(-1);
            let body = json!({"code": code, "message": "refused"});
            Answer::send(StatusCode::OK, verdict).json(JSON, &body)
        }
        None => {
            let id = body["message_id"].as_str();
            let verdict = Verdict::accepted(ACCEPTED, recipients.len());
            let answer = json!({"code": 0, "message_id": id, "id": format!("lc-{number:08}")});
            let answer = Answer::send(StatusCode::OK, verdict).json(JSON, &answer);
            recipients.into_iter().fold(answer, |answer, to| answer.delivers(id, Some(to)))
        }
    }
}

/// What a message cannot do without: someone to reach, and something to say, be it a text or a template.
fn missing(body: &Value, recipients: usize) -> Option<&'static str> {
    let has_text = |key: &str| body[key].as_str().is_some_and(|text| !text.is_empty());
    match () {
        () if recipients == 0 => Some("to"),
        () if !["title", "body", "template"].into_iter().any(has_text) => Some("body"),
        () => None,
    }
}

fn recipients(to: &Value) -> Vec<&str> {
    match to {
        Value::String(one) if !one.is_empty() => vec![one],
        Value::Array(many) => many.iter().map(|to| to.as_str().unwrap_or_default()).collect(),
        _ => Vec::new(),
    }
}
