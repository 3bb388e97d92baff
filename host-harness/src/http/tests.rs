//! Server, client and raw sockets over real connections.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::{Body, Client, ClientError, Connection, Version, full, open, raw, send, serve};

/// Answers with the version, the authority and the body; `/never` stays silent and `/reset` resets.
async fn echo(request: Request<Incoming>) -> Result<http::Response<Body>, std::io::Error> {
    let connection = request.extensions().get::<Connection>().cloned();
    let authority = match request.uri().authority() {
        Some(authority) => authority.to_string(),
        None => request.headers()["host"].to_str().unwrap().to_owned(),
    };
    let version = request.version();
    match request.uri().path() {
        "/never" => std::future::pending::<()>().await,
        "/reset" => {
            connection.unwrap().reset_on_close();
            return Err(std::io::Error::other("reset"));
        }
        _ => {}
    }
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let mut response = http::Response::new(full(format!("{version:?} {authority} {}", body.to_bytes().len())));
    for value in head.headers.get_all("x-kept") {
        response.headers_mut().append("x-kept", value.clone());
    }
    Ok(response)
}

async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, echo, std::future::pending()));
    addr
}

fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::from_static(b"abc")).unwrap()
}

#[tokio::test]
async fn one_port_speaks_both_versions() {
    let addr = start().await;
    for (version, name) in [(Version::Http1, "HTTP/1.1"), (Version::Http2, "HTTP/2.0")] {
        let response = send(addr, version, get("http://vendor.test/a")).await.unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.text(), format!("{name} vendor.test 3"));
    }
}

#[tokio::test]
async fn header_values_go_and_come_as_bytes_and_as_often_as_given() {
    let addr = start().await;
    for version in [Version::Http1, Version::Http2] {
        let mut request = get("/a");
        let odd = HeaderValue::from_bytes(b"caf\xe9").unwrap();
        request.headers_mut().append("x-kept", odd.clone());
        request.headers_mut().append("x-kept", HeaderValue::from_static("two"));
        let response = send(addr, version, request).await.unwrap();
        let kept: Vec<_> = response.headers.get_all("x-kept").iter().collect();
        assert_eq!(kept, [&odd, &HeaderValue::from_static("two")]);
    }
}

#[tokio::test]
async fn the_pool_names_the_authority_of_the_request() {
    let addr = start().await;
    for version in [Version::Http1, Version::Http2] {
        let client = Client::new(addr, version);
        for _ in 0..3 {
            let response = client.send(get("http://vendor.test/a")).await.unwrap();
            assert!(response.text().ends_with("vendor.test 3"));
        }
    }
}

#[tokio::test]
async fn silence_reset_and_refusal_are_told_apart() {
    let addr = start().await;
    let limit = std::time::Duration::from_millis(50);
    let silent = Client::new(addr, Version::Http1).timeout(limit);
    let error = silent.send(get("http://vendor.test/never")).await;
    assert!(matches!(error, Err(ClientError::Timeout { .. })), "{error:?}");
    for version in [Version::Http1, Version::Http2] {
        let error = send(addr, version, get("/reset")).await;
        assert!(matches!(error, Err(ClientError::Exchange { .. })), "{error:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = free.local_addr().unwrap();
    drop(free);
    let error = send(nobody, Version::Http1, get("/a")).await;
    assert!(matches!(error, Err(ClientError::Connect { .. })), "{error:?}");
}

#[tokio::test]
async fn an_opened_response_is_read_piece_by_piece() {
    let addr = start().await;
    let request = get("/a").map(http_body_util::Full::new);
    let response = open(addr, Version::Http1, request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"HTTP/1.1"));
}

#[tokio::test]
async fn raw_bytes_get_raw_bytes() {
    let addr = start().await;
    let request = b"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answer = String::from_utf8(raw(addr, request).await.unwrap()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nHTTP/1.1 h 0"), "{answer}");
}
