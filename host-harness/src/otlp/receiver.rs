//! A receiver on a port of this machine.

use super::behaviour::Behaviour;
use super::exchange::{Form, MAX_BODY_BYTES};
use super::record::Record;
use crate::http::{Body, Client, Connection, Version, full, serve};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// The most records that a receiver keeps; then the oldest goes for each that comes.
pub const MAX_RECORDS: usize = 1_000_000;

/// Takes records until it is stopped or dropped. It has a thread of its own, so that it serves whoever waits for it.
pub struct Receiver {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where records go as they come.
type Sink = Box<dyn Fn(&Record) + Send + Sync>;

struct Shared {
    requests: AtomicU64,
    bytes: AtomicU64,
    behaviour: Mutex<Behaviour>,
    kept: Mutex<VecDeque<Record>>,
    sink: Option<Sink>,
    /// Who is asked too, and whose answer it is.
    onward: Option<Client>,
}

impl Receiver {
    /// Listens at an address, where port 0 takes a free one, and keeps what comes for [`records`](Self::records).
    ///
    /// # Errors
    /// The address is not to be had.
    pub fn start(addr: SocketAddr) -> io::Result<Self> {
        Self::start_with(addr, None, None)
    }

    /// Listens at an address and hands on each record before the request that it is in is answered; none is kept.
    ///
    /// # Errors
    /// The address is not to be had.
    pub fn start_streaming(addr: SocketAddr, sink: impl Fn(&Record) + Send + Sync + 'static) -> io::Result<Self> {
        Self::start_with(addr, Some(Box::new(sink)), None)
    }

    /// Hands every request on as it came, and its answer back; the records of those that are taken there are handed on as by
    /// [`start_streaming`](Self::start_streaming).
    ///
    /// # Errors
    /// The address is not to be had.
    pub fn start_between(
        addr: SocketAddr,
        sink: impl Fn(&Record) + Send + Sync + 'static,
        onward: SocketAddr,
    ) -> io::Result<Self> {
        Self::start_with(addr, Some(Box::new(sink)), Some(Client::new(onward, Version::Http1)))
    }

    fn start_with(addr: SocketAddr, sink: Option<Sink>, onward: Option<Client>) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            behaviour: Mutex::default(),
            kept: Mutex::default(),
            sink,
            onward,
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let handler = {
            let shared = Arc::clone(&shared);
            move |request| Arc::clone(&shared).handle(request)
        };
        let stopped = async {
            // A receiver that is gone wants it stopped too.
            let _ = stopped.await;
        };
        let thread = std::thread::Builder::new()
            .name(String::from("otlp"))
            .spawn(move || runtime.block_on(serve(listener, handler, stopped)))?;
        Ok(Self { addr, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What has come and is kept, in the order in which it came.
    pub fn records(&self) -> Vec<Record> {
        self.shared.kept().iter().cloned().collect()
    }

    /// How many requests have come, whatever became of them.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// The bytes of all bodies that have come whole, as they came.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// What becomes of requests that come from now on.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Ends it: every connection is dropped, and its port is free again.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell: whatever failed in it, failed for a client.
            let _ = thread.join();
        }
    }
}

impl Shared {
    async fn handle(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Response<Body>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let form = match Form::of(&head) {
            Ok(form) => form,
            Err(refusal) => return Ok(refusal.response().map(full)),
        };
        let body = match Limited::new(body, MAX_BODY_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Ok(form.too_large().response().map(full)),
            Err(error) => return Err(io::Error::other(error)),
        };
        self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        let behaviour = self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (skip, delay) = match behaviour {
            Behaviour::Accept => (0, None),
            Behaviour::Slow(delay) => (0, Some(delay)),
            Behaviour::Partial { rejected } => (rejected, None),
            Behaviour::Status { status, retry_after } => return status_alone(status, retry_after.as_deref()),
            Behaviour::Reset => {
                if let Some(connection) = head.extensions.get::<Connection>() {
                    connection.reset_on_close();
                }
                return Err(io::Error::other("reset"));
            }
        };
        if let Some(onward) = &self.onward {
            let request = onward_request(&head, body.clone()).map_err(io::Error::other)?;
            let answer = onward.send(request).await.map_err(io::Error::other)?;
            if !answer.status.is_success() {
                return Ok(handed_back(answer));
            }
        }
        let response = match form.decode(&body) {
            Ok(records) => {
                let rejected = skip.min(records.len());
                self.take(records.into_iter().skip(rejected));
                form.success(rejected)
            }
            Err(refusal) => refusal.response(),
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        Ok(response.map(full))
    }

    fn take(&self, records: impl Iterator<Item = Record>) {
        if let Some(sink) = &self.sink {
            records.for_each(|record| sink(&record));
            return;
        }
        let mut kept = self.kept();
        for record in records {
            if kept.len() >= MAX_RECORDS {
                kept.pop_front();
            }
            kept.push_back(record);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<Record>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same export; what belongs to the connection that it came by is left out.
fn onward_request(head: &Parts, body: Bytes) -> Result<Request<Bytes>, http::Error> {
    let uri = Uri::builder().scheme("http").authority("onward").path_and_query(head.uri.path()).build()?;
    let mut request = Request::post(uri).body(body)?;
    for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::AUTHORIZATION] {
        if let Some(value) = head.headers.get(&name) {
            request.headers_mut().insert(name, value.clone());
        }
    }
    Ok(request)
}

fn handed_back(answer: crate::http::Response) -> Response<Body> {
    let mut response = Response::new(full(answer.body));
    *response.status_mut() = answer.status;
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
        if let Some(value) = answer.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn status_alone(status: u16, retry_after: Option<&str>) -> io::Result<Response<Body>> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
    if let Some(value) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_str(value).map_err(io::Error::other)?);
    }
    Ok(response)
}
