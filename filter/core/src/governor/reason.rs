//! Why a message goes to another channel.

use crate::breaker::{Reason, State};
use crate::labels::label;

label! {
    /// Why a message was sent by another channel before its own was asked.
    pub enum SwitchReason {
        /// A person has ordered it.
        Forced = "forced",
        /// Over a limit.
        Limit = "limit",
        /// Too many calls fail.
        FailureRatio = "failure_ratio",
        /// Too many calls are slow.
        SlowRatio = "slow_ratio",
        /// Nothing but failures for a while.
        ConsecutiveFailures = "consecutive_failures",
        /// Too few calls are on time.
        OnTimeRatio = "on_time_ratio",
        /// The vendor says that we are too fast.
        RateLimited = "rate_limited",
        /// The vendor's quota is used up.
        Quota = "quota",
        /// The vendor does not accept our credential.
        ConfigFault = "config_fault",
        /// The channel is being tried out by a few.
        Probing = "probing",
        /// Its share of the traffic is still growing.
        Recovering = "recovering",
    }
}

impl SwitchReason {
    /// The reason for which a breaker in `state`, which was last degraded for `cause`, lets a message go elsewhere.
    pub(super) const fn of(state: State, cause: Reason) -> Self {
        match (state, cause) {
            (State::Probing, _) => Self::Probing,
            (State::Recovering { .. }, _) => Self::Recovering,
            (_, Reason::FailureRatio) => Self::FailureRatio,
            (_, Reason::SlowRatio) => Self::SlowRatio,
            (_, Reason::ConsecutiveFailures) => Self::ConsecutiveFailures,
            (_, Reason::OnTimeRatio) => Self::OnTimeRatio,
            (_, Reason::RateLimited) => Self::RateLimited,
            (_, Reason::Quota) => Self::Quota,
            (_, Reason::ConfigFault) => Self::ConfigFault,
        }
    }
}
