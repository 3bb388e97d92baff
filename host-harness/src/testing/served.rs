//! A stub on a port of its own.

use super::answer::Answer;
use super::error::TestError;
use super::stub::{Behaviour, Stub};
use crate::http::{Body, Connection, MAX_BODY_BYTES, full, serve};
use crate::proxy::config::{ClusterConfig, Endpoint, Protocol};
use crate::vendors::Received;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use std::io;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::AbortHandle;

/// A stub on a port of its own, until this is dropped.
pub(super) struct Served {
    address: SocketAddr,
    protocol: Protocol,
    upstream: String,
    _keeps: Keeps,
}

/// What holds the port.
#[expect(dead_code, reason = "held until dropped")]
enum Keeps {
    /// Bound, but not listened on: the system refuses connections, and nobody else gets the port.
    Socket(TcpSocket),
    Server(Server),
}

struct Server(AbortHandle);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Served {
    /// Serves a stub on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`TestError::Port`], and [`TestError::Answer`] for an answer that could never be sent.
    pub(super) async fn start(upstream: &str, stub: &Stub) -> Result<Self, TestError> {
        if let Behaviour::InTurn(answers) = &stub.behaviour {
            let look = |answer: &Answer| answer.response().map(drop);
            answers
                .iter()
                .try_for_each(look)
                .map_err(|source| TestError::Answer { upstream: upstream.to_owned(), source })?;
        }
        let (address, keeps) =
            open(stub).await.map_err(|source| TestError::Port { upstream: upstream.to_owned(), source })?;
        let protocol = if stub.http2 { Protocol::Http2 } else { Protocol::Http1 };
        Ok(Self { address, protocol, upstream: upstream.to_owned(), _keeps: keeps })
    }

    /// The cluster that leads there.
    pub(super) fn cluster(&self) -> ClusterConfig {
        let endpoints = vec![Endpoint::Socket(self.address)];
        ClusterConfig { protocol: self.protocol, ..ClusterConfig::new(self.upstream.clone(), endpoints) }
    }
}

async fn open(stub: &Stub) -> io::Result<(SocketAddr, Keeps)> {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    if matches!(stub.behaviour, Behaviour::Refuse) {
        let socket = TcpSocket::new_v4()?;
        socket.bind(any)?;
        return Ok((socket.local_addr()?, Keeps::Socket(socket)));
    }
    let listener = TcpListener::bind(any).await?;
    let address = listener.local_addr()?;
    let stub = stub.clone();
    let handler = move |request| answer(stub.clone(), request);
    let task = tokio::spawn(serve(listener, handler, std::future::pending()));
    Ok((address, Keeps::Server(Server(task.abort_handle()))))
}

/// An error closes the connection.
async fn answer(stub: Stub, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let connection = request.extensions().get::<Connection>().cloned().unwrap_or_default();
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await.map_err(io::Error::other)?;
    let trailers = body.trailers().cloned();
    let answer = stub.receive(Received::new(head, body.to_bytes(), trailers));
    stub.released().await;
    let delay = stub.delay + answer.delay;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match answer.response() {
        Ok(Some(response)) => Ok(response),
        Ok(None) => {
            connection.reset_on_close();
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Err(error) => {
            let mut response = Response::new(full(format!("the stub's answer cannot be sent: {error}")));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(response)
        }
    }
}
