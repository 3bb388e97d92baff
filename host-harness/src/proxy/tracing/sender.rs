//! The HTTP client of the exporter. The SDK calls it from a thread of its own that has no runtime, so the work is handed to
//! the proxy's.

use super::TracingError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_http::{HttpClient, HttpError};
use rustls::{ClientConfig, RootCertStore};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// The most that is read of an answer; OTLP says so.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// Sends on the runtime that it was made in.
#[derive(Clone, Debug)]
pub(super) struct HyperSender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    runtime: Handle,
    timeout: Duration,
}

impl HyperSender {
    pub(super) fn new(timeout: Duration) -> Result<Self, TracingError> {
        let runtime = Handle::try_current().map_err(TracingError::Runtime)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls()?).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client, runtime, timeout })
    }

    async fn exchange(self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = self.client.request(request.map(Full::new)).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

fn tls() -> Result<ClientConfig, TracingError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(builder.map_err(TracingError::Tls)?.with_root_certificates(roots).with_no_client_auth())
}

impl HttpClient for HyperSender {
    /// The signature is what `async_trait` makes of an `async fn`.
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let (sender, timeout) = (self.clone(), self.timeout);
        let exchange = self.runtime.spawn(async move { tokio::time::timeout(timeout, sender.exchange(request)).await });
        Box::pin(async move { exchange.await?? })
    }
}
