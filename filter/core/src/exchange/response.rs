//! The answer's way back: is it the vendor's, what does it say, and what is the verdict.

use super::answer::{self, Wait};
use super::collected::Collected;
use super::visit::Visit;
use super::{Effects, Exchange, Flow, Shell};
use crate::adapter::OperationKind;
use crate::classify::{self, Body, Verdict};
use crate::encoding::Coding;
use crate::headers::Headers;
use crate::hold::Half;
use crate::json::Scan;
use crate::outcome::{Fate, OutcomeClass};
use crate::transport::Transport;
use crate::worker::{Bypass, Release, Worker};

/// An answer that is awaited or coming in.
#[derive(Debug)]
pub struct ResponseState {
    visit: Box<Visit>,
    answer: Answer,
    held: Option<Wait>,
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
        Self { visit, answer: Answer::Awaited, held: None }
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
        self.answer = match transport {
            Transport::Answered => self.theirs(worker, status, headers, end_of_stream),
            Transport::ClientGone => Answer::Ours(self.client_gone(worker, shell)),
            Transport::Failed(class, fate) => Answer::Ours(Verdict::uniform(class, fate, messages)),
            Transport::Local(fate) => Answer::Ours(Verdict::uniform(OutcomeClass::of_status(status), fate, messages)),
        };
        if self.is_told(worker) {
            effects.commands.extend(answer::foreign(headers));
            self.tell_or_hold(worker, headers, end_of_stream, shell, effects);
        }
    }

    /// Whether the caller is to be told what was understood.
    fn is_told(&self, worker: &Worker) -> bool {
        let operation = worker.plan.route(self.visit.route).and_then(|route| route.operation);
        worker.plan.settings.answer_headers && operation.is_some_and(|operation| operation != OperationKind::Receipt)
    }

    /// Tells the caller at once if nothing more need be known, and else holds the answer until it is whole, where that is
    /// sure to fit Envoy's buffer.
    fn tell_or_hold(
        &mut self,
        worker: &mut Worker,
        headers: &Headers<'_>,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let reads_body = matches!(&self.answer, Answer::Theirs { body: Some(_), .. });
        if end_of_stream || !reads_body {
            let verdict = self.verdict(worker, shell);
            effects.commands.extend(answer::headers(&verdict, &self.visit));
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
        let wanted = route.classifier.header_names(worker.wants_detail());
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
                effects.commands.extend(answer::headers(&verdict, &self.visit));
                self.answer = Answer::Judged(verdict);
            }
            // A document that has ended, or is none, says all that it will, whatever may follow.
            Some((verdict, Scan::Complete | Scan::Malformed)) => {
                effects.commands.extend(answer::headers(&verdict, &self.visit))
            }
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

    /// Ends the visit if the answer is whole or is not the upstream's.
    pub(super) fn advance(
        self: Box<Self>,
        worker: &mut Worker,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Exchange {
        let over = end_of_stream || matches!(self.answer, Answer::Ours(_));
        if !over {
            return Exchange::Response(self);
        }
        let verdict = self.verdict(worker, shell);
        self.visit.exit(worker, &verdict, shell, effects);
        Exchange::Ended
    }

    /// The exchange has ended before its answer did.
    pub(super) fn abort(mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        self.forget_hold(worker);
        let details = shell.code_details().unwrap_or_default();
        let messages = self.visit.facts.messages();
        let verdict = match Transport::of_details(&details) {
            Transport::Failed(class, fate) => Verdict::uniform(class, fate, messages),
            // What was answered in part has not been said.
            Transport::ClientGone | Transport::Answered | Transport::Local(_) => self.client_gone(worker, shell),
        };
        self.visit.exit(worker, &verdict, shell, effects);
    }

    /// A client that leaves has usually run out of patience: past the objective that is a time-out of the node, before
    /// it nothing is known.
    fn client_gone(&self, worker: &Worker, shell: &mut dyn Shell) -> Verdict {
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
        let detail = worker.wants_detail();
        let answer = classify::Answer { status: *status, headers: &headers, body, recipients, detail };
        let route = worker.plan.route(self.visit.route)?;
        let (verdict, scan) = route.classifier.judge(&answer, &mut || shell.wall_clock());
        let is_partial = *coding != Coding::Identity && !decoded.as_ref().is_some_and(|(_, all)| *all);
        Some((verdict, if is_partial && scan != Scan::Complete { Scan::Cut } else { scan }))
    }
}
