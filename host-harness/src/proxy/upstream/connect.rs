//! One connection to an endpoint: TCP, perhaps TLS, and the handshake of HTTP/1.1 or HTTP/2.

use super::cluster::{Cluster, InUse};
use super::failure::Failure;
use crate::proxy::config::{Endpoint, Protocol};
use crate::proxy::frames::FrameReader;
use crate::proxy::local::LocalExecutor;
use hyper::client::conn::{http1, http2};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How often an idle HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));

/// A connection that can take requests; it lives in a task of its own until it is closed.
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) local: Option<SocketAddr>,
}

pub(super) enum Sender {
    Http1(http1::SendRequest<FrameReader>),
    Http2(http2::SendRequest<FrameReader>),
}

/// Connects. `http2` says what is spoken where ALPN does not decide. `closed` runs when the connection has gone.
pub(super) async fn connect(
    cluster: Arc<Cluster>,
    address: SocketAddr,
    http2: bool,
    in_use: InUse,
    closed: impl FnOnce() + 'static,
) -> Result<Connection, Failure> {
    let limit = cluster.config.connect_timeout;
    let connecting = async {
        let tcp = TcpStream::connect(address).await.map_err(|error| refused(&error))?;
        // Without it a small request may wait for the peer's delayed acknowledgement; failing costs only time.
        let _ = tcp.set_nodelay(true);
        let local = tcp.local_addr().ok();
        let released = move || {
            drop(in_use);
            closed();
        };
        let sender = match &cluster.tls {
            None => handshake(TokioIo::new(tcp), http2, released).await?,
            Some(tls) => {
                let stream = tls.connect(tcp, &host(&cluster, address)).await.map_err(|error| untrusted(&error))?;
                let chosen = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let http2 = if cluster.config.protocol == Protocol::Http2 { true } else { chosen };
                handshake(TokioIo::new(stream), http2, released).await?
            }
        };
        Ok(Connection { sender, local })
    };
    tokio::time::timeout(limit, connecting).await.unwrap_or(Err(Failure::ConnectTimeout))
}

/// The name that the endpoint's certificate must have where the config says none.
fn host(cluster: &Cluster, address: SocketAddr) -> String {
    match cluster.config.endpoints.first() {
        Some(Endpoint::Name { host, .. }) => host.clone(),
        _ => address.ip().to_string(),
    }
}

fn refused(error: &std::io::Error) -> Failure {
    let text = error.to_string();
    // "Connection refused (os error 111)": the number says nothing more, and Envoy has none.
    let reason = text.split(" (os error").next().unwrap_or_default();
    Failure::Connect { reason: format!("delayed connect error: {reason}") }
}

fn untrusted(error: &std::io::Error) -> Failure {
    Failure::Connect { reason: format!("TLS_error: {error}") }
}

async fn handshake<T: Read + Write + Unpin + 'static>(
    io: T,
    http2: bool,
    closed: impl FnOnce() + 'static,
) -> Result<Sender, Failure> {
    if http2 {
        let mut builder = http2::Builder::new(LocalExecutor);
        builder.timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE.0).keep_alive_timeout(KEEP_ALIVE.1);
        let (sender, connection) = builder.handshake(io).await.map_err(|error| Failure::of(&error))?;
        drive(connection, closed);
        return Ok(Sender::Http2(sender));
    }
    let (sender, connection) = http1::handshake(io).await.map_err(|error| Failure::of(&error))?;
    drive(connection, closed);
    Ok(Sender::Http1(sender))
}

fn drive(connection: impl Future<Output = hyper::Result<()>> + 'static, closed: impl FnOnce() + 'static) {
    tokio::task::spawn_local(async move {
        // Whoever waits for a response hears of the failure; an idle connection that breaks concerns nobody.
        let _ = connection.await;
        closed();
    });
}
