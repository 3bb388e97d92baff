//! How far messages get.

use super::trend::Fared;
use crate::store::Cohort;
use pointsman_core::lifecycle::{Lifecycle, Status};
use schemars::JsonSchema;
use serde::Serialize;

/// How far messages get.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Funnel {
    /// `submitted`, `sending`, `sent`, `delivered`, `read`, then `failed`, then the statuses of the config's own.
    pub stages: Vec<Stage>,
}

/// How many messages have got so far.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Stage {
    /// The status.
    pub status: String,
    /// Messages that have had it, or one that cannot be had without it. Of `failed`: those that are there now.
    pub messages: u64,
    /// How many that is of all, from 0 to 1.
    pub share: f64,
}

/// The stages, each with those that bear out that a message was there. `submitted` is borne out by anything.
const STAGES: [(Status, &[Status]); 5] = {
    use Status::{Delivered, Read, Sending, Sent, Submitted};
    [
        (Submitted, &[]),
        (Sending, &[Sending, Sent, Delivered, Read]),
        (Sent, &[Sent, Delivered, Read]),
        (Delivered, &[Delivered, Read]),
        (Read, &[Read]),
    ]
};

/// The funnel of cohorts.
pub fn funnel(lifecycle: &Lifecycle, cohorts: &[Cohort]) -> Funnel {
    let all = sum(cohorts, |_| true);
    let stage = |status: Status, messages| {
        let status = lifecycle.name(status).to_owned();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let share = if all == 0 { 0.0 } else { messages as f64 / all as f64 };
        Stage { status, messages, share }
    };
    let custom = || lifecycle.all().filter(|status| matches!(status, Status::Custom(_)));
    let sent = lifecycle.rank(Status::Sent);
    let higher: Vec<Status> = custom().filter(|status| lifecycle.rank(*status) > sent).collect();
    let mut stages: Vec<Stage> = Vec::new();
    for (status, proofs) in STAGES {
        let further = higher.iter().filter(|_| proofs.contains(&Status::Sent));
        let proofs: Vec<Status> = proofs.iter().chain(further).copied().collect();
        let reached = |cohort: &Cohort| proofs.is_empty() || proofs.iter().any(|proof| has(lifecycle, cohort, *proof));
        stages.push(stage(status, sum(cohorts, reached)));
    }
    let failed = |cohort: &Cohort| Fared::by(lifecycle, &cohort.status) == Fared::Failed;
    stages.push(stage(Status::Failed, sum(cohorts, failed)));
    for status in custom() {
        stages.push(stage(status, sum(cohorts, |cohort| has(lifecycle, cohort, status))));
    }
    Funnel { stages }
}

fn sum(cohorts: &[Cohort], of: impl Fn(&Cohort) -> bool) -> u64 {
    cohorts.iter().filter(|cohort| of(cohort)).map(|cohort| cohort.messages).sum()
}

fn has(lifecycle: &Lifecycle, cohort: &Cohort, status: Status) -> bool {
    let place = lifecycle.all().position(|known| known == status);
    place.is_some_and(|bit| cohort.reached & (1 << bit) != 0)
}
