//! A message that other channels are asked to take, one after the other, while its own request or answer waits.
//!
//! The calls are the proxy's own, so that a switch and a failover are one thing: who takes the message is asked, the answer
//! is judged by that vendor's adapter, and the application reads it in the shape of the vendor that it asked. A message is
//! never in two hands: the next channel is asked only when the one before has surely not sent.

use super::original::end_to_end;
use super::response::ResponseState;
use super::visit::{Asked, Line, Visit};
use super::{Effects, Exchange, Flow, Reply, Shell, answer, letter, record, stitch};
use crate::classify::{self, Body, Verdict};
use crate::compose::{Answer, Canonical};
use crate::drill::StruckEnd;
use crate::encoding::Coding;
use crate::governor::{DrillResult, FailoverResult, SwitchReason};
use crate::headers::Headers;
use crate::hold::Half;
use crate::outcome::{Fate, OutcomeClass};
use crate::plan::{ChannelId, Plan};
use crate::policy::List;
use crate::time::Monotonic;
use crate::worker::{Bypass, Worker};
use std::rc::Rc;
use std::time::Duration;

/// More than this of a called channel's answer is not read.
const MAX_ANSWER_BYTES: usize = 256 << 10;

/// A message on its way to another channel.
#[derive(Debug)]
pub struct Relay {
    /// The visit of the channel that the application asked. It has ended unless its request waits.
    visit: Box<Visit>,
    asked: Asked,
    origin: Origin,
    course: Course,
    leg: Option<Box<Leg>>,
}

/// One channel that is being asked.
#[derive(Debug)]
struct Leg {
    visit: Visit,
    /// The message as it was told to it, where that took other words than the first channel's.
    message: Option<Box<Canonical>>,
}

/// What a channel that was asked has answered.
struct Heard {
    verdict: Verdict,
    /// Word by word, where it speaks like the first channel.
    answer: Option<Answer>,
}

/// What waits for the outcome.
#[derive(Debug)]
pub(super) enum Origin {
    /// The request: nobody has been asked yet.
    Request(SwitchReason),
    /// The first channel's answer, which meant this.
    Answer(Verdict),
    /// The request, which a drill has failed in this way; the last is what the caller reads if nobody saves it.
    Drill { verdict: Verdict, answer: Option<Answer> },
}

/// Who is asked, in this order.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) stops: std::vec::IntoIter<Stop>,
    /// The longest that each may take.
    pub(super) timeout: Duration,
}

/// One who may be asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stop {
    /// The channel at this place of a list of the first channel's rules.
    Listed(List, usize),
    /// The first channel itself: its vendor removes the repeat.
    Again,
}

impl Relay {
    pub(super) fn new(visit: Box<Visit>, asked: Asked, origin: Origin, course: Course) -> Box<Self> {
        Box::new(Self { visit, asked, origin, course, leg: None })
    }

    /// Which half of the stream waits.
    pub(super) const fn held(&self) -> Half {
        match self.origin {
            Origin::Request(_) | Origin::Drill { .. } => Half::Request,
            Origin::Answer(_) => Half::Response,
        }
    }

    /// Asks the next channel, or gives up if there is none.
    pub(super) fn go_on(
        mut self: Box<Self>,
        worker: &mut Worker,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let plan = Rc::clone(&worker.plan);
        while let Some(stop) = self.course.stops.next() {
            if self.ask(worker, &plan, stop, shell, effects) {
                effects.flow = Flow::Hold;
                return Exchange::Relaying(self);
            }
        }
        self.give_up(worker, shell, effects)
    }

    /// Asks one channel; `false` if it may not be asked or cannot be.
    fn ask(
        &mut self,
        worker: &mut Worker,
        plan: &Plan,
        stop: Stop,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> bool {
        self.leg = self.leg_to(worker, plan, stop, shell.now(), effects);
        if let Some(leg) = &mut self.leg {
            stitch::settle(&mut leg.visit, worker, shell);
            record::of_departure(&leg.visit, worker, shell);
        }
        self.leg.is_some()
    }

    fn leg_to(
        &self,
        worker: &mut Worker,
        plan: &Plan,
        stop: Stop,
        now: Monotonic,
        effects: &mut Effects,
    ) -> Option<Box<Leg>> {
        let target = match stop {
            Stop::Again => None,
            Stop::Listed(list, index) => Some(plan.targets(self.asked.first, list).get(index)?),
        };
        let id = target.map_or(self.asked.first, |target| target.channel);
        let channel = plan.channel(id)?;
        let mut outgoing = self.visit.original.as_deref()?.outgoing(plan, channel, target, &self.visit)?;
        let route = plan.send_route(id, &outgoing.authority, &outgoing.method, &outgoing.path)?;
        let ask = self.visit.ask(id, route);
        let pass = match stop {
            // Its own state does not matter: the vendor has most likely got the message already.
            Stop::Again => worker.governor.pass(plan, &ask, now)?,
            Stop::Listed(..) => worker.governor.admit(plan, &ask, now)?,
        };
        let Some(mut visit) = self.visit.of_other(worker, id, route, now) else {
            worker.governor.forget(pass);
            return None;
        };
        if matches!(self.origin, Origin::Request(_)) {
            visit.stand_in_for(&self.visit);
        }
        visit.pass = Some(pass);
        visit.line = worker.tells_spans().then(|| Box::new(Line::new(&outgoing.method, &outgoing.authority)));
        let message = outgoing.message.take();
        effects.commands.push(outgoing.command(
            &channel.cluster,
            visit.trace.as_ref().map(|trace| &trace.own),
            plan.settings.trace.b3,
            self.course.timeout,
        ));
        Some(Box::new(Leg { visit, message }))
    }

    /// The channel that was asked has answered; without a head, the call has broken off.
    pub(super) fn answered(
        mut self: Box<Self>,
        worker: &mut Worker,
        head: Option<&Headers<'_>>,
        size: usize,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let Some(mut leg) = self.leg.take() else { return Exchange::Relaying(self) };
        leg.visit.status = head.and_then(|head| head.get_str(":status")?.parse().ok());
        let heard = listen(worker, &leg, head, size, shell);
        self.leg_over(worker, *leg, heard, shell, effects)
    }

    /// The call could not be made.
    pub(super) fn refused(
        mut self: Box<Self>,
        worker: &mut Worker,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let Some(leg) = self.leg.take() else { return Exchange::Relaying(self) };
        let messages = leg.visit.facts.messages();
        let verdict = Verdict::uniform(OutcomeClass::VendorUnavailable, Fate::NotSent, messages);
        self.leg_over(worker, *leg, Heard { verdict, answer: None }, shell, effects)
    }

    fn leg_over(
        self: Box<Self>,
        worker: &mut Worker,
        mut leg: Leg,
        heard: Heard,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let verdict = &heard.verdict;
        leg.visit.exit(worker, verdict, shell, effects);
        let Some(asked) = leg.visit.asked else { return Exchange::Ended };
        // The vendor has it already, by the very key that made asking it again safe.
        let known = verdict.call == OutcomeClass::Duplicate && worker.plan.same_adapter(asked.first, asked.now);
        let result = match verdict.fate {
            _ if known => FailoverResult::Sent,
            Fate::Accepted => FailoverResult::Sent,
            Fate::NotSent | Fate::Rejected => FailoverResult::Refused,
            Fate::Unsure => FailoverResult::Unsure,
        };
        self.count(worker, asked.now, result);
        match result {
            FailoverResult::Sent => self.taken(worker, &leg, (heard, known), shell.now(), effects),
            FailoverResult::Refused => self.go_on(worker, shell, effects),
            FailoverResult::Unsure => self.stop_unsure(worker, effects),
        }
    }

    /// Another channel has taken the message.
    fn taken(
        mut self,
        worker: &mut Worker,
        leg: &Leg,
        (heard, known): (Heard, bool),
        now: Monotonic,
        effects: &mut Effects,
    ) -> Exchange {
        let by = leg.visit.asked.map_or(self.asked.first, |asked| asked.now);
        let mut end = StruckEnd::Accepted;
        match &self.origin {
            Origin::Request(reason) => {
                worker.switched(self.asked.first, by, *reason, self.visit.facts.messages(), now);
            }
            Origin::Drill { .. } => {
                worker.drilled(self.asked.first, DrillResult::Saved);
                worker.drill_switched(self.asked.first, now);
            }
            Origin::Answer(first) if first.fate == Fate::Unsure && !worker.plan.same_adapter(self.asked.first, by) => {
                end = StruckEnd::Doubled;
            }
            Origin::Answer(_) => {}
        }
        self.visit.drill_over(worker, end);
        let made_up_id = format!("pm-{}", worker.span_id());
        let told =
            if worker.plan.settings.answer_headers { answer::told(&heard.verdict, &leg.visit) } else { Vec::new() };
        // That it knows the message already is the vendor's word for a refusal, and good news.
        let word_by_word = heard.answer.filter(|_| !known);
        let answer = word_by_word.or_else(|| {
            let plan = &worker.plan;
            let own = || self.visit.original.as_ref()?.message(plan, &self.visit).map(Box::new);
            let message = leg.message.clone().or_else(own)?;
            let vendor_id = heard.verdict.vendor_ids.first().cloned().unwrap_or(made_up_id);
            Some(plan.channel(self.asked.first)?.answers.ok(&vendor_id, &message))
        });
        effects.commands.extend(answer.map(|answer| Reply::command(answer, told)));
        effects.flow = Flow::Hold;
        self.over(worker)
    }

    /// The message is in no hands, or in unknown ones.
    fn lost(mut self, worker: &mut Worker) -> Exchange {
        if matches!(self.origin, Origin::Drill { .. }) {
            worker.drilled(self.asked.first, DrillResult::Lost);
        }
        self.visit.drill_over(worker, StruckEnd::Lost);
        self.over(worker)
    }

    fn over(mut self, worker: &mut Worker) -> Exchange {
        if !matches!(self.origin, Origin::Request(_)) {
            worker.governor.relay_ends(self.asked.first);
        }
        self.visit.leave(worker);
        Exchange::Ended
    }

    /// Nobody knows whether the last one asked has sent it, so nobody else is asked, and the caller is told.
    fn stop_unsure(self, worker: &mut Worker, effects: &mut Effects) -> Exchange {
        letter::unsure(worker, &self.visit, effects);
        match &self.origin {
            Origin::Answer(verdict) => {
                self.tell_first(worker, verdict, effects);
                effects.commands.push(answer::fate(Fate::Unsure));
            }
            Origin::Request(_) => {
                let failed = worker.plan.channel(self.asked.first).map(|channel| channel.answers.failed(None, None));
                fail(failed, Fate::Unsure, effects);
            }
            Origin::Drill { answer, .. } => fail(answer.clone(), Fate::Unsure, effects),
        }
        self.lost(worker)
    }

    /// No channel is left.
    fn give_up(mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) -> Exchange {
        match &self.origin {
            // Whatever is wrong with the first channel, it is the only one left.
            Origin::Request(_) => {
                worker.bypass(Bypass::NoBackup);
                // Who has just been asked is not asked again, should this one fail too.
                self.visit.original = None;
                self.visit.enter_again(worker);
                self.visit.pass_anyway(worker, shell.now());
                self.visit.settle(worker);
                stitch::settle(&mut self.visit, worker, shell);
                record::of_departure(&self.visit, worker, shell);
                effects.flow = Flow::Continue;
                return Exchange::Response(Box::new(ResponseState::new(self.visit)));
            }
            Origin::Answer(verdict) => {
                letter::of_end(worker, &self.visit, verdict, shell, effects);
                self.tell_first(worker, verdict, effects);
            }
            Origin::Drill { verdict, answer } => {
                letter::of_end(worker, &self.visit, verdict, shell, effects);
                fail(answer.clone(), Fate::NotSent, effects);
            }
        }
        self.lost(worker)
    }

    /// Lets the first channel's own answer go to the caller.
    fn tell_first(&self, worker: &Worker, verdict: &Verdict, effects: &mut Effects) {
        if worker.plan.settings.answer_headers {
            effects.commands.extend(answer::headers(verdict, &self.visit));
        }
        effects.flow = Flow::Continue;
    }

    /// The client has gone. The call that is out goes on without anybody to hear its answer.
    pub(super) fn abandon(mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        if let Some(mut leg) = self.leg.take() {
            let verdict = Verdict::uniform(OutcomeClass::Unknown, Fate::Unsure, leg.visit.facts.messages());
            leg.visit.exit(worker, &verdict, shell, effects);
            self.count(worker, leg.visit.asked.map_or(self.asked.first, |asked| asked.now), FailoverResult::Unsure);
            letter::unsure(worker, &self.visit, effects);
        }
        self.lost(worker);
    }

    fn count(&self, worker: &mut Worker, to: ChannelId, result: FailoverResult) {
        if !matches!(self.origin, Origin::Request(_)) {
            worker.failed_over(self.asked.first, to, result, self.visit.facts.messages());
        }
    }
}

/// Answers in the first channel's stead that it has failed.
fn fail(answer: Option<Answer>, fate: Fate, effects: &mut Effects) {
    effects.commands.extend(answer.map(|answer| Reply::command(answer, answer::fate_told(fate))));
    effects.flow = Flow::Hold;
}

/// What the answer to a call means. Its words are the vendor's or those of the proxy in its stead, which nobody can tell
/// apart: so nothing in them can say that the message was not sent, but a code that the adapter knows.
fn listen(worker: &Worker, leg: &Leg, head: Option<&Headers<'_>>, size: usize, shell: &mut dyn Shell) -> Heard {
    let facts = &leg.visit.facts;
    let broken = || Heard {
        verdict: Verdict::uniform(OutcomeClass::VendorUnavailable, Fate::Unsure, facts.messages()),
        answer: None,
    };
    let (Some(head), Some(route)) = (head, worker.plan.route(leg.visit.route)) else { return broken() };
    let Some(status) = head.get_str(":status").and_then(|status| status.parse().ok()) else { return broken() };
    let bytes = if size == 0 { Vec::new() } else { shell.body(0, size.min(MAX_ANSWER_BYTES)).unwrap_or_default() };
    let coding = Coding::named(head.get("content-encoding"));
    let decoded = match coding {
        Some(Coding::Identity) => None,
        Some(coding) => coding.decode(&bytes, MAX_ANSWER_BYTES).map(|(decoded, _)| decoded),
        None => Some(Vec::new()),
    };
    let read = decoded.as_deref().unwrap_or(&bytes);
    let body = if size > MAX_ANSWER_BYTES { Body::Beginning(read) } else { Body::Whole(read) };
    let answer = classify::Answer { status, headers: head, body, recipients: facts.recipients, detail: true };
    let verdict = route.classifier.judge(&answer, &mut || shell.wall_clock()).0;
    let answer = leg.message.is_none().then(|| Answer { status, headers: end_to_end(head).collect(), body: bytes });
    Heard { verdict, answer }
}
