//! Rehearsal in virtual time: the same filter, simulated vendors and traffic, many times faster than the clock.
//!
//! Everything runs in one thread, from event to event, and all randomness follows from one seed: a run can be repeated to
//! the byte. What becomes of messages is counted outside the filter; what the filter makes of it comes from its metrics.

mod arrivals;
mod assertion;
mod books;
mod calls;
mod driver;
mod exchange;
mod filter_view;
mod latency;
mod message;
mod moment;
mod queue;
mod report;
mod run;
mod scenario;
mod seed;
mod summary;
mod template;
mod vendor;
mod world;

pub use assertion::{Assertion, AssertionError, Unmet};
pub use run::{Filter, RecordSink, Rehearsal, RehearsalError, rehearse};
pub use scenario::{SHIPPED, Scenario, ScenarioFault, ScenarioFaults, shipped};
pub use summary::{ChannelSummary, Figure, Figures, NAMES, Summary};
