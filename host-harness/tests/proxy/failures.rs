//! What clients get when something goes wrong: the statuses and bodies of Envoy.

use crate::support::{PATIENCE, Then, address, config, echo, eventually, get, raw, raw_upstream, run};
use anyhow::Result;
use pointsman_host::proxy::config::{ClusterChoice, RouteConfig};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SHORT: Option<Duration> = Some(Duration::from_millis(200));

/// An address on which nobody listens.
async fn nobody() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_told_in_envoys_words() -> Result<()> {
    let cases = [
        (nobody().await?, 503, "remote connection failure"),
        (raw_upstream(b"", Then::Close).await?, 503, "connection termination"),
        (raw_upstream(b"NOT HTTP\r\n\r\n", Then::Wait).await?, 502, "protocol error"),
    ];
    for (upstream, status, reason) in cases {
        let proxy = run(config(upstream)?).await?;
        let response = get(&proxy, "/").await?;
        let body = format!("upstream connect error or disconnect/reset before headers. reset reason: {reason}");
        assert_eq!((response.status.as_u16(), response.text()), (status, body));
    }
    Ok(())
}

#[tokio::test]
async fn a_request_that_leads_nowhere_is_answered_so() -> Result<()> {
    let mut config = config(echo().await?)?;
    config.clusters[0].endpoints.clear();
    let route = |path: &str, cluster| RouteConfig { path_prefix: path.to_owned(), cluster, ..RouteConfig::to("") };
    config.listeners[0].routes = vec![
        route("/empty", ClusterChoice::Named("service".to_owned())),
        route("/header", ClusterChoice::FromHeader("x-cluster".to_owned())),
    ];
    let proxy = run(config).await?;
    for (path, status, body) in [("/empty", 503, "no healthy upstream"), ("/header", 503, ""), ("/other", 404, "")] {
        let response = get(&proxy, path).await?;
        assert_eq!((response.status.as_u16(), &response.text()[..]), (status, body), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_takes_no_more_than_its_limit() -> Result<()> {
    let mut config = config(raw_upstream(b"", Then::Wait).await?)?;
    config.clusters[0].max_requests = 1;
    let proxy = run(config).await?;
    let mut first = TcpStream::connect(address(&proxy)?).await?;
    first.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    eventually(async || {
        let metrics = crate::support::admin(&proxy, "/metrics").await.map(|metrics| metrics.text()).unwrap_or_default();
        let holds = metrics.contains("envoy_cluster_upstream_rq_active{envoy_cluster_name=\"service\"} 1");
        (metrics, holds)
    })
    .await?;
    let response = get(&proxy, "/").await?;
    assert_eq!(response.status, 503);
    assert!(response.text().ends_with("reset reason: overflow"), "{}", response.text());
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_takes_too_long_is_answered_for_with_504() -> Result<()> {
    let mut config = config(raw_upstream(b"", Then::Wait).await?)?;
    config.listeners[0].routes[0].timeout = SHORT;
    let response = get(&run(config).await?, "/").await?;
    assert_eq!((response.status.as_u16(), &response.text()[..]), (504, "upstream request timeout"));
    Ok(())
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_the_clients_stream_off() -> Result<()> {
    let upstream = raw_upstream(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", Then::Close).await?;
    let proxy = run(config(upstream)?).await?;
    let text = raw(&proxy, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    let chunked =
        raw_upstream(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", Then::Close).await?;
    let proxy = run(config(chunked)?).await?;
    let text = raw(&proxy, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    assert!(text.starts_with("HTTP/1.1 200 OK") && !text.ends_with("0\r\n\r\n"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_client_that_sends_its_headers_too_slowly_is_let_go_with_408() -> Result<()> {
    let mut config = config(echo().await?)?;
    config.listeners[0].request_headers_timeout = SHORT;
    let proxy = run(config).await?;
    let text = raw(&proxy, b"GET / HTTP/1.1\r\nhost: a").await?;
    assert!(text.starts_with("HTTP/1.1 408") && text.ends_with("request header timeout"), "{text}");
    // Between requests a connection may be quiet for longer.
    let mut client = TcpStream::connect(address(&proxy)?).await?;
    let mut buffer = [0; 4096];
    for _ in 0..2 {
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
        let read = tokio::time::timeout(PATIENCE, client.read(&mut buffer)).await??;
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK"));
        tokio::time::sleep(SHORT.unwrap_or_default() * 2).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_is_ended() -> Result<()> {
    let mut config = config(echo().await?)?;
    config.listeners[0].stream_idle_timeout = SHORT;
    let proxy = run(config.clone()).await?;
    let text = raw(&proxy, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await?;
    assert!(text.starts_with("HTTP/1.1 408") && text.ends_with("stream timeout"), "{text}");
    config.listeners[0].stream_idle_timeout = None;
    config.listeners[0].request_timeout = SHORT;
    let text = raw(&run(config).await?, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf").await?;
    assert!(text.starts_with("HTTP/1.1 408") && text.ends_with("request timeout"), "{text}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_served_is_refused_with_a_clear_status() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let many: String = (0..101).map(|index| format!("x-{index}: 1\r\n")).collect();
    let cases = [
        ("GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n".to_owned(), "403"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n".to_owned(), "404"),
        ("GET / HTTP/1.0\r\nhost: a\r\n".to_owned(), "426"),
        ("GET / HTTP/1.1\r\nconnection: close\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n".to_owned(), "400"),
        ("OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n".to_owned(), "404"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n", "a".repeat(70_000)), "431"),
        ("NONSENSE\r\n".to_owned(), "400"),
    ];
    for (request, status) in cases {
        let mut client = TcpStream::connect(address(&proxy)?).await?;
        client.write_all(format!("{request}\r\n").as_bytes()).await?;
        let mut answer = vec![0; 12];
        tokio::time::timeout(PATIENCE, client.read_exact(&mut answer)).await??;
        let answer = String::from_utf8(answer)?;
        assert!(answer.ends_with(status), "{answer}: {}", request.chars().take(60).collect::<String>());
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_no_body_is_refused() -> Result<()> {
    let proxy = run(config(echo().await?)?).await?;
    let text = raw(&proxy, b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await?;
    assert!(text.starts_with("HTTP/1.1 400"), "{text}");
    Ok(())
}
