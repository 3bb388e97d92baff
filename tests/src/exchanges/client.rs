//! The client in front of the proxies.

use super::case::{Case, text};
use super::observe::{Message, header_lines};
use super::paced::{End, Paced, trailers};
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use pointsman_host::http::{Version, open};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// What later streams of a case with `then` do.
pub const WATCH: &str = "request_headers: get request :path | response_headers: get response :status";

/// Sends the exchanges of a case, one after another.
pub async fn run(addr: SocketAddr, case: &Case) -> Vec<Message> {
    let mut answers = vec![send(addr, case, &script(case)).await];
    if case.then {
        answers.push(send(addr, case, WATCH).await);
    }
    answers
}

/// The script of a case on one line.
pub fn script(case: &Case) -> String {
    let lines: Vec<&str> = case.script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("|")
}

async fn send(addr: SocketAddr, case: &Case, script: &str) -> Message {
    let mut answer = Message::default();
    if timeout(Duration::from_millis(case.patience_ms), exchange(addr, case, script, &mut answer)).await.is_err() {
        answer.end = "no more came";
    }
    answer
}

async fn exchange(addr: SocketAddr, case: &Case, script: &str, answer: &mut Message) {
    let version = if case.request.version == 2 { Version::Http2 } else { Version::Http1 };
    let response = match open(addr, version, request(case, script)).await {
        Ok(response) => response,
        Err(_) => {
            answer.end = "broken off";
            return;
        }
    };
    answer.first = response.status().as_u16().to_string();
    answer.headers = header_lines(response.headers(), &[]);
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            answer.end = "broken off";
            return;
        };
        match frame.into_data() {
            Ok(data) => answer.body.extend_from_slice(&data),
            Err(frame) => answer.trailers = header_lines(&frame.into_trailers().unwrap_or_default(), &[]),
        }
    }
}

fn request(case: &Case, script: &str) -> Request<Paced> {
    let spec = &case.request;
    let mut request = Request::builder()
        .method(spec.method.as_str())
        .uri(format!("http://{}{}", spec.authority, spec.path))
        .header("x-tag", &case.name)
        .header("x-script", script);
    for (name, value) in &spec.headers {
        request = request.header(name, value);
    }
    let end = if spec.trailers.is_empty() { End::Whole } else { End::Trailers(trailers(&spec.trailers)) };
    if spec.version == 1 && !spec.trailers.is_empty() {
        // Without it no trailers are sent in HTTP/1.1.
        let names: Vec<&str> = spec.trailers.keys().map(String::as_str).collect();
        request = request.header("trailer", names.join(", "));
    }
    let pieces = spec.body.iter().map(|piece| Bytes::from(text(piece))).collect();
    request.body(Paced::new(pieces, end)).expect("a request that can be put on the wire")
}
