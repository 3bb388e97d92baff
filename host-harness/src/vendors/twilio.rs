//! Twilio Programmable Messaging: a form for one phone, 201 with the message, any other status with a code.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use super::api::{Answer, Api, Example, Verdict, number as parse_number, whole};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "201";
const NAME: &str = "twilio";
const JSON: &str = "application/json";
const MISSING_TO: &str = "21604";
const MISSING_FROM: &str = "21603";
const MISSING_BODY: &str = "21602";
const UNAUTHORIZED: &str = "20003";

/// Codes that come with another status than 400.
const STATUSES: [(&str, u16); 6] =
    [(UNAUTHORIZED, 401), ("20404", 404), ("20429", 429), ("14107", 429), ("20500", 500), ("20503", 503)];

/// The stand-in of Twilio.
pub(super) struct Twilio;

impl Api for Twilio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "api.twilio.com"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && account(head.uri.path()).is_some()
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        let account = match account(request.path()) {
            Some(account) if request.method == Method::POST => account,
            Some(_) => return Answer::other(StatusCode::METHOD_NOT_ALLOWED),
            None => return Answer::other(StatusCode::NOT_FOUND),
        };
        let refused = check(request).err().or(refusal.map(|refusal| refusal.code.as_str()));
        if let Some(code) = refused {
            return refuse(code);
        }
        let to = request.form("To");
        let body = json!({
            "sid": format!("SM{number:032x}"),
            "account_sid": account,
            "to": to,
            "status": "queued",
            "error_code": null,
            "error_message": null,
        });
        // The API knows no id of the sender's.
        Answer::send(StatusCode::CREATED, Verdict::accepted(ACCEPTED, 1))
            .json(JSON, &body)
            .delivers(None, to.as_deref())
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        parse_number(NAME, &refusal.code)?;
        whole(NAME, refusal)
    }

    fn example(&self) -> Example {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", "+447700900001")
            .append_pair("From", "+447700900999")
            .append_pair("Body", "Hello World")
            .finish();
        Example {
            path: "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json",
            headers: &[("authorization", "Basic c3RhbmQ6aW4="), ("content-type", "application/x-www-form-urlencoded")],
            body: form,
        }
    }

    fn unauthorized(&self) -> Answer {
        refuse(UNAUTHORIZED)
    }
}

fn account(path: &str) -> Option<&str> {
    let account = path.strip_prefix("/2010-04-01/Accounts/")?.strip_suffix("/Messages.json")?;
    (!account.is_empty() && !account.contains('/')).then_some(account)
}

fn check(request: &Received) -> Result<(), &'static str> {
    if !request.header("authorization").unwrap_or_default().starts_with("Basic ") {
        return Err(UNAUTHORIZED);
    }
    let has = |field| request.form(field).is_some_and(|value| !value.is_empty());
    match () {
        () if !has("To") => Err(MISSING_TO),
        () if !has("From") && !has("MessagingServiceSid") => Err(MISSING_FROM),
        () if !has("Body") && !has("ContentSid") => Err(MISSING_BODY),
        () => Ok(()),
    }
}

fn refuse(code: &str) -> Answer {
    let status = STATUSES.iter().find(|(known, _)| *known == code).map_or(400, |(_, status)| *status);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    // Codes are checked to be numbers before they come here.
    let number: i64 = code.parse().unwrap_or(0);
    let body = json!({
        "code": number,
        "message": "refused",
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status.as_u16(),
    });
    Answer::send(status, Verdict::refused(code, 1)).json(JSON, &body)
}
