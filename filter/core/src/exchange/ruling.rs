//! When the rules are asked about a request, and whether it waits for that.

use super::original::Original;
use super::request::{Body, Choice, RequestState, wait};
use super::visit::Visit;
use super::{Effects, Flow, RequestHead};
use crate::adapter::OperationKind;
use crate::hold::Half;
use crate::plan::RouteId;
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

/// What the rules may do to a request, from less to more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Say {
    /// It is no send that they speak of.
    #[default]
    None,
    /// It is counted.
    Counts,
    /// They may give its message to another channel, should it fail.
    After,
    /// They may do something to it before it leaves.
    Before,
}

impl RequestState {
    /// What the rules of the channels that it may be meant for may do to it.
    pub(super) fn look_at_rules(&self, worker: &Worker) -> Say {
        let of_route = |id: RouteId| {
            let route = worker.plan.route(id).filter(|route| route.operation == Some(OperationKind::Send));
            match route.and_then(|route| route.channel) {
                None => Say::None,
                Some(channel) if worker.governor.interferes(channel) => Say::Before,
                Some(channel) if worker.governor.fails_over(channel) => Say::After,
                Some(_) => Say::Counts,
            }
        };
        match &self.choice {
            Choice::Decided(visit) => of_route(visit.route),
            Choice::Among(candidates) => {
                candidates.iter().map(|candidate| of_route(candidate.route)).max().unwrap_or_default()
            }
        }
    }

    /// Lets the request wait for its body if the rules may need it, and can have it.
    pub(super) fn wait_for_rules(
        &mut self,
        say: Say,
        worker: &mut Worker,
        head: &RequestHead<'_>,
        effects: &mut Effects,
    ) {
        self.ruling = match say {
            Say::None => Ruling::Over,
            Say::Counts | Say::After => Ruling::AtTheEnd,
            Say::Before if matches!(self.body, Body::Held(_)) => Ruling::WhenIn,
            Say::Before => {
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
