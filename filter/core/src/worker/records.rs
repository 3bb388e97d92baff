//! What a worker tells a collector.

use super::Worker;
use crate::board::SharedData;
use crate::event::Event;
use crate::export::{Answer, DropReason, Export, Exporter, Left, RecordKind, Signal};
use crate::governor::{self, News};
use crate::metrics::Metrics;
use crate::open::Name;
use crate::otlp::{Attributes, Log, Span};
use crate::plan::{BusinessId, NodeId, Plan};
use crate::time::{Monotonic, WallClock, as_millis};
use crate::trace::Key;
use std::rc::Rc;
use std::time::Duration;

/// More visits that are open for too long are told by the next ticks.
const MAX_LATE: usize = 256;

impl Worker {
    /// Whether records of visits are told to a collector.
    pub fn tells_records(&self) -> bool {
        self.plan.settings.records.is_some()
    }

    /// Whether spans are.
    pub(crate) fn tells_spans(&self) -> bool {
        self.plan.settings.records.as_ref().is_some_and(|records| records.spans)
    }

    /// Tells a record to the collector, if there is one.
    pub(crate) fn tell(&mut self, kind: RecordKind, log: Log, now: Monotonic) {
        if let Some(exporter) = &mut self.exporter {
            exporter.push(kind, log.encode(), now, &mut self.metrics);
        }
    }

    /// The same of a span.
    pub(crate) fn tell_span(&mut self, span: Span, now: Monotonic) {
        if let Some(exporter) = &mut self.exporter {
            exporter.push(RecordKind::Span, span.encode(), now, &mut self.metrics);
        }
    }

    /// The same of what is told in the log too.
    pub(crate) fn tell_event(&mut self, event: &Event, at: WallClock, now: Monotonic) {
        self.tell(RecordKind::of_event(event), Log::of_event(event, at), now);
    }

    /// Tells whose the visits are that have been open for too long.
    fn tell_late(&mut self, now: Monotonic, wall: WallClock) {
        let plan = Rc::clone(&self.plan);
        let Some(records) = plan.settings.records.as_ref() else { return };
        for late in self.open.late(now, records.enter_after, MAX_LATE) {
            self.tell_enter((late.node, late.business), &late.name, Some(late.open_for), (now, wall));
        }
    }

    /// Tells that messages have entered a node, or for how long they have been in it.
    pub(crate) fn tell_enter(
        &mut self,
        (node, business): (NodeId, BusinessId),
        name: &Name,
        open_for: Option<Duration>,
        (now, wall): (Monotonic, WallClock),
    ) {
        let plan = Rc::clone(&self.plan);
        let mut attributes = Attributes::default();
        attributes.put_some("push.tenant", name.tenant.as_deref());
        match name.message_ids.as_slice() {
            [] => {}
            [id] => attributes.put("push.message.id", id.as_str()),
            ids => attributes.put("push.message.id", ids.to_vec()),
        }
        if let Some(node) = plan.node(node) {
            attributes.put("push.node", &*node.name);
            attributes.put_some("push.channel", node.is_channel().then_some(&*node.channel));
        }
        let business = plan.business_by_id(business).filter(|_| business != BusinessId::NONE);
        attributes.put_some("push.business", business.map(|business| &*business.name));
        attributes.put_some("push.open_for_ms", open_for.map(as_millis));
        let trace = name.trace.map(|own| (own.trace_id, Some(own.parent_id), own.flags));
        let log = Log { event: Event::ENTER, at: wall, is_error: false, trace, attributes };
        self.tell(RecordKind::Enter, log, now);
    }

    /// So many records cannot be told, since nobody knows more than their number.
    pub(crate) fn lose_records(&mut self, records: u32) {
        self.records_dropped.add(DropReason::Full, records.into(), &mut self.metrics);
    }

    /// Requests to the collector that are to be made now.
    pub fn exports(&mut self, now: Monotonic) -> Vec<Export> {
        self.exporter.as_mut().map(|exporter| exporter.tick(now, &mut self.metrics)).unwrap_or_default()
    }

    /// One of them has been made; the host calls it `call`.
    pub fn export_sent(&mut self, signal: Signal, call: u32) {
        if let Some(exporter) = &mut self.exporter {
            exporter.sent(signal, call);
        }
    }

    /// One of them could not be made.
    pub fn export_not_sent(&mut self, signal: Signal, now: Monotonic) {
        if let Some(exporter) = &mut self.exporter {
            exporter.not_sent(signal, now, &mut self.metrics);
        }
    }

    /// A call of the root context has been answered, or broken off. Says whether there may be more to send now.
    pub fn export_answered(&mut self, call: u32, answer: Option<Answer<'_>>, now: Monotonic, wall: WallClock) -> bool {
        self.exporter.as_mut().is_some_and(|exporter| exporter.answered(call, answer, now, wall, &mut self.metrics))
    }

    /// Takes out what has not been sent, for whoever follows.
    pub fn leave_records(&mut self) -> Option<Left> {
        self.exporter.as_mut()?.leave()
    }

    /// Takes over what the one before has not sent.
    pub fn take_over(&mut self, left: Left) {
        if let Some(exporter) = &mut self.exporter {
            exporter.take_over(left, &mut self.metrics);
        }
    }

    /// Tells what a tick has brought, and once the rules of the config.
    pub(super) fn tell_news(&mut self, news: &News, now: Monotonic, wall: WallClock, shared: &mut dyn SharedData) {
        if self.exporter.is_none() {
            return;
        }
        for event in &news.events {
            self.tell_event(event, wall, now);
        }
        self.tell_late(now, wall);
        if !std::mem::replace(&mut self.applied_told, true) && governor::rules::is_told_first(&self.plan, shared) {
            for event in self.applied(wall) {
                self.tell_event(&event, wall, now);
            }
        }
    }
}

/// Sends records, if the config names a collector.
pub(super) fn exporter(plan: &Plan, key: Option<&Key>, seed: u64, metrics: &mut Metrics) -> Option<Exporter> {
    let settings = plan.settings.records.as_ref()?;
    let mut resource = vec![
        ("service.name", plan.settings.service.as_deref().unwrap_or("pointsman").to_owned()),
        ("push.tenant", plan.settings.tenant.to_string()),
    ];
    resource.extend(key.map(|key| ("push.key_id", key.key_id().to_string())));
    Some(Exporter::new(settings, resource, seed, metrics))
}
