//! One message to one recipient, whoever's API it was written for.

use crate::adapter::RecipientKind;
use crate::extract::Sensitive;
use serde_json::Value;
use std::fmt;

/// A message in the words of no vendor. It is content: it is sent on and never shown.
#[derive(Clone, PartialEq)]
pub struct Canonical {
    /// The adapter by which it was read: it tells whose token the recipient is.
    pub origin: Box<str>,
    /// Whom it is for; a phone number as E.164.
    pub recipient: Sensitive,
    /// What the recipient is.
    pub recipient_kind: RecipientKind,
    /// Title.
    pub title: Option<String>,
    /// Body, as text.
    pub body: Option<String>,
    /// The template's id at the first vendor.
    pub template: Option<String>,
    /// The template's parameters: a list, or an object of names.
    pub parameters: Option<Value>,
    /// What the app gets with it.
    pub data: Option<Value>,
    /// The caller's id of the message.
    pub message_id: Option<String>,
    /// The business that sends it.
    pub business: Option<String>,
}

impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canonical").field("origin", &self.origin).finish_non_exhaustive()
    }
}
