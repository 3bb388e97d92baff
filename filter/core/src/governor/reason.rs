//! Why a message goes to another channel.

use crate::breaker::{Reason, State};
use crate::labels::Label;

/// Why a message was sent by another channel before its own was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchReason {
    /// A person has ordered it.
    Forced,
    /// Over a limit.
    Limit,
    /// The channel is being tried out by a few.
    Probing,
    /// Its share of the traffic is still growing.
    Recovering,
    /// It is degraded, for this reason.
    Degraded(Reason),
}

impl SwitchReason {
    /// How many values the label `reason` has.
    pub(crate) const COUNT: usize = 4 + Reason::ALL.len();

    /// The value of the label `reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::Limit => "limit",
            Self::Probing => "probing",
            Self::Recovering => "recovering",
            Self::Degraded(reason) => reason.as_str(),
        }
    }

    /// The reason for which a breaker in `state`, which was last degraded for `cause`, lets a message go elsewhere.
    pub(super) const fn of(state: State, cause: Reason) -> Self {
        match state {
            State::Probing => Self::Probing,
            State::Recovering { .. } => Self::Recovering,
            State::Healthy | State::Degraded(_) => Self::Degraded(cause),
        }
    }
}
