//! The vendors of a story as servers on loopback. What they do with a call is what they do in virtual time.

use crate::cases_of_rules::Case;
use crate::cases_of_rules::behaviour::Act;
use crate::cases_of_rules::case::Channel;
use crate::cases_of_rules::dialect::{Answer, Request};
use crate::cases_of_rules::seen::Seen;
use crate::cases_of_rules::vendor::{Met, Vendors};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long a port may stay taken after its listener has gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Everything that vendors know, and since when the story runs.
pub(super) struct Books {
    case: Case,
    pub(super) start: Instant,
    vendors: Mutex<Vendors>,
}

/// The vendors. Dropping them closes every port.
pub(super) struct Theatre {
    pub(super) addresses: Vec<(Channel, SocketAddr)>,
    listeners: Vec<(Channel, TcpListener)>,
    acting: JoinSet<()>,
}

impl Books {
    pub(super) fn open(case: &Case, start: Instant) -> io::Result<Arc<Self>> {
        let case = Case::read(&super::folder(), &case.name).map_err(|error| io::Error::other(error.to_string()))?;
        let vendors = Mutex::new(Vendors::new(&case));
        Ok(Arc::new(Self { case, start, vendors }))
    }

    pub(super) fn vendors(&self) -> MutexGuard<'_, Vendors> {
        self.vendors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books what the vendors know.
    pub(super) fn close(&self, seen: &mut Seen) {
        self.vendors().close(seen);
    }

    fn call(&self, channel: &Channel, request: &Request) -> Met {
        self.vendors().call(&self.case, channel, self.start.elapsed(), request)
    }
}

impl Theatre {
    /// Finds a port for each vendor, on which nobody answers yet.
    pub(super) async fn open(case: &Case) -> io::Result<Self> {
        let (mut addresses, mut listeners) = (Vec::new(), Vec::new());
        for channel in case.channels() {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            addresses.push((channel.clone(), listener.local_addr()?));
            listeners.push((channel, listener));
        }
        Ok(Self { addresses, listeners, acting: JoinSet::new() })
    }

    /// Lets the vendors do what the story says.
    pub(super) fn begin(&mut self, books: &Arc<Books>) {
        for (channel, listener) in self.listeners.drain(..) {
            self.acting.spawn(act(Arc::clone(books), channel, listener));
        }
    }
}

/// One vendor: whenever it refuses connections, its port is closed.
async fn act(books: Arc<Books>, channel: Channel, listener: TcpListener) {
    let Ok(addr) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut exchanges = JoinSet::new();
    let phases: Vec<_> = books.case.phases().into_iter().filter(|(name, _)| *name == channel.name).collect();
    let refuses = |at: Duration| books.case.behaviour(&channel.name, at).1.act == Act::Refused;
    for end in phases.iter().map(|(_, phase)| Some(phase.from)).chain([None]) {
        let until = books.start + end.unwrap_or(Duration::from_secs(60));
        if let Some(listener) = &listener {
            let _ = tokio::time::timeout_at(until, accept(listener, &books, &channel, &mut exchanges)).await;
        } else {
            sleep_until(until).await;
        }
        let Some(at) = end else { return };
        listener = match (refuses(at), listener.take()) {
            (true, open) => {
                // What the kernel has taken would else be broken off and not refused.
                if let Some(open) = open {
                    while let Some(stream) = waiting(&open).await {
                        answer(stream, &books, &channel, &mut exchanges);
                    }
                }
                None
            }
            (false, Some(listener)) => Some(listener),
            (false, None) => bind(addr).await,
        };
    }
}

async fn bind(addr: SocketAddr) -> Option<TcpListener> {
    let bound = async {
        loop {
            match TcpListener::bind(addr).await {
                Ok(listener) => return listener,
                Err(_) => sleep(Duration::from_millis(5)).await,
            }
        }
    };
    timeout(PATIENCE, bound).await.ok()
}

/// Every call comes on a connection of its own, so that a port that is closed refuses all of them and breaks none off.
async fn accept(listener: &TcpListener, books: &Arc<Books>, channel: &Channel, exchanges: &mut JoinSet<()>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        answer(stream, books, channel, exchanges);
    }
}

/// A connection that waits to be accepted.
async fn waiting(listener: &TcpListener) -> Option<TcpStream> {
    poll_fn(|context| {
        Poll::Ready(match listener.poll_accept(context) {
            Poll::Ready(Ok((stream, _))) => Some(stream),
            Poll::Ready(Err(_)) | Poll::Pending => None,
        })
    })
    .await
}

fn answer(stream: TcpStream, books: &Arc<Books>, channel: &Channel, exchanges: &mut JoinSet<()>) {
    let (books, channel) = (Arc::clone(books), channel.clone());
    exchanges.spawn(async move {
        let service = service_fn(move |request| serve(Arc::clone(&books), channel.clone(), request));
        let _ = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await;
    });
}

async fn serve(
    books: Arc<Books>,
    channel: Channel,
    request: http::Request<Incoming>,
) -> io::Result<http::Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let request = Request {
        authority: head.headers.get("host").map(text).unwrap_or_default(),
        path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec(),
    };
    match books.call(&channel, &request) {
        Met::Answer(after, answer) => {
            sleep(after).await;
            response(answer)
        }
        Met::Silence => std::future::pending().await,
        Met::Refused | Met::Reset => Err(io::Error::other("the connection breaks")),
    }
}

fn response(answer: Answer) -> io::Result<http::Response<Full<Bytes>>> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(answer.body)).map_err(io::Error::other)
}
