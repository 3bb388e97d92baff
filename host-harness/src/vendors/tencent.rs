//! Tencent Cloud SMS: many phones per request, status 200 always, a result per phone.

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, Example, Verdict, uuid};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "Ok";
const NAME: &str = "sms-tencent";
const ACTION: &str = "SendSms";
const VERSION: &str = "2021-01-11";
const MAX_PHONES: usize = 200;
const BAD_PHONE: &str = "InvalidParameterValue.IncorrectPhoneNumber";

/// The stand-in of Tencent Cloud SMS.
pub(super) struct TencentSms;

/// A request error: the code and what the vendor says of it.
struct Fault {
    code: &'static str,
    message: String,
    recipients: usize,
}

impl Api for TencentSms {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "sms.tencentcloudapi.com"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && head.uri.path() == "/" && header(&head.headers, "x-tc-action") == Some(ACTION)
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        if request.path() != "/" {
            return Answer::other(StatusCode::NOT_FOUND);
        }
        if let Err(fault) = check_action(request) {
            return refuse(Answer::other(StatusCode::OK), &fault, number);
        }
        let body = match check(request) {
            Ok(body) => body,
            Err(fault) => {
                let verdict = Verdict::refused(fault.code, fault.recipients);
                return refuse(Answer::send(StatusCode::OK, verdict), &fault, number);
            }
        };
        let phones = phones(&body);
        match refusal {
            Some(refusal) if refusal.recipients.is_none() => {
                let verdict = Verdict::refused(refusal.code.as_str(), phones.len());
                let answer = Answer::send(StatusCode::OK, verdict);
                error(answer, &refusal.code, "refused", number)
            }
            refusal => results(&body, &phones, refusal, number),
        }
    }

    fn check(&self, _: &Refusal) -> Result<(), FaultError> {
        // Codes are words with dots and new ones come every month, so any word will do.
        Ok(())
    }

    fn example(&self) -> Example {
        Example {
            path: "/",
            headers: &[
                ("authorization", "TC3-HMAC-SHA256 Credential=stand-in"),
                ("content-type", "application/json; charset=utf-8"),
                ("x-tc-action", ACTION),
                ("x-tc-version", VERSION),
                ("x-tc-timestamp", "1700000000"),
                ("x-tc-region", "ap-guangzhou"),
            ],
            body: json!({
                "PhoneNumberSet": ["+447700900001", "+447700900002"],
                "SmsSdkAppId": "1400000000",
                "TemplateId": "449739",
                "SignName": "Example",
                "TemplateParamSet": ["1234"],
                "SessionContext": "m-1",
            })
            .to_string(),
        }
    }
}

fn check_action(request: &Received) -> Result<(), Fault> {
    match request.header("x-tc-action") {
        None => Err(missing("Action", 1)),
        Some(ACTION) => Ok(()),
        Some(action) => Err(Fault {
            code: "InvalidAction",
            message: format!("The request action={action} is invalid or not found."),
            recipients: 1,
        }),
    }
}

fn check(request: &Received) -> Result<Value, Fault> {
    let fault = |code, message: &str, recipients| Fault { code, message: message.to_owned(), recipients };
    let body = request.json();
    let recipients = body.as_ref().map_or(0, |body| phones(body).len()).max(1);
    match request.header("x-tc-version") {
        None => return Err(missing("Version", recipients)),
        Some(VERSION) => {}
        Some(_) => {
            let message = "The specified version does not exist.";
            return Err(fault("NoSuchVersion", message, recipients));
        }
    }
    let authorization = request.header("authorization").unwrap_or_default();
    if !authorization.starts_with("TC3-HMAC-SHA256 ") {
        let message = "The `Authorization` header is invalid.";
        return Err(fault("AuthFailure.InvalidAuthorization", message, recipients));
    }
    let Some(body) = body else {
        let message = "The request body is not valid JSON.";
        return Err(fault("InvalidParameter", message, recipients));
    };
    check_body(&body, recipients)?;
    Ok(body)
}

fn check_body(body: &Value, recipients: usize) -> Result<(), Fault> {
    if phones(body).is_empty() {
        return Err(missing("PhoneNumberSet", recipients));
    }
    for key in ["SmsSdkAppId", "TemplateId"] {
        if body[key].as_str().is_none_or(str::is_empty) {
            return Err(missing(key, recipients));
        }
    }
    if recipients > MAX_PHONES {
        return Err(Fault {
            code: "LimitExceeded.PhoneNumberCountLimit",
            message: format!("the number of phones should not exceed {MAX_PHONES}"),
            recipients,
        });
    }
    Ok(())
}

fn missing(parameter: &str, recipients: usize) -> Fault {
    Fault {
        code: "MissingParameter",
        message: format!("The request is missing a required parameter `{parameter}`."),
        recipients,
    }
}

fn results(body: &Value, phones: &[&str], refusal: Option<&Refusal>, number: u64) -> Answer {
    let session = body["SessionContext"].as_str().unwrap_or_default();
    let mut answer = Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, 0));
    answer.verdicts.clear();
    let mut set = Vec::new();
    for (index, phone) in phones.iter().enumerate() {
        let forced = refusal.filter(|refusal| refusal.recipients.is_some_and(|n| index < n));
        let code = match forced {
            Some(refusal) => refusal.code.as_str(),
            None if is_phone(phone) => ACCEPTED,
            None => BAD_PHONE,
        };
        let ok = code == ACCEPTED;
        set.push(json!({
            "SerialNo": if ok { format!("2640:{number:012}{index:04}") } else { String::new() },
            "PhoneNumber": phone,
            "Fee": u8::from(ok),
            "SessionContext": session,
            "Code": code,
            "Message": if ok { "send success" } else { "refused" },
            "IsoCode": "GB",
        }));
        answer.verdicts.push(if ok { Verdict::accepted(code, 1) } else { Verdict::refused(code, 1) });
        if ok {
            answer = answer.delivers(Some(session), Some(phone));
        }
    }
    let response = json!({"SendStatusSet": set, "RequestId": uuid(number)});
    answer.json("application/json", &json!({ "Response": response }))
}

fn refuse(answer: Answer, fault: &Fault, number: u64) -> Answer {
    error(answer, fault.code, &fault.message, number)
}

fn error(answer: Answer, code: &str, message: &str, number: u64) -> Answer {
    let error = json!({"Code": code, "Message": message});
    let response = json!({"Error": error, "RequestId": uuid(number)});
    answer.json("application/json", &json!({ "Response": response }))
}

fn phones(body: &Value) -> Vec<&str> {
    let set = body["PhoneNumberSet"].as_array();
    set.map(|set| set.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// E.164, or eleven digits of a mainland number.
fn is_phone(phone: &str) -> bool {
    let digits = phone.strip_prefix('+').unwrap_or(phone);
    let length = if digits.len() == phone.len() { 11..=11 } else { 8..=15 };
    length.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
