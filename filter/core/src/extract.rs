//! Reads what a request says about its message: ids, recipients, template, business, priority.
//!
//! A [`Reader`] is compiled once per route from every source that the route names, so that the head and the body are
//! each gone through once, whatever the number of sources.

use crate::hash::hash;
use crate::json::At;
use crate::receipt::{ReceiptField, Told};
use crate::source::Cut;
use crate::time::WallClock;
use std::fmt;

mod reader;

pub use reader::{JointReader, Reader, ReaderBuilder};

/// More ids than this in one call are not kept; a batch of more is still counted by its recipients.
pub const MAX_MESSAGE_IDS: usize = 1_000;
/// More recipients than this are counted but not kept.
pub const MAX_RECIPIENTS_KEPT: usize = 1_000;
/// An id, template, tenant or business longer than this is not one.
pub const MAX_VALUE_BYTES: usize = 256;

/// What a source may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The id of a message.
    MessageId,
    /// A recipient: device token, openid, phone.
    Recipient,
    /// The vendor's or the platform's template id.
    Template,
    /// The business that sends.
    Business,
    /// A number; higher is more important.
    Priority,
    /// Whose message it is, where one platform serves several.
    Tenant,
    /// When the message was submitted: Unix seconds or milliseconds.
    SubmittedAt,
    /// Sets the bit of a condition if it holds.
    Condition(u8),
    /// Says, if it holds, that the vendor removes repeats.
    Dedupe,
    /// What tells one credential of a channel from another. Only a hash of it is kept.
    Credential,
    /// A part of a receipt.
    Receipt(ReceiptField),
}

/// A value that names a person or a device. It can be hashed but not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Sensitive(String);

impl Sensitive {
    /// Guards a value.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value, for the keyed hash and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(..)")
    }
}

/// What a request has told so far.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The ids of the messages in this call: one, or several of a batch.
    pub message_ids: Vec<String>,
    /// How many recipients the call names; 0 if it does not say.
    pub recipients: u32,
    /// The recipients themselves, only where somebody asked for them.
    pub recipients_kept: Vec<Sensitive>,
    /// Template id.
    pub template: Option<String>,
    /// Business as the request names it.
    pub business: Option<String>,
    /// Priority.
    pub priority: Option<u8>,
    /// Tenant.
    pub tenant: Option<String>,
    /// When the message was submitted.
    pub submitted_at: Option<WallClock>,
    /// A hash of the credential, where the config tells them apart.
    pub credential: Option<u64>,
    /// One bit per condition of the route that holds.
    pub conditions: u32,
    /// Whether the body was not read to its end.
    pub(crate) is_cut: bool,
    /// Whether an id stands in a list, so that more may follow.
    pub(crate) ids_are_listed: bool,
    /// Whether the whole call carries a key by which the vendor removes repeats.
    dedupe_whole: bool,
    /// How many elements of a batch carry one of their own, and which was the last.
    dedupe_each: u32,
    dedupe_last: Option<u32>,
    /// What the request tells as a receipt.
    pub receipt: Told,
    ranks: Ranks,
}

/// Which of several sources of one field counts: the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// What the config says goes before what an adapter says.
    whose: Whose,
    /// A trace cannot wait for the body when the head has told as good an id.
    in_body: bool,
    /// The order of writing.
    added: u16,
}

/// Who named a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Whose {
    #[default]
    Config,
    Adapter,
}

/// The rank of the source that told each field; one of a lesser rank takes its place.
#[derive(Clone, Debug, Default)]
struct Ranks {
    message_id: Option<Rank>,
    recipient: Option<Rank>,
    template: Option<Rank>,
    business: Option<Rank>,
    priority: Option<Rank>,
    tenant: Option<Rank>,
    submitted_at: Option<Rank>,
}

impl Facts {
    /// Recipients of the call: at least one, since somebody is meant even where the request does not say who.
    pub fn messages(&self) -> u32 {
        self.recipients.max(1)
    }

    /// Whether the vendor itself removes repeats of this call: of all of it, not only of some of its messages.
    pub fn dedupes(&self) -> bool {
        self.dedupe_whole || (!self.is_cut && self.dedupe_each > 0 && self.dedupe_each >= self.recipients)
    }

    fn tell(&mut self, want: &Want, at: At, text: &str, keep_recipients: bool) {
        self.ids_are_listed |= want.field == Field::MessageId && at.outer.is_some();
        for value in want.cut.values(text) {
            match want.field {
                Field::Condition(bit) if want.holds(value) => {
                    self.conditions |= 1_u32.checked_shl(bit.into()).unwrap_or(0);
                }
                Field::Dedupe if want.holds(value) => match at.outer {
                    None => self.dedupe_whole = true,
                    outer if outer == self.dedupe_last => {}
                    outer => {
                        self.dedupe_last = outer;
                        self.dedupe_each = self.dedupe_each.saturating_add(1);
                    }
                },
                Field::Credential if !value.is_empty() => {
                    self.credential.get_or_insert_with(|| hash(&[value.as_bytes()]));
                }
                Field::Condition(_) | Field::Dedupe | Field::Credential => {}
                Field::Receipt(field) => self.receipt.note(field, want.rank, at, value),
                _ => self.tell_one(want, value, keep_recipients),
            }
        }
    }

    fn tell_one(&mut self, want: &Want, text: &str, keep_recipients: bool) {
        if text.is_empty() || (text.len() > MAX_VALUE_BYTES && want.field != Field::Recipient) {
            return;
        }
        // What cannot be read says nothing, and leaves the word to the next source.
        let unreadable = match want.field {
            Field::Priority => text.parse::<u8>().is_err(),
            Field::SubmittedAt => WallClock::from_unix(text).is_none(),
            _ => false,
        };
        if unreadable {
            return;
        }
        let Some(better) = self.claim(want) else { return };
        match want.field {
            Field::MessageId => {
                if better {
                    self.message_ids.clear();
                }
                let known = self.message_ids.last().is_some_and(|last| *last == text);
                if !known && self.message_ids.len() < MAX_MESSAGE_IDS {
                    self.message_ids.push(text.to_owned());
                }
            }
            Field::Recipient => {
                if better {
                    self.recipients = 0;
                    self.recipients_kept.clear();
                }
                self.recipients = self.recipients.saturating_add(1);
                if keep_recipients && self.recipients_kept.len() < MAX_RECIPIENTS_KEPT {
                    self.recipients_kept.push(Sensitive(text.to_owned()));
                }
            }
            Field::Template => self.template = Some(text.to_owned()),
            Field::Business => self.business = Some(text.to_owned()),
            Field::Priority => self.priority = text.parse().ok(),
            Field::Tenant => self.tenant = Some(text.to_owned()),
            Field::SubmittedAt => self.submitted_at = WallClock::from_unix(text),
            Field::Condition(_) | Field::Dedupe | Field::Credential | Field::Receipt(_) => {}
        }
    }

    /// Whether this source may speak for its field: `Some(true)` if it takes the place of another, `None` if not.
    fn claim(&mut self, want: &Want) -> Option<bool> {
        let (held, several) = match want.field {
            Field::MessageId => (&mut self.ranks.message_id, true),
            Field::Recipient => (&mut self.ranks.recipient, true),
            Field::Template => (&mut self.ranks.template, false),
            Field::Business => (&mut self.ranks.business, false),
            Field::Priority => (&mut self.ranks.priority, false),
            Field::Tenant => (&mut self.ranks.tenant, false),
            Field::SubmittedAt => (&mut self.ranks.submitted_at, false),
            Field::Condition(_) | Field::Dedupe | Field::Credential | Field::Receipt(_) => return None,
        };
        match *held {
            Some(rank) if rank < want.rank => None,
            Some(rank) if rank == want.rank => several.then_some(false),
            _ => {
                *held = Some(want.rank);
                Some(true)
            }
        }
    }
}

/// One thing to look for.
#[derive(Clone, Debug)]
struct Want {
    field: Field,
    rank: Rank,
    cut: Cut,
    equals: Vec<Box<str>>,
}

impl Want {
    /// Whether a condition holds by `text`: an empty one says nothing, unless that is what is asked for.
    fn holds(&self, text: &str) -> bool {
        if self.equals.is_empty() { !text.is_empty() } else { self.equals.iter().any(|wanted| **wanted == *text) }
    }
}

#[cfg(test)]
mod tests;
