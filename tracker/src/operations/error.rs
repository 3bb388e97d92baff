//! Why an operation was not carried out, as an answer.

use super::journal::{JournalError, Step};
use super::wish::NoOrder;
use crate::access::{NoRandom, Role, failure};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use pointsman_host::cluster::ClusterError;
use pointsman_host::guarded::GuardError;
use pointsman_host::rules::RulesError;
use pointsman_host::switch::{Crash, SwitchError, Unfit};
use std::error::Error;
use thiserror::Error;

/// Why an operation was not carried out, or not all of it.
#[derive(Debug, Error)]
pub enum OperationError {
    /// There is nothing to change.
    #[error("this tracker changes nothing")]
    Off,
    /// It is no order.
    #[error(transparent)]
    NoOrder(#[from] NoOrder),
    /// The config does not allow it, or would have faults; it is as it was.
    #[error("{0}")]
    Unfit(String),
    /// The cluster does not let this person; the object is as it was.
    #[error("{0}")]
    NotAllowed(String),
    /// There is no operation of that id.
    #[error("there is no such operation")]
    NotFound,
    /// Somebody else is at work.
    #[error("another operation is being carried out")]
    Busy,
    /// Somebody else has changed what is to be changed, again and again.
    #[error("{0}")]
    Changing(String),
    /// It does not wait for anybody.
    #[error("it does not wait for anybody: it is {}", step_name(*.0))]
    NotWaiting(Step),
    /// The rules that it would change are not those that were looked at.
    #[error("the rules have changed since it was asked for: look at the new difference, and agree to that")]
    ChangedSince,
    /// Nobody agrees with themselves.
    #[error("who has asked for it cannot agree to it: somebody else has to")]
    SamePerson,
    /// It needs a higher role.
    #[error("that needs the role {}", .0.name())]
    Role(Role),
    /// It is somebody else's.
    #[error("only who has asked for it, or an approver, may refuse it")]
    NotYours,
    /// Too many wait.
    #[error("too many operations wait already: agree to some, or refuse them")]
    Full,
    /// A channel has a proposal already, or had one that was refused a moment ago.
    #[error("there is a proposal for this channel already")]
    ProposedAlready,
    /// Nothing can be recorded, so nothing was changed.
    #[error("nothing was changed, as the operations log takes nothing: {0}")]
    Journal(#[from] JournalError),
    /// The change is in place, and its last line is missing.
    #[error("it is done, but the operations log does not say so yet; the next operation will: {0}")]
    Unrecorded(#[source] JournalError),
    /// A file or a cluster has failed.
    #[error("{0}")]
    Failed(String),
    /// Nobody can tell whether the change is in place.
    #[error("{0}")]
    Unclear(String),
    /// There are no random numbers for an id.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    /// The program ends.
    #[error("the program ends")]
    Ending,
    /// Only in tests.
    #[error("interrupted")]
    Crashed,
}

const fn step_name(step: Step) -> &'static str {
    match step {
        Step::Waiting => "waiting",
        Step::Running => "being carried out",
        Step::Done => "done",
        Step::Failed => "failed",
        Step::Refused => "refused",
        Step::Expired => "expired",
    }
}

impl OperationError {
    /// What the log calls it, if an order comes to this.
    pub(super) const fn step(&self) -> Step {
        match self {
            Self::Unfit(_) | Self::NotAllowed(_) | Self::NoOrder(_) => Step::Refused,
            _ => Step::Failed,
        }
    }

    const fn answer(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Off => (
                StatusCode::NOT_FOUND,
                "no_operations",
                "name what is changed in the section `operations` of the config; if that is done, its standard error says why",
            ),
            Self::NoOrder(_) => (StatusCode::BAD_REQUEST, "bad_order", ""),
            Self::Unfit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "unfit", "the config is as it was"),
            Self::NotAllowed(_) => {
                (StatusCode::FORBIDDEN, "not_allowed", "the cluster says so; the object is as it was")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", ""),
            Self::Busy | Self::Changing(_) => (StatusCode::CONFLICT, "busy", "try again in a moment"),
            Self::NotWaiting(Step::Expired) => (StatusCode::CONFLICT, "expired", "ask for it again"),
            Self::NotWaiting(_) => (StatusCode::CONFLICT, "not_waiting", ""),
            Self::ChangedSince => (StatusCode::CONFLICT, "changed", "nothing was changed"),
            Self::SamePerson => (StatusCode::FORBIDDEN, "same_person", ""),
            Self::Role(_) => (StatusCode::FORBIDDEN, "role", "ask somebody who has it"),
            Self::NotYours => (StatusCode::FORBIDDEN, "not_yours", ""),
            Self::Full => (StatusCode::TOO_MANY_REQUESTS, "too_many_waiting", ""),
            Self::ProposedAlready => (StatusCode::CONFLICT, "proposed", ""),
            Self::Journal(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "no_log", "docs/tracker-operations.md says what to do")
            }
            Self::Unrecorded(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unrecorded", "do not do it again"),
            Self::Ending | Self::NoRandom(_) => (StatusCode::SERVICE_UNAVAILABLE, "ending", "try again"),
            Self::Failed(_) | Self::Crashed => (StatusCode::BAD_GATEWAY, "failed", ""),
            Self::Unclear(_) => (StatusCode::BAD_GATEWAY, "unclear", "look before you try again"),
        }
    }
}

impl IntoResponse for OperationError {
    fn into_response(self) -> Response {
        let (status, code, hint) = self.answer();
        failure(status, code, &self.to_string(), hint)
    }
}

impl From<Crash> for OperationError {
    fn from(_: Crash) -> Self {
        Self::Crashed
    }
}

impl From<GuardError> for OperationError {
    fn from(error: GuardError) -> Self {
        match error {
            error @ (GuardError::Busy { .. } | GuardError::Replaced { .. }) => Self::Changing(chain(&error)),
            error => Self::Failed(chain(&error)),
        }
    }
}

impl From<Unfit> for OperationError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Faults(faults) => Self::Unfit(format!("the config would have faults: {}", joined(&faults))),
            unfit => Self::Unfit(unfit.to_string()),
        }
    }
}

impl From<RulesError> for OperationError {
    fn from(error: RulesError) -> Self {
        Self::Failed(chain(&error))
    }
}

impl From<SwitchError> for OperationError {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::Unfit(unfit) => unfit.into(),
            SwitchError::Guard(error) => error.into(),
            SwitchError::Crashed => Self::Crashed,
            error @ (SwitchError::NotApplied(_) | SwitchError::Unrecorded(_)) => Self::Unclear(chain(&error)),
            error @ SwitchError::Log(_) => Self::Failed(chain(&error)),
        }
    }
}

impl From<ClusterError> for OperationError {
    fn from(error: ClusterError) -> Self {
        use pointsman_host::cluster::Unable;
        match error {
            ClusterError::Unable { reason: Unable::Unfit(unfit), .. } => unfit.into(),
            error @ ClusterError::Unable { .. } => Self::Unfit(chain(&error)),
            error @ (ClusterError::Forbidden { .. } | ClusterError::Refused { .. }) => Self::NotAllowed(chain(&error)),
            error @ ClusterError::Busy { .. } => Self::Changing(chain(&error)),
            error @ ClusterError::Unclear { .. } => Self::Unclear(chain(&error)),
            error => Self::Failed(chain(&error)),
        }
    }
}

fn joined(faults: &pointsman_core::config::Faults) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// An error with all that has led to it, on one line.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error: &&dyn Error| Error::source(*error));
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
