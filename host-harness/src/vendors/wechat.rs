//! Template messages of a WeChat official account: one follower per request, status 200 always, the truth in `errcode`.

use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::api::{Answer, Api, Example, Verdict, number as parse_number, whole};
use super::fault::{FaultError, Refusal};
use super::received::Received;

const ACCEPTED: &str = "0";
const NAME: &str = "wechat";
const JSON: &str = "application/json; encoding=utf-8";
const SEND: &str = "/cgi-bin/message/template/send";
const TOKEN: &str = "/cgi-bin/token";
const TOKEN_LIFE_S: u32 = 7_200;

/// The stand-in of WeChat.
pub(super) struct Wechat;

impl Api for Wechat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn host(&self) -> &'static str {
        "api.weixin.qq.com"
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
            SEND => error(Answer::other(StatusCode::OK), "43002"),
            TOKEN => token(request, number),
            _ => Answer::other(StatusCode::NOT_FOUND),
        }
    }

    fn check(&self, refusal: &Refusal) -> Result<(), FaultError> {
        parse_number(NAME, &refusal.code)?;
        whole(NAME, refusal)
    }

    fn example(&self) -> Example {
        Example {
            path: "/cgi-bin/message/template/send?access_token=stand-in",
            headers: &[("content-type", "application/json")],
            body: json!({
                "touser": "oFAKE00000000000000000000001",
                "template_id": "FAKE-TEMPLATE-0001",
                "client_msg_id": "m-1",
                "data": {"first": {"value": "Hello"}, "remark": {"value": "World"}},
            })
            .to_string(),
        }
    }

    /// By `client_msg_id`.
    fn removes_repeats(&self) -> bool {
        true
    }
}

fn send(request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer {
    let refused = check(request).err();
    let refused = refused.or(refusal.map(|refusal| refusal.code.as_str()));
    match refused {
        Some(code) => {
            let verdict = Verdict::refused(code, 1);
            error(Answer::send(StatusCode::OK, verdict), code)
        }
        None => {
            let body = json!({"errcode": 0, "errmsg": "ok", "msgid": 200_000_000 + number});
            let sent = request.json().unwrap_or_default();
            Answer::send(StatusCode::OK, Verdict::accepted(ACCEPTED, 1))
                .json(JSON, &body)
                .delivers(sent["client_msg_id"].as_str(), sent["touser"].as_str())
        }
    }
}

fn check(request: &Received) -> Result<(), &'static str> {
    if request.query("access_token").is_none_or(|it| it.is_empty()) {
        return Err("41001");
    }
    if request.body.is_empty() {
        return Err("44002");
    }
    let body = request.json().ok_or("47001")?;
    let text = |key: &str| {
        let text = body[key].as_str();
        text.is_some_and(|text| !text.is_empty())
    };
    if !text("touser") {
        return Err("40003");
    }
    if !text("template_id") {
        return Err("40037");
    }
    if !body["data"].is_object() {
        return Err("47003");
    }
    Ok(())
}

fn token(request: &Received, number: u64) -> Answer {
    let missing = [("grant_type", "40002"), ("appid", "41002"), ("secret", "41004")]
        .into_iter()
        .find(|(parameter, _)| request.query(parameter).is_none_or(|value| value.is_empty()));
    let answer = Answer::other(StatusCode::OK);
    match missing {
        Some((_, code)) => error(answer, code),
        None => {
            let token = format!("stand-in-{number}");
            let body: Value = json!({"access_token": token, "expires_in": TOKEN_LIFE_S});
            answer.json(JSON, &body)
        }
    }
}

fn error(answer: Answer, code: &str) -> Answer {
    // Codes are checked to be numbers before they come here; -1 is WeChat's "system busy".
    let errcode: i64 = code.parse().unwrap_or(-1);
    let errmsg = match code {
        "-1" => "system error",
        "40001" => "invalid credential, access_token is invalid or not latest",
        "40002" => "invalid grant_type",
        "40003" => "invalid openid",
        "40037" => "invalid template_id",
        "41001" => "access_token missing",
        "41002" => "appid missing",
        "41004" => "appsecret missing",
        "42001" => "access_token expired",
        "43002" => "require POST method",
        "43004" => "require subscribe",
        "43019" => "require remove blacklist",
        "44002" => "empty post data",
        "45009" => "reach max api daily quota limit",
        "45011" => "api minute-quota reach limit, must slower, retry next minute",
        "47001" => "data format error",
        "47003" => "argument invalid!",
        "48001" => "api unauthorized",
        _ => "failed",
    };
    answer.json(JSON, &json!({"errcode": errcode, "errmsg": errmsg}))
}
