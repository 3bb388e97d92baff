//! The part of an exchange that lives from its first step to its last.

use super::context::Trace;
use super::original::Original;
use super::record::{self, Ending};
use super::stitch::Known;
use super::{Command, Effects, Shell};
use crate::adapter::OperationKind;
use crate::classify::Verdict;
use crate::drill::{DrillId, StruckEnd};
use crate::extract::Facts;
use crate::governor::{Ask, End, Pass};
use crate::headers::Headers;
use crate::hold::StreamId;
use crate::observe::{NodeExit, ReceiptExit, ReceiptResult};
use crate::open::{MAX_NAMED, Name, OpenId};
use crate::outcome::{Fate, OutcomeClass};
use crate::plan::{BusinessId, ChannelId, Direction, NodeId, RouteId, host_of};
use crate::receipt::Reported;
use crate::time::Monotonic;
use crate::trace::TraceParent;
use crate::worker::{Bypass, Worker};
use std::rc::Rc;
use std::time::Duration;

/// A visit whose node is known.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) stream: StreamId,
    pub(super) route: RouteId,
    pub(super) node: NodeId,
    pub(super) business: BusinessId,
    pub(super) facts: Facts,
    pub(super) entered: Monotonic,
    /// Which way it goes; none if we have called it ourselves.
    pub(super) direction: Option<Direction>,
    pub(super) trace: Option<Trace>,
    /// The context that came in, if it went on.
    pub(super) came: Option<TraceParent>,
    /// What was known of the message.
    pub(super) known: Option<Known>,
    /// What its span tells of the request line, where spans are told.
    pub(super) line: Option<Box<Line>>,
    /// The status of its answer.
    pub(super) status: Option<u16>,
    /// Whether the upstream itself has answered, and so has got the request.
    pub(super) has_left: bool,
    /// Path and query, where the visit will be reported.
    pub(super) path: Option<String>,
    /// Whether the request's body was not read, or was not what the route reads.
    pub(super) unread: bool,
    /// The channel that the application asked, and the one that is asked; none at a node that is no channel's.
    pub(super) asked: Option<Asked>,
    /// A hash of the message's key, equal for every try of one message.
    pub(super) key: u64,
    /// Leave to call the channel.
    pub(super) pass: Option<Pass>,
    /// Whether the request has surely not left: it waited for its body when it ended.
    pub(super) waits: bool,
    /// The request, for as long as another channel may have to take its message.
    pub(super) original: Option<Box<Original>>,
    /// The drill that has hit it.
    drill: Option<DrillId>,
    /// Whether one has, even if its end has been told.
    pub(super) is_drill: bool,
    /// What a receipt reports, from the end of the request on: what it was read from is not kept until the answer.
    reported: Vec<Reported>,
    /// What the vendor was asked for; none at a node that is no vendor's.
    pub(super) operation: Option<OperationKind>,
    open: Option<OpenId>,
}

/// What a span tells of a request line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) method: Box<str>,
    /// The host that is asked.
    pub(super) host: Box<str>,
}

impl Line {
    pub(super) fn of(headers: &Headers<'_>) -> Self {
        let text = |name| headers.get_str(name).unwrap_or_default();
        Self::new(text(":method"), text(":authority"))
    }

    pub(super) fn new(method: &str, authority: &str) -> Self {
        Self { method: method.into(), host: host_of(authority).into() }
    }
}

/// Whom a message was meant for, and who is asked to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// By the application.
    pub(super) first: ChannelId,
    /// By us; the same unless a rule has moved it.
    pub(super) now: ChannelId,
}

impl Visit {
    /// Enters the node.
    pub(super) fn enter(
        worker: &mut Worker,
        stream: StreamId,
        route: RouteId,
        facts: Facts,
        entered: Monotonic,
    ) -> Option<Self> {
        let of_route = worker.plan.route(route)?;
        let node = of_route.node;
        let operation = of_route.operation;
        let asked = of_route.channel.map(|channel| Asked { first: channel, now: channel });
        let business = business(worker, node, &facts);
        let open = worker.open.enter(node, business, entered);
        if open.is_none() {
            worker.bypass(Bypass::OpenTableFull);
        }
        Some(Self {
            stream,
            route,
            node,
            business,
            facts,
            entered,
            direction: None,
            trace: None,
            came: None,
            known: None,
            line: None,
            status: None,
            has_left: false,
            path: None,
            unread: false,
            asked,
            key: 0,
            pass: None,
            waits: false,
            original: None,
            drill: None,
            is_drill: false,
            reported: Vec::new(),
            operation,
            open,
        })
    }

    /// The visit of another channel that is asked to take the message, by `route`.
    pub(super) fn of_other(
        &self,
        worker: &mut Worker,
        channel: ChannelId,
        route: RouteId,
        now: Monotonic,
    ) -> Option<Self> {
        let mut facts = self.facts.clone();
        facts.conditions = 0;
        let mut other = Self::enter(worker, self.stream, route, facts, now)?;
        other.asked = self.asked.map(|asked| Asked { now: channel, ..asked });
        other.key = self.key;
        other.business = self.business;
        if let Some(trace) = &self.trace {
            other.trace = Some(Trace { written: true, ..Trace::below(&trace.own, trace.own.flags.sampled(), worker) });
        }
        Some(other)
    }

    /// Takes the place in the trace of a visit that has not taken place: there is no span of that to stand under.
    pub(super) fn stand_in_for(&mut self, first: &Self) {
        if let (Some(own), Some(trace)) = (&mut self.trace, &first.trace) {
            own.parent = trace.parent;
            own.links.clone_from(&trace.links);
            self.came = first.came;
        }
    }

    /// The request itself goes to another channel, by `route`.
    pub(super) fn move_to(&mut self, worker: &mut Worker, channel: ChannelId, route: RouteId, pass: Pass) {
        self.leave(worker);
        if let Some(of_route) = worker.plan.route(route) {
            (self.route, self.node, self.operation) = (route, of_route.node, of_route.operation);
        }
        self.asked = self.asked.map(|asked| Asked { now: channel, ..asked });
        self.pass = Some(pass);
        self.enter_again(worker);
    }

    /// It is seen no more among the open visits.
    pub(super) fn leave(&mut self, worker: &mut Worker) {
        if let Some(open) = self.open.take() {
            worker.open.leave(open);
        }
        if let Some(pass) = self.pass.take() {
            worker.governor.forget(pass);
        }
    }

    /// The channel that was asked takes it whatever its state is: there is no other.
    pub(super) fn pass_anyway(&mut self, worker: &mut Worker, now: Monotonic) {
        if let Some(asked) = self.asked.filter(|_| self.is_message()) {
            let plan = Rc::clone(&worker.plan);
            self.pass = worker.governor.pass(&plan, &self.ask(asked.now, self.route), now);
        }
    }

    /// It is seen again.
    pub(super) fn enter_again(&mut self, worker: &mut Worker) {
        self.open = worker.open.enter(self.node, self.business, self.entered);
    }

    /// What the rules are asked about the message, should `channel` take it by `route`.
    pub(super) fn ask(&self, channel: ChannelId, route: RouteId) -> Ask {
        Ask {
            channel,
            route,
            credential: self.facts.credential,
            key: self.key,
            priority: Some(self.facts.priority.unwrap_or(0)),
            business: self.business,
            messages: self.facts.messages(),
        }
    }

    /// Works out whose message it is by what the request has said so far.
    pub(super) fn identify(&mut self, worker: &mut Worker) {
        self.business = business(worker, self.node, &self.facts);
        if self.facts.priority.is_none() {
            self.facts.priority = priority_of(worker, self.business);
        }
        if let Some(open) = self.open {
            worker.open.set_business(open, self.business);
        }
        self.set_key(worker, None);
    }

    /// The same for now, by what the beginning of its body has `told`: the rest is read when it is in.
    pub(super) fn identify_by(&mut self, told: &Facts, worker: &mut Worker) {
        self.business = business(worker, self.node, told);
        self.facts.priority = self.facts.priority.or(told.priority).or_else(|| priority_of(worker, self.business));
        self.set_key(worker, Some(told));
    }

    /// A message without an id keeps the key that was drawn for it.
    fn set_key(&mut self, worker: &mut Worker, told: Option<&Facts>) {
        let facts = told.unwrap_or(&self.facts);
        if self.asked.is_some() && (self.key == 0 || !facts.message_ids.is_empty()) {
            self.key = worker.message_key(facts);
        }
    }

    /// Whether the vendor only checks the message, or hands it on.
    pub(super) fn is_dry_run(&self, worker: &Worker) -> bool {
        let dry_run = worker.plan.route(self.route).map_or(0, |route| route.dry_run);
        self.facts.conditions & dry_run != 0
    }

    /// The request has said all that it will.
    pub(super) fn settle(&mut self, worker: &mut Worker) {
        let route = worker.plan.route(self.route);
        if let Some(receipt) = route.and_then(|route| route.receipt.as_ref()) {
            self.reported = receipt.statuses(&std::mem::take(&mut self.facts.receipt));
        }
        if self.is_dry_run(worker) {
            self.operation = Some(OperationKind::DryRun);
        }
    }

    /// Whether it hands a message on: to a vendor, or to a node that is none.
    pub(super) fn is_message(&self) -> bool {
        matches!(self.operation, None | Some(OperationKind::Send))
    }

    /// Whose it is.
    pub(super) fn name(&self, worker: &Worker) -> Name {
        Name {
            message_ids: self.facts.message_ids.iter().take(MAX_NAMED).cloned().collect(),
            tenant: self.foreign_tenant(worker).map(str::to_owned),
            trace: self.trace.as_ref().map(|trace| trace.own),
        }
    }

    /// Says whose it is, for as long as it is open.
    pub(super) fn is_of(&self, name: Name, worker: &mut Worker) {
        if let Some(open) = self.open {
            worker.open.set_name(open, Box::new(name));
        }
    }

    /// Whether it gives a message to a vendor.
    pub(super) fn is_vendor_send(&self) -> bool {
        self.operation == Some(OperationKind::Send)
    }

    /// The channel that the application asked, if another one is asked.
    pub(super) fn switched_from<'a>(&self, worker: &'a Worker) -> Option<&'a str> {
        let asked = self.asked.filter(|asked| asked.first != asked.now)?;
        worker.plan.channel(asked.first).map(|channel| &*channel.name)
    }

    /// Leaves the node.
    pub(super) fn exit(
        &mut self,
        worker: &mut Worker,
        verdict: &Verdict,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let now = shell.now();
        let duration = now.since(self.entered);
        self.give_back(worker, verdict, now, duration, shell);
        self.leave(worker);
        let accepted = self.is_message() && verdict.fate == Fate::Accepted;
        let known = self.known.as_ref().and_then(|known| known.recalled.submitted_at);
        let submitted = self.facts.submitted_at.or(known).filter(|_| accepted && self.asked.is_some());
        let at = (submitted.is_some() || worker.tells_records()).then(|| shell.wall_clock());
        let message_time = at.zip(submitted).map(|(at, submitted)| at.since(submitted));
        let result = self.receipt(worker, verdict);
        let statuses = if result == Some(ReceiptResult::Accepted) { self.reported.as_slice() } else { &[] };
        worker.observe(&NodeExit {
            node: self.node,
            route: self.route,
            business: self.business,
            verdict,
            is_message: self.is_message(),
            duration,
            message_time,
            receipt: result.map(|result| ReceiptExit { result, statuses }),
        });
        let ending = at.filter(|_| worker.tells_records()).map(|at| Ending { verdict, statuses, now, at, duration });
        let span = ending.and_then(|ending| record::of_exit(self, &ending, worker, shell));
        record::tell_or_look(self, span, now, worker);
        if worker.plan.settings.access_log {
            effects.commands.extend(self.fields(worker, verdict));
        }
        if worker.log_visits {
            if let Some(report) = self.report(worker, verdict, statuses, result, duration) {
                effects.commands.push(Command::Report(Box::new(report)));
            }
        }
    }

    /// Tells the rules how the call has ended.
    fn give_back(
        &mut self,
        worker: &mut Worker,
        verdict: &Verdict,
        now: Monotonic,
        duration: Duration,
        shell: &mut dyn Shell,
    ) {
        if !self.is_message() {
            return;
        }
        let Some(pass) = self.pass.take() else { return };
        let limit = worker.plan.node(self.node).map(|node| node.objective.limit);
        let on_time = limit.is_none_or(|limit| duration <= limit);
        let end = End { verdict, on_time };
        let plan = Rc::clone(&worker.plan);
        worker.governor.end(&plan, pass, &end, now, &mut || shell.wall_clock());
        if verdict.fate == Fate::Accepted {
            self.drill_over(worker, StruckEnd::Accepted);
        }
    }

    /// A drill hits it.
    pub(super) fn struck(&mut self, drill: DrillId) {
        (self.drill, self.is_drill) = (Some(drill), true);
    }

    /// The message ends so, if a drill has hit it and its end has not been told.
    pub(super) fn drill_over(&mut self, worker: &mut Worker, end: StruckEnd) {
        if let Some(drill) = self.drill.take() {
            worker.governor.struck_over(drill, end);
        }
    }

    /// What a receipt is worth, if this is one. It counts only if the service has taken it: the service, not we, has checked
    /// the vendor's signature.
    fn receipt(&self, worker: &Worker, verdict: &Verdict) -> Option<ReceiptResult> {
        let receipt = worker.plan.route(self.route)?.receipt.as_ref()?;
        Some(if verdict.call != OutcomeClass::Ok {
            ReceiptResult::Refused
        } else if self.unread || self.facts.conditions & receipt.opaque != 0 {
            ReceiptResult::Opaque
        } else {
            ReceiptResult::Accepted
        })
    }
}

/// Whose message it is. A token request is nobody's: series for each business would tell nothing.
fn business(worker: &Worker, node: NodeId, facts: &Facts) -> BusinessId {
    let of_messages = worker.plan.node(node).is_some_and(|node| node.counts_messages);
    if of_messages { worker.plan.business(facts.business.as_deref()) } else { BusinessId::NONE }
}

fn priority_of(worker: &Worker, business: BusinessId) -> Option<u8> {
    worker.plan.business_by_id(business).and_then(|business| business.priority)
}
