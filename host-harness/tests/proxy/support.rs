//! A proxy with a guest that passes everything, and upstreams to put behind it.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use pointsman_host::http::{self as helper, Body, Version};
use pointsman_host::proxy::config::{ClusterConfig, Endpoint, ListenerConfig, PluginConfig, RouteConfig, Source};
use pointsman_host::proxy::{ProxyConfig, ProxyHandle, Surroundings, start};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A guest with no callback but one, which rejects a configuration of three bytes.
const GUEST: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) i32.const 1024)
    (func (export "proxy_on_configure") (param i32 i32) (result i32) local.get 1 i32.const 3 i32.ne)
    (func (export "proxy_on_context_create") (param i32 i32)))"#;

pub(crate) fn guest() -> Result<Source> {
    Ok(Source::Inline(Bytes::from(wat::parse_str(GUEST)?)))
}

/// A proxy on a free port that sends everything to one cluster.
pub(crate) fn config(upstream: SocketAddr) -> Result<ProxyConfig> {
    Ok(ProxyConfig {
        plugin: PluginConfig { wasm: guest()?, ..PluginConfig::default() },
        listeners: vec![ListenerConfig { routes: vec![RouteConfig::to("service")], ..ListenerConfig::default() }],
        clusters: vec![ClusterConfig::new("service", vec![Endpoint::Socket(upstream)])],
        admin: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        drain_timeout: PATIENCE,
        ..ProxyConfig::default()
    })
}

pub(crate) async fn run(config: ProxyConfig) -> Result<ProxyHandle> {
    Ok(start(config, Surroundings::default()).await?)
}

pub(crate) fn address(proxy: &ProxyHandle) -> Result<SocketAddr> {
    proxy.listener("inbound").context("the listener is bound")
}

pub(crate) async fn get(proxy: &ProxyHandle, path: &str) -> Result<helper::Response> {
    send(proxy, Version::Http1, Request::get(path).header("host", "service.test").body(Bytes::new())?).await
}

pub(crate) async fn send(proxy: &ProxyHandle, version: Version, request: Request<Bytes>) -> Result<helper::Response> {
    Ok(helper::send(address(proxy)?, version, request).await?)
}

pub(crate) async fn admin(proxy: &ProxyHandle, path: &str) -> Result<helper::Response> {
    let admin = proxy.admin().context("there is an admin endpoint")?;
    let request = Request::get(path).header("host", "admin").body(Bytes::new())?;
    Ok(helper::send(admin, Version::Http1, request).await?)
}

/// As an operator should: a whole file takes the old one's place.
pub(crate) fn put(directory: &std::path::Path, name: &str, text: &str) -> Result<()> {
    std::fs::write(directory.join("new"), text)?;
    std::fs::rename(directory.join("new"), directory.join(name))?;
    Ok(())
}

/// An upstream of HTTP/1.1 and HTTP/2 that answers as told, for as long as the test runs.
pub(crate) async fn upstream<H, F>(handler: H) -> Result<SocketAddr>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let handler = move |request| {
        let response = handler(request);
        async { Ok::<_, Infallible>(response.await) }
    };
    tokio::spawn(helper::serve(listener, handler, std::future::pending()));
    Ok(address)
}

/// An upstream that answers with what it was asked.
pub(crate) async fn echo() -> Result<SocketAddr> {
    upstream(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await.map(|body| body.to_bytes()).unwrap_or_default();
        let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
        for (name, value) in &head.headers {
            text += &format!("{name}: {}\n", value.to_str().unwrap_or("?"));
        }
        Response::new(helper::full(format!("{text}\n{}", String::from_utf8_lossy(&body))))
    })
    .await
}

/// An upstream that reads a request's head from each connection, writes these bytes and then waits or closes.
pub(crate) async fn raw_upstream(answer: &'static [u8], then: Then) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer_raw(stream, answer, then));
        }
    });
    Ok(address)
}

/// What a raw upstream does behind its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Close,
    Wait,
}

async fn answer_raw(mut stream: TcpStream, answer: &[u8], then: Then) -> Result<()> {
    let mut buffer = [0; 4096];
    // The tests' requests come in one piece, and what they say does not matter here.
    let _ = stream.read(&mut buffer).await?;
    stream.write_all(answer).await?;
    if then == Then::Wait {
        while stream.read(&mut buffer).await? > 0 {}
    }
    Ok(())
}

/// Sends bytes to a proxy and reads until it closes, or until `PATIENCE` has passed.
pub(crate) async fn raw(proxy: &ProxyHandle, bytes: &[u8]) -> Result<String> {
    let received = helper::raw(address(proxy)?, bytes).await?;
    Ok(String::from_utf8_lossy(&received).into_owned())
}

/// Waits until something holds, and says what was seen last if it never does.
pub(crate) async fn eventually<T: std::fmt::Debug>(mut look: impl AsyncFnMut() -> (T, bool)) -> Result<T> {
    let mut last = None;
    let waiting = async {
        loop {
            let (seen, holds) = look().await;
            if holds {
                return seen;
            }
            last = Some(seen);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(seen) => Ok(seen),
        Err(_) => anyhow::bail!("never came about; last seen: {last:?}"),
    }
}
