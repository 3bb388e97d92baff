//! What a fleet of filters sends on an ordinary day, made up: random 128-bit ids, five events a message, three channels, and
//! one message in ten that no vendor takes.
//!
//! A worker sends what it has about once a second, so the events of a send stand together, and receipts come seconds to
//! minutes later, among those of other messages.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use rand::RngExt as _;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events of one message.
pub(crate) const EVENTS_PER_MESSAGE: usize = 5;

const CHANNELS: [&str; 3] = ["oppo", "apns", "wechat"];
const NODES: [&str; 3] = ["OPPO_PUSH", "APNS_PUSH", "WECHAT_PUSH"];
const CODES: [&str; 4] = ["33", "10000", "503", "TooManyRequests"];
const BUSINESSES: [&str; 8] = ["order", "login-code", "marketing", "chat", "delivery", "billing", "news", "social"];

/// A message of which something is known to somebody who asks.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Its id.
    pub(crate) message_id: String,
    /// The vendor's.
    pub(crate) vendor_id: String,
}

/// Makes batches, one after the other, with times that go from one to another.
pub(crate) struct Generator<R> {
    rng: R,
    now_us: u64,
    step_us: u64,
    later: BinaryHeap<Reverse<Later>>,
    ready: Vec<LogRecord>,
    /// A few messages of all that were made.
    pub(crate) known: Vec<Known>,
    made: u64,
}

/// Receipts that are to come.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Later {
    at_us: u64,
    status: &'static str,
    message: Box<Told>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    message_id: String,
    vendor_id: String,
    recipient: String,
    trace_id: Vec<u8>,
    channel: usize,
    business: usize,
    template: u32,
}

impl<R: rand::Rng> Generator<R> {
    /// Spreads `events` evenly from one time to another.
    pub(crate) fn new(rng: R, from_ms: u64, to_ms: u64, events: u64) -> Self {
        let messages = (events / EVENTS_PER_MESSAGE as u64).max(1);
        Self {
            rng,
            now_us: from_ms * 1_000,
            step_us: (to_ms.saturating_sub(from_ms) * 1_000 / messages).max(1),
            later: BinaryHeap::new(),
            ready: Vec::new(),
            known: Vec::new(),
            made: 0,
        }
    }

    /// The next batch of so many records, as the body of a request.
    pub(crate) fn batch(&mut self, records: usize) -> Vec<u8> {
        while self.ready.len() < records {
            self.message();
            self.receipts();
        }
        let rest = self.ready.split_off(records);
        request(std::mem::replace(&mut self.ready, rest)).encode_to_vec()
    }

    fn message(&mut self) {
        self.now_us += self.step_us;
        self.made += 1;
        let channel = self.rng.random_range(0..CHANNELS.len());
        let told = Told {
            message_id: hex(&self.bytes::<16>()),
            vendor_id: hex(&self.bytes::<16>()),
            recipient: hex(&self.bytes::<16>()),
            trace_id: self.bytes::<16>().to_vec(),
            channel,
            business: self.rng.random_range(0..BUSINESSES.len()),
            template: self.rng.random_range(0..200),
        };
        if self.made % 4_096 == 1 {
            let (message_id, vendor_id) = (told.message_id.clone(), told.vendor_id.clone());
            self.known.push(Known { message_id, vendor_id });
        }
        let took_us = self.rng.random_range(2_000..9_000);
        let submitted = self.status(&told, "submitted", "MESSAGE_TO_PUSH", None, self.now_us, took_us);
        self.ready.push(submitted);
        if self.rng.random_range(0..10) == 0 {
            self.failed(&told);
        } else {
            self.sent(told);
        }
    }

    fn sent(&mut self, told: Told) {
        let took_us = self.rng.random_range(15_000..180_000);
        let mut sent =
            self.status(&told, "sent", NODES[told.channel], Some(told.channel), self.now_us + took_us, took_us);
        sent.attributes.push(text("push.outcome", "ok"));
        sent.attributes.push(text("push.vendor.message_id", &told.vendor_id));
        let alias = record(
            "push.message.alias",
            sent.time_unix_nano / 1_000,
            &told,
            sent.span_id.clone(),
            vec![text("push.channel", CHANNELS[told.channel]), text("push.vendor.message_id", &told.vendor_id)],
        );
        self.ready.push(sent);
        self.ready.push(alias);
        let delivered_us = self.now_us + took_us + self.rng.random_range(500_000..30_000_000);
        let read_us = delivered_us + self.rng.random_range(1_000_000..600_000_000);
        let message = Box::new(told);
        self.later.push(Reverse(Later { at_us: delivered_us, status: "delivered", message: message.clone() }));
        self.later.push(Reverse(Later { at_us: read_us, status: "read", message }));
    }

    /// Two vendors refuse it, and nobody is left.
    fn failed(&mut self, told: &Told) {
        let mut at_us = self.now_us;
        for channel in [told.channel, (told.channel + 1) % CHANNELS.len()] {
            let took_us = self.rng.random_range(15_000..180_000);
            at_us += took_us;
            let mut failed = self.status(told, "failed", NODES[channel], Some(channel), at_us, took_us);
            let code = CODES[self.rng.random_range(0..CODES.len())];
            failed.attributes.push(text("push.outcome", "vendor_unavailable"));
            failed.attributes.push(text("push.vendor.code", code));
            if channel != told.channel {
                failed.attributes.push(text("push.switched_from", CHANNELS[told.channel]));
            }
            self.ready.push(failed);
        }
        let span = self.bytes::<8>().to_vec();
        let letter = record(
            "push.message.dead_letter",
            at_us,
            told,
            span,
            vec![
                text("push.channel", CHANNELS[told.channel]),
                text("push.node", NODES[told.channel]),
                text("push.business", BUSINESSES[told.business]),
                text("push.outcome", "vendor_unavailable"),
                text("push.fate", "rejected"),
            ],
        );
        self.ready.push(letter);
        let retried = self.status(told, "submitted", "MESSAGE_TO_PUSH", None, at_us + 1_000_000, 4_000);
        self.ready.push(retried);
    }

    /// What has come due.
    fn receipts(&mut self) {
        while self.later.peek().is_some_and(|Reverse(later)| later.at_us <= self.now_us) {
            let Some(Reverse(later)) = self.later.pop() else { break };
            let told = &*later.message;
            let mut receipt = self.status(told, later.status, "PUSH_RECEIPT", Some(told.channel), later.at_us, 3_000);
            receipt.attributes.push(text("push.vendor.message_id", &told.vendor_id));
            self.ready.push(receipt);
        }
    }

    fn status(
        &mut self,
        told: &Told,
        status: &str,
        node: &str,
        channel: Option<usize>,
        at_us: u64,
        took_us: u64,
    ) -> LogRecord {
        let span = self.bytes::<8>().to_vec();
        let mut attributes = vec![
            text("push.status", status),
            text("push.node", node),
            text("push.business", BUSINESSES[told.business]),
            text("push.template.id", &format!("template-{}", told.template)),
            text("push.recipient.hash", &told.recipient),
            number("push.duration_ms", i64::try_from(took_us / 1_000).unwrap_or(i64::MAX)),
            truth("push.on_time", took_us < 150_000),
        ];
        if let Some(channel) = channel {
            attributes.push(text("push.channel", CHANNELS[channel]));
        }
        record("push.message.status", at_us, told, span, attributes)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

fn record(name: &str, at_us: u64, told: &Told, span_id: Vec<u8>, mut attributes: Vec<KeyValue>) -> LogRecord {
    attributes.push(text("push.message.id", &told.message_id));
    LogRecord {
        time_unix_nano: at_us * 1_000,
        observed_time_unix_nano: at_us * 1_000,
        severity_number: 9,
        event_name: name.to_owned(),
        trace_id: told.trace_id.clone(),
        span_id,
        attributes,
        ..LogRecord::default()
    }
}

fn request(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let resource = Resource {
        attributes: vec![text("service.name", "push"), text("push.tenant", "acme"), text("push.key_id", "1a2b3c4d")],
        ..Resource::default()
    };
    let scope =
        InstrumentationScope { name: "pointsman".to_owned(), version: "0.1.0".to_owned(), ..Default::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: Some(resource), scope_logs, ..ResourceLogs::default() }],
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn truth(key: &str, value: bool) -> KeyValue {
    KeyValue { value: Some(AnyValue { value: Some(Value::BoolValue(value)) }), ..text(key, "") }
}

fn number(key: &str, value: i64) -> KeyValue {
    KeyValue { value: Some(AnyValue { value: Some(Value::IntValue(value)) }), ..text(key, "") }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A String takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
