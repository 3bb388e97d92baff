//! Traces as a collector receives them.

use super::{Exchange, Tracing, TracingSettings};
use crate::abi::Headers;
use crate::http::serve;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const LIMIT: Duration = Duration::from_secs(10);

type Received = Arc<Mutex<Vec<ExportTraceServiceRequest>>>;

/// A collector on a free port: its address and what it has received.
async fn collector() -> (String, Received) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let received = Received::default();
    let into = Arc::clone(&received);
    let handler = move |request: Request<Incoming>| {
        let into = Arc::clone(&into);
        async move {
            assert_eq!(request.headers()["content-type"], "application/x-protobuf");
            assert_eq!(request.uri().path(), "/v1/traces");
            let body = request.into_body().collect().await.unwrap().to_bytes();
            into.lock().unwrap().push(ExportTraceServiceRequest::decode(body).unwrap());
            Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::default()))
        }
    };
    tokio::spawn(serve(listener, handler, std::future::pending()));
    (endpoint, received)
}

fn settings(endpoint: &str, ratio: f64) -> TracingSettings {
    TracingSettings {
        endpoint: endpoint.to_owned(),
        service_name: "sidecar".to_owned(),
        ratio,
        timeout: LIMIT,
        delay: LIMIT,
    }
}

fn request(headers: &[(&str, &str)]) -> Headers {
    let fixed = [(":method", "POST"), (":scheme", "http"), (":authority", "push.example:8080"), (":path", "/t/secret")];
    fixed.iter().chain(headers).copied().collect()
}

/// The spans that a collector gets of these requests.
async fn spans(ratio: f64, requests: &[(Headers, Exchange<'_>)]) -> Vec<Span> {
    let (endpoint, received) = collector().await;
    let tracing = Tracing::start(&settings(&endpoint, ratio)).unwrap();
    for (request, exchange) in requests {
        tracing.server_span(request).finish(exchange);
    }
    tracing.shutdown(LIMIT).await.unwrap();
    let received = received.lock().unwrap().clone();
    let scopes =
        received.into_iter().flat_map(|request| request.resource_spans).flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// The attributes in order, as text.
fn attributes(span: &Span) -> Vec<String> {
    let text = |value| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attribute = |attribute: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        format!("{}={}", attribute.key, text(attribute.value.clone().and_then(|value| value.value)))
    };
    let mut attributes: Vec<_> = span.attributes.iter().map(attribute).collect();
    attributes.sort();
    attributes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_span_says_how_the_exchange_went_and_continues_its_trace() {
    let traceparent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let exchange = Exchange {
        route: Some("oppo"),
        status: Some(504),
        upstream_cluster: Some("oppo"),
        error_type: Some("timeout"),
    };
    let spans = spans(0.0, &[(request(&[("traceparent", &traceparent)]), exchange)]).await;
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((span.name.as_str(), span.kind), ("POST oppo", 2));
    assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.to_owned(), "00f067aa0ba902b7".to_owned()));
    assert_eq!(span.status.as_ref().unwrap().code, 2);
    let expected = [
        "error.type=timeout",
        "http.request.method=POST",
        "http.response.status_code=504",
        "http.route=oppo",
        "server.address=push.example",
        "server.port=8080",
        "upstream_cluster.name=oppo",
        "url.scheme=http",
    ];
    assert_eq!(attributes(span), expected);
}

#[tokio::test]
async fn only_a_status_of_500_or_more_is_an_error_of_the_server() {
    let exchange = |status| Exchange { status: Some(status), ..Exchange::default() };
    for (status, code, error) in [(200, 0, None), (499, 0, None), (500, 2, Some("error.type=500"))] {
        let spans = spans(1.0, &[(request(&[]), exchange(status))]).await;
        assert_eq!(spans[0].name, "POST");
        assert_eq!(spans[0].status.as_ref().map_or(0, |status| status.code), code, "{status}");
        let attributes = attributes(&spans[0]);
        assert_eq!(attributes.iter().find(|text| text.starts_with("error")).map(String::as_str), error, "{status}");
    }
}

#[tokio::test]
async fn callers_decide_for_their_traces_and_the_ratio_for_the_others() {
    let parent = |flags| format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
    let (sampled, not) = (parent("01"), parent("00"));
    let requests = || {
        let headers: [&[(&str, &str)]; 3] = [&[("traceparent", &sampled)], &[("traceparent", &not)], &[]];
        headers.map(|headers| (request(headers), Exchange::default()))
    };
    assert_eq!(spans(0.0, &requests()).await.len(), 1);
    assert_eq!(spans(1.0, &requests()).await.len(), 2);
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_not_recorded() {
    let headers: Headers = [(":method", "PUSH"), (":authority", "[")].into_iter().collect();
    let spans = spans(1.0, &[(headers, Exchange { route: Some("oppo"), ..Exchange::default() })]).await;
    assert_eq!(spans[0].name, "HTTP oppo");
    assert_eq!(attributes(&spans[0]), ["http.request.method=_OTHER", "http.route=oppo"]);
}

#[tokio::test]
async fn a_span_that_is_never_finished_is_sent_with_what_is_known() {
    let (endpoint, received) = collector().await;
    let tracing = Tracing::start(&settings(&endpoint, 1.0)).unwrap();
    drop(tracing.server_span(&request(&[])));
    tracing.shutdown(LIMIT).await.unwrap();
    let received = received.lock().unwrap();
    let resource = &received[0].resource_spans[0];
    let names: BTreeSet<_> =
        resource.resource.iter().flat_map(|resource| &resource.attributes).map(|name| &name.key).collect();
    assert!(names.into_iter().eq(["service.name", "service.version"]));
    assert_eq!(resource.scope_spans[0].spans[0].name, "POST");
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_the_spans_only() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tracing = Tracing::start(&settings(&format!("http://{free}/v1/traces"), 1.0)).unwrap();
    tracing.server_span(&request(&[])).finish(&Exchange::default());
    tracing.shutdown(LIMIT).await.unwrap();
}

#[tokio::test]
async fn a_collector_that_does_not_answer_can_not_hold_up_the_end() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tracing =
        Tracing::start(&settings(&format!("http://{}/v1/traces", silent.local_addr().unwrap()), 1.0)).unwrap();
    tracing.server_span(&request(&[])).finish(&Exchange::default());
    let started = std::time::Instant::now();
    assert!(tracing.shutdown(Duration::from_millis(50)).await.is_err());
    assert!(started.elapsed() < LIMIT / 2, "{:?}", started.elapsed());
}

#[test]
fn traces_need_a_runtime_and_an_address() {
    let error = |result: Result<Tracing, super::TracingError>| result.unwrap_err().to_string();
    assert_eq!(error(Tracing::start(&settings("http://127.0.0.1:1", 1.0))), "traces need a runtime to be sent with");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    assert_eq!(error(Tracing::start(&settings("not an address", 1.0))), "the traces' endpoint can't be used");
}
