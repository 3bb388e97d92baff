//! What the end of a call says about the channel, and what only about one recipient or payload.

use super::state::Reason;
use crate::outcome::{Fate, OutcomeClass};
use crate::time::WallClock;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnd {
    /// The class of its outcome.
    pub class: OutcomeClass,
    /// What is known of the send.
    pub fate: Fate,
    /// Whether it met its objective.
    pub on_time: bool,
    /// The vendor asks not to be called before.
    pub retry_at: Option<WallClock>,
    /// It never left the proxy: a rehearsal, which the breaker takes as seriously as the real thing.
    pub drill: bool,
}

/// What counts against a channel, each with its own cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bad {
    Failure,
    Throttle,
    Quota,
    ConfigFault,
}

impl Bad {
    /// In the order in which a tie is decided: the mildest cure first.
    pub(super) const ALL: [Self; 4] = [Self::Failure, Self::Throttle, Self::Quota, Self::ConfigFault];

    /// The reason if it is what most of the bad calls are; `failure` names it for plain failures.
    pub(super) const fn reason(self, failure: Reason) -> Reason {
        match self {
            Self::Failure => failure,
            Self::Throttle => Reason::RateLimited,
            Self::Quota => Reason::Quota,
            Self::ConfigFault => Reason::ConfigFault,
        }
    }

    /// The commonest of four counts in the order of [`Self::ALL`].
    pub(super) fn commonest(counts: [u32; 4]) -> Self {
        let most = counts.iter().max().copied().unwrap_or(0);
        Self::ALL.into_iter().zip(counts).find(|(_, count)| *count == most).map_or(Self::Failure, |(bad, _)| bad)
    }
}

/// What one call says about the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The vendor did its work, be it by refusing one recipient.
    Good,
    /// A call and no failure, but no proof that the channel works either.
    Neutral,
    /// Against the channel.
    Bad(Bad),
}

impl CallEnd {
    pub(super) const fn verdict(&self) -> Verdict {
        match self.class {
            OutcomeClass::VendorUnavailable | OutcomeClass::Timeout => Verdict::Bad(Bad::Failure),
            OutcomeClass::RateLimited => Verdict::Bad(Bad::Throttle),
            OutcomeClass::QuotaApp => Verdict::Bad(Bad::Quota),
            OutcomeClass::Auth | OutcomeClass::Permission => Verdict::Bad(Bad::ConfigFault),
            // Envoy itself could not reach the vendor.
            OutcomeClass::Unknown if matches!(self.fate, Fate::NotSent) => Verdict::Bad(Bad::Failure),
            OutcomeClass::Unknown => Verdict::Neutral,
            OutcomeClass::Ok
            | OutcomeClass::Partial
            | OutcomeClass::InvalidToken
            | OutcomeClass::UserBlocked
            | OutcomeClass::InactiveDevice
            | OutcomeClass::InvalidRequest
            | OutcomeClass::ContentRejected
            | OutcomeClass::QuotaTarget
            | OutcomeClass::Duplicate => Verdict::Good,
        }
    }
}

/// Why a probe failed. Of several faults the first in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ProbeFault {
    Bad(Bad),
    Slow,
    Late,
}

impl ProbeFault {
    const ALL: [Self; 6] = [
        Self::Bad(Bad::Failure),
        Self::Bad(Bad::Throttle),
        Self::Bad(Bad::Quota),
        Self::Bad(Bad::ConfigFault),
        Self::Slow,
        Self::Late,
    ];

    /// The fault that counts, of two that there may be.
    pub(super) fn first(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        a.into_iter().chain(b).min()
    }

    /// From 1, so that 0 is none.
    pub(super) fn code(fault: Option<Self>) -> u8 {
        (1_u8..).zip(Self::ALL).find(|(_, known)| Some(*known) == fault).map_or(0, |(code, _)| code)
    }

    /// Reads [`code`](Self::code); an unknown number is none.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }

    /// Why the channel stays degraded that was degraded for `before`.
    pub(super) const fn reason(self, before: Reason) -> Reason {
        match self {
            Self::Bad(Bad::Failure) if before.is_quality() => before,
            Self::Bad(bad) => bad.reason(Reason::FailureRatio),
            Self::Slow => Reason::SlowRatio,
            Self::Late => Reason::OnTimeRatio,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(class: OutcomeClass, fate: Fate) -> CallEnd {
        CallEnd { class, fate, on_time: true, retry_at: None, drill: false }
    }

    #[test]
    fn what_concerns_one_recipient_or_payload_never_counts_against_the_channel() {
        let bad: Vec<_> = OutcomeClass::ALL
            .into_iter()
            .filter(|class| matches!(end(*class, Fate::Rejected).verdict(), Verdict::Bad(_)))
            .map(OutcomeClass::as_str)
            .collect();
        let expected = ["auth", "permission", "rate_limited", "quota_app", "vendor_unavailable", "timeout"];
        assert_eq!(bad, expected);
    }

    #[test]
    fn an_unreadable_answer_proves_nothing_and_one_that_was_never_asked_for_is_a_failure() {
        assert_eq!(end(OutcomeClass::Unknown, Fate::Unsure).verdict(), Verdict::Neutral);
        assert_eq!(end(OutcomeClass::Unknown, Fate::NotSent).verdict(), Verdict::Bad(Bad::Failure));
    }

    #[test]
    fn a_tie_goes_to_the_mildest_cure() {
        assert_eq!(Bad::commonest([2, 2, 2, 2]), Bad::Failure);
        assert_eq!(Bad::commonest([1, 2, 3, 3]), Bad::Quota);
    }

    #[test]
    fn faults_of_probes_have_a_number() {
        for fault in ProbeFault::ALL.map(Some).into_iter().chain([None]) {
            assert_eq!(ProbeFault::from_code(ProbeFault::code(fault)), fault);
        }
        assert_eq!(ProbeFault::from_code(99), None);
    }

    #[test]
    fn a_failed_probe_keeps_the_reason_unless_it_tells_a_better_one() {
        let failure = ProbeFault::Bad(Bad::Failure);
        assert_eq!(failure.reason(Reason::SlowRatio), Reason::SlowRatio);
        assert_eq!(failure.reason(Reason::Quota), Reason::FailureRatio);
        assert_eq!(ProbeFault::Bad(Bad::Quota).reason(Reason::SlowRatio), Reason::Quota);
    }
}
