//! A server of HTTP/1.1 and HTTP/2 on one port.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The most connections that one server holds; further ones wait in the listener's backlog.
pub const MAX_CONNECTIONS: usize = 4_096;

/// For how long a server that closes leaves its idle HTTP/1.1 connections open. Closed at once, one may cross a request that
/// is on its way, which is then lost; open, it takes that request and says in its answer that it is the last.
const LINGER: Duration = Duration::from_millis(50);

/// How long a server rests when the operating system gives it no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection that a request came on, found in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Connection(Arc<AtomicBool>);

impl Connection {
    /// Makes the close of this connection a TCP reset. It does not close it: that takes an error from the handler
    /// or from the response body.
    pub fn reset_on_close(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Serves until `shutdown` completes, then drops every connection at once.
///
/// An error from the handler closes an HTTP/1.1 connection without a response and resets an HTTP/2 stream.
pub async fn serve<H, F, B, E>(listener: TcpListener, handler: H, shutdown: impl Future<Output = ()>)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    serve_until(listener, handler, shutdown, Duration::ZERO).await;
}

/// [`serve`], but once `shutdown` completes new connections are refused at once, and exchanges that are under way have
/// `grace` to end.
pub async fn serve_until<H, F, B, E>(
    listener: TcpListener,
    handler: H,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    let (closing, closed) = watch::channel(false);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, handler.clone(), closed.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    // Who is connected already, as far as the peer can tell, must not be reset together with what it has sent by now.
    while let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::ZERO, listener.accept()).await {
        connections.spawn(serve_connection(stream, handler.clone(), closed.clone()));
    }
    drop(listener);
    closing.send_replace(true);
    // What has not ended by then is dropped with its connection.
    let _ = tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
}

async fn serve_connection<H, F, B, E>(stream: TcpStream, handler: H, mut closed: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<B>, E>> + Send + 'static,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    // Without it a small response may wait for the peer's delayed acknowledgement; failing costs only time.
    let _ = stream.set_nodelay(true);
    let connection = Connection::default();
    let io = TokioIo::new(Stream { inner: stream, connection: connection.clone() });
    let is_http2 = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_http2);
    let closing = closed.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        let http2 = request.version() >= Version::HTTP_2;
        seen.fetch_or(http2, Ordering::Relaxed);
        let answer = handler(request);
        let closing = closing.clone();
        async move {
            let mut answer = answer.await?;
            if !http2 && *closing.borrow() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, E>(answer)
        }
    });
    // A peer that leaves is an everyday event to a stand-in, and nobody is there to hear of it.
    let builder = Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(io, service));
    tokio::select! {
        _ = serving.as_mut() => return,
        _ = closed.wait_for(|closed| *closed) => {}
    }
    // HTTP/2 says which streams it has taken, so nothing can cross.
    if !is_http2.load(Ordering::Relaxed) && tokio::time::timeout(LINGER, serving.as_mut()).await.is_ok() {
        return;
    }
    serving.as_mut().graceful_shutdown();
    let _ = serving.await;
}

/// A TCP stream that closes with a reset when its [`Connection`] says so.
struct Stream {
    inner: TcpStream,
    connection: Connection,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.connection.0.load(Ordering::Relaxed) {
            // Where the option is refused the peer sees an ordinary close, which breaks the exchange as well.
            let _ = self.inner.set_zero_linger();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
