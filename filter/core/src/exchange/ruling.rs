//! When the rules are asked about a request, and whether it waits for that.

use super::original::Original;
use super::request::{Body, Choice, RequestState, wait};
use super::visit::Visit;
use super::{Effects, Flow, RequestHead};
use crate::adapter::OperationKind;
use crate::hold::Half;
use crate::plan::{ChannelId, RouteId};
use crate::worker::Worker;

/// Where the rules stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// None is to be asked, or all have been.
    Over,
    /// They are asked when the request has told all that it will.
    AtTheEnd,
    /// They are asked when the body is in, for which the request waits.
    WhenIn,
    /// The body is in, or as much of it as was to be waited for.
    Now { whole: bool },
}

/// What the rules may do to a request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    /// It may be a send that they speak of.
    any: bool,
    /// They may do something to it before it leaves.
    interfere: bool,
    /// They may give its message to another channel, before or after.
    pub(super) may_move: bool,
}

impl RequestState {
    /// What the rules of the channels that it may be meant for may do to it.
    pub(super) fn look_at_rules(&self, worker: &Worker) -> Rules {
        let of_route = |route: RouteId| {
            let route = worker.plan.route(route)?;
            route.channel.filter(|_| route.operation == Some(OperationKind::Send))
        };
        let mut rules = Rules::default();
        let mut look = |channel: Option<ChannelId>| {
            let Some(channel) = channel else { return };
            rules.any = true;
            rules.interfere |= worker.governor.interferes(channel);
            rules.may_move |= rules.interfere || worker.governor.fails_over(channel);
        };
        match &self.choice {
            Choice::Decided(visit) => look(of_route(visit.route)),
            Choice::Among(candidates) => candidates.iter().for_each(|candidate| look(of_route(candidate.route))),
        }
        rules
    }

    /// Lets the request wait for its body if the rules may need it, and can have it.
    pub(super) fn wait_for_rules(
        &mut self,
        rules: Rules,
        worker: &mut Worker,
        head: &RequestHead<'_>,
        effects: &mut Effects,
    ) {
        self.ruling = match (rules.any, rules.interfere) {
            (false, _) => Ruling::Over,
            (true, false) => Ruling::AtTheEnd,
            (true, true) if matches!(self.body, Body::Held(_)) => Ruling::WhenIn,
            (true, true) => {
                let may_wait = worker.plan.settings.hold_request && worker.holds.allowed();
                if may_wait && matches!(self.body, Body::Passing(_)) {
                    worker.holds.hold(self.stream, Half::Request, self.entered);
                    self.body = Body::Held(wait(worker, head));
                    effects.flow = Flow::Hold;
                    Ruling::WhenIn
                } else {
                    Ruling::Now { whole: head.end_of_stream }
                }
            }
        };
    }

    /// Whether the rules must be asked now, and whether all of the body is known.
    pub(super) const fn must_decide(&self) -> Option<bool> {
        match self.ruling {
            Ruling::Now { whole } => Some(whole),
            _ => None,
        }
    }

    /// The visit, if it is known which one it is. The rules will not be asked once more.
    pub(super) fn ruled(&mut self) -> Option<&mut Visit> {
        match &mut self.choice {
            Choice::Decided(visit) => {
                self.ruling = Ruling::Over;
                Some(visit)
            }
            Choice::Among(_) => None,
        }
    }

    /// The request's head, where it was kept.
    pub(super) const fn original(&self) -> Option<&Original> {
        self.original.as_ref()
    }
}
