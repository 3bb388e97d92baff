//! An HTTP call of the guest: as in Envoy, what never connected or took too long is a response too.

use crate::abi::Headers;
use crate::filter::{CallResult, HttpCall, LocalReply};
use crate::proxy::frames;
use crate::proxy::headers::{Outgoing, of_response, of_trailers};
use crate::proxy::pools::Pools;
use crate::proxy::upstream::{Failure, Reply};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};

/// The most bytes of an answer that are kept for the guest.
const MAX_BODY_BYTES: usize = 32 << 20;

/// Sends a call and waits for its whole answer.
pub(super) async fn send(pools: &Pools, call: HttpCall) -> CallResult {
    let timeout = call.timeout;
    let exchange = exchange(pools, call);
    match timeout {
        None => exchange.await,
        Some(timeout) => match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_) => response(504, Bytes::from_static(b"upstream request timeout")),
        },
    }
}

async fn exchange(pools: &Pools, mut call: HttpCall) -> CallResult {
    let Some(pool) = pools.get(&call.cluster) else { return failed(&Failure::NoHealthyUpstream) };
    if !call.body.is_empty() {
        call.headers.set("content-length", call.body.len().to_string());
    }
    // Envoy drops the call's trailers.
    let request = match Outgoing::new(&call.headers, frames::whole(call.body)) {
        Ok(request) => request,
        // Only the client of a stream is told what was wrong.
        Err(refused) => return response(refused.status(), Bytes::new()),
    };
    match pool.send(request, false).await {
        Err(failure) => failed(&failure),
        Ok(Reply { response, lease, .. }) => {
            let (head, body) = response.into_parts();
            let Ok(whole) = Limited::new(body, MAX_BODY_BYTES).collect().await else { return CallResult::Reset };
            drop(lease);
            let trailers = whole.trailers().map(of_trailers).unwrap_or_default();
            CallResult::Response { headers: of_response(&head), body: whole.to_bytes(), trailers }
        }
    }
}

fn failed(failure: &Failure) -> CallResult {
    let LocalReply { status, body, .. } = failure.reply(false);
    response(status, body)
}

fn response(status: u16, body: Bytes) -> CallResult {
    let mut headers = Headers::new();
    headers.push(":status", status.to_string());
    headers.push("content-length", body.len().to_string());
    headers.push("content-type", "text/plain");
    CallResult::Response { headers, body, trailers: Headers::new() }
}
