//! One span or log record, flat: what OTLP says once for many records stands in each.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, span};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// A span or a log record. What it does not have is empty, and left out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Which of both it is.
    pub signal: Signal,
    /// A log record's name, such as `push.message.status`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub event_name: String,
    /// A span's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it happened, for a span when it began: nanoseconds since 1970. As text in JSON, where a number would lose digits.
    #[serde(with = "digits")]
    pub time_unix_nano: u64,
    /// When a span ended.
    #[serde(with = "digits", skip_serializing_if = "is_zero")]
    pub end_time_unix_nano: u64,
    /// In lower-case hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// In lower-case hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub span_id: String,
    /// In lower-case hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_span_id: String,
    /// The W3C trace flags in the low byte; 1 is sampled.
    #[serde(skip_serializing_if = "is_none_set")]
    pub flags: u32,
    /// A span's kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How a span ended, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Outcome>,
    /// A log record's severity, from 1 to 24: 9 is INFO, 17 is ERROR.
    #[serde(skip_serializing_if = "is_no_severity")]
    pub severity_number: i32,
    /// A log record's body.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// A span's links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Its attributes by name.
    pub attributes: Map<String, Value>,
    /// The attributes of what it comes from.
    pub resource: Map<String, Value>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// A log record.
    #[default]
    Log,
    /// A span.
    Span,
}

/// Which side of an exchange a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "OpenTelemetry's words")]
pub enum Kind {
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// How a span ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "OpenTelemetry's words")]
pub enum Outcome {
    Ok,
    Error,
}

/// What a span has to do with another one that is not its parent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// In lower-case hex.
    pub trace_id: String,
    /// In lower-case hex.
    pub span_id: String,
    /// Its attributes by name.
    pub attributes: Map<String, Value>,
}

impl Record {
    /// An attribute that is text.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.as_str()
    }

    /// One line of JSON, with its end.
    pub fn to_json_line(&self) -> String {
        // Nothing in it could not be written.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }

    pub(super) fn of_logs(request: ExportLogsServiceRequest) -> Vec<Self> {
        let mut records = Vec::new();
        for resource_logs in request.resource_logs {
            let resource = resource(resource_logs.resource);
            for log in resource_logs.scope_logs.into_iter().flat_map(|scope| scope.log_records) {
                records.push(Self { resource: resource.clone(), ..Self::of_log(log) });
            }
        }
        records
    }

    pub(super) fn of_traces(request: ExportTraceServiceRequest) -> Vec<Self> {
        let mut records = Vec::new();
        for resource_spans in request.resource_spans {
            let resource = resource(resource_spans.resource);
            for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                records.push(Self { resource: resource.clone(), ..Self::of_span(span) });
            }
        }
        records
    }

    fn of_log(log: LogRecord) -> Self {
        Self {
            event_name: log.event_name,
            // A log record that was only observed has no time of its own.
            time_unix_nano: if log.time_unix_nano == 0 { log.observed_time_unix_nano } else { log.time_unix_nano },
            trace_id: hex(&log.trace_id),
            span_id: hex(&log.span_id),
            flags: log.flags,
            severity_number: log.severity_number,
            body: log.body.map_or(Value::Null, json),
            attributes: object(log.attributes),
            ..Self::default()
        }
    }

    fn of_span(span: Span) -> Self {
        let status = span.status.as_ref().map(|status| status.code());
        Self {
            signal: Signal::Span,
            kind: Kind::of(span.kind()),
            status: match status {
                Some(StatusCode::Ok) => Some(Outcome::Ok),
                Some(StatusCode::Error) => Some(Outcome::Error),
                Some(StatusCode::Unset) | None => None,
            },
            name: span.name,
            time_unix_nano: span.start_time_unix_nano,
            end_time_unix_nano: span.end_time_unix_nano,
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_span_id: hex(&span.parent_span_id),
            flags: span.flags,
            links: span.links.into_iter().map(Link::of).collect(),
            attributes: object(span.attributes),
            ..Self::default()
        }
    }
}

impl Default for Record {
    fn default() -> Self {
        Self {
            signal: Signal::Log,
            event_name: String::new(),
            name: String::new(),
            time_unix_nano: 0,
            end_time_unix_nano: 0,
            trace_id: String::new(),
            span_id: String::new(),
            parent_span_id: String::new(),
            flags: 0,
            kind: None,
            status: None,
            severity_number: 0,
            body: Value::Null,
            links: Vec::new(),
            attributes: Map::new(),
            resource: Map::new(),
        }
    }
}

impl Link {
    fn of(link: span::Link) -> Self {
        Self { trace_id: hex(&link.trace_id), span_id: hex(&link.span_id), attributes: object(link.attributes) }
    }
}

impl Kind {
    const fn of(kind: SpanKind) -> Option<Self> {
        match kind {
            SpanKind::Unspecified => None,
            SpanKind::Internal => Some(Self::Internal),
            SpanKind::Server => Some(Self::Server),
            SpanKind::Client => Some(Self::Client),
            SpanKind::Producer => Some(Self::Producer),
            SpanKind::Consumer => Some(Self::Consumer),
        }
    }
}

fn resource(resource: Option<Resource>) -> Map<String, Value> {
    object(resource.map(|resource| resource.attributes).unwrap_or_default())
}

fn object(attributes: Vec<KeyValue>) -> Map<String, Value> {
    attributes.into_iter().map(|pair| (pair.key, pair.value.map_or(Value::Null, json))).collect()
}

fn json(value: AnyValue) -> Value {
    match value.value {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(truth)) => truth.into(),
        Some(Any::IntValue(number)) => number.into(),
        // JSON has no word for what is no number, or endless.
        Some(Any::DoubleValue(number)) if !number.is_finite() => number.to_string().into(),
        Some(Any::DoubleValue(number)) => number.into(),
        Some(Any::ArrayValue(array)) => array.values.into_iter().map(json).collect(),
        Some(Any::KvlistValue(list)) => object(list.values).into(),
        Some(Any::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes).into(),
        // A place in a table that only profiles have.
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

const fn is_none_set(flags: &u32) -> bool {
    *flags == 0
}

const fn is_no_severity(severity: &i32) -> bool {
    *severity == 0
}

/// A number as the text of its digits.
mod digits {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
