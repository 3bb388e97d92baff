//! One request on one new connection.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use thiserror::Error;
use tokio::net::TcpStream;

use super::{MAX_BODY_BYTES, Response};

/// How long [`send`] waits for a whole response.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// The protocol that a client speaks, without negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 in clear text, with prior knowledge.
    Http2,
}

/// Why no whole response came.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The connection was not made, so no byte of the request has left.
    #[error("no connection to {addr}")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The connection failed before the response was whole.
    #[error("the exchange with {addr} broke off")]
    Exchange {
        /// Where to.
        addr: SocketAddr,
        /// What hyper said.
        source: hyper::Error,
    },
    /// A pooled exchange failed; the source tells connecting and exchanging apart.
    #[error("the pooled exchange with {addr} broke off")]
    Pooled {
        /// Where to.
        addr: SocketAddr,
        /// What the pool said.
        source: hyper_util::client::legacy::Error,
    },
    /// The response was not whole in time.
    #[error("no whole response from {addr} within {} ms", after.as_millis())]
    Timeout {
        /// Where to.
        addr: SocketAddr,
        /// The limit that has passed.
        after: Duration,
    },
    /// The response body is longer than [`MAX_BODY_BYTES`].
    #[error("the response body from {addr} is longer than {MAX_BODY_BYTES} bytes")]
    TooLong {
        /// Where to.
        addr: SocketAddr,
    },
    /// The request has no usable authority or path.
    #[error("the request cannot be put on the wire")]
    Request(#[from] http::Error),
}

/// Sends one request on a connection of its own and waits up to [`TIMEOUT`] for the whole response.
///
/// The authority is the one of the URI, else the `host` header, else the address itself.
///
/// # Errors
/// [`ClientError`] says how far the exchange came.
pub async fn send(addr: SocketAddr, version: Version, request: Request<Bytes>) -> Result<Response, ClientError> {
    send_within(addr, version, request.map(Full::new), TIMEOUT).await
}

/// [`send`] with any body and a time limit of the caller's.
///
/// # Errors
/// [`ClientError`] says how far the exchange came.
pub async fn send_within<B>(
    addr: SocketAddr,
    version: Version,
    request: Request<B>,
    limit: Duration,
) -> Result<Response, ClientError>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    within(addr, limit, async { collect(addr, open(addr, version, request).await?).await }).await
}

/// Sends one request and returns as soon as the response headers are there, with the body still to be read.
///
/// Dropping the response closes the connection. The caller bounds the waiting.
///
/// # Errors
/// [`ClientError`] says how far the exchange came.
pub async fn open<B>(
    addr: SocketAddr,
    version: Version,
    request: Request<B>,
) -> Result<http::Response<Incoming>, ClientError>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let request = address(request, version, addr)?;
    let io = TokioIo::new(connect(addr).await?);
    let broken = |source| ClientError::Exchange { addr, source };
    match version {
        Version::Http1 => {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.map_err(broken)?;
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(broken)
        }
        Version::Http2 => {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.map_err(broken)?;
            tokio::spawn(connection);
            sender.send_request(request).await.map_err(broken)
        }
    }
}

async fn connect(addr: SocketAddr) -> Result<TcpStream, ClientError> {
    let lost = |source| ClientError::Connect { addr, source };
    let stream = TcpStream::connect(addr).await.map_err(lost)?;
    stream.set_nodelay(true).map_err(lost)?;
    Ok(stream)
}

pub(super) async fn within<T>(
    addr: SocketAddr,
    limit: Duration,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(limit, work).await.unwrap_or(Err(ClientError::Timeout { addr, after: limit }))
}

pub(super) async fn collect(addr: SocketAddr, response: http::Response<Incoming>) -> Result<Response, ClientError> {
    let (head, body) = response.into_parts();
    let collected = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let collected = collected.map_err(|error| body_error(addr, error))?;
    let trailers = collected.trailers().cloned();
    Ok(Response { status: head.status, headers: head.headers, body: collected.to_bytes(), trailers })
}

fn body_error(addr: SocketAddr, error: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
    if error.is::<LengthLimitError>() {
        return ClientError::TooLong { addr };
    }
    match error.downcast::<hyper::Error>() {
        Ok(source) => ClientError::Exchange { addr, source: *source },
        // `Limited` knows these two errors only; the limit is the one that is left.
        Err(_) => ClientError::TooLong { addr },
    }
}

/// Puts the authority where the protocol wants it: a `host` header in HTTP/1.1, the URI in HTTP/2.
fn address<B>(mut request: Request<B>, version: Version, addr: SocketAddr) -> Result<Request<B>, http::Error> {
    let authority = authority(request.uri(), request.headers(), addr);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    match version {
        Version::Http1 => {
            *request.uri_mut() = Uri::try_from(path)?;
            if !request.headers().contains_key(HOST) {
                let host = HeaderValue::try_from(authority)?;
                request.headers_mut().insert(HOST, host);
            }
        }
        Version::Http2 => {
            request.headers_mut().remove(HOST);
            *request.uri_mut() = Uri::builder().scheme("http").authority(authority).path_and_query(path).build()?;
        }
    }
    Ok(request)
}

fn authority(uri: &Uri, headers: &HeaderMap, addr: SocketAddr) -> String {
    if let Some(authority) = uri.authority() {
        return authority.to_string();
    }
    match headers.get(HOST).and_then(|host| host.to_str().ok()) {
        Some(host) => host.to_owned(),
        None => addr.to_string(),
    }
}
