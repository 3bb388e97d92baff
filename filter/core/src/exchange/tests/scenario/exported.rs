//! What a collector is told in a scenario. It is decoded by the crate of OpenTelemetry itself.

use super::{Scenario, StreamId};
use crate::export::{Answer, Export, Signal};
use crate::time::WallClock;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::{Span, status::StatusCode};
use prost::Message;
use std::collections::BTreeMap;
use std::time::Duration;

pub(in crate::exchange::tests) const STATUS: &str = "push.message.status";
pub(in crate::exchange::tests) const ALIAS: &str = "push.message.alias";
pub(in crate::exchange::tests) const ENTER: &str = "push.node.enter";

/// A span, or a log record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::exchange::tests) struct Told {
    pub(in crate::exchange::tests) name: String,
    /// Ids in hexadecimal digits, empty where there is none.
    pub(in crate::exchange::tests) trace: String,
    pub(in crate::exchange::tests) span: String,
    pub(in crate::exchange::tests) parent: String,
    /// Of a span, the number of its kind.
    pub(in crate::exchange::tests) kind: i32,
    pub(in crate::exchange::tests) is_error: bool,
    /// When it began and when it was over, in milliseconds of the calendar.
    pub(in crate::exchange::tests) at_ms: (u64, u64),
    /// Each with the id of its message, where it tells one.
    pub(in crate::exchange::tests) links: Vec<(String, String, Option<String>)>,
    pub(in crate::exchange::tests) attributes: BTreeMap<String, String>,
}

impl Told {
    pub(in crate::exchange::tests) fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The values of these attributes, `-` where there is none.
    pub(in crate::exchange::tests) fn line(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.get(name).unwrap_or("-")).collect::<Vec<_>>().join(" ")
    }
}

/// All that has been told since it was last asked for.
#[derive(Debug, Default)]
pub(in crate::exchange::tests) struct Exported {
    pub(in crate::exchange::tests) spans: Vec<Told>,
    pub(in crate::exchange::tests) logs: Vec<Told>,
    /// Of every request.
    pub(in crate::exchange::tests) bytes: Vec<u8>,
}

impl Exported {
    /// The log records of one event.
    pub(in crate::exchange::tests) fn of(&self, event: &str) -> Vec<&Told> {
        self.logs.iter().filter(|log| log.name == event).collect()
    }

    /// The same, each as a [line](Told::line).
    pub(in crate::exchange::tests) fn lines(&self, event: &str, names: &[&str]) -> Vec<String> {
        self.of(event).into_iter().map(|log| log.line(names)).collect()
    }

    /// The only span.
    pub(in crate::exchange::tests) fn span(&self) -> &Told {
        assert_eq!(self.spans.len(), 1, "{:?}", self.spans);
        &self.spans[0]
    }

    fn add(&mut self, export: &Export) {
        assert_eq!(&*export.cluster, "otlp");
        self.bytes.extend(&export.body);
        match export.signal {
            Signal::Logs => {
                let request = ExportLogsServiceRequest::decode(export.body.as_slice()).unwrap();
                let scopes = request.resource_logs.into_iter().flat_map(|of| of.scope_logs);
                self.logs.extend(scopes.flat_map(|scope| scope.log_records).map(of_log));
            }
            Signal::Traces => {
                let request = ExportTraceServiceRequest::decode(export.body.as_slice()).unwrap();
                let scopes = request.resource_spans.into_iter().flat_map(|of| of.scope_spans);
                self.spans.extend(scopes.flat_map(|scope| scope.spans).map(of_span));
            }
        }
    }
}

impl Scenario {
    /// What the worker has to tell by now, which the collector takes.
    pub(in crate::exchange::tests) fn exported(&mut self) -> Exported {
        let mut exported = Exported::default();
        // So late every batch is due. The exchanges know nothing of it.
        let now = self.shell.now.after(Duration::from_secs(60));
        loop {
            let exports = self.worker.exports(now);
            if exports.is_empty() {
                return exported;
            }
            for (export, call) in exports.into_iter().zip(1..) {
                exported.add(&export);
                self.worker.export_sent(export.signal, call);
                let taken = Answer { status: 200, retry_after: None, body: b"" };
                assert!(self.worker.export_answered(call, Some(taken), now, WallClock(0)));
            }
        }
    }

    /// Whether it is known which message a vendor's id is of.
    pub(in crate::exchange::tests) fn is_tied(&mut self, channel: &str, vendor_id: &str) -> bool {
        self.worker.memory.tied(channel, vendor_id, self.shell.now, &mut self.shell.shared).is_some()
    }

    /// Other workers are quicker with so many of the next writes.
    pub(in crate::exchange::tests) fn overtaken(&mut self, writes: u32) -> &mut Self {
        self.shell.shared.overtaken = writes;
        self
    }

    /// The proxy's own tracer writes its context over whatever there is.
    pub(in crate::exchange::tests) fn traced_by_proxy(&mut self, context: &str) -> &mut Self {
        assert_ne!(self.stream, StreamId(0), "there is no request");
        self.headers.retain(|(name, _)| name != "traceparent");
        self.headers.push(("traceparent".to_owned(), context.as_bytes().to_vec()));
        self
    }
}

fn of_log(log: LogRecord) -> Told {
    let at_ms = log.time_unix_nano / 1_000_000;
    Told {
        name: log.event_name,
        trace: hex(&log.trace_id),
        span: hex(&log.span_id),
        is_error: log.severity_number == i32::from(SeverityNumber::Error),
        at_ms: (at_ms, at_ms),
        attributes: pairs(log.attributes),
        ..Told::default()
    }
}

fn of_span(span: Span) -> Told {
    let link = |link: opentelemetry_proto::tonic::trace::v1::span::Link| {
        let id = pairs(link.attributes).remove("push.message.id");
        (hex(&link.trace_id), hex(&link.span_id), id)
    };
    Told {
        name: span.name,
        trace: hex(&span.trace_id),
        span: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        kind: span.kind,
        is_error: span.status.is_some_and(|status| status.code == i32::from(StatusCode::Error)),
        at_ms: (span.start_time_unix_nano / 1_000_000, span.end_time_unix_nano / 1_000_000),
        links: span.links.into_iter().map(link).collect(),
        attributes: pairs(span.attributes),
    }
}

fn pairs(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::BoolValue(value) => value.to_string(),
        Value::IntValue(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().filter_map(|pair| Some((pair.key, text(pair.value?.value?)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
