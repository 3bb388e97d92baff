//! The language of adapters: data that says how to read one vendor's HTTP API.
//!
//! An adapter is one file in `filter/adapters/`, checked and compiled when a config names it. A new vendor is a new file.
//! `docs/adapters.md` describes every field with examples. `confirmed = false` marks what no document or source code of the
//! vendor bears out.

use crate::outcome::OutcomeClass;
use crate::source::SourceWire;
use crate::trace::{CountryCode, Recipient};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

mod compose;
mod patch;
mod response;

pub use compose::{AnswerWire, AnswersWire, ComposeWire, ContentType, Credential, MessageWire, Unmappable};
pub use patch::patched;
pub use response::{Items, OkWhen, QuotaWire, Response, RetryAfter, RetryUnit, Rule};

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/adapters.rs"));
}

/// One vendor's API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// The name by which a config refers to it; equals the file's name.
    pub name: String,
    /// The vendor's own name of the API, for people.
    pub title: String,
    /// Suffixes of the hosts that serve the API: `example.com` stands for itself and everything below it, `*` for any host.
    pub hosts: Vec<String>,
    /// More of them, which no document of the vendor bears out.
    #[serde(default)]
    pub unconfirmed_hosts: Vec<String>,
    /// What can be asked of the API, tried in this order.
    pub operation: Vec<Operation>,
    /// How an answer is judged.
    pub response: Response,
    /// Where the credential of a request stands.
    #[serde(default)]
    pub credential: Credential,
    /// Names of further headers that carry credentials.
    #[serde(default)]
    pub credential_headers: Vec<String>,
    /// How it is asked to send a message that was written for another vendor.
    pub compose: Option<ComposeWire>,
    /// Its own answers, for when Pointsman answers in its place.
    #[serde(default)]
    pub answers: AnswersWire,
    /// How what the vendor posts to the push service is read, tried in this order.
    #[serde(default)]
    pub receipt: Vec<Receipt>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Hands a message to the vendor. Only sends count as messages.
    #[default]
    Send,
    /// Lets the vendor check a message without sending it.
    DryRun,
    /// Fetches a credential.
    Token,
    /// Asks for a state or a report.
    Query,
    /// Stores something for a later send.
    Upload,
    /// A report of the vendor to the push service.
    Receipt,
    /// Anything else.
    Other,
}

impl OperationKind {
    /// The suffix of the name of a node for operations of this kind.
    pub const fn node_suffix(self) -> &'static str {
        match self {
            Self::Send | Self::DryRun => "PUSH",
            Self::Token => "TOKEN",
            Self::Query => "QUERY",
            Self::Upload => "UPLOAD",
            Self::Receipt => "RECEIPT",
            Self::Other => "OTHER",
        }
    }
}

/// What a recipient is: equal texts of different kinds have different hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RecipientKind {
    /// A device token, openid, user id or any other opaque name.
    #[default]
    Token,
    /// A phone number.
    Phone,
    /// An e-mail address.
    Email,
}

impl RecipientKind {
    /// `text` as a recipient of this kind; a phone number without a country is of `country`.
    pub fn of(self, text: &str, country: CountryCode) -> Recipient<'_> {
        match self {
            Self::Token => Recipient::Token(text),
            Self::Phone => Recipient::Phone { number: text, country },
            Self::Email => Recipient::Email(bare_address(text)),
        }
    }
}

/// The address in `Alice <alice@example.com>`.
fn bare_address(text: &str) -> &str {
    let inside = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(text, |(address, _)| address)
}

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What it does.
    #[serde(default)]
    pub kind: OperationKind,
    /// HTTP methods; default `["POST"]`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Path patterns, such as `/3/device/{token}`; any of them.
    pub paths: Vec<String>,
    /// Host suffixes in place of the adapter's.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// All must hold for the request to be this operation.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// If any holds, the vendor checks the message but sends nothing, and no message is counted.
    #[serde(default)]
    pub dry_run: Vec<Condition>,
    /// If any holds, the vendor itself removes repeats of this request, so that a replay doubles nothing. One that goes
    /// through a list (`*`) must hold for as many elements as there are recipients.
    #[serde(default)]
    pub dedupe: Vec<Condition>,
    /// Where the caller's id of the message stands.
    #[serde(default)]
    pub message_id: Vec<SourceWire>,
    /// Where the recipients stand.
    #[serde(default)]
    pub recipients: Vec<SourceWire>,
    /// What they are, for the hash.
    #[serde(default)]
    pub recipient_kind: RecipientKind,
    /// Where the template's id stands.
    #[serde(default)]
    pub template: Vec<SourceWire>,
    /// What else its one message says, so that another vendor could send it.
    pub message: Option<MessageWire>,
    /// Names of path captures and query parameters that may be shown. All others are secrets and are redacted.
    #[serde(default)]
    pub shown: Vec<String>,
    /// In place of the response's own.
    pub ok_status: Option<Vec<String>>,
    /// In place of the response's own.
    pub ok_when: Option<Vec<OkWhen>>,
    /// In place of the response's own.
    pub items: Option<Vec<Items>>,
    /// In place of the response's own.
    pub vendor_id: Option<Vec<SourceWire>>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

const fn yes() -> bool {
    true
}

/// A source that says one of `equals`, or anything at all if that is empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a condition: an object with its `source`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// Where to look.
    pub source: SourceWire,
    /// Other places where the same may stand.
    #[serde(default)]
    pub or: Vec<SourceWire>,
    /// The values that count; without any, whatever stands there.
    #[serde(default)]
    pub equals: Vec<String>,
}

/// A report of the vendor about what it sent. Where sources go through a list (`*`), each element of the outermost list is
/// one report; what stands outside the list holds for all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object that says how a receipt is read")]
pub struct Receipt {
    /// All must hold for the request to be this report.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// If any holds, the report is encrypted or otherwise not to be read.
    #[serde(default)]
    pub opaque: Vec<Condition>,
    /// Where the vendor's id of the message stands.
    #[serde(default)]
    pub vendor_id: Vec<SourceWire>,
    /// Where the recipients stand.
    #[serde(default)]
    pub recipients: Vec<SourceWire>,
    /// What they are, for the hash.
    #[serde(default)]
    pub recipient_kind: RecipientKind,
    /// Where the country calling code stands of phone numbers that are told without.
    #[serde(default)]
    pub country: Vec<SourceWire>,
    /// Where the vendor's word for the status stands.
    #[serde(default)]
    pub status: Vec<SourceWire>,
    /// Where it stands when that has happened.
    #[serde(default)]
    pub time: Vec<SourceWire>,
    /// The zone of times that name none, as their distance from UTC, such as `+08:00`; left out, UTC.
    pub time_zone: Option<String>,
    /// The vendor's words of each status by its name. One that ends in `*` stands for all that start so.
    #[serde(default)]
    pub words: BTreeMap<String, Vec<String>>,
    /// The name of the status of words that are not listed, and of reports without one; left out, such a report says nothing.
    pub otherwise: Option<String>,
    /// Words that say nothing of a status, in spite of `otherwise`.
    #[serde(default)]
    pub ignored: Vec<String>,
    /// Whether the vendor's documents or source code bear it out.
    #[serde(default = "yes")]
    pub confirmed: bool,
}

/// Reads the classes as text first: the path of a fault behind a key that is an enum could not be told.
pub(crate) fn codes_by_class<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<OutcomeClass, Vec<String>>, D::Error> {
    let by_name: BTreeMap<String, Vec<String>> = BTreeMap::deserialize(deserializer)?;
    let mut read = BTreeMap::new();
    for (name, codes) in by_name {
        read.insert(OutcomeClass::deserialize(name.into_deserializer())?, codes);
    }
    Ok(read)
}

impl Adapter {
    /// The document of the adapter of that name that is built in, as JSON.
    pub fn document(name: &str) -> Option<&'static str> {
        embedded::ADAPTERS.iter().find(|(known, _)| *known == name).map(|(_, json)| *json)
    }

    /// The adapter of that name that is built in.
    pub fn built_in(name: &str) -> Option<Result<Self, serde_json::Error>> {
        Self::document(name).map(serde_json::from_str)
    }

    /// The names of all that are built in, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        embedded::ADAPTERS.iter().map(|(name, _)| *name)
    }
}
