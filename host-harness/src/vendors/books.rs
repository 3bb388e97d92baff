//! What all vendors together have accepted: by this it is told whether a message was lost or sent twice.

use std::collections::BTreeMap;

use super::api::Delivery;
use super::ledger::Sends;

/// How often each message was accepted for each recipient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books(BTreeMap<(String, String), Book>);

/// One message for one recipient, by the vendors that have accepted it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book(BTreeMap<&'static str, Sends>);

impl Books {
    pub(super) fn of(vendors: impl Iterator<Item = (&'static str, BTreeMap<Delivery, Sends>)>) -> Self {
        let mut books = Self::default();
        for (vendor, sends) in vendors {
            for (delivery, sends) in sends {
                let book = books.0.entry((delivery.message_id, delivery.recipient)).or_default();
                book.0.insert(vendor, sends);
            }
        }
        books
    }

    /// The account of one message for one recipient; an empty one if no vendor has accepted it.
    pub fn of_message(&self, message_id: &str, recipient: &str) -> Book {
        self.0.get(&(message_id.to_owned(), recipient.to_owned())).cloned().unwrap_or_default()
    }

    /// Message id, recipient and account, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Book)> {
        self.0.iter().map(|((message_id, recipient), book)| (message_id.as_str(), recipient.as_str(), book))
    }

    /// Those of some messages, each with its recipient, that no vendor has accepted.
    pub fn lost<'a>(&self, sent: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
        sent.filter(|(message_id, recipient)| self.of_message(message_id, recipient).accepted() == 0).collect()
    }

    /// Message id and recipient of what was accepted more than once, by one vendor or by several.
    pub fn doubled(&self) -> Vec<(&str, &str)> {
        self.iter().filter(|(.., book)| book.accepted() > 1).map(|(message_id, to, _)| (message_id, to)).collect()
    }

    /// Message id and recipient of what its recipient has seen more than once.
    pub fn seen_twice(&self) -> Vec<(&str, &str)> {
        self.iter().filter(|(.., book)| book.seen() > 1).map(|(message_id, to, _)| (message_id, to)).collect()
    }
}

impl Book {
    /// How often all vendors together have accepted it.
    pub fn accepted(&self) -> u64 {
        self.0.values().map(|sends| sends.accepted).sum()
    }

    /// How often its recipient has seen it.
    pub fn seen(&self) -> u64 {
        self.0.values().map(|sends| sends.seen).sum()
    }

    /// What one vendor has accepted of it.
    pub fn by(&self, vendor: &str) -> Sends {
        self.0.get(vendor).copied().unwrap_or_default()
    }
}
