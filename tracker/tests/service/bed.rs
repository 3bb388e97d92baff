//! A server on a free port of this machine, and a client.

use crate::ill::{Ill, Mood};
use bytes::Bytes;
use http::{Method, Request};
use hyper::body::{Body, Frame};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_host::http::{Response, Version, send};
use pointsman_tracker::ingest::{Ingest, Settings as IngestSettings};
use pointsman_tracker::serve::{App, Settings, run};
use pointsman_tracker::store::memory::Memory;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// When everything happens.
pub(crate) const NOW_MS: u64 = 1_795_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);
/// In which everything that a test waits for has to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A server, until it is stopped or dropped.
pub(crate) struct Bed {
    pub(crate) addr: SocketAddr,
    pub(crate) store: Arc<Ill>,
    pub(crate) app: App,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// What a test may want otherwise.
pub(crate) struct Wish {
    pub(crate) server: Settings,
    pub(crate) ingest: IngestSettings,
    pub(crate) query_timeout: Duration,
}

impl Default for Wish {
    fn default() -> Self {
        Self { server: Settings::default(), ingest: IngestSettings::default(), query_timeout: SOON }
    }
}

impl Bed {
    pub(crate) async fn start(wish: Wish) -> Self {
        let store = Arc::new(Ill::new(Memory::new(Lifecycle::builtin())));
        let mut app = App::new(store.clone(), Arc::new(Lifecycle::builtin()));
        app.clock = || NOW_MS;
        app.limits.query_timeout = wish.query_timeout;
        app.ingest = Arc::new(Ingest::new(wish.ingest, DAY));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(run(listener, app.clone(), wish.server, stopped));
        Self { addr, store, app, stop: Some(stop), running }
    }

    pub(crate) async fn plain() -> Self {
        Self::start(Wish::default()).await
    }

    pub(crate) fn mood(&self, mood: Mood) {
        self.store.set(mood);
    }

    /// Tells it to stop, and does not wait.
    pub(crate) fn tell_to_stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(self) {
        tokio::time::timeout(SOON, self.running).await.expect("it stops").expect("it has not panicked");
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response {
        send(self.addr, Version::Http1, request).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(request(Method::GET, path).body(Bytes::new()).expect("a request")).await
    }

    /// Sends log records in protobuf.
    pub(crate) async fn logs(&self, body: Vec<u8>) -> Response {
        self.send(export("/v1/logs", PROTOBUF, body)).await
    }

    /// The ids of the messages that an id is of.
    pub(crate) async fn found(&self, id: &str) -> Vec<String> {
        use pointsman_tracker::store::{Id, Store as _};
        let found = self.store.find(&Id::Message(id.to_owned()), 10).await.expect("messages");
        found.into_iter().map(|message| message.id).collect()
    }
}

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";

pub(crate) fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

pub(crate) fn export(path: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    request(Method::POST, path).header("content-type", content_type).body(body.into()).expect("a request")
}

/// Waits for something to be so, and says what it was last if it never is.
pub(crate) async fn until<T: std::fmt::Debug>(what: &str, mut look: impl AsyncFnMut() -> (bool, T)) {
    let began = std::time::Instant::now();
    loop {
        let (is_so, seen) = look().await;
        if is_so {
            return;
        }
        assert!(began.elapsed() < SOON, "{what}: {seen:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A body that comes in parts and does not say how long it is. It may never end.
pub(crate) struct Parts(pub(crate) VecDeque<Bytes>, pub(crate) bool);

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.pop_front() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None if self.1 => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}
