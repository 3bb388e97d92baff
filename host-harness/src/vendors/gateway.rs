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
        head.method == Method::POST && head.uri.path() == SEND
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        match request.path() {
            SEND if request.method == Method::POST => send(request, refusal, number),
            SEND => Answer::other(StatusCode::METHOD_NOT_ALLOWED),
            _ => Answer::other(StatusCode::NOT_FOUND),
        }
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        parse_number(NAME, &refusal.code)?;
        whole(NAME, refusal)
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
    let missing = ["message_id", "title", "body"]
        .into_iter()
        .find(|key| body[*key].as_str().is_none_or(str::is_empty))
        .or((recipients == 0).then_some("to"));
    if let Some(key) = missing {
        let verdict = Verdict::refused(INVALID, recipients.max(1));
        let body = json!({"code": 400, "message": format!("missing field: {key}")});
        return Answer::send(StatusCode::BAD_REQUEST, verdict).json(JSON, &body);
    }
    match refusal {
        Some(Refusal { code, .. }) => {
            let verdict = Verdict::refused(code.as_str(), recipients);
            // Codes are checked to be numbers when the fault is set.
            let code: i64 = code.parse().unwrap_or(-1);
            let body = json!({"code": code, "message": "refused"});
            Answer::send(StatusCode::OK, verdict).json(JSON, &body)
        }
        None => {
            let verdict = Verdict::accepted(ACCEPTED, recipients);
            let body = json!({"code": 0, "id": format!("lc-{number:08}")});
            Answer::send(StatusCode::OK, verdict).json(JSON, &body)
        }
    }
}

fn recipients(to: &Value) -> usize {
    match to {
        Value::String(one) => usize::from(!one.is_empty()),
        Value::Array(many) => many.len(),
        _ => 0,
    }
}
