//! How a receiver answers, so that a test can have a collector that is ill.

use std::time::Duration;

/// What becomes of the requests that a receiver takes from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Records are taken and the answer says so.
    #[default]
    Accept,
    /// Nothing is taken, and this is the answer.
    Status {
        /// The status.
        status: u16,
        /// The `retry-after` header, in whichever form.
        retry_after: Option<String>,
    },
    /// Records are taken, and the answer comes so much later.
    Slow(Duration),
    /// Nothing is taken, and the connection is reset once the request is there.
    Reset,
    /// The first records of each request are not taken, the others are, and the answer says how many were not.
    Partial {
        /// How many of each request are not taken.
        rejected: usize,
    },
}
