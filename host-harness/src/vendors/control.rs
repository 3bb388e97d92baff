//! The control endpoint: faults, counts and requests over HTTP, for hands and scripts.

use std::collections::BTreeMap;
use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde_json::{Value, json};

use super::fault::Fault;
use super::received::{Received, lines};
use super::{Running, VendorsError, find, set_fault};
use crate::http::{Body, full};

const MAX_FAULT_BYTES: usize = 16 << 10;

/// How many requests are shown where the query does not say.
const DEFAULT_LAST: usize = 20;

/// The part of a request body that the endpoint shows.
const MAX_SHOWN_BYTES: usize = 64 << 10;

pub(super) async fn handle(running: Vec<Running>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let result = match (&head.method, path.as_slice()) {
        (&Method::GET, ["faults"]) => Ok(all(&running, |it| it.stand_in.fault())),
        (&Method::GET, ["counts"]) => Ok(all(&running, |it| it.stand_in.ledger.counts())),
        (&Method::GET, ["requests", vendor]) => requests(&running, vendor, head.uri.query()),
        (&Method::PUT, ["faults", vendor]) => put(&running, vendor, body).await,
        (&Method::DELETE, ["faults", vendor]) => delete(&running, vendor),
        _ => Err((
            StatusCode::NOT_FOUND,
            "GET /faults, PUT or DELETE /faults/{vendor}, GET /counts, GET /requests/{vendor}?last=NUMBER".to_owned(),
        )),
    };
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err((status, message)) => (status, json!({ "error": message })),
    };
    let mut response = Response::new(full(format!("{body:#}\n")));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

type Reply = Result<Value, (StatusCode, String)>;

fn all<T: Serialize>(running: &[Running], value: impl Fn(&Running) -> T) -> Value {
    let values = running.iter().map(|it| (it.stand_in.api.name(), value(it)));
    let values: BTreeMap<_, _> = values.collect();
    json!(values)
}

fn requests(running: &[Running], vendor: &str, query: Option<&str>) -> Reply {
    let last = last(query)?;
    let requests = find(running, vendor).map_err(refuse)?.stand_in.ledger.requests();
    let first = requests.len().saturating_sub(last);
    Ok(requests.iter().skip(first).map(show).collect())
}

fn last(query: Option<&str>) -> Result<usize, (StatusCode, String)> {
    let Some(query) = query else { return Ok(DEFAULT_LAST) };
    let last = query.strip_prefix("last=").and_then(|number| number.parse().ok());
    last.ok_or_else(|| (StatusCode::BAD_REQUEST, format!("\"{query}\" is not last=NUMBER")))
}

async fn put(running: &[Running], vendor: &str, body: Incoming) -> Reply {
    let body = Limited::new(body, MAX_FAULT_BYTES).collect().await;
    let body = body.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    let fault: Fault =
        serde_json::from_slice(&body.to_bytes()).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    set_fault(running, vendor, fault.clone()).map_err(refuse)?;
    Ok(json!(fault))
}

fn delete(running: &[Running], vendor: &str) -> Reply {
    let running = find(running, vendor).map_err(refuse)?;
    running.stand_in.set_fault(None);
    Ok(Value::Null)
}

fn refuse(error: VendorsError) -> (StatusCode, String) {
    let status = match error {
        VendorsError::Unknown { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, error.to_string())
}

fn show(request: &Received) -> Value {
    let shown = request.body.get(..MAX_SHOWN_BYTES).unwrap_or(&request.body);
    json!({
        "method": request.method.as_str(),
        "target": request.uri.to_string(),
        "version": format!("{:?}", request.version),
        "headers": show_lines(request.header_lines()),
        "body": show_bytes(shown),
        "body_bytes": request.body.len(),
        "trailers": request.trailers.as_ref().map(|it| show_lines(lines(it))),
    })
}

fn show_lines(lines: Vec<(String, Vec<u8>)>) -> Value {
    let lines = lines.into_iter();
    lines.map(|(name, value)| json!([name, show_bytes(&value)])).collect()
}

/// Text as it is; other bytes escaped as in a Rust byte string.
fn show_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.escape_ascii().to_string(),
    }
}
