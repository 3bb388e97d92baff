//! An event as a row of the table `events`.

use crate::event::{Event, Facts, Identity, Key, Kind, SpanId, TraceId};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The columns of [`Stored`], for a `SELECT`.
pub(super) const COLUMNS: &str = "key, identity, kind, at, name, tenant, service, node, channel, status, outcome, code, \
    business, template, fate, switched_from, conflict, text, on_time, drill, message_id, vendor_id, recipient, trace_id, \
    span_id, parent_id, duration_ms, attempt, rest";

/// A row; text is borrowed from the event on the way in, and from the answer on the way out.
#[derive(Row, Serialize, Deserialize)]
pub(super) struct Stored<'a> {
    pub(super) key: [u8; 12],
    pub(super) identity: u64,
    kind: i8,
    at: i64,
    name: &'a str,
    tenant: &'a str,
    service: &'a str,
    node: &'a str,
    channel: &'a str,
    status: &'a str,
    outcome: &'a str,
    code: &'a str,
    business: &'a str,
    template: &'a str,
    fate: &'a str,
    switched_from: &'a str,
    conflict: &'a str,
    text: &'a str,
    on_time: Option<bool>,
    drill: bool,
    message_id: &'a str,
    vendor_id: &'a str,
    recipient: &'a str,
    trace_id: [u8; 16],
    span_id: [u8; 8],
    parent_id: [u8; 8],
    duration_ms: Option<u64>,
    attempt: u32,
    rest: &'a str,
}

impl<'a> Stored<'a> {
    /// The row of an event.
    pub(super) fn new(key: Key, identity: Identity, event: &'a Event) -> Self {
        let facts = &*event.facts;
        Self {
            key: key.0,
            identity: identity.0,
            kind: facts.kind as i8,
            at: i64::try_from(event.at_ms).unwrap_or(i64::MAX),
            name: &facts.name,
            tenant: &facts.tenant,
            service: &facts.service,
            node: &facts.node,
            channel: &facts.channel,
            status: &facts.status,
            outcome: &facts.outcome,
            code: &facts.code,
            business: &facts.business,
            template: &facts.template,
            fate: &facts.fate,
            switched_from: &facts.switched_from,
            conflict: &facts.conflict,
            text: &facts.text,
            on_time: facts.on_time,
            drill: facts.drill,
            message_id: &event.message_id,
            vendor_id: &event.vendor_id,
            recipient: &event.recipient,
            trace_id: event.trace_id.unwrap_or_default().0,
            span_id: event.span_id.unwrap_or_default().0,
            parent_id: event.parent_id.unwrap_or_default().0,
            duration_ms: event.duration_ms,
            attempt: event.attempt,
            rest: &event.rest,
        }
    }

    /// The event of a row.
    pub(super) fn event(&self) -> Event {
        let kind = usize::try_from(self.kind).ok().and_then(|place| Kind::ALL.get(place)).copied();
        let facts = Facts {
            kind: kind.unwrap_or(Kind::Other),
            name: self.name.to_owned(),
            tenant: self.tenant.to_owned(),
            service: self.service.to_owned(),
            node: self.node.to_owned(),
            channel: self.channel.to_owned(),
            status: self.status.to_owned(),
            outcome: self.outcome.to_owned(),
            code: self.code.to_owned(),
            business: self.business.to_owned(),
            template: self.template.to_owned(),
            fate: self.fate.to_owned(),
            switched_from: self.switched_from.to_owned(),
            conflict: self.conflict.to_owned(),
            text: self.text.to_owned(),
            on_time: self.on_time,
            drill: self.drill,
        };
        Event {
            facts: Arc::new(facts),
            at_ms: u64::try_from(self.at).unwrap_or_default(),
            message_id: self.message_id.to_owned(),
            vendor_id: self.vendor_id.to_owned(),
            recipient: self.recipient.to_owned(),
            trace_id: TraceId::from_bytes(&self.trace_id),
            span_id: SpanId::from_bytes(&self.span_id),
            parent_id: SpanId::from_bytes(&self.parent_id),
            duration_ms: self.duration_ms,
            attempt: self.attempt,
            rest: self.rest.to_owned(),
        }
    }
}
