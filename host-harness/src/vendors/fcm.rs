//! Firebase Cloud Messaging, HTTP v1: one message per request, errors as Google's APIs write them.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, Example, Operation, Verdict, whole};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "200";
const NAME: &str = "fcm";
const JSON: &str = "application/json; charset=UTF-8";
const TARGETS: [&str; 4] = ["token", "topic", "condition", "fid"];

/// What a client is asked to wait on `QUOTA_EXCEEDED` where the fault says nothing else, in seconds.
const DEFAULT_RETRY_AFTER_S: &str = "60";

struct Kind {
    code: &'static str,
    http: StatusCode,
    status: &'static str,
    message: &'static str,
}

const KINDS: [Kind; 9] = [
    Kind {
        code: "UNREGISTERED",
        http: StatusCode::NOT_FOUND,
        status: "NOT_FOUND",
        message: "Requested entity was not found.",
    },
    Kind {
        code: "INVALID_ARGUMENT",
        http: StatusCode::BAD_REQUEST,
        status: "INVALID_ARGUMENT",
        message: "The registration token is not a valid FCM registration token",
    },
    Kind {
        code: "SENDER_ID_MISMATCH",
        http: StatusCode::FORBIDDEN,
        status: "PERMISSION_DENIED",
        message: "SenderId mismatch",
    },
    Kind {
        code: "THIRD_PARTY_AUTH_ERROR",
        http: StatusCode::UNAUTHORIZED,
        status: "UNAUTHENTICATED",
        message: "Auth error from APNS or Web Push Service",
    },
    Kind {
        code: "QUOTA_EXCEEDED",
        http: StatusCode::TOO_MANY_REQUESTS,
        status: "RESOURCE_EXHAUSTED",
        message: "Quota exceeded for quota metric 'Send requests'.",
    },
    Kind {
        code: "UNAVAILABLE",
        http: StatusCode::SERVICE_UNAVAILABLE,
        status: "UNAVAILABLE",
        message: "The service is currently unavailable.",
    },
    Kind {
        code: "INTERNAL",
        http: StatusCode::INTERNAL_SERVER_ERROR,
        status: "INTERNAL",
        message: "Internal error encountered.",
    },
    Kind {
        code: "UNSPECIFIED_ERROR",
        http: StatusCode::INTERNAL_SERVER_ERROR,
        status: "INTERNAL",
        message: "No more information is available about this error.",
    },
    Kind {
        code: "UNAUTHENTICATED",
        http: StatusCode::UNAUTHORIZED,
        status: "UNAUTHENTICATED",
        message: "Request is missing required authentication credential.",
    },
];

/// The stand-in of FCM.
pub(super) struct Fcm;

impl Api for Fcm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "fcm.googleapis.com"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && project(head.uri.path()).is_some()
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        let project = match project(request.path()) {
            Some(project) if request.method == Method::POST => project,
            _ => return not_found(),
        };
        let bearer = request.header("authorization").unwrap_or_default();
        if !bearer.starts_with("Bearer ") {
            return refuse("UNAUTHENTICATED");
        }
        let message = match check(request) {
            Ok(message) => message,
            Err(fault) => return invalid(fault),
        };
        if let Some(refusal) = refusal {
            return refuse(&refusal.code);
        }
        let dry_run = message.get("validate_only") == Some(&Value::Bool(true));
        let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let answer = accept(project, number, dry_run);
        match text("/message/token").filter(|_| !dry_run) {
            Some(token) => answer.delivers(text("/message/data/message_id"), Some(token)),
            None => answer,
        }
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        if kind(&refusal.code).is_none() {
            let code = refusal.code.clone();
            return Err(FaultError::Code { vendor: NAME, code });
        }
        whole(NAME, refusal)
    }

    fn example(&self) -> Example {
        let notification = json!({"title": "Hello", "body": "World"});
        Example {
            path: "/v1/projects/example-app/messages:send",
            headers: &[("authorization", "Bearer stand-in"), ("content-type", "application/json")],
            body: json!({"message": {"token": "fake-registration-token", "notification": notification}}).to_string(),
        }
    }
}

fn project(path: &str) -> Option<&str> {
    let project = path.strip_prefix("/v1/projects/")?.strip_suffix("/messages:send")?;
    (!project.is_empty() && !project.contains('/')).then_some(project)
}

fn check(request: &Received) -> Result<Value, &'static str> {
    let Some(body) = request.json() else {
        return Err("Invalid JSON payload received. Unable to parse.");
    };
    let Some(message) = body.get("message") else {
        return Err("Invalid value at 'message' (oneof), missing required field.");
    };
    let targets = TARGETS
        .iter()
        .filter(|target| message.get(**target).and_then(Value::as_str).is_some_and(|value| !value.is_empty()))
        .count();
    match targets {
        1 => Ok(body),
        0 => Err("Recipient of the message is not set."),
        _ => Err("Invalid value at 'message' (oneof), oneof field 'target' is already set."),
    }
}

fn accept(project: &str, number: u64, dry_run: bool) -> Answer {
    let id = if dry_run { "fake_message_id".to_owned() } else { format!("0:{number:016}%{number:016x}") };
    let body = json!({ "name": format!("projects/{project}/messages/{id}") });
    let mut answer = Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, 1)).json(JSON, &body);
    if dry_run {
        answer.operation = Operation::DryRun;
    }
    answer
}

fn refuse(code: &str) -> Answer {
    let Some(kind) = kind(code) else {
        return not_found();
    };
    let mut error = json!({
        "code": kind.http.as_u16(),
        "message": kind.message,
        "status": kind.status,
    });
    // Google's front end refuses credentials before FCM has seen the message.
    if kind.code != "UNAUTHENTICATED" {
        error["details"] = json!([{
            "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError",
            "errorCode": kind.code,
        }]);
    }
    let answer = Answer::send(kind.http, Verdict::refused(kind.code, 1));
    let answer = answer.json(JSON, &json!({ "error": error }));
    if kind.code == "QUOTA_EXCEEDED" {
        return answer.header("retry-after", DEFAULT_RETRY_AFTER_S);
    }
    answer
}

/// A request that breaks the API's own rules: `BadRequest` and not `FcmError`, by which clients tell it from a bad token.
fn invalid(description: &str) -> Answer {
    let violation = json!({"field": "message", "description": description});
    let body = json!({"error": {
        "code": 400,
        "message": description,
        "status": "INVALID_ARGUMENT",
        "details": [{
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [violation],
        }],
    }});
    let verdict = Verdict::refused("INVALID_ARGUMENT", 1);
    Answer::send(StatusCode::BAD_REQUEST, verdict).json(JSON, &body)
}

fn not_found() -> Answer {
    let mut answer = Answer::other(StatusCode::NOT_FOUND);
    answer.body = "<!DOCTYPE html>\n<title>Error 404 (Not Found)</title>\n".into();
    answer.header("content-type", "text/html; charset=UTF-8")
}

fn kind(code: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.code == code)
}
