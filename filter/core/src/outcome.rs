//! What became of a send: the class of its outcome, what is known of its fate, and how many recipients got which.

use serde::{Deserialize, Serialize};

/// The common vocabulary into which every vendor's answer is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Outcome"))]
pub enum OutcomeClass {
    /// Accepted for every recipient.
    Ok,
    /// Accepted for some recipients, refused for others. A class of calls, never of one recipient.
    Partial,
    /// The device token, phone number or openid does not exist (any more).
    InvalidToken,
    /// The recipient opted out or switched notifications off.
    UserBlocked,
    /// The device exists but has not been seen for a long time.
    InactiveDevice,
    /// The request itself is wrong: a field, a size, a template.
    InvalidRequest,
    /// Refused because of what the message says.
    ContentRejected,
    /// The credential is wrong, missing or expired.
    Auth,
    /// The credential is right but may not do this.
    Permission,
    /// Too fast: seconds to minutes.
    RateLimited,
    /// The whole application has used up its day or month.
    QuotaApp,
    /// One device or phone has had enough.
    QuotaTarget,
    /// The vendor, or the way to it, is down.
    VendorUnavailable,
    /// No answer in time.
    Timeout,
    /// The vendor has seen this message before and did not send it again.
    Duplicate,
    /// A failure that fits no other class, or an answer that could not be read. Never a success.
    Unknown,
}

impl OutcomeClass {
    /// Every class, in the order of the definition.
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::Partial,
        Self::InvalidToken,
        Self::UserBlocked,
        Self::InactiveDevice,
        Self::InvalidRequest,
        Self::ContentRejected,
        Self::Auth,
        Self::Permission,
        Self::RateLimited,
        Self::QuotaApp,
        Self::QuotaTarget,
        Self::VendorUnavailable,
        Self::Timeout,
        Self::Duplicate,
        Self::Unknown,
    ];

    /// The place in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The value of the metric label `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::InvalidToken => "invalid_token",
            Self::UserBlocked => "user_blocked",
            Self::InactiveDevice => "inactive_device",
            Self::InvalidRequest => "invalid_request",
            Self::ContentRejected => "content_rejected",
            Self::Auth => "auth",
            Self::Permission => "permission",
            Self::RateLimited => "rate_limited",
            Self::QuotaApp => "quota_app",
            Self::QuotaTarget => "quota_target",
            Self::VendorUnavailable => "vendor_unavailable",
            Self::Timeout => "timeout",
            Self::Duplicate => "duplicate",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it says something of the channel, and not of one recipient or message.
    pub const fn is_of_channel(self) -> bool {
        use OutcomeClass::{Auth, Permission, QuotaApp, RateLimited, Timeout, VendorUnavailable};
        matches!(self, VendorUnavailable | Timeout | RateLimited | QuotaApp | Auth | Permission)
    }

    /// The class of an HTTP status where nothing better is known.
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Ok,
            401 => Self::Auth,
            403 => Self::Permission,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            400..=499 => Self::InvalidRequest,
            500..=599 => Self::VendorUnavailable,
            _ => Self::Unknown,
        }
    }
}

/// What is known of a send after the exchange. Only [`Fate::NotSent`] and [`Fate::Rejected`] allow a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It never left: Envoy itself says so.
    NotSent,
    /// The vendor said no and has surely not sent.
    Rejected,
    /// It may or may not have been sent.
    Unsure,
    /// The vendor took it, for at least one recipient.
    Accepted,
}

impl Fate {
    /// The word used in logs and headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Rejected => "rejected",
            Self::Unsure => "unsure",
            Self::Accepted => "accepted",
        }
    }
}

/// How many recipients of one call ended in which class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(Vec<(OutcomeClass, u32)>);

impl Tally {
    /// All `count` recipients in one class.
    pub fn uniform(class: OutcomeClass, count: u32) -> Self {
        let mut tally = Self::default();
        tally.add(class, count);
        tally
    }

    /// Adds `count` recipients of `class`.
    pub fn add(&mut self, class: OutcomeClass, count: u32) {
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == class) {
            Some((_, total)) => *total = total.saturating_add(count),
            None => self.0.push((class, count)),
        }
    }

    /// The classes that occurred, in order of first appearance, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (OutcomeClass, u32)> + '_ {
        self.0.iter().copied()
    }

    /// All recipients counted.
    pub fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The most frequent refusal; of several, the first in the order of the classes, so that the order of an answer does not
    /// matter.
    pub fn refusal(&self) -> Option<OutcomeClass> {
        let refusals = self.0.iter().filter(|(class, _)| *class != OutcomeClass::Ok);
        refusals.max_by_key(|(class, count)| (*count, std::cmp::Reverse(*class))).map(|(class, _)| *class)
    }

    /// The class of the call as a whole: all accepted is `ok`, some is `partial`, none is the most frequent refusal.
    pub fn call(&self) -> Option<OutcomeClass> {
        let accepted = self.0.iter().any(|(class, _)| *class == OutcomeClass::Ok);
        match self.refusal() {
            Some(_) if accepted => Some(OutcomeClass::Partial),
            None if accepted => Some(OutcomeClass::Ok),
            refusal => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::OutcomeClass::{InvalidToken, Ok, Partial, QuotaTarget, RateLimited};
    use super::*;

    #[test]
    fn class_names_are_their_serde_names() {
        for (index, class) in OutcomeClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
            let read: OutcomeClass = serde_json::from_value(class.as_str().into()).unwrap();
            assert_eq!(read, class);
        }
    }

    #[test]
    fn the_call_is_partial_only_when_some_and_not_all_were_refused() {
        type Case = (&'static [(OutcomeClass, u32)], Option<OutcomeClass>);
        let cases: [Case; 7] = [
            (&[], None),
            (&[(Ok, 3)], Some(Ok)),
            (&[(Ok, 4), (InvalidToken, 1)], Some(Partial)),
            (&[(InvalidToken, 5)], Some(InvalidToken)),
            (&[(InvalidToken, 1), (QuotaTarget, 2)], Some(QuotaTarget)),
            (&[(InvalidToken, 1), (RateLimited, 1)], Some(InvalidToken)),
            (&[(RateLimited, 1), (InvalidToken, 1)], Some(InvalidToken)),
        ];
        for (counts, expected) in cases {
            let mut tally = Tally::default();
            for (class, count) in counts {
                tally.add(*class, *count);
            }
            assert_eq!(tally.call(), expected, "{counts:?}");
        }
    }
}
