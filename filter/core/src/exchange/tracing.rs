//! When the trace of a request begins, and by what is known of its message then.

use super::context::{Arrived, Id};
use super::request::{Body, Choice, RequestState, wait};
use super::ruling::Ruling;
use super::stitch::{self, Known};
use super::visit::Visit;
use super::{Effects, Flow, RequestHead, Shell};
use crate::extract::Facts;
use crate::hold::Half;
use crate::plan::{Direction, RouteId};
use crate::trace::TraceParent;
use crate::worker::Worker;

/// Where the trace stands.
#[derive(Debug)]
pub(super) enum Pending {
    /// It was dealt with at the headers.
    Settled,
    /// It waits for the held body.
    Waiting(Arrived),
}

impl RequestState {
    /// Deals with the trace, or holds the request until the body tells the message's id.
    pub(super) fn begin_trace(
        &mut self,
        worker: &mut Worker,
        head: &RequestHead<'_>,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let arrived = Arrived::read(&head.headers, self.direction, head.edge);
        if let Some(context) = arrived.continued() {
            self.came = Some(*context);
            self.trace = Some(arrived.go_on(context, worker, effects));
            return;
        }
        let body_may_tell = matches!(self.body, Body::Passing(_)) && self.body_may_identify(worker);
        if !body_may_tell {
            self.start_trace(&arrived, None, worker, shell, effects);
        } else if worker.key.is_none() && self.direction == Direction::Inbound {
            self.start_trace(&arrived, Some(Id::Useless), worker, shell, effects);
        } else if worker.plan.settings.hold_request
            && worker.tracers.of(self.direction).writes()
            && worker.holds.allowed()
        {
            worker.holds.hold(self.stream, Half::Request, self.entered);
            self.body = Body::Held(wait(worker, head));
            self.pending = Pending::Waiting(arrived);
            effects.flow = Flow::Hold;
        } else {
            let id = if worker.key.is_none() { Id::Useless } else { Id::TooLate };
            self.start_trace(&arrived, Some(id), worker, shell, effects);
        }
    }

    /// Whether the message's key, which the trace id is derived from, may still be told by the body.
    fn body_may_identify(&self, worker: &Worker) -> bool {
        let identifies = |route: RouteId, facts: &Facts| {
            worker.plan.route(route).is_some_and(|route| route.reader.body_may_identify(facts))
        };
        match &self.choice {
            Choice::Decided(visit) => identifies(visit.route, &visit.facts),
            Choice::Among(candidates) => {
                candidates.iter().any(|candidate| identifies(candidate.route, &candidate.facts))
            }
        }
    }

    /// Starts the trace by what is known; `id` says what that is worth where it is not all that can be known.
    fn start_trace(
        &mut self,
        arrived: &Arrived,
        id: Option<Id>,
        worker: &mut Worker,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let (facts, route) = match &self.choice {
            Choice::Decided(visit) => (&visit.facts, visit.route),
            Choice::Among(candidates) => match candidates.first() {
                Some(candidate) => (&candidate.facts, candidate.route),
                None => return,
            },
        };
        let promised = worker.plan.route(route).is_some_and(|route| route.id_promised);
        let id = id.unwrap_or(if promised { Id::Promised } else { Id::Known });
        let known = self.recall(id, facts, self.leaves(), worker, shell);
        self.trace = arrived.start(facts, id, contexts(known.as_ref()), worker, effects);
        self.known = known;
    }

    /// What is known of the message that `facts` tell of, if its trace may begin by that.
    fn recall(
        &self,
        id: Id,
        facts: &Facts,
        leaves: Option<&Visit>,
        worker: &mut Worker,
        shell: &mut dyn Shell,
    ) -> Option<Known> {
        let asks = self.direction == Direction::Outbound && id != Id::TooLate;
        asks.then(|| stitch::recall(facts, leaves, self.entered, worker, shell)).flatten()
    }

    /// The visit, if all has been read of its request and no rule can keep it from leaving.
    fn leaves(&self) -> Option<&Visit> {
        match (&self.choice, &self.body, self.ruling) {
            // Of a request without a body the rules have not been looked at when its trace begins.
            (Choice::Decided(visit), Body::Unread, Ruling::Over | Ruling::AtTheEnd) if self.ended && self.has_body => {
                Some(visit)
            }
            _ => None,
        }
    }

    /// Starts the trace that has waited, by what the whole body has told or by what its beginning tells.
    pub(super) fn start_waiting(
        &mut self,
        beginning: Option<Facts>,
        worker: &mut Worker,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let Pending::Waiting(arrived) = std::mem::replace(&mut self.pending, Pending::Settled) else { return };
        match beginning {
            None => self.start_trace(&arrived, None, worker, shell, effects),
            Some(facts) => {
                // Of a list, the first is not all.
                let unsure = facts.message_ids.is_empty() || facts.ids_are_listed;
                let id = if unsure { Id::TooLate } else { Id::Known };
                let known = self.recall(id, &facts, None, worker, shell);
                self.trace = arrived.start(&facts, id, contexts(known.as_ref()), worker, effects);
                self.known = known;
            }
        }
    }

    /// The headers have left without the trace that waited, or never will.
    pub(super) fn release_trace(&mut self, worker: &mut Worker, shell: &mut dyn Shell) {
        if let Pending::Waiting(arrived) = std::mem::replace(&mut self.pending, Pending::Settled) {
            // The header map is gone; what would be done to it is dropped, and only the count stays.
            self.start_trace(&arrived, Some(Id::TooLate), worker, shell, &mut Effects::default());
        }
    }
}

fn contexts(known: Option<&Known>) -> &[TraceParent] {
    known.map_or(&[], |known| known.recalled.contexts.as_slice())
}
