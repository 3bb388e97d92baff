//! The language of adapters: data that says how to read one vendor's HTTP API.
//!
//! An adapter is one file in `filter/adapters/`, checked and compiled when a config names it. A new vendor is a new file.

use crate::outcome::OutcomeClass;
use crate::source::SourceWire;
use crate::trace::{CountryCode, Recipient};
use serde::de::IntoDeserializer;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/adapters.rs"));
}

/// One vendor's API.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// The name by which a config refers to it; equals the file's name.
    pub name: String,
    /// Suffixes of the hosts that serve the API: `example.com` stands for itself and everything below it.
    pub hosts: Vec<String>,
    /// What can be asked of the API, tried in this order.
    pub operation: Vec<Operation>,
    /// How an answer is judged.
    pub response: Response,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Hands a message to the vendor. Only sends count as messages.
    #[default]
    Send,
    /// Fetches a credential.
    Token,
    /// Asks for a state or a report.
    Query,
    /// Stores something for a later send.
    Upload,
}

impl OperationKind {
    /// The suffix of the name of a node for operations of this kind.
    pub const fn node_suffix(self) -> &'static str {
        match self {
            Self::Send => "PUSH",
            Self::Token => "TOKEN",
            Self::Query => "QUERY",
            Self::Upload => "UPLOAD",
        }
    }
}

/// What a recipient is: equal texts of different kinds have different hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    pub const fn of(self, text: &str, country: CountryCode) -> Recipient<'_> {
        match self {
            Self::Token => Recipient::Token(text),
            Self::Phone => Recipient::Phone { number: text, country },
            Self::Email => Recipient::Email(text),
        }
    }
}

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What it does.
    #[serde(default)]
    pub kind: OperationKind,
    /// The HTTP method; default `POST`.
    pub method: Option<String>,
    /// Path pattern, such as `/3/device/{token}`.
    pub path: String,
    /// All must hold for the request to be this operation.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// If any holds, the vendor checks the message but sends nothing, and no message is counted.
    #[serde(default)]
    pub dry_run: Vec<Condition>,
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
    /// Results per recipient, where this operation has them.
    pub items: Option<Items>,
}

/// A source that says one of `equals`, or anything at all if that is empty.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a condition: an object with its `source`")]
pub struct Condition {
    /// Where to look.
    pub source: SourceWire,
    /// The values that count.
    #[serde(default)]
    pub equals: Vec<String>,
}

/// How an answer is judged: a success has a status in `ok_status`, a code in `ok_codes` (or no code, if that is empty)
/// and all of `ok_when`. The answer to an operation that is no send may also do without a code.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object that says how answers are judged")]
pub struct Response {
    /// Statuses of success, such as `"200"` or `"2xx"`; default `["2xx"]`.
    #[serde(default)]
    pub ok_status: Vec<String>,
    /// Where the vendor's code stands, best first.
    #[serde(default)]
    pub code: Vec<SourceWire>,
    /// Codes of success.
    #[serde(default)]
    pub ok_codes: Vec<String>,
    /// What a success also has.
    #[serde(default)]
    pub ok_when: Vec<Condition>,
    /// Where the text of an error stands, for `pattern`.
    #[serde(default)]
    pub message: Vec<SourceWire>,
    /// The codes of each class. A code that ends in `*` stands for all that start so; the longest match counts.
    #[serde(default, deserialize_with = "codes_by_class")]
    pub class: BTreeMap<OutcomeClass, Vec<String>>,
    /// Classes by code and text, before those by code alone.
    #[serde(default)]
    pub pattern: Vec<Pattern>,
    /// Classes by status (`"503"` or `"5xx"`), where there is no code; then the usual meaning of the status.
    #[serde(default)]
    pub status: BTreeMap<String, OutcomeClass>,
    /// Codes that, even with a 5xx, mean that the vendor has surely not sent.
    #[serde(default)]
    pub surely_not_sent: Vec<String>,
    /// Results per recipient.
    pub items: Option<Items>,
}

/// Reads the classes as text first: the path of a fault behind a key that is an enum could not be told.
pub(crate) fn codes_by_class<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<OutcomeClass, Vec<String>>, D::Error> {
    let by_name: BTreeMap<String, Vec<String>> = BTreeMap::deserialize(deserializer)?;
    let class = |name: String| OutcomeClass::deserialize(name.into_deserializer());
    by_name.into_iter().map(|(name, codes)| Ok((class(name)?, codes))).collect()
}

/// Results per recipient inside one answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `code` and `ok_codes`")]
pub struct Items {
    /// Where each recipient's code stands: a JSON pointer with `*`.
    pub code: SourceWire,
    /// The codes of success.
    pub ok_codes: Vec<String>,
    /// What only an accepted recipient has, such as a message id: where the vendor leaves the code out on success.
    pub accepted: Option<SourceWire>,
}

/// A class by code and text.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a pattern: an object with `code`, `message_contains` and `class`")]
pub struct Pattern {
    /// The code.
    pub code: String,
    /// Any of these stands in the message; case does not matter.
    pub message_contains: Vec<String>,
    /// The class.
    pub class: OutcomeClass,
}

impl Response {
    /// Gives codes other classes.
    pub fn reclassify(&mut self, class: &BTreeMap<OutcomeClass, Vec<String>>) {
        for known in self.class.values_mut() {
            known.retain(|code| !class.values().flatten().any(|moved| moved == code));
        }
        for (class, codes) in class {
            self.class.entry(*class).or_default().extend(codes.iter().cloned());
        }
    }
}

impl Adapter {
    /// The adapter of that name that is built in.
    pub fn built_in(name: &str) -> Option<Result<Self, serde_json::Error>> {
        embedded::ADAPTERS.iter().find(|(known, _)| *known == name).map(|(_, json)| serde_json::from_str(json))
    }

    /// The names of all that are built in, in alphabetical order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        embedded::ADAPTERS.iter().map(|(name, _)| *name)
    }
}
