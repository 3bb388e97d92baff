//! A stand-in of the application behind the inbound listener, as it is before anybody has thought of tracing: it passes no
//! header on, works on several threads, takes its time, and then calls others through the outbound listener.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pointsman_host::http::{Body, Client, Version, full, serve};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The longest that it waits before each of its calls.
const LONGEST_WAIT_MS: u64 = 50;

/// How long it waits for an answer. A thousand messages at once on a busy machine take their time.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What the application asks others when it is asked this, one after the other.
pub type Work = fn(&Value) -> Vec<Request<Bytes>>;

/// The application. Dropping it closes its listener and its connections.
pub struct App {
    /// Where it listens.
    pub addr: SocketAddr,
    outbound: Arc<OnceLock<Client>>,
    task: JoinHandle<()>,
}

impl App {
    /// Listens. The seed decides how long it waits for what.
    pub async fn start(seed: u64, work: Work) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let outbound: Arc<OnceLock<Client>> = Arc::default();
        let reached = Arc::clone(&outbound);
        let handler = move |request: Request<Incoming>| {
            let reached = Arc::clone(&reached);
            async move {
                let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
                let client = reached.get().cloned().ok_or_else(|| io::Error::other("nobody has said where to"))?;
                // Each message in a task of its own, and each of its calls in another: whatever thread is free takes them.
                let done = tokio::spawn(process(seed, work, body, client)).await.map_err(io::Error::other)?;
                Ok::<http::Response<Body>, io::Error>(answer(done))
            }
        };
        let task = tokio::spawn(serve(listener, handler, std::future::pending()));
        Self { addr, outbound, task }
    }

    /// Says where the outbound listener is. To be called once, when it is known.
    pub fn reaches(&self, outbound: SocketAddr) {
        let client = Client::new(outbound, Version::Http1).timeout(ANSWER_LIMIT);
        assert!(self.outbound.set(client).is_ok(), "it is known already");
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether all its calls were answered with 200.
async fn process(seed: u64, work: Work, body: Bytes, client: Client) -> bool {
    let mut waits = waits(seed, &body);
    let calls = work(&serde_json::from_slice(&body).unwrap_or_default());
    let mut all = true;
    for call in calls {
        tokio::time::sleep(Duration::from_millis(waits.next_u64() % (LONGEST_WAIT_MS + 1))).await;
        let client = client.clone();
        let answer = tokio::spawn(async move { client.send(absolute(call)).await }).await;
        all &= answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == StatusCode::OK));
    }
    all
}

/// The same for the same message, whenever it comes.
fn waits(seed: u64, body: &[u8]) -> Xoshiro256PlusPlus {
    let mut hasher = DefaultHasher::new();
    (seed, body).hash(&mut hasher);
    Xoshiro256PlusPlus::seed_from_u64(hasher.finish())
}

fn answer(done: bool) -> http::Response<Body> {
    let mut answer = http::Response::new(full("{}"));
    *answer.status_mut() = if done { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
    answer
}

/// The same request as a pool of connections takes it: the authority in the URI.
///
/// # Panics
/// If it has no host.
pub fn absolute(mut request: Request<Bytes>) -> Request<Bytes> {
    let host = request.headers_mut().remove("host").expect("a host");
    let uri = format!("http://{}{}", host.to_str().expect("a name"), request.uri());
    *request.uri_mut() = Uri::try_from(uri).expect("an absolute URI");
    request
}
