//! What passes between client and upstream, and in which form.

use crate::support::{Then, address, config, echo, get, raw, raw_upstream, run, send};
use anyhow::Result;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Frame;
use pointsman_host::http::{TIMEOUT, Version, send_within};
use pointsman_host::proxy::config::Protocol;
use std::convert::Infallible;

#[tokio::test]
async fn a_request_and_its_response_go_through_as_they_came() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let request = Request::post("/a?b=c").header("host", "service.test").header("x-a", "1").header("x-a", "2");
    let response = send(&proxy, Version::Http1, request.body(Bytes::from("payload"))?).await?;
    assert_eq!(response.status, 200);
    let text = response.text();
    assert!(text.starts_with("POST /a?b=c HTTP/1.1\n"), "{text}");
    for line in ["host: service.test\n", "x-a: 1\nx-a: 2\n", "x-forwarded-proto: http\n", "content-length: 7\n"] {
        assert!(text.contains(line), "{line} is missing: {text}");
    }
    assert!(text.ends_with("\n\npayload"), "{text}");
    Ok(())
}

#[tokio::test]
async fn http2_is_taken_on_the_same_port_and_spoken_where_the_cluster_speaks_it() -> Result<()> {
    let upstream = echo().await?;
    for (protocol, client, seen) in [
        (Protocol::Http1, Version::Http2, "HTTP/1.1"),
        (Protocol::Http2, Version::Http1, "HTTP/2.0"),
        (Protocol::Downstream, Version::Http2, "HTTP/2.0"),
        (Protocol::Downstream, Version::Http1, "HTTP/1.1"),
    ] {
        let mut config = config(upstream)?;
        config.clusters[0].protocol = protocol;
        let proxy = run(config).await?;
        let request = Request::post("/x").header("host", "service.test").body(Bytes::from("payload"))?;
        let text = send(&proxy, client, request).await?.text();
        assert!(text.lines().next().is_some_and(|line| line.ends_with(seen)), "{protocol:?}: {text}");
        assert!(text.ends_with("payload"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_of_unknown_length_goes_through_in_pieces() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let text = raw(
        &proxy,
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n",
    )
    .await?;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("one two"), "{text}");
    Ok(())
}

#[tokio::test]
async fn trailers_pass_both_ways_over_http2() -> Result<()> {
    let upstream = crate::support::upstream(async |request| {
        let body = request.into_body().collect().await;
        let trailers = body.ok().and_then(|body| body.trailers().cloned()).unwrap_or_default();
        let frames = [Ok(Frame::data(Bytes::from_static(b"body"))), Ok(Frame::trailers(trailers))];
        http::Response::new(Frames(frames.into_iter().collect()).boxed())
    })
    .await?;
    let mut config = config(upstream)?;
    config.clusters[0].protocol = Protocol::Http2;
    let proxy = run(config).await?;
    let trailers = http::HeaderMap::from_iter([(http::HeaderName::from_static("x-end"), "1".parse()?)]);
    let trailers = async move { Some(Ok::<_, Infallible>(trailers)) };
    let body = Full::new(Bytes::from_static(b"body")).with_trailers(Box::pin(trailers));
    let request = Request::post("/").header("host", "service.test").body(body)?;
    let response = send_within(address(&proxy)?, Version::Http2, request, TIMEOUT).await?;
    assert_eq!(response.trailers.as_ref().and_then(|trailers| trailers.get("x-end")), Some(&"1".parse()?));
    assert_eq!(response.body, "body");
    Ok(())
}

/// A body of known frames.
struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, std::io::Error>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_is_told_to_go_on_and_the_upstream_hears_nothing_of_it() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let text = raw(
        &proxy,
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody",
    )
    .await?;
    assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"), "{text}");
    assert!(text.ends_with("body") && !text.contains("expect"), "{text}");
    Ok(())
}

#[tokio::test]
async fn head_is_answered_with_the_length_and_no_body() -> Result<()> {
    let upstream = raw_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Then::Wait).await?;
    let proxy = run(config(upstream)?).await?;
    let text = raw(&proxy, b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
    assert!(text.contains("content-length: 5") && text.ends_with("\r\n\r\n"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_request_without_a_body_says_so_where_one_is_usual() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let text = raw(&proxy, b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
    assert!(text.contains("\ncontent-length: 0\n"), "{text}");
    assert!(!get(&proxy, "/").await?.text().contains("content-length"));
    Ok(())
}

#[tokio::test]
async fn what_only_envoys_may_ask_of_envoys_is_taken_out() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let request = Request::get("/").header("host", "a").header("x-envoy-max-retries", "3").header("x-envoy-peer", "x");
    let text = send(&proxy, Version::Http1, request.body(Bytes::new())?).await?.text();
    assert!(text.contains("x-envoy-peer: x") && !text.contains("x-envoy-max-retries"), "{text}");
    Ok(())
}
