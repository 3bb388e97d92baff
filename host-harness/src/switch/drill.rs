//! A rehearsal as an operator orders it: what befalls a share of a channel's messages.

use pointsman_core::time::{format_duration, parse_duration};
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// What a whole is in a [`Share`].
const WHOLE: f64 = 10_000.0;

/// A part of a channel's messages, from 0.0001 to 0.5, in steps of 0.0001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

/// It is no share that may be struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no share: write a number from 0.0001 to 0.5, such as 0.1")]
pub struct NotAShare;

/// What befalls a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// As if nobody listened.
    Refused,
    /// An answer with this status.
    Status(u16),
    /// An answer with this code of the vendor.
    Code(String),
    /// It leaves later.
    Delay(Duration),
}

/// It is no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is no fault: write `refused`, or such as `status:503`, `code:-1` or `delay:2s`")]
pub struct NotAFault;

/// A rehearsal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// How many of the messages are struck.
    pub share: Share,
    /// By what.
    pub fault: Fault,
}

impl Share {
    /// The share nearest to a number.
    ///
    /// # Errors
    /// [`NotAShare`].
    pub fn of(share: f64) -> Result<Self, NotAShare> {
        let parts = (share * WHOLE).round();
        if !(1.0..=WHOLE / 2.0).contains(&parts) {
            return Err(NotAShare);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 1 to 5000")]
        Ok(Self(parts as u16))
    }

    /// As a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / WHOLE
    }
}

impl FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        Self::of(text.parse().map_err(|_| NotAShare)?)
    }
}

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        match text.split_once(':') {
            None if text == "refused" => Ok(Self::Refused),
            Some(("status", status)) => status.parse().map(Self::Status).map_err(|_| NotAFault),
            Some(("code", code)) if !code.is_empty() => Ok(Self::Code(code.to_owned())),
            Some(("delay", delay)) => parse_duration(delay).map(Self::Delay).ok_or(NotAFault),
            _ => Err(NotAFault),
        }
    }
}

/// As [`FromStr`] reads it.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("refused"),
            Self::Status(status) => write!(f, "status:{status}"),
            Self::Code(code) => write!(f, "code:{code}"),
            Self::Delay(delay) => write!(f, "delay:{}", format_duration(*delay)),
        }
    }
}

impl Fault {
    /// As a config has it.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Refused => json!("refused"),
            Self::Status(status) => json!({ "status": status }),
            Self::Code(code) => json!({ "code": code }),
            Self::Delay(delay) => json!({ "delay": format_duration(*delay) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_and_at_most_a_half() {
        for (text, expected) in [("0.1", 0.1), ("0.0001", 0.0001), ("0.5", 0.5), ("0.33333", 0.3333), (".25", 0.25)] {
            assert!((text.parse::<Share>().unwrap().get() - expected).abs() < 1e-9, "{text}");
        }
        for text in ["", "0", "0.00001", "0.51", "1", "-0.1", "NaN", "inf", "10%"] {
            assert_eq!(text.parse::<Share>(), Err(NotAShare), "{text}");
        }
    }

    #[test]
    fn a_fault_is_written_as_it_is_read() {
        for text in ["refused", "status:503", "code:-1", "code:a:b", "delay:1500ms"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for text in ["", "Refused", "refused:1", "status:", "status:x", "code:", "delay:2", "drop:1"] {
            assert_eq!(text.parse::<Fault>(), Err(NotAFault), "{text}");
        }
    }
}
