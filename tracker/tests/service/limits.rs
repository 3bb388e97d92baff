//! Who is slow, who is many, who asks for too much, and what a fault of the program does to others.

use crate::bed::{Bed, JSON, PROTOBUF, Parts, SOON, Wish, export, request, until};
use crate::ill::Mood;
use crate::records::body;
use bytes::Bytes;
use http::{Method, StatusCode};
use pointsman_host::http::{Version, raw, send_within};
use pointsman_tracker::ingest;
use pointsman_tracker::serve::Settings;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SHORT: Duration = Duration::from_millis(150);

/// What comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    // A reset closes too.
    let _ = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn who_does_not_say_what_they_want_is_left() {
    let server = Settings { header_timeout: SHORT, ..Settings::default() };
    let bed = Bed::start(Wish { server, ..Wish::default() }).await;
    for said in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HT", "GET / HTTP/1.1\r\nhost: a\r\nx-long: "] {
        let mut stream = TcpStream::connect(bed.addr).await.expect("a connection");
        stream.write_all(said.as_bytes()).await.expect("it is written");
        let answer = rest(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{said:?}: {answer}");
    }
    let kept = raw(bed.addr, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("an answer, and then the end");
    assert!(kept.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&kept));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let ingest = ingest::Settings { body_timeout: SHORT, ..ingest::Settings::default() };
    let bed = Bed::start(Wish { ingest, ..Wish::default() }).await;
    let parts = Parts([Bytes::from_static(b"\x0a")].into(), true);
    let request = request(Method::POST, "/v1/logs").header("content-type", PROTOBUF).body(parts).expect("a request");
    let response = send_within(bed.addr, Version::Http1, request, SOON).await.expect("an answer");
    assert_eq!(response.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(bed.logs(body(&["a"])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn connections_beyond_the_bound_are_told_so_and_counted() {
    let server = Settings { connections: 2, ..Settings::default() };
    let bed = Bed::start(Wish { server, ..Wish::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(bed.addr).await.expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("it is written");
        assert!(stream.read(&mut [0; 1_024]).await.expect("an answer") > 0);
        held.push(stream);
    }
    let answer = rest(TcpStream::connect(bed.addr).await.expect("a connection")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    held.clear();
    until("there is room again", async || {
        let answer =
            raw(bed.addr, b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("an answer");
        let text = String::from_utf8_lossy(&answer).into_owned();
        (text.contains("connections_refused_total 1\n") || text.contains("connections_refused_total 2\n"), text)
    })
    .await;
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended() {
    let bed = Bed::start(Wish { query_timeout: SHORT, ..Wish::default() }).await;
    bed.mood(Mood::Silent);
    let response = bed.get("/api/v1/find?id=order-42").await;
    assert_eq!(response.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(response.json().expect("JSON")["error"]["code"], "too_long");
    assert_eq!(bed.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(bed.get("/healthz").await.status, StatusCode::OK, "the program lives");
    bed.mood(Mood::Well);
    assert_eq!(bed.get("/readyz").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_of_the_program_is_an_answer_and_nothing_ends() {
    let bed = Bed::plain().await;
    bed.mood(Mood::Panics);
    let response = bed.get("/api/v1/find?id=order-42").await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.json().expect("JSON")["error"]["code"], "internal");
    assert_eq!(bed.logs(body(&["a"])).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    bed.mood(Mood::Well);
    assert_eq!(bed.logs(body(&["a"])).await.status, StatusCode::OK);
    assert_eq!(bed.get("/api/v1/find?id=a").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_query_is_bounded_in_its_body_and_its_head() {
    let bed = Bed::plain().await;
    let ids = format!("{{\"ids\": [\"{}\"]}}", "x".repeat(2 << 20));
    let response = bed.send(export("/api/v1/lookup", JSON, ids)).await;
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", response.text());
    let head = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(128 << 10));
    let answer = raw(bed.addr, head.as_bytes()).await.expect("an answer");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn no_path_leads_out_of_what_is_served() {
    let bed = Bed::plain().await;
    let paths = [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/assets//etc/passwd",
        "/assets/..\\..\\etc\\passwd",
        "/api/v1/../../metrics",
        "/api/v1/messages/..%2f..%2f",
    ];
    for path in paths {
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = raw(bed.addr, head.as_bytes()).await.expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{path}: {}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let bed = Bed::plain().await;
    bed.mood(Mood::Broken);
    let nothing = || request(Method::DELETE, "/v1/logs").body(Bytes::new()).expect("a request");
    let mut answers = vec![bed.send(nothing()).await, bed.send(export("/v1/logs", "text/html", "<script>")).await];
    for path in
        ["/", "/healthz", "/readyz", "/metrics", "/nowhere", "/api/v1/nowhere", "/api/v1/find?id=a", "/api/v1/find"]
    {
        answers.push(bed.get(path).await);
    }
    for answer in answers {
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{answer:?}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{answer:?}");
        assert!(answer.header("cache-control").is_some(), "{answer:?}");
    }
}
