//! Receipts: what a vendor posts to the push service about messages that it took.

use crate::adapter::{self, RecipientKind};
use crate::extract::{Rank, Sensitive};
use crate::few;
use crate::json::At;
use crate::lifecycle::{Lifecycle, Status};
use crate::time::{WallClock, parse_stamp};
use std::collections::{BTreeMap, HashMap};

/// More reports of one receipt are not kept; those that there are count.
pub const MAX_REPORTS: usize = 1_000;
/// More values of one receipt are not looked at.
const MAX_VALUES: usize = 8_000;
/// An id or a word longer than this is not one.
const MAX_VALUE_BYTES: usize = 1_024;

/// What a receipt tells of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptField {
    /// The vendor's id of the message.
    VendorId,
    /// Whom it went to.
    Recipient,
    /// The country calling code of a phone number that has none.
    Country,
    /// The vendor's word for what became of it.
    Status,
    /// When that has happened.
    Time,
}

/// What one receipt has told so far.
#[derive(Clone, Debug, Default)]
pub struct Told {
    values: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Value {
    field: ReceiptField,
    rank: Rank,
    at: At,
    text: Sensitive,
}

impl Told {
    pub(crate) fn note(&mut self, field: ReceiptField, rank: Rank, at: At, text: &str) {
        if !text.is_empty() && text.len() <= MAX_VALUE_BYTES && self.values.len() < MAX_VALUES {
            self.values.push(Value { field, rank, at, text: Sensitive::new(text) });
        }
    }

    /// The reports, in the order of the receipt, each with its own values; and the values outside the list.
    fn reports(&self) -> (Vec<Vec<&Value>>, Vec<&Value>) {
        let mut reports: BTreeMap<u32, Vec<&Value>> = BTreeMap::new();
        let mut outside = Vec::new();
        for value in &self.values {
            match value.at.outer {
                Some(index) => reports.entry(index).or_default().push(value),
                None => outside.push(value),
            }
        }
        if reports.is_empty() && !outside.is_empty() {
            return (vec![Vec::new()], outside);
        }
        (reports.into_values().collect(), outside)
    }
}

/// The values of one field that hold for a report: its `own`, else those `outside` the list; of those only the ones of the
/// best source.
fn of<'a>(field: ReceiptField, own: &[&'a Value], outside: &[&'a Value]) -> Vec<&'a Sensitive> {
    let best = |values: &[&Value]| values.iter().filter(|value| value.field == field).map(|value| value.rank).min();
    let (values, rank) = match best(own) {
        Some(rank) => (own, Some(rank)),
        None => (outside, best(outside)),
    };
    let holds = |value: &&&Value| value.field == field && Some(value.rank) == rank;
    values.iter().filter(holds).map(|value| &value.text).collect()
}

/// One message's status, as a receipt reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// The vendor's id of the message.
    pub vendor_id: Option<String>,
    /// Whom it went to.
    pub recipient: Option<Sensitive>,
    /// What became of it.
    pub status: Status,
    /// When that has happened, by the vendor's clock, if the vendor says so.
    pub at: Option<WallClock>,
}

/// A compiled [`adapter::Receipt`], without the sources, which are part of its route's reader.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What its recipients are.
    pub recipient_kind: RecipientKind,
    /// Bits of the conditions of which any makes it unreadable.
    pub(crate) opaque: u32,
    has_words: bool,
    words: HashMap<Box<str>, Status>,
    families: Vec<(Box<str>, Status)>,
    ignored: Vec<Box<str>>,
    otherwise: Option<Status>,
    /// Of times that name no zone, in seconds ahead of UTC.
    offset_s: i64,
}

impl Receipt {
    /// What an unknown status would say is nothing: validation reports it. `offset_s` is what `time_zone` stands for.
    pub(crate) fn new(wire: &adapter::Receipt, opaque: u32, offset_s: i64, lifecycle: &Lifecycle) -> Self {
        let mut this = Self {
            recipient_kind: wire.recipient_kind,
            opaque,
            has_words: !wire.status.is_empty(),
            words: HashMap::new(),
            families: Vec::new(),
            ignored: wire.ignored.iter().map(|word| word.to_lowercase().into()).collect(),
            otherwise: wire.otherwise.as_deref().and_then(|name| lifecycle.by_name(name)),
            offset_s,
        };
        for (name, words) in &wire.words {
            let Some(status) = lifecycle.by_name(name) else { continue };
            for word in words {
                let word = word.to_lowercase();
                match word.strip_suffix('*') {
                    Some(family) => this.families.push((family.into(), status)),
                    None => drop(this.words.insert(word.into(), status)),
                }
            }
        }
        few::sort(&mut this.families, |(one, _), (other, _)| other.len().cmp(&one.len()));
        this
    }

    /// The statuses that a receipt reports: one per recipient, or one per report that names none.
    pub fn statuses(&self, told: &Told) -> Vec<Reported> {
        let mut statuses = Vec::new();
        let (reports, outside) = told.reports();
        for own in reports {
            let word = of(ReceiptField::Status, &own, &outside).first().map(|word| word.expose());
            let Some(status) = self.status(word) else { continue };
            let vendor_id = of(ReceiptField::VendorId, &own, &outside).first().map(|id| id.expose().to_owned());
            let recipients = of(ReceiptField::Recipient, &own, &outside);
            let country = of(ReceiptField::Country, &own, &outside).first().map(|code| code.expose());
            let times = of(ReceiptField::Time, &own, &outside);
            let at = times.first().and_then(|text| parse_stamp(text.expose(), self.offset_s));
            let report = |recipient| Reported { vendor_id: vendor_id.clone(), recipient, status, at };
            if recipients.is_empty() {
                statuses.push(report(None));
            }
            let whole = |recipient: &Sensitive| match country {
                Some(code) if !recipient.expose().starts_with('+') => {
                    Sensitive::new(&format!("+{}{}", code.trim_start_matches('+'), recipient.expose()))
                }
                _ => recipient.clone(),
            };
            statuses.extend(recipients.into_iter().map(|recipient| report(Some(whole(recipient)))));
            if statuses.len() >= MAX_REPORTS {
                break;
            }
        }
        statuses.truncate(MAX_REPORTS);
        statuses
    }

    /// What a word means. Where words are told, a report without one says nothing.
    fn status(&self, word: Option<&str>) -> Option<Status> {
        let Some(word) = word else { return self.otherwise.filter(|_| !self.has_words) };
        let word = word.trim().to_lowercase();
        if self.ignored.iter().any(|ignored| **ignored == *word) {
            return None;
        }
        let family = || self.families.iter().find(|(family, _)| word.starts_with(&**family)).map(|(_, status)| *status);
        self.words.get(word.as_str()).copied().or_else(family).or(self.otherwise)
    }
}
