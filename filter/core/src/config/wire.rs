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
#[cfg(feature = "schema")]
pub(crate) mod schema;
mod telemetry;

pub use rules::{
    ActionWire, AutoWire, DrillFaultWire, DrillWire, DuplicatesWire, FailoverWire, ForceWire, LimitWire, OverWire,
    PerWire, RuleWire, ShedWire, StateWire, TargetWire, WhenWire,
};
pub use telemetry::{RecordsWire, StatusWire, TraceWire};

/// The whole config.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Config"))]
pub struct ConfigWire {
    /// Whether the document has no key at all.
    #[serde(skip)]
    pub says_nothing: bool,
    /// The service behind the inbound listener. Its node is this name in upper case and takes every `POST` and `PUT`
    /// that no node of `nodes` takes.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub service: Option<String>,
    /// The tenant of messages that do not name one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("default" = "default")))]
    pub tenant: Option<String>,
    /// Vendor channels, each a name or an object.
    pub channels: List<ChannelWire>,
    /// Further nodes. They come before channels and service.
    pub nodes: List<NodeWire>,
    /// Where vendors post their receipts.
    pub receipts: List<ReceiptWire>,
    /// Whether callers are told what was understood of a vendor's answer, in `x-pointsman-*` headers; needs `hold_request`.
    pub answer_headers: bool,
    /// When messages wait, or go to another channel.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    pub rules: List<RuleWire>,
    /// Where a message's properties stand, for every node.
    pub message: MessageWire,
    /// The values of the label `business`; others are counted as `other`.
    pub businesses: List<BusinessWire>,
    /// Local ports of inbound listeners that the public can reach.
    #[cfg_attr(feature = "schema", schemars(inner(range(min = 1))))]
    pub edge_ports: List<u16>,
    /// Whether headers may be held until the body is in; needs `allow_on_headers_stop_iteration` in Envoy.
    pub hold_request: bool,
    /// The longest that a request is held, up to `60s`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "5s")))]
    pub hold_timeout: Option<DurationText>,
    /// The most that is read of a body, in bytes.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 262_144), extend("default" = 24_576)))]
    pub max_body_bytes: Option<u32>,
    /// Ages from which an open visit counts as blocked, in ascending order.
    #[cfg_attr(feature = "schema", schemars(length(max = 8), extend("default" = ["1s", "5s", "30s", "1m", "5m"])))]
    pub blocked_after: List<DurationText>,
    /// The share of new traces that are sampled.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1), extend("default" = 1)))]
    pub sample_ratio: Option<f64>,
    /// Whether recipients are hashed or dropped.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "hash")))]
    pub recipient: RecipientMode,
    /// What of a message's content is told of messages that are lost; by default nothing.
    pub content: List<ContentPart>,
    /// The country calling code of phone numbers that are written without one.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 999), extend("default" = 86)))]
    pub country_code: Option<u16>,
    /// How traces are joined.
    pub trace: TraceWire,
    /// Where spans and records go; by default to the log.
    pub records: Option<RecordsWire>,
    /// Statuses of messages beside those that are built in.
    #[cfg_attr(feature = "schema", schemars(length(max = 10)))]
    pub statuses: List<StatusWire>,
    /// Whether what is known of a visit is left in Envoy's filter state, for its access log.
    pub access_log: bool,
}

/// A vendor channel: its name alone, or an object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Channel", transform = schema::text_or_object))]
pub struct ChannelWire {
    /// Its name, the value of the label `channel`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub name: String,
    /// Whose API it is: the name of an adapter. By default the one named as the channel.
    pub adapter: Option<String>,
    /// The name of its node; by default the channel's name in upper case and `_PUSH`.
    pub node: Option<String>,
    /// Host suffixes in place of the adapter's: `example.com` stands for itself and what is below it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = schema::HOST))))]
    pub hosts: List<String>,
    /// Changes to the adapter's document: objects are merged, anything else is replaced, `null` takes a key out, and a key
    /// that ends in `+` puts its list before the adapter's own.
    #[serde(default)]
    pub overrides: serde_json::Map<String, serde_json::Value>,
    /// Codes of the vendor by their class, in place of the adapter's or beside them.
    #[serde(default, deserialize_with = "codes_by_class")]
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"$ref": "#/$defs/Outcome"})))]
    pub class: BTreeMap<OutcomeClass, Vec<String>>,
    /// The Envoy cluster of calls that go to it by a rule; by default the channel's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::TOKEN)))]
    pub cluster: Option<String>,
    /// The authority of requests that go to it by a rule; by default its first host.
    pub authority: Option<String>,
    /// The path of requests that are composed for it, a template; by default the adapter's.
    pub path: Option<String>,
    /// Values for the placeholders `{params.…}` of paths and templates.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("maxProperties" = 16)))]
    pub params: BTreeMap<String, String>,
    /// The latency objective of its sends; by default `2s` for 99 %.
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

/// A callback URL of the service, to which a vendor posts what became of messages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a receipt: an object with its `path` and `adapter`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Receipt"))]
pub struct ReceiptWire {
    /// Path pattern of the callback URL, on the inbound listener.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    pub path: String,
    /// The adapter that reads the receipts that come there.
    pub adapter: String,
    /// The value of the label `channel`; by default the first channel with that adapter, else the adapter's name.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub channel: Option<String>,
}

/// A step of the push flow that the config names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a node: an object with its `name`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Node"))]
pub struct NodeWire {
    /// Its name, the value of the label `node`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub name: String,
    /// Which listener sees it.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "inbound")))]
    pub direction: DirectionWire,
    /// Host suffixes; by default any host.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = schema::HOST))))]
    pub hosts: List<String>,
    /// HTTP methods; by default any.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(inner(regex(pattern = "^[A-Z]+$"))))]
    pub methods: List<String>,
    /// Path pattern: `{name}` captures a segment, `*` at the end is any rest. By default any path.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^/")))]
    pub path: Option<String>,
    /// What must hold besides: all of these conditions.
    #[serde(default)]
    pub when: List<Condition>,
    /// The latency objective; by default `500ms` for 99 %.
    pub objective: Option<ObjectiveWire>,
    /// Where the message id stands, before `message.id`.
    #[serde(default)]
    pub message_id: List<SourceWire>,
    /// Where the recipients stand.
    #[serde(default)]
    pub recipients: List<SourceWire>,
    /// What the recipients are.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "token")))]
    pub recipient_kind: RecipientKind,
    /// Where the template stands, before `message.template`.
    #[serde(default)]
    pub template: List<SourceWire>,
    /// Where the business stands, before `message.business`.
    #[serde(default)]
    pub business: List<SourceWire>,
    /// How its answers are judged; by default by status alone.
    #[serde(default)]
    pub response: Response,
    /// Whether each visit is told of when it begins; needs `records`.
    #[serde(default)]
    pub enter: bool,
    /// The status of messages whose visit ends in a class; by default `{"ok": "submitted"}` for an inbound node, else nothing.
    /// Needs `records`.
    #[cfg_attr(feature = "schema", schemars(extend("propertyNames" = {"$ref": "#/$defs/Outcome"})))]
    pub statuses: Option<BTreeMap<String, String>>,
}

/// The listener on which a node is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Direction"))]
pub enum DirectionWire {
    /// In front of the service: what others ask of it.
    #[default]
    Inbound,
    /// Behind the service: what it asks of others.
    Outbound,
}

/// Where a message's properties stand, for every node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object such as {\"id\": []}")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Message"))]
pub struct MessageWire {
    /// Where the message id stands.
    pub id: List<SourceWire>,
    /// Where the tenant stands.
    pub tenant: List<SourceWire>,
    /// Where the business stands.
    pub business: List<SourceWire>,
    /// Where the priority stands, a number from 0 to 255; higher is more important.
    pub priority: List<SourceWire>,
    /// Where the template's id stands.
    pub template: List<SourceWire>,
    /// Where it stands when the message was submitted, as Unix seconds or milliseconds: the start of the whole message's
    /// time.
    pub submitted_at: List<SourceWire>,
    /// The latency objective of the whole message, from its submission until a vendor has accepted it; by default `10s` for
    /// 99 %.
    pub objective: Option<ObjectiveWire>,
}

/// A latency objective.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an objective: an object with its `limit`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Objective"))]
pub struct ObjectiveWire {
    /// The longest that is on time, up to `300s`.
    pub limit: DurationText,
    /// The share that must be on time, above 0 and below 1.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1, "default" = 0.99)))]
    pub target: Option<f64>,
}

/// A value of the label `business`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a business: an object with its `name`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Business"))]
pub struct BusinessWire {
    /// The value as requests carry it: no `;`, `=`, quote or backslash, and neither `none` nor `other`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub name: String,
    /// Its priority where a request has none; higher is more important.
    pub priority: Option<u8>,
    /// What one of its messages is worth, in a unit of yours.
    #[cfg_attr(feature = "schema", schemars(extend("default" = 1)))]
    pub value: Option<u32>,
}

/// What becomes of recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ContentPart {
    /// The title.
    Title,
    /// The body.
    Body,
}

/// A list whose faulty elements have been taken out by decoding without moving the others.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline, with = "Vec<T>"))]
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
