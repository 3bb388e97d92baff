//! What a stand-in does wrong on demand.
//!
//! Nothing here is random: which calls are hit and how long each waits follow from the number of the call since
//! the fault was set, so that a test can say in advance what it will see.

mod wire;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use wire::Wire;

/// A fault of one vendor. It touches sends only; token calls and unknown paths are answered as ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Fault {
    effect: Effect,
    delay: Delay,
    share: f64,
    /// Whether the vendor accepts the send all the same; `None` leaves it to the effect.
    accepted: Option<bool>,
}

/// What happens to a call that is hit.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The ordinary answer, after the delay.
    Delay,
    /// The vendor refuses the send in its own shape.
    Error(Refusal),
    /// No answer as long as the client waits, once the request has been read.
    Hang,
    /// Nobody listens: connections are refused. Exchanges that are under way come to their end first. It hits every call.
    Refused,
    /// The connection breaks (HTTP/1.1: TCP reset; HTTP/2: reset of the stream, other streams live on).
    Reset(ResetAt),
    /// The first half of the ordinary answer's body, well framed. It counts by what the vendor meant to say.
    Cut,
    /// Status 502 with the HTML page of a proxy.
    Html,
    /// The ordinary headers, then a blank now and then without end.
    Endless {
        /// Time between two blanks, in milliseconds.
        interval_ms: u64,
    },
    /// The ordinary answer in gzip, whether the client offered to take it or not.
    Gzip,
    /// The ordinary answer, chunked and with trailers. HTTP/1.1 clients get them only if they send `te: trailers`.
    Trailers,
}

/// The moment of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAt {
    /// After the headers and the first bytes of the body, if any. The request is not recorded.
    Request,
    /// After the whole request, before a byte of a response.
    Read,
    /// After the response's headers and the first half of its body.
    Response,
}

/// A refusal by the vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The vendor's code as its API writes it: `33`, `Unregistered`, `LimitExceeded.DailyLimit`.
    pub code: String,
    /// How many recipients are refused, the first of the call; `None` refuses the call as a whole.
    pub recipients: Option<usize>,
    /// Value of a `retry-after` header in seconds; `None` leaves it to the vendor's habit.
    pub retry_after_s: Option<u32>,
}

/// A wait before the answer, evenly spread over the closed range, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Delay {
    min_ms: u64,
    max_ms: u64,
}

/// Why a fault is not accepted.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FaultError {
    /// The share is not a part of the calls.
    #[error("share: {0} is not between 0 and 1")]
    Share(f64),
    /// The delay range runs backwards.
    #[error("delay_ms: {min_ms} is more than {max_ms}")]
    Delay {
        /// The first number given.
        min_ms: u64,
        /// The second number given.
        max_ms: u64,
    },
    /// The kind of fault cannot do without this key.
    #[error("{kind}: needs \"{key}\"")]
    Missing {
        /// The kind of fault.
        kind: &'static str,
        /// The key that is missing.
        key: &'static str,
    },
    /// The kind of fault has no use for this key.
    #[error("{kind}: has no use for \"{key}\"")]
    Unused {
        /// The kind of fault.
        kind: &'static str,
        /// The key that is too much.
        key: &'static str,
    },
    /// The vendor has no such code.
    #[error("code: {vendor} has no code \"{code}\"")]
    Code {
        /// The vendor.
        vendor: &'static str,
        /// The code given.
        code: String,
    },
    /// The vendor's answer has no place for results per recipient.
    #[error("recipients: {vendor} accepts or refuses a call as a whole")]
    Whole {
        /// The vendor.
        vendor: &'static str,
    },
}

impl Fault {
    /// A fault that hits every call, with no delay.
    pub fn new(effect: Effect) -> Self {
        Self { effect, delay: Delay::default(), share: 1.0, accepted: None }
    }

    /// The ordinary answer after a fixed delay in milliseconds.
    pub fn delay(delay_ms: u64) -> Self {
        Self::delay_between(delay_ms, delay_ms)
    }

    /// The ordinary answer after a delay spread evenly over a range, in milliseconds.
    pub fn delay_between(min_ms: u64, max_ms: u64) -> Self {
        let mut fault = Self::new(Effect::Delay);
        fault.delay = Delay { min_ms: min_ms.min(max_ms), max_ms: max_ms.max(min_ms) };
        fault
    }

    /// The vendor's own error with this code, for the whole call.
    pub fn error(code: impl Into<String>) -> Self {
        Self::new(Effect::Error(Refusal { code: code.into(), recipients: None, retry_after_s: None }))
    }

    /// The vendor's own error for the first `recipients` of each call, where its answer has room for that.
    pub fn error_for(code: impl Into<String>, recipients: usize) -> Self {
        Self::new(Effect::Error(Refusal { code: code.into(), recipients: Some(recipients), retry_after_s: None }))
    }

    /// The same fault after a wait in milliseconds.
    #[must_use]
    pub fn after(mut self, delay_ms: u64) -> Self {
        self.delay = Delay { min_ms: delay_ms, max_ms: delay_ms };
        self
    }

    /// The same fault on a share of the calls, clamped to 0..=1.
    #[must_use]
    pub fn share(mut self, share: f64) -> Self {
        self.share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self
    }

    /// The same fault of a vendor that has accepted the send before it fails: what the sender sees as a hang, a reset or a
    /// page of a proxy has reached the user.
    #[must_use]
    pub fn accepting(mut self) -> Self {
        self.accepted = Some(true);
        self
    }

    /// Whether the vendor accepts a send that is hit, unless it refuses it. An ordinary answer, or a part of one, says so.
    pub fn accepts(&self) -> bool {
        self.accepted.unwrap_or(match &self.effect {
            Effect::Hang | Effect::Refused | Effect::Html | Effect::Reset(ResetAt::Request | ResetAt::Read) => false,
            Effect::Reset(ResetAt::Response)
            | Effect::Delay
            | Effect::Error(_)
            | Effect::Cut
            | Effect::Endless { .. } => true,
            Effect::Gzip | Effect::Trailers => true,
        })
    }

    /// What happens to a call that is hit.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// Whether the `number`th call (from 1) since the fault was set is hit: hits are spread as evenly as can be.
    pub fn hits(&self, number: u64) -> bool {
        self.hits_until(number) > self.hits_until(number.saturating_sub(1))
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of calls is far below 2^52, and the share is between 0 and 1"
    )]
    fn hits_until(&self, number: u64) -> u64 {
        // The small addend makes 0.29 * 100 the 29 that it is on paper.
        (number as f64).mul_add(self.share, 1e-9) as u64
    }

    /// How long the `number`th call waits, in milliseconds.
    pub fn delay_ms(&self, number: u64) -> u64 {
        /// Multiples of the golden ratio, taken modulo 1, fill an interval evenly however many are taken.
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let span = u128::from(self.delay.max_ms - self.delay.min_ms) + 1;
        let fraction = u128::from(number.wrapping_mul(GOLDEN));
        let within = (fraction * span) >> 64;
        self.delay.min_ms + u64::try_from(within).unwrap_or(0)
    }
}

impl Effect {
    /// The word that the control endpoint and the counts use.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Error(_) => "error",
            Self::Hang => "hang",
            Self::Refused => "refused",
            Self::Reset(_) => "reset",
            Self::Cut => "cut",
            Self::Html => "html",
            Self::Endless { .. } => "endless",
            Self::Gzip => "gzip",
            Self::Trailers => "trailers",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Effect, Fault};

    #[test]
    fn a_share_hits_that_share_evenly() {
        for (share, calls, hits) in [(0.0, 50, 0), (0.29, 100, 29), (0.8, 10, 8), (1.0, 7, 7)] {
            let fault = Fault::new(Effect::Hang).share(share);
            let hit = (1..=calls).filter(|number| fault.hits(*number)).count();
            assert_eq!(hit, hits, "share {share}");
        }
        let half = Fault::new(Effect::Hang).share(0.5);
        assert_eq!([1, 2, 3, 4].map(|n| half.hits(n)), [false, true, false, true]);
    }

    #[test]
    fn a_range_of_delays_is_filled_evenly_and_kept() {
        let fault = Fault::delay_between(100, 199);
        let delays: Vec<_> = (1..=1000).map(|number| fault.delay_ms(number)).collect();
        assert!(delays.iter().all(|ms| (100..200).contains(ms)));
        let low = delays.iter().filter(|ms| **ms < 150).count();
        assert!((490..=510).contains(&low), "{low} of 1000 in the lower half");
        assert_eq!(Fault::delay(3000).delay_ms(17), 3000);
        assert_eq!(Fault::new(Effect::Cut).delay_ms(1), 0);
    }
}
