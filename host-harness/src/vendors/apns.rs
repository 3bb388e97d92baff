//! Apple Push Notification service: one device per request, ids and options in headers, the reason in JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use super::api::{Answer, Api, Example, Verdict, uuid, whole};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "200";
const NAME: &str = "apns";
const PATH: &str = "/3/device/";
const MAX_PAYLOAD_BYTES: usize = 4_096;
const MAX_COLLAPSE_ID_BYTES: usize = 64;
const PUSH_TYPES: [&str; 10] = [
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "mdm",
    "pushtotalk",
    "voip",
];
const SINGLE_HEADERS: [&str; 6] =
    ["apns-collapse-id", "apns-expiration", "apns-id", "apns-priority", "apns-push-type", "apns-topic"];

/// Every reason with its status.
const REASONS: [(&str, u16); 32] = [
    ("BadCollapseId", 400),
    ("BadDeviceToken", 400),
    ("BadExpirationDate", 400),
    ("BadMessageId", 400),
    ("BadPriority", 400),
    ("BadTopic", 400),
    ("DeviceTokenNotForTopic", 400),
    ("DuplicateHeaders", 400),
    ("IdleTimeout", 400),
    ("InvalidPushType", 400),
    ("MissingDeviceToken", 400),
    ("MissingTopic", 400),
    ("PayloadEmpty", 400),
    ("TopicDisallowed", 400),
    ("BadCertificate", 403),
    ("BadCertificateEnvironment", 403),
    ("ExpiredProviderToken", 403),
    ("Forbidden", 403),
    ("InvalidProviderToken", 403),
    ("MissingProviderToken", 403),
    ("UnrelatedKeyIdInToken", 403),
    ("BadEnvironmentKeyIdInToken", 403),
    ("BadPath", 404),
    ("MethodNotAllowed", 405),
    ("ExpiredToken", 410),
    ("Unregistered", 410),
    ("PayloadTooLarge", 413),
    ("TooManyProviderTokenUpdates", 429),
    ("TooManyRequests", 429),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
    ("Shutdown", 503),
];

/// The stand-in of APNs.
pub(super) struct Apns;

impl Api for Apns {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "api.push.apple.com"
    }

    fn accepted_code(&self) -> &'static str {
        ACCEPTED
    }

    fn is_send(&self, head: &Parts) -> bool {
        head.method == Method::POST && head.uri.path().starts_with(PATH)
    }

    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
        let refused = check(request).err().or(refusal.map(|it| it.code.as_str()));
        let id = match request.header("apns-id") {
            Some(id) if is_uuid(id) => id.to_owned(),
            _ => uuid(number),
        };
        let answer = match refused {
            None => Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, 1))
                .delivers(Some(&id), request.path().strip_prefix(PATH)),
            Some(reason) => refuse(request, reason),
        };
        answer.header("apns-id", &id)
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        if status(&refusal.code).is_none() {
            let code = refusal.code.clone();
            return Err(FaultError::Code { vendor: NAME, code });
        }
        whole(NAME, refusal)
    }

    fn example(&self) -> Example {
        Example {
            path: "/3/device/00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0",
            headers: &[
                ("authorization", "bearer stand-in"),
                ("apns-topic", "com.example.app"),
                ("apns-push-type", "alert"),
            ],
            body: json!({"aps": {"alert": {"title": "Hello", "body": "World"}}}).to_string(),
        }
    }
}

fn check(request: &Received) -> Result<(), &'static str> {
    let Some(token) = request.path().strip_prefix(PATH) else {
        return Err("BadPath");
    };
    require(request.method == Method::POST, "MethodNotAllowed")?;
    let authorization = request.header("authorization").unwrap_or_default();
    require(is_bearer(authorization), "MissingProviderToken")?;
    require(!token.is_empty(), "MissingDeviceToken")?;
    let hex = token.bytes().all(|byte| byte.is_ascii_hexdigit());
    require(hex, "BadDeviceToken")?;
    check_headers(request)?;
    let json = request.json();
    require(json.is_some_and(|json| json.is_object()), "PayloadEmpty")?;
    require(request.body.len() <= MAX_PAYLOAD_BYTES, "PayloadTooLarge")
}

fn check_headers(request: &Received) -> Result<(), &'static str> {
    let single = SINGLE_HEADERS.iter().all(|name| request.header_values(name).len() < 2);
    require(single, "DuplicateHeaders")?;
    require(request.header("apns-topic").is_some(), "MissingTopic")?;
    let fits = |name, test: fn(&str) -> bool| request.header(name).is_none_or(test);
    require(fits("apns-id", is_uuid), "BadMessageId")?;
    let priority = |value: &str| matches!(value, "1" | "5" | "10");
    require(fits("apns-priority", priority), "BadPriority")?;
    let push_type = |value: &str| PUSH_TYPES.contains(&value);
    require(fits("apns-push-type", push_type), "InvalidPushType")?;
    let number = |value: &str| value.parse::<u64>().is_ok();
    require(fits("apns-expiration", number), "BadExpirationDate")?;
    let short = |value: &str| value.len() <= MAX_COLLAPSE_ID_BYTES;
    require(fits("apns-collapse-id", short), "BadCollapseId")
}

fn require(met: bool, reason: &'static str) -> Result<(), &'static str> {
    if met { Ok(()) } else { Err(reason) }
}

fn refuse(request: &Received, reason: &str) -> Answer {
    let status = status(reason).unwrap_or(StatusCode::BAD_REQUEST);
    let mut body = json!({ "reason": reason });
    if status == StatusCode::GONE {
        body["timestamp"] = json!(now_ms());
    }
    let is_send = request.method == Method::POST && request.path().starts_with(PATH);
    let answer = if is_send { Answer::send(status, Verdict::refused(reason, 1)) } else { Answer::other(status) };
    answer.json("application/json", &body)
}

fn status(reason: &str) -> Option<StatusCode> {
    let (_, status) = REASONS.iter().find(|(name, _)| *name == reason)?;
    StatusCode::from_u16(*status).ok()
}

fn is_bearer(authorization: &str) -> bool {
    let scheme = authorization.split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer") && authorization.len() > scheme.len() + 1
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// When the token ceased to be valid, which for a stand-in is now, in milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
