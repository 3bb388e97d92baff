//! The answer's way back: is it the vendor's, what does it say, and what is the verdict.

use super::answer::{self, Wait};
use super::collected::Collected;
use super::relay::{Origin, Relay};
use super::visit::Visit;
use super::{Effects, Exchange, Flow, Shell, course, letter};
use crate::adapter::OperationKind;
use crate::classify::{self, Body, Verdict};
use crate::drill::StruckEnd;
use crate::encoding::Coding;
use crate::headers::Headers;
use crate::hold::Half;
use crate::json::Scan;
use crate::outcome::{Fate, OutcomeClass};
use crate::transport::Transport;
use crate::worker::{Bypass, Release, Worker};
use std::rc::Rc;

/// An answer that is awaited or coming in.
#[derive(Debug)]
pub struct ResponseState {
    visit: Box<Visit>,
    answer: Answer,
    held: Option<Wait>,
    /// What the answer means, as long as its headers have not left.
    ready: Option<Verdict>,
}

#[derive(Debug)]
enum Answer {
    /// No headers yet.
    Awaited,
    /// Envoy answered in the upstream's place.
    Ours(Verdict),
    /// The upstream's own answer; nothing is collected of a body that does not count or cannot be read.
    Theirs { status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>, coding: Coding, body: Option<Collected> },
    /// The upstream's own, whole and judged.
    Judged(Verdict),
}

impl ResponseState {
    pub(super) const fn new(visit: Box<Visit>) -> Self {
        Self { visit, answer: Answer::Awaited, held: None, ready: None }
    }

    pub(super) fn headers(
        &mut self,
        worker: &mut Worker,
        headers: &Headers<'_>,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        // Headers that come a second time are Envoy's own answer in the place of the first.
        self.forget_hold(worker);
        let status = headers.get_str(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        // Only a failure may be Envoy's own; asking about each success would cost every push a host call.
        let transport = if status >= 400 {
            shell.code_details().map_or(Transport::Answered, |details| Transport::of_details(&details))
        } else {
            Transport::Answered
        };
        let messages = self.visit.facts.messages();
        self.visit.has_left = transport == Transport::Answered;
        self.visit.status = Some(status).filter(|status| *status > 0);
        self.answer = match transport {
            Transport::Answered => self.theirs(worker, status, headers, end_of_stream),
            Transport::ClientGone => Answer::Ours(self.client_gone(worker, shell)),
            Transport::Failed(class, fate) => Answer::Ours(Verdict::uniform(class, fate, messages)),
            Transport::Local(fate) => Answer::Ours(Verdict::uniform(OutcomeClass::of_status(status), fate, messages)),
        };
        let is_told = self.is_told(worker);
        if is_told {
            effects.commands.extend(answer::foreign(headers));
        }
        if is_told || self.may_fail_over(worker) {
            self.judge_or_hold(worker, headers, end_of_stream, shell, effects);
        }
    }

    /// Whether another channel may be asked, should this one have failed.
    fn may_fail_over(&self, worker: &Worker) -> bool {
        let first = self.visit.asked.map(|asked| asked.first);
        self.visit.original.is_some() && first.is_some_and(|first| worker.governor.fails_over(first))
    }

    /// Whether the caller is to be told what was understood.
    fn is_told(&self, worker: &Worker) -> bool {
        let operation = worker.plan.route(self.visit.route).and_then(|route| route.operation);
        worker.plan.settings.answer_headers && operation.is_some_and(|operation| operation != OperationKind::Receipt)
    }

    /// Judges the answer at once if nothing more need be known, and else holds it until it is whole, where that is sure to
    /// fit Envoy's buffer.
    fn judge_or_hold(
        &mut self,
        worker: &mut Worker,
        headers: &Headers<'_>,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let reads_body = matches!(&self.answer, Answer::Theirs { body: Some(_), .. });
        if end_of_stream || !reads_body {
            self.ready = Some(self.verdict(worker, shell));
            return;
        }
        let announced = headers.get_str("content-length").and_then(|length| length.parse::<usize>().ok());
        let wait = match announced {
            Some(length) if length > worker.plan.settings.max_body_bytes => {
                return worker.released(Release::BodyTooLarge);
            }
            Some(_) => Wait::Whole,
            None => Wait::FirstPiece,
        };
        if !worker.holds.allowed() {
            return worker.released(Release::NotNow);
        }
        worker.holds.hold(self.visit.stream, Half::Response, shell.now());
        self.held = Some(wait);
        effects.flow = Flow::Hold;
    }

    fn forget_hold(&mut self, worker: &mut Worker) {
        if self.held.take().is_some() {
            worker.holds.forget(self.visit.stream);
        }
    }

    fn theirs(&self, worker: &mut Worker, status: u16, headers: &Headers<'_>, end_of_stream: bool) -> Answer {
        let Some(route) = worker.plan.route(self.visit.route) else { return Answer::Awaited };
        let wanted = route.classifier.header_names(self.visit.pass.is_some() || worker.wants_detail());
        let kept = wanted
            .filter_map(|name| headers.get(name).map(|value| (name.as_bytes().to_vec(), value.to_vec())))
            .collect();
        let coding = Coding::named(headers.get("content-encoding"));
        let needs_body = route.classifier.needs_body();
        let body = if needs_body && coding.is_none() && !end_of_stream {
            worker.bypass(Bypass::BodyEncoded);
            None
        } else {
            needs_body.then(|| Collected::new(worker))
        };
        Answer::Theirs { status, headers: kept, coding: coding.unwrap_or(Coding::Identity), body }
    }

    /// More of the body is at hand.
    pub(super) fn body(
        &mut self,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        if let Some(wait) = self.held {
            if worker.holds.is_held(self.visit.stream) {
                return self.held_body(wait, worker, size, end_of_stream, shell, effects);
            }
            // The tick has let it go, with what had come of it by then.
            self.held = None;
        }
        if let Answer::Theirs { body: Some(body), .. } = &mut self.answer {
            body.add(worker, size, end_of_stream, shell);
        }
    }

    fn held_body(
        &mut self,
        wait: Wait,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        if let Answer::Theirs { body: Some(body), .. } = &mut self.answer {
            body.add_held(worker, size, end_of_stream, shell);
        }
        if !end_of_stream && (size == 0 || wait == Wait::Whole) {
            effects.flow = Flow::Hold;
            return;
        }
        self.forget_hold(worker);
        match self.judge(worker, shell) {
            Some((verdict, _)) if end_of_stream => {
                self.ready = Some(verdict.clone());
                self.answer = Answer::Judged(verdict);
            }
            // A document that has ended, or is none, says all that it will, whatever may follow.
            Some((verdict, Scan::Complete | Scan::Malformed)) => self.ready = Some(verdict),
            _ => worker.released(Release::LengthUnknown),
        }
    }

    /// Trailers end the body, of which a held answer has read nothing that came with them. The buffer gives no more than
    /// there is.
    pub(super) fn trailers(&mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        let Some(wait) = self.held else { return };
        if worker.holds.is_held(self.visit.stream) {
            self.held_body(wait, worker, worker.plan.settings.max_body_bytes, true, shell, effects);
        }
    }

    /// Ends the visit if the answer is whole or is not the upstream's. A failed one may make way for another channel's.
    pub(super) fn advance(
        mut self: Box<Self>,
        worker: &mut Worker,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        if let Some(verdict) = self.ready.take() {
            let plan = Rc::clone(&worker.plan);
            let course = course::of_failure(worker, &plan, &self.visit, &verdict, shell);
            if let (Some(course), Some(asked)) = (course, self.visit.asked) {
                self.visit.exit(worker, &verdict, shell, effects);
                worker.governor.relay_begins(asked.first);
                return Relay::new(self.visit, asked, Origin::Answer(verdict), course).go_on(worker, shell, effects);
            }
            if self.is_told(worker) {
                effects.commands.extend(answer::headers(&verdict, &self.visit));
            }
        }
        let over = end_of_stream || matches!(self.answer, Answer::Ours(_));
        if !over {
            return Exchange::Response(self);
        }
        let verdict = self.verdict(worker, shell);
        self.end(worker, &verdict, shell, effects);
        Exchange::Ended
    }

    fn end(&mut self, worker: &mut Worker, verdict: &Verdict, shell: &mut dyn Shell, effects: &mut Effects) {
        letter::of_end(worker, &self.visit, verdict, shell, effects);
        self.visit.exit(worker, verdict, shell, effects);
        self.visit.drill_over(worker, StruckEnd::Lost);
    }

    /// The exchange has ended before its answer did.
    pub(super) fn abort(mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        self.forget_hold(worker);
        worker.delays.forget(self.visit.stream);
        let details = shell.code_details().unwrap_or_default();
        let messages = self.visit.facts.messages();
        let verdict = match Transport::of_details(&details) {
            Transport::Failed(class, fate) => Verdict::uniform(class, fate, messages),
            // What was answered in part has not been said.
            Transport::ClientGone | Transport::Answered | Transport::Local(_) => self.client_gone(worker, shell),
        };
        self.end(worker, &verdict, shell, effects);
    }

    /// A client that leaves has usually run out of patience: past the objective that is a time-out of the node, before
    /// it nothing is known.
    fn client_gone(&self, worker: &Worker, shell: &mut dyn Shell) -> Verdict {
        if self.visit.waits {
            return Verdict::uniform(OutcomeClass::Unknown, Fate::NotSent, self.visit.facts.messages());
        }
        let waited = shell.now().since(self.visit.entered);
        let limit = worker.plan.node(self.visit.node).map(|node| node.objective.limit);
        let late = limit.is_some_and(|limit| waited > limit);
        let class = if late { OutcomeClass::Timeout } else { OutcomeClass::Unknown };
        Verdict::uniform(class, Fate::Unsure, self.visit.facts.messages())
    }

    fn verdict(&self, worker: &mut Worker, shell: &mut dyn Shell) -> Verdict {
        if let Answer::Ours(verdict) | Answer::Judged(verdict) = &self.answer {
            return verdict.clone();
        }
        let Some((verdict, scan)) = self.judge(worker, shell) else {
            return Verdict::uniform(OutcomeClass::Unknown, Fate::Unsure, self.visit.facts.messages());
        };
        if let Answer::Theirs { body: Some(body), .. } = &self.answer {
            if scan != Scan::Complete && body.is_whole() && !body.bytes().is_empty() {
                worker.bypass(Bypass::BodyUnreadable);
            }
        }
        verdict
    }

    /// What the upstream's answer means as far as it has come, and how far its body could be read.
    fn judge(&self, worker: &Worker, shell: &mut dyn Shell) -> Option<(Verdict, Scan)> {
        let Answer::Theirs { status, headers, coding, body } = &self.answer else { return None };
        let headers = headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let limit = worker.plan.settings.max_body_bytes;
        let decoded = match body {
            Some(body) if *coding != Coding::Identity => coding.decode(body.bytes(), limit),
            _ => None,
        };
        let body = match (body, &decoded) {
            (None, _) => Body::Opaque,
            (Some(body), Some((decoded, all))) if body.is_whole() && *all => Body::Whole(decoded),
            // What is whole and still cannot be decoded to its end was cut by its sender, unless it is our limit that it meets.
            (Some(body), Some((decoded, _))) if !body.is_whole() || decoded.len() >= limit => Body::Beginning(decoded),
            (Some(body), _) if body.is_whole() => Body::Whole(body.bytes()),
            (Some(body), _) => Body::Beginning(body.bytes()),
        };
        let recipients = self.visit.facts.recipients;
        let mut answer =
            classify::Answer { status: *status, headers: &headers, body, recipients, detail: worker.wants_detail() };
        let route = worker.plan.route(self.visit.route)?;
        let (mut verdict, scan) = route.classifier.judge(&answer, &mut || shell.wall_clock());
        // For how long a channel is closed is worth a second look; few answers need one.
        if !answer.detail && matches!(verdict.call, OutcomeClass::RateLimited | OutcomeClass::QuotaApp) {
            answer.detail = true;
            verdict = route.classifier.judge(&answer, &mut || shell.wall_clock()).0;
        }
        let is_partial = *coding != Coding::Identity && !decoded.as_ref().is_some_and(|(_, all)| *all);
        Some((verdict, if is_partial && scan != Scan::Complete { Scan::Cut } else { scan }))
    }
}
