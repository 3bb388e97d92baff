//! A client that keeps its connections, for load.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tower_service::Service;

use super::Response;
use super::client::{ClientError, TIMEOUT, Version, collect, within};

/// A pool of connections to one address, whatever authority a request names. Clones share the pool.
#[derive(Debug, Clone)]
pub struct Client {
    addr: SocketAddr,
    limit: Duration,
    inner: legacy::Client<To, Full<Bytes>>,
}

impl Client {
    /// A client of `addr`; no connection is made before the first request.
    pub fn new(addr: SocketAddr, version: Version) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        // A request that the pool sends again behind our back would be one too many for every count.
        builder.retry_canceled_requests(false);
        builder.http2_only(version == Version::Http2);
        Self { addr, limit: TIMEOUT, inner: builder.build(To(addr)) }
    }

    /// The same client with another limit for a whole response.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends one request, whose URI must be absolute, and waits for the whole response.
    ///
    /// # Errors
    /// [`ClientError`] says how far the exchange came.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response, ClientError> {
        let addr = self.addr;
        within(addr, self.limit, async {
            let response = self.inner.request(request.map(Full::new)).await;
            let response = response.map_err(|source| ClientError::Pooled { addr, source })?;
            collect(addr, response).await
        })
        .await
    }
}

/// Connects to one address for every URI, as a proxy's client does.
#[derive(Debug, Clone, Copy)]
struct To(SocketAddr);

impl Service<Uri> for To {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let addr = self.0;
        Box::pin(async move {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
