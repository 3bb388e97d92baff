//! Vendors' answers as their callers see them: untouched, or with what was understood of them in headers of one shape.

use crate::cases::{self, Case};
use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use pointsman_core::adapter::Adapter;
use pointsman_host::envoy::Protocol;
use pointsman_host::http::{Response, full, serve};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::exchanges::paced::{End, Paced};
use pointsman_tests::{Bed, PATIENCE, Setup, pushes, repository};
use serde_json::Value;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// So many answers of each vendor, of as many outcomes, go through Envoy; all of them go through the native host.
const SAMPLE: usize = 4;
const OPPO: &str = r#"{"channels": ["oppo"], "hold_request": true, "answer_headers": true, "hold_timeout": "1s"}"#;
const TOLD: [&str; 4] = ["x-pointsman-outcome", "x-pointsman-code", "x-pointsman-retry-after-ms", "x-pointsman-fate"];

/// What the vendor says next.
#[derive(Clone, Default)]
struct Script {
    /// `:status` among them.
    lines: Vec<(String, String)>,
    body: Bytes,
    /// Whether the length stands in the head.
    announced: bool,
    /// So much of an answer whose length does not stand there comes at first, and the rest later; 0 is all.
    first: usize,
}

impl Script {
    fn of(case: &Case, announced: bool) -> Self {
        let body = case.answer.body.clone().unwrap_or_default();
        Self { lines: case.answer.lines.clone(), body: body.into(), announced, first: 0 }
    }

    fn json(body: &str) -> Self {
        Self { lines: Vec::new(), body: Bytes::copy_from_slice(body.as_bytes()), announced: false, first: 0 }
    }

    fn response(&self, unfinished: bool) -> http::Response<pointsman_host::http::Body> {
        let mut response = http::Response::builder();
        for (name, value) in &self.lines {
            response = match name.as_str() {
                ":status" => response.status(value.as_str()),
                name => response.header(name, value),
            };
        }
        let body = match (self.announced, self.first, unfinished) {
            (true, ..) => full(self.body.clone()),
            (false, 0, false) => Pieces::of(&self.body, usize::MAX).boxed(),
            (false, 0, true) => Pieces::of(&self.body, usize::MAX).unfinished().boxed(),
            (false, first, _) => {
                let pieces = vec![self.body.slice(..first), self.body.slice(first..)];
                Paced::new(pieces, End::Whole).boxed()
            }
        };
        response.body(body).expect("the answer is HTTP")
    }
}

/// Envoy between this test and one server that stands for every vendor.
struct Lab {
    bed: Bed,
    next: Arc<Mutex<(Script, bool)>>,
}

impl Lab {
    async fn start(rules: &str) -> Self {
        Self::with(rules, Protocol::Http1, 1 << 20).await
    }

    async fn with(rules: &str, protocol: Protocol, buffer_limit_bytes: u32) -> Self {
        let next: Arc<Mutex<(Script, bool)>> = Arc::default();
        let addr = vendor(Arc::clone(&next)).await;
        let to_vendor = move |bootstrap: &mut Value| {
            bootstrap["static_resources"]["listeners"][1]["per_connection_buffer_limit_bytes"] =
                buffer_limit_bytes.into();
            let hosts = bootstrap
                .pointer_mut(
                    "/static_resources/listeners/1/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts",
                )
                .expect("the outbound listener has virtual hosts");
            *hosts = serde_json::json!([{
                "name": "vendors", "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "gateway", "timeout": "30s"}}]
            }]);
        };
        let setup = Setup::with_rules(rules).upstream("gateway", addr, protocol).edit(to_vendor);
        Self { bed: setup.start().await, next }
    }

    async fn exchange(&self, script: Script, unfinished: bool, request: Request<Bytes>) -> Response {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = (script, unfinished);
        self.bed.outbound(request).await
    }
}

async fn vendor(next: Arc<Mutex<(Script, bool)>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("a bound address");
    let answer = move |request: Request<Incoming>| {
        let (script, unfinished) = next.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            let _ = request.into_body().collect().await;
            Ok::<_, Infallible>(script.response(unfinished))
        }
    };
    tokio::spawn(serve(listener, answer, std::future::pending()));
    addr
}

fn request(case: &Case) -> Request<Bytes> {
    let mut request = Request::builder();
    for (name, value) in &case.sent.lines {
        request = match name.as_str() {
            ":method" => request.method(value.as_str()),
            ":path" => request.uri(value),
            ":authority" => request.header("host", value),
            name => request.header(name, value),
        };
    }
    request.body(case.sent.body.clone().unwrap_or_default().into()).expect("the case is HTTP")
}

/// A vendor's exchanges of different outcomes, with what each is expected to tell.
fn sample(vendor: &str) -> Vec<(Case, Vec<Option<String>>)> {
    let folder = repository("tests/cases");
    let text = std::fs::read_to_string(folder.join("vendors").join(vendor).with_extension("json")).expect("cases");
    let file: Value = serde_json::from_str(&text).expect("the cases are JSON");
    let exchanges = file["exchanges"].as_array().expect("a list of exchanges");
    // The exchanges come first among the cases, in the same order.
    let cases = cases::cases(&folder, vendor).expect("the cases are sound").into_iter().zip(exchanges);
    let mut outcomes = BTreeSet::new();
    let answered = cases.filter(|(_, exchange)| exchange.get("failure").is_none());
    let of_new_outcome = answered.filter(|(_, exchange)| outcomes.insert(exchange["expect"]["outcome"].to_string()));
    of_new_outcome.take(SAMPLE).map(|(case, exchange)| (case, told(&exchange["expect"]))).collect()
}

fn told(expect: &Value) -> Vec<Option<String>> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = ["outcome", "code", "retry_after_ms", "fate"];
    fields.iter().map(|field| expect.get(*field).filter(|value| !value.is_null()).map(text)).collect()
}

fn headers(response: &Response) -> Vec<Option<String>> {
    TOLD.iter().map(|name| response.header(name).map(str::to_owned)).collect()
}

#[tokio::test]
async fn callers_are_told_of_every_vendors_answers_in_one_shape_and_get_them_unchanged() {
    let mut rules: Value = serde_json::from_str(&cases::config()).unwrap();
    rules["answer_headers"] = true.into();
    let lab = Lab::start(&rules.to_string()).await;
    let mut seen = 0;
    for vendor in Adapter::names() {
        for (case, expected) in sample(vendor) {
            for announced in [true, false] {
                let script = Script::of(&case, announced);
                let response = lab.exchange(script.clone(), false, request(&case)).await;
                let about = format!("{vendor}: {}, {announced}", case.about);
                assert_eq!(headers(&response), expected, "{about}");
                assert_eq!(response.body, script.body, "{about}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 2 * 3 * Adapter::names().count(), "{seen} answers are no sample");
}

#[tokio::test]
async fn an_answer_that_does_not_end_goes_on_after_the_time_that_it_may_be_held() {
    let lab = Lab::start(OPPO).await;
    let push = pushes::oppo("m1");
    let begun = Instant::now();
    let length = ("content-length".to_owned(), "60".to_owned());
    *lab.next.lock().unwrap() = (Script { lines: vec![length], ..Script::json(r#"{"code": 0,"#) }, true);
    // The head goes out at last, though the body never ends.
    let head = tokio::time::timeout(PATIENCE, head_of(lab.bed.envoy.outbound(), push)).await.expect("a head in time");
    assert!(begun.elapsed() >= Duration::from_secs(1), "it was not held");
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers().get("x-pointsman-outcome"), None);
    lab.bed.expect("pointsman_held_released_total", &[("reason", "timeout")], 1.0).await;
}

/// Sends a request and gives the answer as soon as its head is there.
async fn head_of(addr: SocketAddr, request: Request<Bytes>) -> http::Response<Incoming> {
    let stream = tokio::net::TcpStream::connect(addr).await.expect("Envoy listens");
    let stream = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.expect("a connection");
    tokio::spawn(connection);
    sender.send_request(request.map(http_body_util::Full::new)).await.expect("a head")
}

#[tokio::test]
async fn long_answers_pass_without_a_word_and_nobody_speaks_in_our_name() {
    let lab = Lab::start(OPPO).await;
    let long = format!(r#"{{"code": 0, "message": "{}"}}"#, "x".repeat(100_000));
    let script = Script { announced: true, ..Script::json(&long) };
    let response = lab.exchange(script, false, pushes::oppo("m1")).await;
    assert_eq!((response.status.as_u16(), response.text()), (200, long));
    assert_eq!(headers(&response), [None, None, None, None]);
    lab.bed.expect("pointsman_held_released_total", &[("reason", "body_too_large")], 1.0).await;

    let forged = ("x-pointsman-fate".to_owned(), "not_sent".to_owned());
    let script = Script { lines: vec![forged], ..Script::json(r#"{"code": 33}"#) };
    let response = lab.exchange(script, false, pushes::oppo("m1")).await;
    let fates: Vec<&HeaderValue> = response.headers.get_all("x-pointsman-fate").iter().collect();
    assert_eq!(fates, ["rejected"]);
    assert_eq!(response.header("x-pointsman-outcome"), Some("quota_app"));
}

/// The buffer of Istio's gateways.
const SMALL_BUFFER_BYTES: u32 = 32 << 10;

#[tokio::test]
async fn an_answer_whose_rest_would_overflow_the_buffer_is_never_answered_in_the_vendors_place() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let lab = Lab::with(OPPO, protocol, SMALL_BUFFER_BYTES).await;
        let head = r#"{"code": 0, "message": ""#;
        let long = format!(r#"{head}{}"}}"#, "x".repeat(200_000));
        let script = Script { first: head.len(), ..Script::json(&long) };
        let response = lab.exchange(script, false, pushes::oppo("m1")).await;
        assert_eq!((response.status.as_u16(), response.body.len()), (200, long.len()));
        assert_eq!(headers(&response), [None, None, None, None]);
        lab.bed.expect("pointsman_held_released_total", &[("reason", "length_unknown")], 1.0).await;
        lab.bed.expect("pointsman_node_calls_total", &[("outcome", "ok")], 1.0).await;
    }
}

#[tokio::test]
async fn an_answer_by_http2_in_pieces_or_in_gzip_is_told_too() {
    let lab = Lab::with(OPPO, Protocol::Http2, SMALL_BUFFER_BYTES).await;
    let refused = r#"{"code": 33, "message": "daily limit"}"#;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(refused.as_bytes()).unwrap();
    let gzip = ("content-encoding".to_owned(), "gzip".to_owned());
    let zipped = Script { lines: vec![gzip], body: encoder.finish().unwrap().into(), announced: true, first: 0 };
    for script in [Script::json(refused), Script { announced: true, ..Script::json(refused) }, zipped] {
        let response = lab.exchange(script.clone(), false, pushes::oppo("m1")).await;
        assert_eq!(response.header("x-pointsman-outcome"), Some("quota_app"));
        assert_eq!(response.body, script.body, "it goes on as it came");
    }
}

#[tokio::test]
async fn without_the_setting_an_answer_is_not_touched() {
    let lab = Lab::start(r#"{"channels": ["oppo"], "hold_request": true}"#).await;
    let response = lab.exchange(Script::json(r#"{"code": 33}"#), false, pushes::oppo("m1")).await;
    assert_eq!(headers(&response), [None, None, None, None]);
}
