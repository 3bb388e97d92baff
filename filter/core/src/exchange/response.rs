//! The answer's way back: is it the vendor's, what does it say, and what is the verdict.

use super::collected::Collected;
use super::visit::Visit;
use super::{Effects, Exchange, Shell};
use crate::classify::{Body, Verdict};
use crate::headers::Headers;
use crate::outcome::{Fate, OutcomeClass};
use crate::transport::Transport;
use crate::worker::{Bypass, Worker};

/// An answer that is awaited or coming in.
#[derive(Debug)]
pub struct ResponseState {
    visit: Box<Visit>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    /// No headers yet.
    Awaited,
    /// Envoy answered in the upstream's place.
    Ours(Verdict),
    /// The upstream's own answer; nothing is collected of a body that does not count or cannot be read.
    Theirs { status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>, body: Option<Collected> },
}

impl ResponseState {
    pub(super) const fn new(visit: Box<Visit>) -> Self {
        Self { visit, answer: Answer::Awaited }
    }

    pub(super) fn headers(
        &mut self,
        worker: &mut Worker,
        headers: &Headers<'_>,
        end_of_stream: bool,
        shell: &mut dyn Shell,
    ) {
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
    }

    fn theirs(&self, worker: &mut Worker, status: u16, headers: &Headers<'_>, end_of_stream: bool) -> Answer {
        let Some(route) = worker.plan.route(self.visit.route) else { return Answer::Awaited };
        let wanted = route.classifier.header_names();
        let kept = wanted
            .filter_map(|name| headers.get(name).map(|value| (name.as_bytes().to_vec(), value.to_vec())))
            .collect();
        let encoding = headers.get("content-encoding");
        let encoded = encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
        let needs_body = route.classifier.needs_body();
        let body = if needs_body && encoded && !end_of_stream {
            worker.bypass(Bypass::BodyEncoded);
            None
        } else {
            needs_body.then(|| Collected::new(worker))
        };
        Answer::Theirs { status, headers: kept, body }
    }

    /// More of the body is at hand.
    pub(super) fn body(&mut self, worker: &mut Worker, size: usize, end_of_stream: bool, shell: &mut dyn Shell) {
        if let Answer::Theirs { body: Some(body), .. } = &mut self.answer {
            body.add(worker, size, end_of_stream, shell);
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
        let verdict = self.verdict(worker);
        self.visit.exit(worker, &verdict, shell, effects);
        Exchange::Ended
    }

    /// The exchange has ended before its answer did.
    pub(super) fn abort(self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
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

    fn verdict(&self, worker: &mut Worker) -> Verdict {
        let messages = self.visit.facts.messages();
        let unknown = || Verdict::uniform(OutcomeClass::Unknown, Fate::Unsure, messages);
        let (status, headers, body) = match &self.answer {
            Answer::Awaited => return unknown(),
            Answer::Ours(verdict) => return verdict.clone(),
            Answer::Theirs { status, headers, body } => (*status, headers, body),
        };
        let headers = headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let body = match body {
            None => Body::Opaque,
            Some(body) if body.is_whole() => Body::Whole(body.bytes()),
            Some(body) => Body::Beginning(body.bytes()),
        };
        let judged =
            worker.plan.route(self.visit.route).map(|route| route.classifier.judge(status, &headers, body, messages));
        let Some((verdict, readable)) = judged else { return unknown() };
        if !readable && matches!(body, Body::Whole(bytes) if !bytes.is_empty()) {
            worker.bypass(Bypass::BodyUnreadable);
        }
        verdict
    }
}
