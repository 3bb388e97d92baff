//! One client's connection: HTTP/1.1 and HTTP/2 on the same port.

mod guard;

use super::exchange;
use super::exposition;
use super::frames::FrameReader;
use super::local::LocalExecutor;
use super::site::{Client, Site};
use super::thread::Thread;
use guard::{Counted, Guard, Guarded};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use prometheus_client::metrics::gauge::Gauge;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// The most bytes of a request's headers (Envoy's `max_request_headers_kb`).
const MAX_HEADER_BYTES: u32 = 60 << 10;
/// The most streams of one HTTP/2 connection at a time.
const MAX_STREAMS: u32 = 1_024;
/// How long a connection may be without a request (Envoy's `idle_timeout`).
const IDLE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// One open connection, as metrics show it.
struct Open(Gauge);

impl Open {
    fn new(metrics: &exposition::Listener) -> Self {
        metrics.cx.inc();
        metrics.cx_active.inc();
        Self(metrics.cx_active.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The client's stream is broken off without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the stream was reset")]
struct Reset;

/// Serves a connection until it is closed. When `thread` drains, streams end and no new ones begin.
pub(super) async fn serve(thread: Rc<Thread>, stream: TcpStream, client: Client) {
    // Without it a small response may wait for the client's delayed acknowledgement; failing costs only time.
    let _ = stream.set_nodelay(true);
    let client = Rc::new(client);
    let listener = thread.site().and_then(|site| site.listener(&client.listener));
    let _counted = listener.as_ref().map(|listener| Open::new(&listener.metrics));
    let headers_timeout = listener.and_then(|listener| listener.config.request_headers_timeout);
    let guard = Rc::new(Guard::default());
    let io = TokioIo::new(Guarded::new(stream, Rc::clone(&guard)));
    let service = {
        let (thread, client, guard) = (Rc::clone(&thread), Rc::clone(&client), Rc::clone(&guard));
        service_fn(move |request| answer(thread.site(), Rc::clone(&client), guard.request(), request))
    };
    let mut builder = Builder::new(LocalExecutor);
    builder.http1().max_buf_size(usize::try_from(MAX_HEADER_BYTES).unwrap_or(usize::MAX));
    builder.http2().max_header_list_size(MAX_HEADER_BYTES).max_concurrent_streams(MAX_STREAMS);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut drain = pin!(thread.draining(&client.listener));
    let mut watch = pin!(guard.watch(headers_timeout, IDLE_TIMEOUT));
    loop {
        tokio::select! {
            biased;
            // A client that breaks off is an everyday event; its streams have told the filter.
            _ = &mut connection => return,
            () = &mut drain, if !guard.is_draining() => {
                guard.drain();
                connection.as_mut().graceful_shutdown();
            }
            verdict = &mut watch, if !guard.is_draining() => match verdict {
                guard::Verdict::Late => {
                    guard.drain();
                    guard.time_out();
                }
                guard::Verdict::Idle => {
                    guard.drain();
                    connection.as_mut().graceful_shutdown();
                }
            },
        }
    }
}

async fn answer(
    site: Option<Rc<Site>>,
    client: Rc<Client>,
    counted: Counted,
    request: Request<Incoming>,
) -> Result<Response<FrameReader>, Reset> {
    let Some(site) = site else { return Err(Reset) };
    let (reply, answer) = oneshot::channel();
    tokio::task::spawn_local(async move {
        exchange::serve(site, client, request, reply).await;
        drop(counted);
    });
    answer.await.map_err(|_| Reset)
}
