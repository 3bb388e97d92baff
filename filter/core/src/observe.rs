//! Observers: what is counted about visits.
//!
//! Each sees the same two events and nothing else, returns nothing, and so cannot affect a push. A new indicator is a new
//! file here and one line in [`all`].

use crate::classify::Verdict;
use crate::labels::label;
use crate::metrics::Metrics;
use crate::plan::{BusinessId, NodeId, Plan, RouteId};
use crate::receipt::Reported;
use std::time::Duration;

mod calls;
mod codes;
mod duration;
mod message_time;
mod messages;
mod on_time;
mod receipts;
mod value;

/// A message, or a batch of them, has left a node.
#[derive(Clone, Copy, Debug)]
pub struct NodeExit<'a> {
    /// The node.
    pub node: NodeId,
    /// The route by which it was visited.
    pub route: RouteId,
    /// The business that sends.
    pub business: BusinessId,
    /// What became of it.
    pub verdict: &'a Verdict,
    /// Whether the visit was messages: not a token request, not a dry run.
    pub is_message: bool,
    /// The time between entering and leaving.
    pub duration: Duration,
    /// The time from submission to acceptance by a vendor, where both are known.
    pub message_time: Option<Duration>,
    /// What a receipt was worth, if the visit was one.
    pub receipt: Option<ReceiptExit<'a>>,
}

/// A receipt that the service has answered.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptExit<'a> {
    /// Whether it counts.
    pub result: ReceiptResult,
    /// What it reports.
    pub statuses: &'a [Reported],
}

label! {
    /// What became of a receipt.
    pub enum ReceiptResult {
        /// The service has taken it, and what it reports counts.
        Accepted = "accepted",
        /// The service has not taken it.
        Refused = "refused",
        /// It is encrypted or not what the adapter reads.
        Opaque = "opaque",
    }
}

/// Something that counts.
pub trait Observer {
    /// A visit has ended.
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics);
}

/// Every observer, with its series for `plan` made.
pub fn all(plan: &Plan, metrics: &mut Metrics) -> Vec<Box<dyn Observer>> {
    vec![
        Box::new(calls::Calls::new(plan, metrics)),
        Box::new(messages::Messages::default()),
        Box::new(codes::Codes::default()),
        Box::new(duration::Durations::new(plan, metrics)),
        Box::new(on_time::OnTime::new(plan, metrics)),
        Box::new(message_time::MessageTime::new(plan, metrics)),
        Box::new(receipts::Receipts::new(plan, metrics)),
        Box::new(value::Values::default()),
    ]
}
