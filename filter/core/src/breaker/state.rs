//! What is seen of a breaker, and what it says to a request.

use crate::labels::{Label, label};
use std::fmt;

label! {
    /// Why a channel is degraded.
    pub enum Reason {
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
        /// The application has used up its quota.
        Quota = "quota",
        /// The credential is wrong or may not do this.
        ConfigFault = "config_fault",
    }
}

impl Reason {
    /// The word in labels and logs.
    pub fn as_str(self) -> &'static str {
        Label::as_str(self)
    }

    /// Whether the channel itself does badly, rather than refusing us.
    pub(super) const fn is_quality(self) -> bool {
        matches!(self, Self::FailureRatio | Self::SlowRatio | Self::ConsecutiveFailures | Self::OnTimeRatio)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All traffic passes.
    Healthy,
    /// None does, until its time is over.
    Degraded(Reason),
    /// A few requests find out whether it is well again.
    Probing,
    /// A share of the traffic comes back.
    Recovering {
        /// The place of the share in the ramp.
        step: u8,
    },
}

impl State {
    /// The values of the label `state`.
    pub const LABELS: [&'static str; 4] = ["healthy", "degraded", "probing", "recovering"];

    /// The value of the label `state`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded(_) => "degraded",
            Self::Probing => "probing",
            Self::Recovering { .. } => "recovering",
        }
    }
}

/// What a breaker says to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// All pass.
    Pass,
    /// None passes.
    Divert,
    /// Those that hold a lease pass.
    Probe,
    /// So many of 10,000 message keys pass.
    Ramp(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_reasons_have_the_words_of_the_labels() {
        let states = [State::Healthy, State::Degraded(Reason::Quota), State::Probing, State::Recovering { step: 1 }];
        assert_eq!(states.map(State::as_str), State::LABELS);
        assert_eq!(Reason::ConfigFault.to_string(), "config_fault");
    }
}
