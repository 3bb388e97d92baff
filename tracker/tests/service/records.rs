//! Records as a filter sends them.

use crate::bed::NOW_MS;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use std::io::Write as _;

/// A message that was sent `ago_ms` ago.
pub(crate) fn sent(id: &str, ago_ms: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: (NOW_MS - ago_ms) * 1_000_000,
        event_name: "push.message.status".to_owned(),
        attributes: vec![text("push.message.id", id), text("push.status", "sent"), text("push.channel", "oppo")],
        ..LogRecord::default()
    }
}

pub(crate) fn text(key: &str, text: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

pub(crate) fn request(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

/// A request with these messages, in protobuf.
pub(crate) fn body(ids: &[&str]) -> Vec<u8> {
    request(ids.iter().map(|id| sent(id, 0)).collect()).encode_to_vec()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("bytes");
    encoder.finish().expect("a stream")
}
