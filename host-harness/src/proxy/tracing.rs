//! The proxy's own traces: one server span for each request, sent by OTLP over HTTP.
//!
//! A span continues the trace of the request, if the request brings a valid W3C `traceparent`. The proxy never writes one: the
//! filter owns what goes to the upstream (Envoy's `no_context_propagation`). No path, query or header value is recorded,
//! since they may hold tokens and recipients.

mod parent;
mod sender;
mod span;

pub use span::{Exchange, ServerSpan};

use crate::abi::Headers;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use sender::HyperSender;
use std::time::Duration;

/// How traces are made and where they go.
#[derive(Clone, Debug, PartialEq)]
pub struct TracingSettings {
    /// The whole address, as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// The resource's `service.name`.
    pub service_name: String,
    /// The share of requests without a `traceparent` that are traced, 0 to 1. The others follow their caller.
    pub ratio: f64,
    /// How long one export may take.
    pub timeout: Duration,
    /// How long spans wait until they are sent together.
    pub delay: Duration,
}

impl TracingSettings {
    /// How many finished spans may wait. More are dropped: traces must not cost the proxy its memory.
    pub const MAX_QUEUE: usize = 4096;

    /// How many spans are sent together.
    pub const MAX_BATCH: usize = 512;
}

/// Why traces can't be made.
#[derive(Debug, thiserror::Error)]
pub enum TracingError {
    /// The endpoint is no address.
    #[error("the traces' endpoint can't be used")]
    Endpoint(#[source] opentelemetry_otlp::ExporterBuildError),
    /// The client for `https` could not be made.
    #[error("no TLS for traces")]
    Tls(#[source] rustls::Error),
    /// There is no tokio runtime here to send with.
    #[error("traces need a runtime to be sent with")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
    /// The last spans were not sent in time.
    #[error("the last traces were not sent in time")]
    Shutdown(#[source] opentelemetry_sdk::error::OTelSdkError),
    /// The thread that waits for the last spans has failed.
    #[error("the last traces were not waited for")]
    Wait(#[source] tokio::task::JoinError),
}

/// Makes spans and sends them.
#[derive(Debug)]
pub struct Tracing {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

impl Tracing {
    /// Begins to send; the runtime that this is called in does the sending.
    ///
    /// # Errors
    /// [`TracingError`]. An endpoint that does not answer is no error: spans are dropped.
    pub fn start(settings: &TracingSettings) -> Result<Self, TracingError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(HyperSender::new(settings.timeout)?)
            .with_endpoint(&settings.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .with_timeout(settings.timeout)
            .build()
            .map_err(TracingError::Endpoint)?;
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(TracingSettings::MAX_QUEUE)
            .with_max_export_batch_size(TracingSettings::MAX_BATCH)
            .with_scheduled_delay(settings.delay)
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.ratio)));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(config).build())
            .with_sampler(sampler)
            .with_resource(resource(&settings.service_name))
            .build();
        Ok(Self { tracer: provider.tracer("pointsman"), provider })
    }

    /// Begins the span of a request that has just come in.
    pub fn server_span(&self, request: &Headers) -> ServerSpan {
        let context = Context::new();
        let context = match parent::read(request) {
            Some(parent) => opentelemetry::trace::TraceContextExt::with_remote_span_context(&context, parent),
            None => context,
        };
        ServerSpan::start(|builder| self.tracer.build_with_context(builder, &context), request)
    }

    /// Sends what waits, for at most `timeout`; spans that end later are dropped.
    ///
    /// # Errors
    /// [`TracingError::Shutdown`] if that took longer. A collector that refused the last spans is no error.
    pub async fn shutdown(&self, timeout: Duration) -> Result<(), TracingError> {
        let provider = self.provider.clone();
        // The SDK blocks here until the runtime has sent the last spans.
        let stop = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(timeout));
        stop.await.map_err(TracingError::Wait)?.map_err(TracingError::Shutdown)
    }
}

/// Only what is known here: the SDK's own detection reads the environment.
fn resource(service_name: &str) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder_empty().with_service_name(service_name.to_owned()).with_attribute(version).build()
}

#[cfg(test)]
mod tests;
