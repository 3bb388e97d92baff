//! The span of one request, in the words of OpenTelemetry's stable conventions for HTTP.

use crate::abi::Headers;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanKind, Status};
use opentelemetry_sdk::trace::Span;
use std::borrow::Cow;

/// The methods that the conventions know; another is recorded as `_OTHER`, since a client can send any.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// How a request has ended.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange<'a> {
    /// The name of the route: never the path.
    pub route: Option<&'a str>,
    /// The status that the client got; `None` if it got none.
    pub status: Option<u16>,
    /// The cluster that answered, or that should have.
    pub upstream_cluster: Option<&'a str>,
    /// What went wrong, from a small set of words; left out, a status of 500 or more stands for it.
    pub error_type: Option<&'a str>,
}

/// The span of a request that is being served. One that is dropped before [`Self::finish`] ends with what is known.
#[derive(Debug)]
pub struct ServerSpan {
    span: Span,
    method: &'static str,
}

impl ServerSpan {
    pub(super) fn start(span: impl FnOnce(SpanBuilder) -> Span, request: &Headers) -> Self {
        let given = request.get_str(":method").unwrap_or_default();
        let known = METHODS.into_iter().find(|method| *method == given);
        let method = known.unwrap_or("HTTP");
        let mut span = span(SpanBuilder::from_name(method).with_kind(SpanKind::Server));
        if span.is_recording() {
            span.set_attribute(KeyValue::new("http.request.method", known.unwrap_or("_OTHER")));
            span.set_attributes(addresses(request));
        }
        Self { span, method }
    }

    /// Whether the span will be sent.
    pub fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    /// Ends the span.
    pub fn finish(mut self, exchange: &Exchange<'_>) {
        if !self.span.is_recording() {
            return;
        }
        if let Some(route) = exchange.route {
            self.span.update_name(format!("{} {route}", self.method));
        }
        let error_type = error_type(exchange);
        let texts = [
            ("http.route", exchange.route.map(Cow::Borrowed)),
            ("upstream_cluster.name", exchange.upstream_cluster.map(Cow::Borrowed)),
            ("error.type", error_type.clone()),
        ];
        let texts = texts.into_iter().filter_map(|(key, value)| Some(KeyValue::new(key, value?.into_owned())));
        let status = exchange.status.map(|status| KeyValue::new("http.response.status_code", i64::from(status)));
        self.span.set_attributes(texts.chain(status));
        if error_type.is_some() {
            // The status says no more than `error.type` does.
            self.span.set_status(Status::error(""));
        }
        self.span.end();
    }
}

/// To a server a status below 500 is no error of its own.
fn error_type<'a>(exchange: &Exchange<'a>) -> Option<Cow<'a, str>> {
    let failed = exchange.status.filter(|status| *status >= 500);
    exchange.error_type.map(Cow::Borrowed).or_else(|| failed.map(|status| Cow::Owned(status.to_string())))
}

/// Scheme, host and port that the client has asked for.
fn addresses(request: &Headers) -> Vec<KeyValue> {
    let authority = request.get_str(":authority").and_then(|authority| authority.parse::<http::uri::Authority>().ok());
    let host = authority.as_ref().map(|authority| KeyValue::new("server.address", authority.host().to_owned()));
    let port = authority.as_ref().and_then(http::uri::Authority::port_u16);
    let port = port.map(|port| KeyValue::new("server.port", i64::from(port)));
    let scheme = request.get_str(":scheme").map(|scheme| KeyValue::new("url.scheme", scheme.to_owned()));
    [scheme, host, port].into_iter().flatten().collect()
}
