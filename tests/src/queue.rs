//! Two applications with a queue between them, which hands on bodies and nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use pointsman_host::http::{Body, Client, Version, full, serve};
use tokio::net::TcpListener;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinSet;

use crate::app::absolute;

/// A producer that takes requests and puts their bodies into a queue, and a consumer that makes calls of them. Dropping it
/// ends both.
pub struct Queue {
    /// Where the producer listens.
    pub addr: SocketAddr,
    outbound: Arc<OnceLock<Client>>,
    _tasks: JoinSet<()>,
}

impl Queue {
    /// Starts both.
    pub async fn start(call: fn(&[u8]) -> Request<Bytes>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let outbound: Arc<OnceLock<Client>> = Arc::default();
        let (into, mut from) = unbounded_channel::<Bytes>();
        let produce = move |request: Request<Incoming>| {
            let into = into.clone();
            async move {
                let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
                into.send(body).map_err(io::Error::other)?;
                Ok::<http::Response<Body>, io::Error>(http::Response::new(full("{}")))
            }
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, produce, std::future::pending()));
        let reached = Arc::clone(&outbound);
        tasks.spawn(async move {
            while let Some(body) = from.recv().await {
                let client = reached.get().expect("the consumer knows where to");
                // What has become of it, the vendor's books and the records tell.
                let _ = client.send(absolute(call(&body))).await;
            }
        });
        Self { addr, outbound, _tasks: tasks }
    }

    /// Says where the consumer's outbound listener is. To be called once, before the first message.
    pub fn reaches(&self, outbound: SocketAddr) {
        assert!(self.outbound.set(Client::new(outbound, Version::Http1)).is_ok(), "it is known already");
    }
}
