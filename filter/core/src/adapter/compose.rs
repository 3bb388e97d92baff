//! What of the language serves a switch to or from another vendor: what a message says, how the vendor is asked to send
//! one, where its credential stands, and what its own answers look like.

use super::{Adapter, Condition, RecipientKind};
use crate::source::SourceWire;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What a request says of its one message, beside its recipient, template and id.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object that says where a message stands")]
pub struct MessageWire {
    /// Where the recipient stands, in place of the operation's own: where only some of those can be had elsewhere.
    pub recipient: Vec<SourceWire>,
    /// Where the title stands.
    pub title: Vec<SourceWire>,
    /// Where the body stands, as text.
    pub body: Vec<SourceWire>,
    /// Where the parameters of the template stand: a JSON list, or an object of names.
    pub parameters: Vec<SourceWire>,
    /// Where what the app gets with the message stands: any JSON, JSON in a text, or a text.
    pub data: Vec<SourceWire>,
    /// If any holds, the message asks for what is not carried over, such as a later time.
    pub unless: Vec<Condition>,
}

/// The documents that a vendor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentType {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

impl ContentType {
    /// The value of the header.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// How the vendor is asked to send one message to one recipient.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object that says how the vendor is asked for one message")]
pub struct ComposeWire {
    /// Method; default `POST`.
    #[serde(default = "post")]
    pub method: String,
    /// Template of the path; what is filled in is percent-encoded.
    pub path: String,
    /// What the body is.
    pub content_type: ContentType,
    /// The body's members or fields, whose texts are templates. One whose key ends in `?` is left out where it lacks a
    /// value.
    pub body: Map<String, Value>,
    /// Further headers, whose values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What recipients must be; left out: whatever they are elsewhere.
    pub recipient_kind: Option<RecipientKind>,
}

fn post() -> String {
    "POST".to_owned()
}

/// Where the vendor's credential stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// In this header, where the cluster of a channel can add it.
    Header(String),
    /// Nowhere: the way to the vendor is trusted, or the address itself is the secret.
    None,
    /// In the body.
    Body,
    /// In the query.
    Query,
    /// The request is signed, whichever place the signature has.
    Signature,
}

/// The commonest place.
impl Default for Credential {
    fn default() -> Self {
        Self::Header("authorization".to_owned())
    }
}

/// The vendor's own answers to a send of one message; those that are left out are a status alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object with the shapes `ok`, `failed` and `busy`")]
pub struct AnswersWire {
    /// It was taken.
    pub ok: AnswerWire,
    /// The vendor cannot do it now.
    pub failed: AnswerWire,
    /// Too fast: later.
    pub busy: AnswerWire,
}

impl Default for AnswersWire {
    fn default() -> Self {
        let of_status = |status| AnswerWire { status, code: None, headers: BTreeMap::new(), body: None };
        Self { ok: of_status(200), failed: of_status(503), busy: of_status(429) }
    }
}

/// One shape of an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an answer: an object with its `status`")]
pub struct AnswerWire {
    /// The status.
    pub status: u16,
    /// The vendor's code, for `{code}`.
    pub code: Option<Value>,
    /// Headers, whose values are templates. One whose name ends in `?` is left out where it lacks a value.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body: JSON whose texts are templates, or a template of a text. Left out: none.
    pub body: Option<Value>,
}

/// Why a channel cannot take messages of others, or give its own to others, by a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmappable {
    /// No `message`.
    #[error("its messages cannot be read: none of its operations has a `message`")]
    NotRead,
    /// No `compose`.
    #[error("it cannot be asked for messages of others: it has no `compose`")]
    NotComposed,
    /// The credential is no header.
    #[error("its credential stands in the body, and only a header can be added by the channel's cluster")]
    CredentialInBody,
    /// The credential is no header.
    #[error("its credential stands in the query, and only a header can be added by the channel's cluster")]
    CredentialInQuery,
    /// The credential is no header.
    #[error("its requests are signed, and only a header can be added by the channel's cluster")]
    CredentialIsSignature,
}

/// Names of headers that are credentials of whatever API.
const SECRET_HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

impl Adapter {
    /// Whether messages of some of its operations can be given to another vendor.
    ///
    /// # Errors
    /// No operation says how.
    pub fn can_be_read(&self) -> Result<(), Unmappable> {
        let readable = self.operation.iter().any(|operation| operation.message.is_some());
        if readable { Ok(()) } else { Err(Unmappable::NotRead) }
    }

    /// Whether it can be asked to send messages of other vendors.
    ///
    /// # Errors
    /// It has no `compose`.
    pub fn can_compose(&self) -> Result<(), Unmappable> {
        self.compose.as_ref().map(|_| ()).ok_or(Unmappable::NotComposed)
    }

    /// Whether a cluster can add its credential, so that a composed request has one.
    ///
    /// # Errors
    /// It is no header.
    pub fn credential_fits_mapping(&self) -> Result<(), Unmappable> {
        match self.credential {
            Credential::Header(_) | Credential::None => Ok(()),
            Credential::Body => Err(Unmappable::CredentialInBody),
            Credential::Query => Err(Unmappable::CredentialInQuery),
            Credential::Signature => Err(Unmappable::CredentialIsSignature),
        }
    }

    /// The names of the headers that carry credentials, in lower case: its own, and what is one everywhere.
    pub fn secret_headers(&self) -> impl Iterator<Item = String> + '_ {
        let of_credential = match &self.credential {
            Credential::Header(name) => Some(name.as_str()),
            _ => None,
        };
        let own = of_credential.into_iter().chain(self.credential_headers.iter().map(String::as_str));
        let mut seen = std::collections::BTreeSet::new();
        own.chain(SECRET_HEADERS).map(str::to_ascii_lowercase).filter(move |name| seen.insert(name.clone()))
    }
}
