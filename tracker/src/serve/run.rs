//! Takes connections until it is told to stop, and lets what is under way end.

use super::app::App;
use super::router::router;
use super::stream::Stream;
use super::tls::Tls;
use crate::access::Peer;
use crate::complain::complain;
use axum::Router;
use axum::body::Body;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// For how long a server that stops leaves idle connections open. Closed at once, one may cross a request that is on its way,
/// which is then lost; open, it takes that request and says in its answer that it is the last.
const LINGER: Duration = Duration::from_millis(50);
/// How long it rests when the operating system gives it no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often a peer that speaks HTTP/2 is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a connection on which no request is under way stays open: whoever answers pings could keep it for ever.
const IDLE: Duration = Duration::from_secs(120);
/// Requests at once on one connection.
const MAX_STREAMS: u32 = 128;
/// The most bytes of a request's head.
const MAX_HEAD: usize = 64 << 10;
/// What a connection beyond the bound is told.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// How it serves.
pub struct Settings {
    /// The most connections at once.
    pub connections: usize,
    /// How long a peer may take to send the head of a request, to agree on TLS, or to take nothing of an answer.
    pub header_timeout: Duration,
    /// How long requests that are under way may take to end once it is told to stop.
    pub stop_timeout: Duration,
    /// The certificate; without one it speaks plain HTTP.
    pub tls: Option<Tls>,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 1_024, header_timeout: seconds(10), stop_timeout: seconds(20), tls: None }
    }
}

/// Serves until `shutdown` completes. Then it takes no connection any more, and requests that are under way have
/// [`Settings::stop_timeout`] to end.
pub async fn run(listener: TcpListener, app: App, settings: Settings, shutdown: impl Future<Output = ()>) {
    let (state, metrics) = (app.state.clone(), app.metrics.clone());
    let settings = Arc::new(settings);
    let (closing, closed) = watch::channel(false);
    let server = Server { router: router(app), settings: Arc::clone(&settings), closed };
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() >= settings.connections => {
                    metrics.connection_refused();
                    // Whoever cannot be told sees the connection close.
                    let _ = stream.try_write(if settings.tls.is_none() { FULL } else { &[] });
                }
                Ok((stream, peer)) => {
                    connections.spawn(server.clone().connection(stream, Peer(peer)));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
        metrics.connections(connections.len());
    }
    state.stop();
    drop(listener);
    closing.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is dropped with its connection.
    let _ = tokio::time::timeout(settings.stop_timeout, all).await;
    connections.shutdown().await;
    metrics.connections(0);
}

#[derive(Clone)]
struct Server {
    router: Router,
    settings: Arc<Settings>,
    closed: watch::Receiver<bool>,
}

impl Server {
    async fn connection(self, stream: TcpStream, peer: Peer) {
        // Without it a small answer may wait for the peer's delayed acknowledgement; failing costs only time.
        let _ = stream.set_nodelay(true);
        let limit = self.settings.header_timeout;
        let Some(tls) = &self.settings.tls else { return self.exchanges(Stream::new(stream, limit), peer).await };
        let acceptor = tls.acceptor(|error| complain(format_args!("the certificate stays the one that was: {error}")));
        if let Ok(Ok(stream)) = tokio::time::timeout(limit, acceptor.accept(stream)).await {
            self.exchanges(Stream::new(stream, limit), peer).await;
        }
    }

    async fn exchanges<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: T, peer: Peer) {
        let router = self.router.clone();
        let closing = self.closed.clone();
        let (requests, under_way) = watch::channel(0);
        let requests = Arc::new(requests);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let is_http1 = request.version() < Version::HTTP_2;
            let answer = router.clone().call(request.map(Body::new));
            let closing = closing.clone();
            let counted = UnderWay::new(Arc::clone(&requests));
            async move {
                let _counted = counted;
                let mut answer = answer.await?;
                if is_http1 && *closing.borrow() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, std::convert::Infallible>(answer)
            }
        });
        let builder = builder(self.settings.header_timeout);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let is_idle = tokio::select! {
            // A peer that leaves is an everyday event.
            _ = serving.as_mut() => return,
            () = idle(under_way) => true,
            _ = self.closed.wait_for(|closed| *closed) => false,
        };
        if is_idle {
            serving.as_mut().graceful_shutdown();
            // An answer that is still on its way may end; whoever takes none of it is not waited for.
            let _ = tokio::time::timeout(IDLE, serving).await;
        } else if tokio::time::timeout(LINGER, serving.as_mut()).await.is_err() {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

/// A request of a connection, until it is answered.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn new(requests: Arc<watch::Sender<usize>>) -> Self {
        requests.send_modify(|count| *count += 1);
        Self(requests)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Completes when no request has been under way for [`IDLE`].
async fn idle(mut requests: watch::Receiver<usize>) {
    while requests.wait_for(|count| *count == 0).await.is_ok() {
        if tokio::time::timeout(IDLE, requests.changed()).await.is_err() {
            return;
        }
    }
}

fn builder(header_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout).max_buf_size(MAX_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(header_timeout)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_once_no_request_has_been_under_way_for_a_while() {
        let requests = Arc::new(watch::Sender::new(0));
        let began = Instant::now();
        let idle = tokio::spawn(idle(requests.subscribe()));
        sleep(IDLE / 2).await;
        drop(UnderWay::new(Arc::clone(&requests)));
        sleep(IDLE / 2).await;
        let long = [UnderWay::new(Arc::clone(&requests)), UnderWay::new(Arc::clone(&requests))];
        sleep(3 * IDLE).await;
        assert!(!idle.is_finished(), "a request is under way");
        drop(long);
        idle.await.expect("it ends");
        assert_eq!(began.elapsed().as_secs(), (5 * IDLE).as_secs());
    }
}
