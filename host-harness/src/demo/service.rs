//! A push service that knows nothing of Pointsman: it takes a push, calls the vendor, and forwards no trace header.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::push::Push;
use super::vendor_calls::{accepted, calls};
use crate::http::{Body, Client, ClientError, Version, full, serve};

const MAX_PUSH_BYTES: usize = 1 << 20;

/// Longer than Envoy waits for a vendor, so that it is Envoy who gives up.
const VENDOR_TIMEOUT: Duration = Duration::from_secs(35);

/// Below this path vendors post their receipts, each under its own name.
pub(super) const RECEIPTS: &str = "/callbacks/";

/// The running service.
pub(super) struct Service {
    addr: SocketAddr,
    vendors: Arc<OnceLock<Outbound>>,
    _task: JoinSet<()>,
}

/// The clients for the outbound listener; APNs is spoken to in HTTP/2 only.
#[derive(Debug)]
struct Outbound {
    http1: Client,
    http2: Client,
}

/// Why a push is not handed on.
#[derive(Debug, Error)]
enum PushError {
    #[error("the body is no push: {0}")]
    NoPush(String),
    #[error("no channel is named {0}")]
    Channel(String),
    #[error("the vendor cannot be reached: {0}")]
    Transport(#[from] ClientError),
    #[error("a recipient cannot be addressed: {0}")]
    Recipient(#[from] http::Error),
}

impl Service {
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let vendors = Arc::new(OnceLock::new());
        let handler = {
            let vendors = Arc::clone(&vendors);
            move |request| handle(Arc::clone(&vendors), request)
        };
        let mut task = JoinSet::new();
        task.spawn(serve(listener, handler, std::future::pending()));
        Ok(Self { addr, vendors, _task: task })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says where vendors are reached. The first word counts: Envoy needs the service's address before it has its own.
    pub(super) fn send_through(&self, outbound: SocketAddr) {
        let client = |version| Client::new(outbound, version).timeout(VENDOR_TIMEOUT);
        self.vendors.get_or_init(|| Outbound { http1: client(Version::Http1), http2: client(Version::Http2) });
    }
}

async fn handle(vendors: Arc<OnceLock<Outbound>>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let (status, answer) = match (&head.method, head.uri.path(), vendors.get()) {
        (&Method::POST, "/push", Some(vendors)) => match push(vendors, body).await {
            Ok(answer) => (StatusCode::OK, answer),
            Err(error) => (error.status(), json!({ "error": error.to_string() })),
        },
        // What vendors report; this service has no use for it.
        (&Method::POST, path, _) if path.starts_with(RECEIPTS) => (StatusCode::OK, json!({ "code": 0 })),
        _ => (StatusCode::NOT_FOUND, json!({ "error": "POST /push" })),
    };
    let mut response = Response::new(full(answer.to_string()));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

async fn push(vendors: &Outbound, body: Incoming) -> Result<Value, PushError> {
    let body = Limited::new(body, MAX_PUSH_BYTES).collect().await;
    let body = body.map_err(|error| PushError::NoPush(error.to_string()))?;
    let push: Push = serde_json::from_slice(&body.to_bytes()).map_err(|error| PushError::NoPush(error.to_string()))?;
    let calls = calls(&push)?;
    if calls.is_empty() {
        return Err(PushError::Channel(push.channel));
    }
    let client = match push.channel.as_str() {
        "apns" => &vendors.http2,
        _ => &vendors.http1,
    };
    let (mut sent, mut all) = (0, 0);
    for call in calls {
        let response = client.send(call.request).await?;
        sent += accepted(&push.channel, &response, call.recipients);
        all += call.recipients;
    }
    Ok(json!({ "accepted": sent, "failed": all - sent }))
}

impl PushError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoPush(_) | Self::Channel(_) | Self::Recipient(_) => StatusCode::BAD_REQUEST,
            Self::Transport(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

#[cfg(test)]
mod tests;
