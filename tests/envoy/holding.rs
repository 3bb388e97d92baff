//! Requests whose headers wait for the body: how long, for which bodies, and what ends the waiting.

use bytes::Bytes;
use http::{HeaderMap, Request};
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pointsman_core::trace::Key;
use pointsman_host::http::{ClientError, Response, Version, send_within};
use pointsman_host::vendors::Received;
use pointsman_tests::{Bed, PATIENCE, SECRET, Setup, pushes};
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Longer than a test.
const ENDLESS: Duration = Duration::from_secs(60);

const HOLD_TIMEOUT: Duration = Duration::from_secs(1);

/// From being due to be released until the tick and the vendor have it, on a busy machine.
const RELEASED_WITHIN: Duration = Duration::from_secs(1);

fn rules(more: &str) -> String {
    let gateway = r#"{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}"#;
    let fcm = r#"{"name": "fcm", "message_id": [{"json": "/message/data/id"}]}"#;
    format!(
        r#"{{"service": "push", "channels": [{gateway}, {fcm}], "hold_request": true, "blocked_after": ["2s"]{more}}}"#
    )
}

fn short() -> String {
    rules(r#", "hold_timeout": "1s""#)
}

/// The body of a request that comes when the test says so.
struct Upload(UnboundedReceiver<Frame<Bytes>>);

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

/// A request whose head is out. Dropping `rest` ends its body.
struct Uploading {
    body: Bytes,
    rest: UnboundedSender<Frame<Bytes>>,
    answer: JoinHandle<Result<Response, ClientError>>,
}

impl Uploading {
    fn begin(bed: &Bed, version: Version, push: Request<Bytes>) -> Self {
        let (rest, frames) = unbounded_channel();
        let body = push.body().clone();
        let mut upload = push.map(|_| Upload(frames));
        upload.headers_mut().insert("content-length", body.len().into());
        let sending = send_within(bed.envoy.outbound(), version, upload, ENDLESS);
        Self { body, rest, answer: tokio::spawn(sending) }
    }

    /// Sends what comes next of the body.
    fn upload(&mut self, bytes: usize) {
        let piece = self.body.split_to(bytes.min(self.body.len()));
        if !piece.is_empty() {
            self.rest.send(Frame::data(piece)).expect("the request goes on");
        }
    }

    /// Sends the rest of the body and waits for the answer.
    async fn finish(mut self) -> u16 {
        self.upload(usize::MAX);
        drop(self.rest);
        self.answer.await.unwrap().unwrap().status.as_u16()
    }
}

/// The requests whose head has reached the vendor.
fn reached(bed: &Bed, vendor: &str) -> u64 {
    bed.vendors.counts(vendor).unwrap().requests
}

/// Waits until the heads of this many requests have reached the vendor.
async fn reach(bed: &Bed, vendor: &str, number: u64) {
    let deadline = Instant::now() + PATIENCE;
    while reached(bed, vendor) != number {
        assert!(Instant::now() < deadline, "{} of {number} have reached {vendor}", reached(bed, vendor));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn in_flight(bed: &Bed, number: f64) {
    bed.expect("pointsman_node_in_flight", &[], number).await;
}

async fn traces(bed: &Bed, result: &str, number: f64) {
    bed.expect("pointsman_trace_contexts_total", &[("result", result)], number).await;
}

async fn released(bed: &Bed, reason: &str, number: f64) {
    bed.expect("pointsman_held_released_total", &[("reason", reason)], number).await;
}

/// The request that the vendor has received with this body.
fn received(bed: &Bed, vendor: &str, body: &Bytes) -> Received {
    let requests = bed.vendors.requests(vendor).unwrap();
    requests.into_iter().find(|request| request.body == body).expect("the vendor has received the body unchanged")
}

/// Whether the request carries the trace that is derived from its message id.
fn has_trace_of(request: &Received, id: &str) -> bool {
    let trace_id = Key::new(SECRET.as_bytes()).unwrap().trace_id("default", id).to_string();
    request.header("traceparent").is_some_and(|context| context.split('-').nth(1) == Some(&trace_id))
}

#[tokio::test]
async fn a_slow_upload_is_held_until_its_body_is_in_and_then_has_its_trace() {
    let bed = Setup::with_rules(&rules("")).start().await;
    let push = pushes::lc("slow");
    let upload = Uploading::begin(&bed, Version::Http1, push.clone());
    bed.expect("pointsman_node_blocked", &[("node", "LC_PUSH"), ("age", "2s")], 1.0).await;
    assert_eq!(reached(&bed, "lc"), 0, "the head waits");
    assert_eq!(upload.finish().await, 200);
    assert!(has_trace_of(&received(&bed, "lc", push.body()), "slow"));
    traces(&bed, "derived", 1.0).await;
    in_flight(&bed, 0.0).await;
    assert_eq!(bed.scrape().await.sum("pointsman_held_released_total", &[]), 0.0);
}

#[tokio::test]
async fn an_upload_slower_than_hold_timeout_goes_on_without_its_trace_and_is_the_only_one() {
    let bed = Setup::with_rules(&short()).start().await;
    assert_eq!(bed.outbound(pushes::lc("proof")).await.status, 200);
    let ids = ["one", "two", "three", "four"];
    let began = Instant::now();
    let versions = [Version::Http1, Version::Http2, Version::Http2, Version::Http1];
    let uploads: Vec<_> =
        ids.into_iter().zip(versions).map(|(id, version)| Uploading::begin(&bed, version, pushes::lc(id))).collect();
    reach(&bed, "lc", 5).await;
    let took = began.elapsed();
    assert!(took >= HOLD_TIMEOUT && took <= HOLD_TIMEOUT + RELEASED_WITHIN, "released after {took:?}");
    for upload in uploads {
        assert_eq!(upload.finish().await, 200);
    }
    for id in ids {
        assert_eq!(received(&bed, "lc", pushes::lc(id).body()).header("traceparent"), None);
    }
    released(&bed, "timeout", 4.0).await;
    traces(&bed, "too_late", 4.0).await;
    bed.expect("pointsman_node_messages_total", &[("node", "LC_PUSH"), ("outcome", "ok")], 5.0).await;

    // A body has come in time before, so holding works and goes on.
    assert_eq!(bed.outbound(pushes::lc("afterwards")).await.status, 200);
    assert!(has_trace_of(&bed.last_at("lc"), "afterwards"));
    traces(&bed, "derived", 2.0).await;
}

#[tokio::test]
async fn a_body_over_the_limit_waits_for_its_first_piece_only_and_passes_whole() {
    let bed = Setup::with_rules(&rules("")).start().await;
    let text = "x".repeat(2 << 20);
    let id_first = format!(r#"{{"message_id":"first","to":"u","title":"t","body":"{text}"}}"#);
    let id_last = format!(r#"{{"to":"u","title":"t","body":"{text}","message_id":"last"}}"#);
    for (index, body) in [id_first, id_last].into_iter().enumerate() {
        let before = reached(&bed, "lc");
        let push = pushes::lc("").map(|_| Bytes::from(body));
        let mut upload = Uploading::begin(&bed, Version::Http1, push.clone());
        in_flight(&bed, 1.0).await;
        assert_eq!(reached(&bed, "lc"), before, "the head waits");
        let begun = Instant::now();
        upload.upload(20 << 10);
        reach(&bed, "lc", before + 1).await;
        assert!(begun.elapsed() < RELEASED_WITHIN, "released after {:?}", begun.elapsed());
        assert_eq!(upload.finish().await, 200);
        let received = received(&bed, "lc", push.body());
        // An id in the first piece is known in time.
        assert_eq!(has_trace_of(&received, "first"), index == 0);
        assert_eq!(received.header("traceparent").is_some(), index == 0);
    }
    released(&bed, "body_too_large", 2.0).await;
    bed.expect("pointsman_bypassed_total", &[("reason", "body_too_large")], 2.0).await;
    traces(&bed, "derived", 1.0).await;
    traces(&bed, "too_late", 1.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], 2.0).await;
}

#[tokio::test]
async fn where_envoy_does_not_let_headers_wait_three_pushes_are_late_and_then_none() {
    let bed = Setup::with_rules(&short()).edit(forbid_waiting).start().await;
    let large = pushes::lc("").map(|_| {
        Bytes::from(format!(r#"{{"message_id":"large","to":"u","title":"t","body":"{}"}}"#, "x".repeat(200_000)))
    });
    let late = [pushes::lc("one"), pushes::lc("two"), large];
    let began = Instant::now();
    let uploads = late.clone().map(|push| Uploading::begin(&bed, Version::Http1, push));
    for upload in uploads {
        assert_eq!(upload.finish().await, 200);
    }
    let took = began.elapsed();
    assert!(took >= HOLD_TIMEOUT && took <= HOLD_TIMEOUT + RELEASED_WITHIN, "released after {took:?}");
    assert!(bed.envoy.log().contains("nothing is held any more"), "{}", bed.envoy.log());

    let began = Instant::now();
    for index in 0..20 {
        assert_eq!(bed.outbound(pushes::lc(&index.to_string())).await.status, 200);
    }
    assert!(began.elapsed() < HOLD_TIMEOUT, "twenty pushes took {:?}", began.elapsed());
    for push in &late {
        assert_eq!(received(&bed, "lc", push.body()).header("traceparent"), None);
    }
    released(&bed, "timeout", 3.0).await;
    traces(&bed, "too_late", 23.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], 23.0).await;
}

/// Takes out of both listeners what `hold_request` of the rules needs.
fn forbid_waiting(bootstrap: &mut Value) {
    let mut taken = 0;
    for listener in bootstrap.pointer_mut("/static_resources/listeners").and_then(Value::as_array_mut).unwrap() {
        let plugin = "/filter_chains/0/filters/0/typed_config/http_filters/0/config_discovery/default_config/config";
        let plugin = listener.pointer_mut(plugin).and_then(Value::as_object_mut);
        taken += usize::from(plugin.is_some_and(|plugin| plugin.remove("allow_on_headers_stop_iteration").is_some()));
    }
    assert_eq!(taken, 2);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_held_is_forgotten() {
    let bed = Setup::with_rules(&short()).start().await;
    assert_eq!(bed.outbound(pushes::lc("proof")).await.status, 200);
    let upload = Uploading::begin(&bed, Version::Http1, pushes::lc("leaves"));
    in_flight(&bed, 1.0).await;
    upload.answer.abort();
    in_flight(&bed, 0.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "unknown")], 1.0).await;

    // By the time that the next one is released, the first would have been.
    let stays = Uploading::begin(&bed, Version::Http1, pushes::lc("stays"));
    reach(&bed, "lc", 2).await;
    assert_eq!(stays.finish().await, 200);
    released(&bed, "timeout", 1.0).await;
    traces(&bed, "too_late", 2.0).await;
    let log = bed.envoy.log();
    assert!(!log.contains("could not be"), "{log}");
}

#[tokio::test]
async fn trailers_end_the_body_of_a_held_request_and_go_on() {
    let bed = Setup::with_rules(&rules("")).start().await;
    let push = pushes::fcm("token").map(|_| Bytes::from_static(br#"{"message":{"token":"t","data":{"id":"m1"}}}"#));
    let mut upload = Uploading::begin(&bed, Version::Http2, push.clone());
    in_flight(&bed, 1.0).await;
    upload.upload(usize::MAX);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    upload.rest.send(Frame::trailers(trailers.clone())).unwrap();
    assert_eq!(upload.finish().await, 200);
    let received = received(&bed, "fcm", push.body());
    assert!(has_trace_of(&received, "m1"));
    assert_eq!(received.trailers, Some(trailers));
    traces(&bed, "derived", 1.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "FCM_PUSH"), ("outcome", "ok")], 1.0).await;
}

#[tokio::test]
async fn streams_of_one_http2_connection_are_held_apart() {
    let bed = Setup::with_rules(&rules("")).start().await;
    let io = TokioIo::new(TcpStream::connect(bed.envoy.outbound()).await.unwrap());
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let ids: Vec<String> = (0..10).map(|index| format!("stream-{index}")).collect();
    let mut streams = Vec::new();
    for id in &ids {
        let (rest, frames) = unbounded_channel();
        let (mut head, body) = pushes::lc(id).into_parts();
        head.headers.remove("host");
        head.uri = "http://lc.internal/push".parse().unwrap();
        let answer = sender.clone().send_request(Request::from_parts(head, Upload(frames)));
        streams.push((body, rest, tokio::spawn(answer)));
    }
    in_flight(&bed, 10.0).await;
    assert_eq!(reached(&bed, "lc"), 0, "every head waits");
    for (body, rest, answer) in streams.into_iter().rev() {
        rest.send(Frame::data(body)).unwrap();
        drop(rest);
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    for id in &ids {
        assert!(has_trace_of(&received(&bed, "lc", pushes::lc(id).body()), id), "{id}");
    }
    traces(&bed, "derived", 10.0).await;
    in_flight(&bed, 0.0).await;
}
