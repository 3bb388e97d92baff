//! The config as it is written. What it means, and what is wrong with it, is decided in validation.

use crate::adapter::{Condition, RecipientKind, Response, codes_by_class};
use crate::outcome::OutcomeClass;
use crate::source::SourceWire;
use crate::time::DurationText;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

mod rules;
mod telemetry;

pub use rules::{
    ActionWire, AutoWire, DrillFaultWire, DrillWire, DuplicatesWire, FailoverWire, ForceWire, LimitWire, OverWire,
    PerWire, RuleWire, ShedWire, StateWire, TargetWire, WhenWire,
};
pub use telemetry::{RecordsWire, StatusWire, TraceWire};

/// The whole config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigWire {
    /// Whether the document has no key at all.
    #[serde(skip)]
    pub says_nothing: bool,
    /// The service behind the inbound listener. Its node is this name in upper case and takes every `POST` and `PUT`
    /// that no node of `nodes` takes.
    pub service: Option<String>,
    /// The tenant of messages that do not name one; default `default`.
    pub tenant: Option<String>,
    /// Vendor channels, each a name or an object.
    pub channels: List<ChannelWire>,
    /// Further nodes.
    pub nodes: List<NodeWire>,
    /// Where vendors post their receipts.
    pub receipts: List<ReceiptWire>,
    /// Whether callers are told what was understood of a vendor's answer, in `x-pointsman-*` headers; needs `hold_request`.
    pub answer_headers: bool,
    /// When channels are given less, or others in their place.
    pub rules: List<RuleWire>,
    /// What is the same for messages of all nodes.
    pub message: MessageWire,
    /// The values of the label `business`; others are counted as `other`.
    pub businesses: List<BusinessWire>,
    /// Local ports of inbound listeners that the public can reach.
    pub edge_ports: List<u16>,
    /// Whether headers may be held until the body is in; needs `allow_on_headers_stop_iteration` in Envoy.
    pub hold_request: bool,
    /// The longest that a request is held; default `5s`.
    pub hold_timeout: Option<DurationText>,
    /// The most that is read of a body, in bytes; default 24,576.
    pub max_body_bytes: Option<u32>,
    /// Ages from which an open visit counts as blocked; default 1s, 5s, 30s, 1m, 5m.
    pub blocked_after: List<DurationText>,
    /// The share of new traces that are sampled, 0 to 1; default 1.
    pub sample_ratio: Option<f64>,
    /// Whether recipients are hashed or dropped; default `hash`.
    pub recipient: RecipientMode,
    /// What of a message's content records of lost messages tell; default nothing.
    pub content: List<ContentPart>,
    /// The country calling code of phone numbers written without one; default 86.
    pub country_code: Option<u16>,
    /// How traces are joined.
    pub trace: TraceWire,
    /// Where spans and records go; default is the log.
    pub records: Option<RecordsWire>,
    /// Statuses of messages beside those that are built in.
    pub statuses: List<StatusWire>,
    /// Whether what is known of a visit is left in Envoy's filter state.
    pub access_log: bool,
}

/// A channel: its name alone, or an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct ChannelWire {
    /// Its name, the value of the label `channel`.
    pub name: String,
    /// The adapter; default is the one named as the channel.
    pub adapter: Option<String>,
    /// The name of its node; default is the channel's name in upper case and `_PUSH`.
    pub node: Option<String>,
    /// Host suffixes in place of the adapter's.
    #[serde(default)]
    pub hosts: List<String>,
    /// Changes to the adapter's document: objects are merged, anything else is replaced, and a key that ends in `+` puts
    /// its list before the adapter's own.
    #[serde(default)]
    pub overrides: serde_json::Map<String, serde_json::Value>,
    /// Classes of vendor codes, in place of the adapter's or beside them.
    #[serde(default, deserialize_with = "codes_by_class")]
    pub class: BTreeMap<OutcomeClass, Vec<String>>,
    /// The Envoy cluster of calls that go to it by a rule; default is the channel's name.
    pub cluster: Option<String>,
    /// The authority of requests that go to it by a rule; default is its first host.
    pub authority: Option<String>,
    /// The path of requests that are composed for it; default is the adapter's.
    pub path: Option<String>,
    /// Values for the placeholders `{params.…}` of paths and templates.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// The latency objective of its sends; default 2s for 99 %.
    pub objective: Option<ObjectiveWire>,
    /// Where the message id stands, before the adapter's own sources.
    #[serde(default)]
    pub message_id: List<SourceWire>,
    /// Where the recipients stand, in place of the adapter's.
    #[serde(default)]
    pub recipients: List<SourceWire>,
    /// Where the business stands, before `message.business`.
    #[serde(default)]
    pub business: List<SourceWire>,
    /// Where the template stands, before the adapter's own sources.
    #[serde(default)]
    pub template: List<SourceWire>,
}

/// A callback URL of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a receipt: an object with its `path` and `adapter`")]
pub struct ReceiptWire {
    /// Path pattern.
    pub path: String,
    /// Whose receipts come there.
    pub adapter: String,
    /// The value of the label `channel`; default is the channel with that adapter, else the adapter's name.
    pub channel: Option<String>,
}

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a node: an object with its `name`")]
pub struct NodeWire {
    /// Its name, the value of the label `node`.
    pub name: String,
    /// Which listener sees it; default `inbound`.
    #[serde(default)]
    pub direction: DirectionWire,
    /// Host suffixes; empty is any.
    #[serde(default)]
    pub hosts: List<String>,
    /// Methods; empty is any.
    #[serde(default)]
    pub methods: List<String>,
    /// Path pattern; none is any.
    pub path: Option<String>,
    /// All must hold.
    #[serde(default)]
    pub when: List<Condition>,
    /// The latency objective; default 500ms for 99 %.
    pub objective: Option<ObjectiveWire>,
    /// Where the message id stands, before `message.id`.
    #[serde(default)]
    pub message_id: List<SourceWire>,
    /// Where the recipients stand.
    #[serde(default)]
    pub recipients: List<SourceWire>,
    /// What they are; default `token`.
    #[serde(default)]
    pub recipient_kind: RecipientKind,
    /// Where the template stands, before `message.template`.
    #[serde(default)]
    pub template: List<SourceWire>,
    /// Where the business stands, before `message.business`.
    #[serde(default)]
    pub business: List<SourceWire>,
    /// How its answers are judged; default by status alone.
    #[serde(default)]
    pub response: Response,
    /// Whether each visit is told of when it begins; needs `records`.
    #[serde(default)]
    pub enter: bool,
    /// The status of messages whose visit ends in a class; default `{"ok": "submitted"}` for an inbound node, else nothing.
    pub statuses: Option<BTreeMap<String, String>>,
}

/// The listener on which a node is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectionWire {
    /// In front of the service.
    #[default]
    Inbound,
    /// In front of what the service calls.
    Outbound,
}

/// Where a message's properties stand, for every node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object such as {\"id\": []}")]
pub struct MessageWire {
    /// The message id.
    pub id: List<SourceWire>,
    /// The tenant.
    pub tenant: List<SourceWire>,
    /// The business.
    pub business: List<SourceWire>,
    /// The priority.
    pub priority: List<SourceWire>,
    /// The template.
    pub template: List<SourceWire>,
    /// When the message was submitted, as Unix seconds or milliseconds: the start of the whole message's time.
    pub submitted_at: List<SourceWire>,
    /// The objective of the whole message; default 10s for 99 %.
    pub objective: Option<ObjectiveWire>,
}

/// A latency objective.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an objective: an object with its `limit`")]
pub struct ObjectiveWire {
    /// The longest that is on time.
    pub limit: DurationText,
    /// The share that must be on time, above 0 and below 1; default 0.99.
    pub target: Option<f64>,
}

/// A business.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a business: an object with its `name`")]
pub struct BusinessWire {
    /// The value as requests carry it.
    pub name: String,
    /// Its priority where a request has none; higher is more important.
    pub priority: Option<u8>,
    /// What one of its messages is worth; default 1.
    pub value: Option<u32>,
}

/// What becomes of recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecipientMode {
    /// Kept as a keyed hash.
    #[default]
    Hash,
    /// Counted and forgotten.
    Drop,
}

/// A part of a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentPart {
    /// The title.
    Title,
    /// The body.
    Body,
}

/// A list whose faulty elements have been taken out by decoding without moving the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct List<T>(Vec<Option<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// The elements with their indices as written.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.0.iter().enumerate().filter_map(|(index, element)| element.as_ref().map(|element| (index, element)))
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for ChannelWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrObject;

        impl<'de> Visitor<'de> for NameOrObject {
            type Value = ChannelWire;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a channel's name, or an object with its `name`")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ChannelWire, E> {
                Ok(ChannelWire { name: name.to_owned(), ..ChannelWire::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ChannelWire, A::Error> {
                ChannelWire::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_any(NameOrObject)
    }
}
