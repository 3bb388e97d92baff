//! Rules as they are written.

use super::List;
use crate::source::SourceWire;
use crate::time::DurationText;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// A rule: its name, who set it, and one of the kinds.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule: an object with its `name` and one kind")]
pub struct RuleWire {
    /// Its name, by which it is told of.
    pub name: String,
    /// Who answers for it; `force` and `drill` need it.
    pub by: Option<String>,
    /// Why it is there; `force` and `drill` need it.
    pub reason: Option<String>,
    /// When it ends, as RFC 3339; `force` and `drill` need it.
    pub until: Option<String>,
    /// An order: switch, shed or hold a channel.
    pub force: Option<ForceWire>,
    /// The breaker of a channel.
    pub auto: Option<AutoWire>,
    /// Who has to wait when a channel is in need.
    pub shed: Option<ShedWire>,
    /// Where a message goes whose call has failed.
    pub failover: Option<FailoverWire>,
    /// How much a channel may be given.
    pub limit: Option<LimitWire>,
    /// A rehearsal.
    pub drill: Option<DrillWire>,
}

/// A channel to which messages of another may go: its name alone, or an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct TargetWire {
    /// The channel.
    pub channel: String,
    /// Whether requests keep the credentials of the first channel; only with the same adapter.
    #[serde(default)]
    pub keep_credentials: bool,
    /// Texts of templates by their id.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionWire {
    /// Messages go to another channel.
    Switch,
    /// Messages are answered by "try later".
    Shed,
    /// The breaker keeps a state.
    Hold,
}

/// A state in which a channel is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateWire {
    /// Nothing is diverted.
    Healthy,
    /// Everything is diverted.
    Degraded,
}

/// An order given by hand.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel` and `action`")]
pub struct ForceWire {
    /// Whose messages.
    pub channel: String,
    /// What is to happen.
    pub action: ActionWire,
    /// Where they go; only to switch.
    #[serde(default)]
    pub to: List<TargetWire>,
    /// The state; only to hold.
    pub state: Option<StateWire>,
    /// Only messages below this priority; only to shed, default all.
    pub below_priority: Option<u8>,
    /// What callers are told to wait; only to shed, default 30s.
    pub retry_after: Option<DurationText>,
}

/// What has a breaker of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PerWire {
    /// The channel.
    #[default]
    Channel,
    /// Each operation of it.
    Operation,
    /// Each credential.
    Credential,
}

/// The breaker of a channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`")]
pub struct AutoWire {
    /// Whose messages.
    pub channel: String,
    /// The next channels in order; none shows the state and diverts nothing.
    #[serde(default)]
    pub to: List<TargetWire>,
    /// Failures of all calls at which it trips; default 0.5.
    pub failure_ratio: Option<f64>,
    /// Slow calls of all calls at which it trips; default 0.8.
    pub slow_ratio: Option<f64>,
    /// From when a call is slow; default is the limit of the channel's objective.
    pub slow_after: Option<DurationText>,
    /// Failures one after the other at which it trips; default 5, and 0 is never.
    pub consecutive_failures: Option<u32>,
    /// The share of calls on time at which it trips; default is no such trigger.
    pub on_time_ratio: Option<f64>,
    /// Fewer calls decide nothing by a ratio; default 20.
    pub min_calls: Option<u32>,
    /// The window of a channel with traffic; default 10s.
    pub window: Option<DurationText>,
    /// The window where the other has too few calls; default 5m.
    pub long_window: Option<DurationText>,
    /// How long it stays open the first time; default 5s.
    pub open: Option<DurationText>,
    /// How long at most; default 5m.
    pub max_open: Option<DurationText>,
    /// How long it stays open where the vendor asks to slow down and does not say for how long; default 30s.
    pub throttle: Option<DurationText>,
    /// Where the vendor's midnight is, at which a used-up quota comes back; default +08:00.
    pub zone: Option<String>,
    /// Successes of probes from which it recovers; default 3.
    pub probes: Option<u8>,
    /// How long a probe may be on its way before another takes its place; default 10s.
    pub probe_lease: Option<DurationText>,
    /// Shares of the traffic on the way back; default 0.1, 0.25, 0.5, 1.
    pub ramp: Option<List<f64>>,
    /// The least time of each step of the ramp; default 10s.
    pub step: Option<DurationText>,
    /// What has a breaker of its own; default the channel.
    #[serde(default)]
    pub per: PerWire,
    /// Where the credential stands; only with `per` credential.
    #[serde(default)]
    pub credential: List<SourceWire>,
}

/// A need of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenWire {
    /// It is not healthy.
    Degraded,
    /// Its quota is near its end.
    Quota,
}

/// Who has to wait when a channel is in need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel` and `below_priority`")]
pub struct ShedWire {
    /// Whose messages.
    pub channel: String,
    /// Messages below this priority wait.
    pub below_priority: u8,
    /// Of those with just this priority, businesses with a smaller `value` wait too.
    pub below_value: Option<u32>,
    /// When; default `degraded` and `quota`.
    #[serde(default)]
    pub when: List<WhenWire>,
    /// The used share of the quota from which they wait; default 0.9.
    pub quota_ratio: Option<f64>,
    /// What callers are told to wait; default 30s.
    pub retry_after: Option<DurationText>,
}

/// What is done about a message that may have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuplicatesWire {
    /// It is not sent again.
    #[default]
    Refuse,
    /// It is sent again, and a user may get it twice.
    Accept,
}

/// Where a message goes whose call has failed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`")]
pub struct FailoverWire {
    /// Whose messages.
    pub channel: String,
    /// The next channels in order; default those of the channel's `auto` rule.
    #[serde(default)]
    pub to: List<TargetWire>,
    /// The longest that one further call may take; default 2s.
    pub timeout: Option<DurationText>,
    /// Failovers under way at once in one worker; default 256.
    pub max_concurrent: Option<u16>,
    /// Whether a message may be sent again that may have been sent; default `refuse`.
    #[serde(default)]
    pub duplicates: DuplicatesWire,
}

/// What becomes of messages over a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverWire {
    /// They are answered by "try later".
    #[default]
    Shed,
    /// They go to another channel.
    Switch,
}

/// How much a channel may be given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`")]
pub struct LimitWire {
    /// Whose messages.
    pub channel: String,
    /// Messages in a second.
    pub messages_per_second: Option<u32>,
    /// Calls under way.
    pub calls_at_once: Option<u32>,
    /// Where the credential stands, if each has this limit for itself.
    #[serde(default)]
    pub credential: List<SourceWire>,
    /// What becomes of the rest; default `shed`.
    #[serde(default)]
    pub over: OverWire,
    /// Where it goes; only to switch.
    #[serde(default)]
    pub to: List<TargetWire>,
    /// What callers are told to wait; only to shed, default 30s.
    pub retry_after: Option<DurationText>,
}

/// What a drill does to a call: `"refused"`, or an object with one member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", expecting = "\"refused\", or an object with a `status`, a `code` or a `delay`")]
pub enum DrillFaultWire {
    /// As if nobody listened.
    Refused,
    /// An answer with this status.
    Status(u16),
    /// An answer with this code of the vendor's.
    Code(String),
    /// It is sent this much later.
    Delay(DurationText),
}

/// A rehearsal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`, `share` and `fault`")]
pub struct DrillWire {
    /// Whose calls.
    pub channel: String,
    /// The share of them that is hit.
    pub share: f64,
    /// How they are hit.
    pub fault: DrillFaultWire,
    /// The drill ends when the backup's real failures reach this share; default 0.1.
    pub stop_above: Option<f64>,
}

impl<'de> Deserialize<'de> for TargetWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrObject;

        impl<'de> Visitor<'de> for NameOrObject {
            type Value = TargetWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a channel's name, or an object with its `channel`")
            }

            fn visit_str<E: serde::de::Error>(self, channel: &str) -> Result<TargetWire, E> {
                Ok(TargetWire { channel: channel.to_owned(), ..TargetWire::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TargetWire, A::Error> {
                TargetWire::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(NameOrObject)
    }
}
