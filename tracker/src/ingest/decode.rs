//! A body, gone through from record to record. It can be left between two records, so that no more events are made at once
//! than there is room for.

use super::facts::Cache;
use super::protobuf::{Field, Fields, MISTYPED, Malformed};
use super::record::Batch;
use super::resource::Resource;
use super::{log, span};
use crate::event::Event;
use bytes::Bytes;
use std::ops::Range;

/// After so many events, or so many bytes of what has no place of its own in them, a batch is full. The record that fills it may
/// bring more.
pub(super) const BATCH_EVENTS: usize = 4_096;
const BATCH_BYTES: usize = 4 << 20;

/// What a request brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Log records.
    Logs,
    /// Spans.
    Traces,
    /// Measurements, which nobody wants here.
    Metrics,
}

/// When records come, and how old they may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) received_ms: u64,
    pub(super) expired_before_ms: u64,
}

/// A body that is being read. Requests of logs and of traces have the same numbers down to the record.
#[derive(Debug)]
pub(super) struct Decoder {
    signal: Signal,
    body: Bytes,
    /// What is left of the request.
    request: Range<usize>,
    /// What is left of what one resource has sent.
    owner: Range<usize>,
    /// What is left of what one scope has sent.
    scope: Range<usize>,
    resource: Resource,
}

/// Some of the events of a body.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) events: Vec<Event>,
    /// Records that are too old.
    pub(super) expired: usize,
    /// Whether this was all.
    pub(super) is_end: bool,
}

impl Decoder {
    pub(super) fn new(signal: Signal, body: Bytes) -> Self {
        let request = 0..body.len();
        Self { signal, body, request, owner: 0..0, scope: 0..0, resource: Resource::default() }
    }

    /// Bytes that are left of the whole.
    pub(super) fn left(&self) -> usize {
        self.request.len() + self.owner.len() + self.scope.len()
    }

    /// The next events.
    pub(super) fn next(&mut self, cache: &mut Cache, times: Times) -> Result<Decoded, Malformed> {
        let Times { received_ms, expired_before_ms } = times;
        let mut batch = Batch { received_ms, expired_before_ms, cache, events: Vec::new(), rest_bytes: 0, expired: 0 };
        while batch.events.len() < BATCH_EVENTS && batch.rest_bytes < BATCH_BYTES {
            let body = &self.body;
            if let Some((number, at)) = step(body, &mut self.scope)? {
                let record = body.get(at).filter(|_| number == 2);
                match (record, self.signal) {
                    (Some(record), Signal::Logs) => log::read(record, &self.resource, &mut batch)?,
                    (Some(record), Signal::Traces) => span::read(record, &self.resource, &mut batch)?,
                    _ => {}
                }
            } else if let Some((number, at)) = step(body, &mut self.owner)? {
                self.scope = if number == 2 { at } else { 0..0 };
            } else if let Some((number, at)) = step(body, &mut self.request)? {
                if number == 1 {
                    self.resource = Resource::of(body.get(at.clone()).unwrap_or_default())?;
                    self.owner = at;
                }
            } else {
                return Ok(Decoded { events: batch.events, expired: batch.expired, is_end: true });
            }
        }
        Ok(Decoded { events: batch.events, expired: batch.expired, is_end: self.left() == 0 })
    }
}

/// The number of the next field, and where its bytes are; nothing at the end.
fn step(body: &[u8], left: &mut Range<usize>) -> Result<Option<(u32, Range<usize>)>, Malformed> {
    let mut fields = Fields::of(body.get(left.clone()).unwrap_or_default());
    let Some(field) = fields.next() else { return Ok(None) };
    let field = field?;
    left.start = left.end - fields.left();
    match field {
        (number, Field::Bytes(bytes)) => Ok(Some((number, left.start - bytes.len()..left.start))),
        (1..=3, _) => Err(MISTYPED),
        (number, _) => Ok(Some((number, 0..0))),
    }
}
