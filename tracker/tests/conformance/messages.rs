//! The life of a message, as an application, a proxy and a vendor tell it.

use crate::words::{Chance, HOSTILE, id, one, rest, word};
use pointsman_tracker::event::{Event, Facts, Kind, SpanId, TraceId};
use rand::RngExt as _;
use std::sync::Arc;

/// The first day of every history.
pub(crate) const DAY_0_MS: u64 = 20_777 * DAY_MS;
/// A day.
pub(crate) const DAY_MS: u64 = 86_400_000;
/// The last day is the one before this.
pub(crate) const DAYS: u64 = 4;

const TENANTS: &[&str] = &["default", "acme", "acme'"];
const CHANNELS: &[&str] = &["oppo", "fcm", "apns"];
const NODES: &[&str] = &["GATEWAY", "QUEUE", "OPPO_PUSH", "FCM_PUSH"];
const BUSINESSES: &[&str] = &["order", "chat", "marketing"];
const TEMPLATES: &[&str] = &["t-1", "t-2"];
const CODES: &[&str] = &["0", "30", "41", "429", "timeout"];
const OUTCOMES: &[&str] = &["ok", "vendor_unavailable", "invalid_token"];
const TEXTS: &[&str] = &["connection reset", "quota # exceeded"];

/// Some ids that several messages share.
pub(crate) struct Shared {
    pub(crate) traces: Vec<TraceId>,
    pub(crate) vendor_ids: Vec<String>,
    pub(crate) recipients: Vec<String>,
    pub(crate) ids: Vec<String>,
}

impl Shared {
    pub(crate) fn new(chance: &mut Chance) -> Self {
        Self {
            traces: (0..5).map(|_| TraceId(chance.random())).collect(),
            vendor_ids: (0..4).map(|_| id(chance)).collect(),
            recipients: (0..6).map(|_| format!("{:032x}", chance.random::<u128>())).collect(),
            ids: (0..3).map(|_| id(chance)).collect(),
        }
    }
}

fn shared_or<T: Clone>(chance: &mut Chance, shared: &[T], own: impl FnOnce(&mut Chance) -> T) -> T {
    let at = chance.random_range(0..shared.len() * 4);
    shared.get(at).cloned().unwrap_or_else(|| own(chance))
}

/// What is the same in all events of a message.
struct Life<'a> {
    chance: &'a mut Chance,
    shared: &'a Shared,
    facts: Facts,
    message_id: String,
    trace_id: Option<TraceId>,
    at_ms: u64,
    span_ms: u64,
    events: Vec<Event>,
}

/// The events of one message that begins at about that time, and ends at most so long after.
pub(crate) fn message(chance: &mut Chance, shared: &Shared, at_ms: u64, span_ms: u64) -> Vec<Event> {
    let facts = Facts {
        tenant: word(chance, TENANTS),
        service: word(chance, &["push-api", "push-worker"]),
        business: word(chance, BUSINESSES),
        template: word(chance, TEMPLATES),
        ..Facts::default()
    };
    let message_id = shared_or(chance, &shared.ids, id);
    let trace_id =
        chance.random_bool(0.9).then(|| shared_or(chance, &shared.traces, |chance| TraceId(chance.random())));
    let mut life = Life { chance, shared, facts, message_id, trace_id, at_ms, span_ms, events: Vec::new() };
    life.submitted();
    let recipients: Vec<String> = (0..life.chance.random_range(1..4)).map(|_| life.recipient()).collect();
    for _ in 0..life.chance.random_range(0..3) {
        life.send(&recipients);
    }
    if life.chance.random_bool(0.1) {
        life.stray();
    }
    life.events
}

impl Life<'_> {
    /// Mostly a little later, sometimes before: clocks differ.
    fn time(&mut self) -> u64 {
        let late = match self.chance.random_range(0..10) {
            0 => self.chance.random_range(0..self.span_ms.max(1)),
            1 => 0,
            _ => self.chance.random_range(0..5_000.min(self.span_ms.max(1))),
        };
        let at_ms = self.at_ms + late;
        if self.chance.random_bool(0.1) { at_ms / 60_000 * 60_000 } else { at_ms }
    }

    fn recipient(&mut self) -> String {
        match self.chance.random_range(0..12) {
            0 => String::new(),
            1 => one(self.chance, HOSTILE).to_owned(),
            _ => shared_or(self.chance, &self.shared.recipients, |chance| format!("{:032x}", chance.random::<u128>())),
        }
    }

    fn event(&mut self, facts: Facts, span: Option<SpanId>) -> Event {
        Event {
            facts: Arc::new(facts),
            at_ms: self.time(),
            message_id: self.message_id.clone(),
            trace_id: self.trace_id,
            span_id: span,
            parent_id: self.chance.random_bool(0.3).then(|| SpanId(self.chance.random())),
            duration_ms: self.duration(),
            attempt: if self.chance.random_bool(0.2) { self.chance.random_range(1..300) } else { 0 },
            rest: rest(self.chance),
            ..Event::default()
        }
    }

    fn duration(&mut self) -> Option<u64> {
        match self.chance.random_range(0..8) {
            0 => Some(0),
            1 => Some(self.chance.random_range(0..1_000_000_000_000)),
            2..5 => Some(self.chance.random_range(0..20_000)),
            _ => None,
        }
    }

    fn status(&mut self, status: &str, channel: &str, node: &str) -> Facts {
        Facts {
            kind: Kind::Status,
            channel: channel.to_owned(),
            node: node.to_owned(),
            status: status.to_owned(),
            outcome: word(self.chance, OUTCOMES),
            code: word(self.chance, CODES),
            fate: word(self.chance, &["", "", "unsure", "accepted"]),
            switched_from: one(self.chance, &["", "", "", "oppo"]).to_owned(),
            conflict: one(self.chance, &["", "", "", "read"]).to_owned(),
            text: if status == "failed" { word(self.chance, TEXTS) } else { String::new() },
            on_time: *one_of(self.chance, &[None, Some(true), Some(false)]),
            drill: self.chance.random_bool(0.05),
            ..self.facts.clone()
        }
    }

    fn submitted(&mut self) {
        let span = SpanId(self.chance.random());
        let facts = self.status("submitted", "", "GATEWAY");
        let event = self.event(facts, Some(span));
        self.events.push(event);
        self.visit(span, "GATEWAY", "");
    }

    /// Enter event and span of a visit: of some only the one, so that they stay open, or were never told of.
    fn visit(&mut self, span: SpanId, node: &str, channel: &str) {
        let facts = Facts { node: node.to_owned(), channel: channel.to_owned(), ..self.facts.clone() };
        for _ in 0..self.chance.random_range(0..3) {
            let enter =
                Facts { kind: Kind::Enter, status: one(self.chance, &["", "sending"]).to_owned(), ..facts.clone() };
            let event = self.event(enter, Some(span));
            self.events.push(event);
        }
        if self.chance.random_bool(0.6) {
            let facts = Facts { kind: Kind::Span, name: format!("push {node}"), on_time: Some(true), ..facts };
            let event = self.event(facts, Some(span));
            self.events.push(event);
        }
    }

    /// One channel is asked; what comes of it comes from the vendor.
    fn send(&mut self, recipients: &[String]) {
        let (channel, node) = (word(self.chance, CHANNELS), word(self.chance, NODES));
        let span = SpanId(self.chance.random());
        self.visit(span, &node, &channel);
        for recipient in recipients {
            let status = one(self.chance, &["sending", "sent", "sent", "sent", "failed", "parked", "vanished"]);
            let vendor_id = if status == "sent" { self.vendor_id() } else { String::new() };
            let facts = self.status(status, &channel, &node);
            let told = self.chance.random_bool(0.9).then_some(span);
            let event = self.event(facts, told);
            let told = if self.chance.random_bool(0.5) { vendor_id.clone() } else { String::new() };
            self.events.push(Event { recipient: recipient.clone(), vendor_id: told, ..event });
            if !vendor_id.is_empty() {
                self.alias(&channel, &vendor_id);
                self.receipts(&channel, recipient, &vendor_id);
            }
        }
        if self.chance.random_bool(0.1) {
            let facts = Facts { kind: Kind::DeadLetter, ..self.status("failed", &channel, &node) };
            let event = self.event(facts, Some(span));
            self.events.push(event);
        }
    }

    fn vendor_id(&mut self) -> String {
        shared_or(self.chance, &self.shared.vendor_ids, id)
    }

    fn alias(&mut self, channel: &str, vendor_id: &str) {
        if self.chance.random_bool(0.3) {
            return;
        }
        let facts = Facts { kind: Kind::Alias, channel: channel.to_owned(), ..self.facts.clone() };
        let event = self.event(facts, None);
        self.events.push(Event { vendor_id: vendor_id.to_owned(), ..event });
    }

    /// Receipts: some name the message, some only the vendor's id.
    fn receipts(&mut self, channel: &str, recipient: &str, vendor_id: &str) {
        for _ in 0..self.chance.random_range(0..3) {
            let status = one(self.chance, &["delivered", "delivered", "read", "failed", "clicked", "sent", "vanished"]);
            let facts = self.status(status, channel, "");
            let span = self.chance.random_bool(0.5).then(|| SpanId(self.chance.random()));
            let mut event = self.event(facts, span);
            event.vendor_id = vendor_id.to_owned();
            event.recipient = if self.chance.random_bool(0.5) { recipient.to_owned() } else { String::new() };
            if self.chance.random_bool(0.6) {
                event.message_id.clear();
                event.trace_id = event.trace_id.filter(|_| self.chance.random_bool(0.3));
            }
            self.events.push(event);
        }
    }

    /// Events that name nothing but the trace, or not even that.
    fn stray(&mut self) {
        let kind = *one_of(self.chance, &[Kind::Span, Kind::Other, Kind::Enter, Kind::Status]);
        let facts = Facts { kind, name: "HTTP POST".to_owned(), node: word(self.chance, NODES), ..self.facts.clone() };
        let span = SpanId(self.chance.random());
        let event = self.event(facts, Some(span));
        let vendor_id = if self.chance.random_bool(0.3) { self.vendor_id() } else { String::new() };
        self.events.push(Event { message_id: String::new(), vendor_id, ..event });
    }
}

/// What happens to channels and rules.
pub(crate) fn platform(chance: &mut Chance, at_ms: u64) -> Event {
    let kind = *one_of(chance, &[Kind::ChannelState, Kind::Rule, Kind::DrillReport]);
    let facts = Facts {
        kind,
        name: word(chance, &["oppo-release", "rule-2"]),
        service: word(chance, &["push-worker"]),
        channel: word(chance, CHANNELS),
        status: one(chance, &["healthy", "degraded", "probing"]).to_owned(),
        code: word(chance, &["failure_ratio", "applied"]),
        ..Facts::default()
    };
    // A message that it names does not make it one of the message's.
    let message_id = if chance.random_bool(0.2) { id(chance) } else { String::new() };
    Event { facts: Arc::new(facts), at_ms, message_id, rest: rest(chance), ..Event::default() }
}

/// One of some.
pub(crate) fn one_of<'a, T>(chance: &mut Chance, of: &'a [T]) -> &'a T {
    &of[chance.random_range(0..of.len())]
}
