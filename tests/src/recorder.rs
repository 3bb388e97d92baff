//! An upstream that keeps what it received, byte for byte, and answers as it is told.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pointsman_host::http::{Body, serve};
use pointsman_host::vendors::Received;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The upstream, for HTTP/1.1 and HTTP/2 alike. Dropping it closes its listener and its connections.
pub struct Recorder {
    /// Where it listens.
    pub addr: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Answers each request when it is whole.
    pub async fn start(answer: impl Fn(&Received) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let ledger = Arc::clone(&received);
        Self::serve(received, move |request: Request<Incoming>| {
            let (ledger, answer) = (Arc::clone(&ledger), answer.clone());
            async move {
                let (head, body) = request.into_parts();
                let collected = body.collect().await.map_err(io::Error::other)?;
                let request = Received {
                    method: head.method,
                    uri: head.uri,
                    version: head.version,
                    headers: head.headers,
                    trailers: collected.trailers().cloned(),
                    body: collected.to_bytes(),
                };
                let response = answer(&request);
                ledger.lock().expect("no test panics with the lock").push(request);
                Ok(response)
            }
        })
        .await
    }

    /// Answers each request at its head and never reads on.
    pub async fn hasty(answer: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        Self::serve(Arc::default(), move |_: Request<Incoming>| std::future::ready(Ok(answer()))).await
    }

    async fn serve<H, F>(received: Arc<Mutex<Vec<Received>>>, handler: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = io::Result<Response<Body>>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let task = tokio::spawn(serve(listener, handler, std::future::pending()));
        Self { addr, received, task }
    }

    /// Everything received so far.
    pub fn requests(&self) -> Vec<Received> {
        self.received.lock().expect("no test panics with the lock").clone()
    }

    /// The last request received.
    pub fn last(&self) -> Received {
        self.requests().pop().expect("a request")
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}
