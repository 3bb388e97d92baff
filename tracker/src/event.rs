//! One fact that somebody recorded: about a message, a visit of a node, a channel or a rule.
//!
//! An event is what is left of a span or a log record once it is known whose it is. Its identity is told by what it says and
//! not by when it came, so that a record that was sent twice is one event.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Stands in [`Event::rest`] where [`Event::at_ms`] is when the record came, and not what the record claims. No text has it:
/// there a backslash stands in front of its quotes.
const CLAIMED: &str = "\"claimed_unix_ms\":";

/// What kind of fact it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// `push.message.status`: a message, or one recipient of it, has a new status.
    #[default]
    Status,
    /// `push.message.alias`: a vendor knows the message by an id of its own.
    Alias,
    /// `push.node.enter`: a visit has begun, or has been open for too long.
    Enter,
    /// `push.message.dead_letter`: it has surely not been sent, and no channel is left.
    DeadLetter,
    /// A span: a visit from its beginning to its end.
    Span,
    /// `push.channel.state`: a breaker has moved.
    ChannelState,
    /// `push.rule.applied`: a rule has come into force, or its time is over.
    Rule,
    /// `push.drill.report`: a drill is over.
    DrillReport,
    /// A log record of another name, or one that says nothing of what is expected under its name. Kept as it came.
    Other,
}

impl Kind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Status,
        Self::Alias,
        Self::Enter,
        Self::DeadLetter,
        Self::Span,
        Self::ChannelState,
        Self::Rule,
        Self::DrillReport,
        Self::Other,
    ];

    /// Its name in answers and columns.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Alias => "alias",
            Self::Enter => "enter",
            Self::DeadLetter => "dead_letter",
            Self::Span => "span",
            Self::ChannelState => "channel_state",
            Self::Rule => "rule",
            Self::DrillReport => "drill_report",
            Self::Other => "other",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether two facts of it may differ in nothing but their times.
    pub const fn is_told_by_time(self) -> bool {
        matches!(self, Self::ChannelState | Self::Rule | Self::DrillReport | Self::Other)
    }

    /// Whether it is about the platform and not about a message.
    pub const fn is_history(self) -> bool {
        matches!(self, Self::ChannelState | Self::Rule | Self::DrillReport)
    }
}

/// What many events have in common: words of which there are few. Empty where nothing is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What kind of fact it is.
    pub kind: Kind,
    /// The name of the span, or of a record of another kind.
    pub name: String,
    /// Whose message it is.
    pub tenant: String,
    /// `service.name` of the resource.
    pub service: String,
    /// The node.
    pub node: String,
    /// The channel.
    pub channel: String,
    /// The status, by its name.
    pub status: String,
    /// The outcome class.
    pub outcome: String,
    /// The vendor's code.
    pub code: String,
    /// The business.
    pub business: String,
    /// The template.
    pub template: String,
    /// `unsure` where nobody knows whether it was sent; also `not_sent`, `rejected`, `accepted`.
    pub fate: String,
    /// The channel that the application asked, where another one was asked in its stead.
    pub switched_from: String,
    /// The status with which this one cannot be true.
    pub conflict: String,
    /// What went wrong in the words of whoever knows, with numbers and ids taken out, so that equal faults have equal words.
    pub text: String,
    /// Whether the visit was within its objective.
    pub on_time: Option<bool>,
    /// Whether a drill has struck it.
    pub drill: bool,
}

/// One fact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    /// What it has in common with others.
    pub facts: Arc<Facts>,
    /// When it happened, of a span when it began: milliseconds since 1970.
    pub at_ms: u64,
    /// The message, or empty.
    pub message_id: String,
    /// The vendor's own id, or empty.
    pub vendor_id: String,
    /// The keyed hash of the recipient, or empty.
    pub recipient: String,
    /// The trace.
    pub trace_id: Option<TraceId>,
    /// The visit.
    pub span_id: Option<SpanId>,
    /// The visit out of which this one came.
    pub parent_id: Option<SpanId>,
    /// How long the visit took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Which visit of this node it was; 0 if nothing is told.
    pub attempt: u32,
    /// All else that was told: a JSON object with sorted keys, or empty.
    pub rest: String,
}

/// Whose events are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A message that is named.
    Message {
        /// Whose it is.
        tenant: &'a str,
        /// Its id.
        id: &'a str,
    },
    /// A message of which only the vendor's id is told.
    Vendor {
        /// Whose it is.
        tenant: &'a str,
        /// The channel of that vendor.
        channel: &'a str,
        /// The vendor's id.
        id: &'a str,
    },
    /// Whatever message has this trace.
    Trace(TraceId),
    /// No message.
    Nobody,
}

impl Subject<'_> {
    /// The key under which its events stand; the same in every build. Those of nobody stand under zeros.
    pub fn key(&self) -> Key {
        match self {
            Self::Message { tenant, id } => Key::of(&[b"message", tenant.as_bytes(), id.as_bytes()]),
            Self::Vendor { tenant, channel, id } => {
                Key::of(&[b"vendor", tenant.as_bytes(), channel.as_bytes(), id.as_bytes()])
            }
            Self::Trace(trace) => Key::of(&[b"trace", &trace.0]),
            Self::Nobody => Key::default(),
        }
    }
}

impl Event {
    /// Whose it is. A vendor's id without its channel says nothing.
    pub fn subject(&self) -> Subject<'_> {
        let Facts { kind, tenant, channel, .. } = &*self.facts;
        match self {
            _ if kind.is_history() => Subject::Nobody,
            Self { message_id: id, .. } if !id.is_empty() => Subject::Message { tenant, id },
            Self { vendor_id: id, .. } if !id.is_empty() && !channel.is_empty() => {
                Subject::Vendor { tenant, channel, id }
            }
            Self { trace_id: Some(trace), .. } => Subject::Trace(*trace),
            _ => Subject::Nobody,
        }
    }

    /// The key of the vendor's id that it tells, if it tells one and names the message too: events under that key belong to
    /// this message.
    pub fn claim(&self) -> Option<Key> {
        let Facts { tenant, channel, .. } = &*self.facts;
        let tells = !self.message_id.is_empty() && !self.vendor_id.is_empty() && !channel.is_empty();
        tells.then(|| Subject::Vendor { tenant, channel, id: &self.vendor_id }.key())
    }

    /// What tells it from others of its subject: a repeat has the same. When it happened is part of that only where nothing
    /// else would tell two facts apart, and there it is the time that the record claims: one that has no time, or a wrong one,
    /// comes again at another time.
    pub fn identity(&self) -> Identity {
        let Facts { kind, name, node, channel, status, .. } = &*self.facts;
        let span = self.span_id.map(|id| id.0).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update([*kind as u8]);
        hash.update(span);
        let mut part = |text: &str| {
            hash.update(text);
            hash.update([0]);
        };
        match kind {
            Kind::Span => part(name),
            Kind::Status | Kind::Alias | Kind::Enter | Kind::DeadLetter => {
                for text in [node, channel, status, &self.recipient, &self.vendor_id] {
                    part(text);
                }
            }
            Kind::ChannelState | Kind::Rule | Kind::DrillReport | Kind::Other => {
                for text in [name, &self.facts.service, node, channel, status, &self.recipient, &self.rest] {
                    part(text);
                }
                if !self.rest.contains(CLAIMED) {
                    hash.update(self.at_ms.to_le_bytes());
                }
            }
        }
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
        Identity(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Whether it says that a visit is over.
    pub fn ends_visit(&self) -> bool {
        matches!(self.facts.kind, Kind::Status | Kind::Span | Kind::DeadLetter)
    }
}

/// The key of a [`Subject`]: the first 12 bytes of a SHA-256, so that no caller can make two of a kind.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 12]);

impl Key {
    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = <[u8; 32]>::from(hash.finalize());
        Self(digest.first_chunk().copied().unwrap_or_default())
    }
}

/// What tells an event from others of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub u64);

/// A trace id; never zero when it comes from [`FromStr`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// A span id; never zero when it comes from [`FromStr`].
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

/// It is not as many hexadecimal digits as are needed, or all of them are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id in hexadecimal digits")]
pub struct NotAnId;

macro_rules! hexadecimal {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// From bytes as OTLP has them; `None` if they are too few, too many, or all zero.
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let bytes: [u8; $bytes] = bytes.try_into().ok()?;
                (bytes != [0; $bytes]).then_some(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let mut bytes = [0; $bytes];
                if text.len() != 2 * $bytes {
                    return Err(NotAnId);
                }
                for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
                    let digits = std::str::from_utf8(digits).map_err(|_| NotAnId)?;
                    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
                    *byte = u8::from_str_radix(digits, 16).ok().filter(|_| plain).ok_or(NotAnId)?;
                }
                Self::from_bytes(&bytes).ok_or(NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hexadecimal!(TraceId, 16);
hexadecimal!(SpanId, 8);
hexadecimal!(Key, 12);

#[cfg(test)]
mod tests;
