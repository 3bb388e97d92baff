//! Rules as they are written.

use super::List;
#[cfg(feature = "schema")]
use super::schema;
use crate::source::SourceWire;
use crate::time::DurationText;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// A rule: its name, who has set it, and exactly one kind: `force`, `auto`, `shed`, `failover`, `limit` or `drill`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a rule: an object with its `name` and one kind")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(
        rename = "Rule",
        transform = schema::one_kind,
        extend("dependentRequired" = {"force": ["by", "reason", "until"], "drill": ["by", "reason", "until"]})
    ))]
pub struct RuleWire {
    /// Its name, by which logs and reports tell of it; unique.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub name: String,
    /// Who answers for it; `force` and `drill` need it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub by: Option<String>,
    /// Why it is there; `force` and `drill` need it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub reason: Option<String>,
    /// When it ends by itself, as RFC 3339 with an offset; `force` and `drill` need it.
    #[cfg_attr(feature = "schema", schemars(extend("format" = "date-time")))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Target", transform = schema::text_or_object))]
pub struct TargetWire {
    /// The channel.
    pub channel: String,
    /// Whether requests keep the credentials of the first channel; only for a channel with the same adapter.
    #[serde(default)]
    pub keep_credentials: bool,
    /// Texts of templates by their id, for a channel that is sent the text itself: `{0}` or `{name}` is a parameter.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = 256)))]
    pub texts: BTreeMap<String, String>,
}

/// What is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Action"))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "State"))]
pub enum StateWire {
    /// Nothing is diverted.
    Healthy,
    /// Everything is diverted.
    Degraded,
}

/// An order given by hand, which holds whatever else is known of the channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel` and `action`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Force"))]
pub struct ForceWire {
    /// Whose messages.
    pub channel: String,
    /// What is to happen.
    pub action: ActionWire,
    /// Who takes them, in this order; only to `switch`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 8)))]
    pub to: List<TargetWire>,
    /// The state that the breaker keeps; only to `hold`. Needs an `auto` rule.
    pub state: Option<StateWire>,
    /// Only messages below this priority; only to `shed`. By default all.
    pub below_priority: Option<u8>,
    /// What callers are told to wait, `1s` to `1h` in whole seconds; only to `shed`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "30s")))]
    pub retry_after: Option<DurationText>,
}

/// What has a breaker of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Per"))]
pub enum PerWire {
    /// The channel.
    #[default]
    Channel,
    /// Each operation of it.
    Operation,
    /// Each credential.
    Credential,
}

/// The breaker of a channel: from when it counts as degraded, where its messages go then, and how it comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Auto"))]
pub struct AutoWire {
    /// Whose messages.
    pub channel: String,
    /// Who takes them, in this order. Without it the state is shown and nothing is moved.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 8)))]
    pub to: List<TargetWire>,
    /// It opens when this share of calls or more fails.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 1), extend("default" = 0.5)))]
    pub failure_ratio: Option<f64>,
    /// It opens when this share of calls or more is slow.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 1), extend("default" = 0.8)))]
    pub slow_ratio: Option<f64>,
    /// From when a call is slow, `1ms` to `5m`; by default the limit of the channel's objective.
    pub slow_after: Option<DurationText>,
    /// It opens after so many failures in a row; 0 is never.
    #[cfg_attr(feature = "schema", schemars(range(max = 64), extend("default" = 5)))]
    pub consecutive_failures: Option<u32>,
    /// It opens when only this share of calls or less is on time; by default never.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 1)))]
    pub on_time_ratio: Option<f64>,
    /// Fewer calls decide nothing by a ratio.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000), extend("default" = 20)))]
    pub min_calls: Option<u32>,
    /// What ratios look back on, `250ms` to `30m`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "10s")))]
    pub window: Option<DurationText>,
    /// The same where the window has too few calls; above it, up to `30m`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "5m")))]
    pub long_window: Option<DurationText>,
    /// How long it stays open the first time, `100ms` to `24h`; each time after it is twice as long.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "5s")))]
    pub open: Option<DurationText>,
    /// How long it stays open at most; not below `open`, up to `24h`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "5m")))]
    pub max_open: Option<DurationText>,
    /// How long it stays open where the vendor asks to slow down and does not say for how long, `100ms` to `24h`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "30s")))]
    pub throttle: Option<DurationText>,
    /// Where the vendor's midnight is, at which a used-up quota comes back.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::ZONE), extend("default" = "+08:00")))]
    pub zone: Option<String>,
    /// Successes of single messages from which it begins to recover.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 16), extend("default" = 3)))]
    pub probes: Option<u8>,
    /// How long a probe may be on its way before another takes its place, `100ms` to `5m`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "10s")))]
    pub probe_lease: Option<DurationText>,
    /// Shares of the traffic that come back one after another: ascending, and the last one is 1.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 16), inner(range(min = 0.000_1, max = 1)), extend("default" = [0.1, 0.25, 0.5, 1])))]
    pub ramp: Option<List<f64>>,
    /// The least time of each step of the ramp, `100ms` to `1h`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "10s")))]
    pub step: Option<DurationText>,
    /// What has a breaker of its own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "channel")))]
    pub per: PerWire,
    /// Where the credential stands; only with `per` credential.
    #[serde(default)]
    pub credential: List<SourceWire>,
}

/// A need of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "When"))]
pub enum WhenWire {
    /// It is not healthy.
    Degraded,
    /// Its quota is near its end.
    Quota,
}

/// Who has to wait when a channel is in need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel` and `below_priority`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Shed"))]
pub struct ShedWire {
    /// Whose messages.
    pub channel: String,
    /// Messages below this priority wait.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub below_priority: u8,
    /// Of those with just this priority, businesses with a smaller `value` wait too.
    pub below_value: Option<u32>,
    /// In which need.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = ["degraded", "quota"])))]
    pub when: List<WhenWire>,
    /// The used share of the quota from which they wait.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 1), extend("default" = 0.9)))]
    pub quota_ratio: Option<f64>,
    /// What callers are told to wait, `1s` to `1h` in whole seconds.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "30s")))]
    pub retry_after: Option<DurationText>,
}

/// What is done about a message that may have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Duplicates"))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Failover"))]
pub struct FailoverWire {
    /// Whose messages.
    pub channel: String,
    /// Who takes them, in this order; by default those of the channel's `auto` rule.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 8)))]
    pub to: List<TargetWire>,
    /// The longest that each further call may take, `10ms` to `30s`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "2s")))]
    pub timeout: Option<DurationText>,
    /// Messages at once on their way to another channel, in each worker.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_096), extend("default" = 256)))]
    pub max_concurrent: Option<u16>,
    /// What is done about a message that may have been sent.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "refuse")))]
    pub duplicates: DuplicatesWire,
}

/// What becomes of messages over a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Over"))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Limit"))]
pub struct LimitWire {
    /// Whose messages.
    pub channel: String,
    /// Messages in a second; by default any number.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub messages_per_second: Option<u32>,
    /// Calls under way; by default any number. One of the two is needed.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100_000)))]
    pub calls_at_once: Option<u32>,
    /// Where the credential stands, if each has this limit for itself.
    #[serde(default)]
    pub credential: List<SourceWire>,
    /// What becomes of the rest.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "shed")))]
    pub over: OverWire,
    /// Who takes it, in this order; only to `switch`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 8)))]
    pub to: List<TargetWire>,
    /// What callers are told to wait, `1s` to `1h` in whole seconds; only to `shed`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "30s")))]
    pub retry_after: Option<DurationText>,
}

/// What a drill does to a call: `"refused"`, or an object with one member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", expecting = "\"refused\", or an object with a `status`, a `code` or a `delay`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "DrillFault"))]
pub enum DrillFaultWire {
    /// As if nobody listened.
    Refused,
    /// An answer with this status.
    #[cfg_attr(feature = "schema", schemars(transform = schema::failed_status))]
    Status(u16),
    /// An answer with this code of the vendor's, one that the adapter lists as a failure.
    Code(String),
    /// It is sent this much later, up to `60s`.
    Delay(DurationText),
}

/// A rehearsal on live traffic: some of a channel's calls fail without leaving the proxy, and the rules have to save them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with its `channel`, `share` and `fault`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Drill"))]
pub struct DrillWire {
    /// Whose calls.
    pub channel: String,
    /// The share of them that is struck.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 0.5)))]
    pub share: f64,
    /// How they are struck.
    pub fault: DrillFaultWire,
    /// The drill ends when this share of the backups' real calls fails.
    #[cfg_attr(feature = "schema", schemars(range(min = 0.000_1, max = 1), extend("default" = 0.1)))]
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
