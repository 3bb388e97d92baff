//! One call of the application on its way through a proxy to a vendor and back.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::calls::WireAnswer;
use super::message::Recipients;
use super::moment::Moment;
use super::vendor::Fate;
use crate::abi::Headers;

/// A call that the application waits for.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The message's number.
    pub(super) message: u64,
    /// The place of the message's channel in the scenario.
    pub(super) channel: usize,
    /// To whom.
    pub(super) to: Recipients,
    pub(super) started: Moment,
    pub(super) cluster: Rc<str>,
    /// The body as the application wrote it.
    pub(super) body: Bytes,
    /// What the filter has let through.
    pub(super) forwarded: Forwarded,
    /// What comes back, once the request has gone out.
    pub(super) plan: Option<Plan>,
    /// The status that the application sees; `None` as long as it sees none.
    pub(super) status: Option<u16>,
    /// The body that it sees.
    pub(super) answer: Bytes,
}

/// A request behind the filter.
#[derive(Debug, Default)]
pub(super) struct Forwarded {
    pub(super) headers: Option<Headers>,
    pub(super) body: Bytes,
}

/// What comes back from a vendor.
pub(super) struct Plan {
    /// The place of the vendor in the scenario; `None` if no route leads to one.
    pub(super) vendor: Option<usize>,
    pub(super) fate: Fate,
    /// From the vendor's receipt of the call.
    pub(super) latency: Duration,
    /// Whom the vendor accepts.
    pub(super) accepted: Recipients,
    /// Whom it refuses for their own sake.
    pub(super) refused: Recipients,
    /// Status and body of the vendor's answer, once it was handed on.
    pub(super) told: Option<(u16, Bytes)>,
    /// The answer to a request that the filter has written; the others are filled in when they are due.
    pub(super) answer: Option<WireAnswer>,
}

impl Exchange {
    /// The vendor's answer is handed on.
    pub(super) fn told(&mut self, headers: &Headers, body: &Bytes) {
        if let Some(plan) = &mut self.plan {
            plan.told = Some((status(headers), body.clone()));
        }
    }

    /// What comes back, if the application has the vendor's own answer, and not one that took its place.
    pub(super) fn heard(&self) -> Option<&Plan> {
        let seen = (self.status?, &self.answer);
        self.plan.as_ref().filter(|plan| plan.told.as_ref().is_some_and(|(status, body)| (*status, body) == seen))
    }
}

/// The status of an answer; 0 if it has none.
pub(super) fn status(headers: &Headers) -> u16 {
    headers.get_str(":status").and_then(|status| status.parse().ok()).unwrap_or(0)
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("vendor", &self.vendor).field("fate", &self.fate).finish_non_exhaustive()
    }
}
