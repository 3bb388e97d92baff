//! Results per recipient.

use super::recipients::{MAX_RESULTS, RecipientResult};
use super::rules::Rules;
use super::{Classifier, MAX_VALUE_BYTES};
use crate::adapter::Items;
use crate::extract::Sensitive;
use crate::json::At;
use crate::outcome::{OutcomeClass, Tally};
use crate::source::{Cut, Source, SourceWire};

/// More results than this in one answer are not told apart; the rest is `unknown`.
pub(super) const MAX_ITEMS: usize = 10_000;

/// One list of results, compiled.
#[derive(Clone, Debug)]
pub(super) struct ItemList {
    pub(super) only_refused: bool,
    /// Whether groups are listed and not recipients.
    pub(super) groups: bool,
    ok_codes: Vec<Box<str>>,
    rules: Rules,
    class: Option<OutcomeClass>,
    /// How many `*` tell one result from another.
    depth: usize,
    /// Whether an item counts as many times as it names recipients: where it is a list of them.
    counts_names: bool,
    in_order: bool,
    /// Whether one vendor's id is of several results, which stand below it.
    shares_id: bool,
    recipient: Cut,
    message_id: Cut,
    vendor_id: Cut,
}

/// What of a result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemField {
    Code,
    Accepted,
    /// Recipients that count.
    Recipient,
    Count,
    /// Whom a result is about.
    Name,
    MessageId,
    VendorId,
}

impl ItemField {
    /// Whether it tells more of a result without changing any.
    pub(super) const fn is_detail(self) -> bool {
        matches!(self, Self::Name | Self::MessageId | Self::VendorId)
    }
}

/// One result, or several of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    at: At,
    /// Whether more than details were found.
    is_result: bool,
    code: Option<Box<str>>,
    accepted: bool,
    recipients: u32,
    count: u32,
    about: Option<Box<About>>,
}

/// Whom and what a result is about, where somebody wants to know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct About {
    recipients: Vec<Sensitive>,
    message_id: Option<Box<str>>,
    vendor_id: Option<Box<str>>,
}

/// What a result means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'a> {
    pub(super) class: OutcomeClass,
    /// How many recipients have it.
    pub(super) count: u32,
    pub(super) code: Option<&'a str>,
    place: Option<u32>,
    about: Option<&'a About>,
}

impl ItemList {
    pub(super) fn new(items: &Items, rules: Rules) -> Self {
        let of_result = items.code.as_ref().or(items.accepted.as_ref());
        let depth = of_result.map_or(0, depth);
        let lists = |source: &SourceWire| of_result.is_none() || source.split.is_some() || self::depth(source) > depth;
        Self {
            only_refused: items.only_refused,
            groups: items.groups,
            ok_codes: items.ok_codes.iter().map(|code| code.as_str().into()).collect(),
            rules,
            class: items.class,
            depth,
            counts_names: items.recipient.as_ref().is_some_and(lists),
            in_order: items.in_order,
            shares_id: items.vendor_id.as_ref().is_some_and(|source| self::depth(source) < depth),
            recipient: cut(items.recipient.as_ref()),
            message_id: cut(items.message_id.as_ref()),
            vendor_id: cut(items.vendor_id.as_ref()),
        }
    }

    /// Whether it is one list, and not a list of lists.
    pub(super) const fn is_flat(&self) -> bool {
        self.depth == 1
    }

    /// What the recipients are for.
    pub(super) const fn recipient_field(&self) -> ItemField {
        if self.counts_names { ItemField::Recipient } else { ItemField::Name }
    }

    /// Notes something about the result at `at`. They come in order, so it is the last one or a new one.
    pub(super) fn note(&self, items: &mut Vec<Item>, at: At, field: ItemField, text: Option<&str>, detail: bool) {
        let at = match self.depth {
            0 => At::default(),
            1 => At { inner: None, ..at },
            _ => at,
        };
        if items.last().is_none_or(|item| item.at != at) {
            if items.len() >= MAX_ITEMS {
                return;
            }
            let above = items.last().filter(|item| self.shares_id && item.at.outer == at.outer);
            let shared = above.and_then(|item| item.about.as_ref()?.vendor_id.clone());
            let about = shared.map(|id| Box::new(About { vendor_id: Some(id), ..About::default() }));
            items.push(Item { at, is_result: false, code: None, accepted: false, recipients: 0, count: 0, about });
        }
        let keeps = detail && items.len() <= MAX_RESULTS;
        let Some(item) = items.last_mut() else { return };
        item.is_result |= !field.is_detail();
        match (field, text) {
            (ItemField::Code, Some(code)) => item.code = Some(code.into()),
            (ItemField::Accepted, _) => item.accepted = true,
            (ItemField::Recipient, Some(text)) => {
                let named = self.recipient.values(text).filter(|name| !name.is_empty()).count();
                item.recipients = item.recipients.saturating_add(u32::try_from(named).unwrap_or(u32::MAX));
            }
            (ItemField::Count, Some(count)) => item.count = count.parse().unwrap_or(0),
            _ => {}
        }
        if let (true, Some(text)) = (keeps, text) {
            self.note_about(item, field, text);
        }
    }

    fn note_about(&self, item: &mut Item, field: ItemField, text: &str) {
        let one = |cut: &Cut| {
            let value = cut.values(text).next().filter(|value| !value.is_empty() && value.len() <= MAX_VALUE_BYTES);
            value.map(Box::from)
        };
        if matches!(field, ItemField::Code | ItemField::Accepted | ItemField::Count) {
            return;
        }
        let about = item.about.get_or_insert_default();
        match field {
            ItemField::Recipient | ItemField::Name => {
                let names = &mut about.recipients;
                let room = MAX_RESULTS.saturating_sub(names.len());
                let new = self.recipient.values(text).filter(|name| !name.is_empty());
                names.extend(new.take(room).map(Sensitive::new));
            }
            ItemField::MessageId => about.message_id = one(&self.message_id),
            ItemField::VendorId => about.vendor_id = one(&self.vendor_id),
            ItemField::Code | ItemField::Accepted | ItemField::Count => {}
        }
    }

    /// What a result means. `of_call` are the classes of the call's own codes.
    pub(super) fn judge<'a>(&self, item: &'a Item, of_call: &Rules, status: u16) -> Judged<'a> {
        let class = match &item.code {
            Some(code) if self.ok_codes.iter().any(|ok| **ok == **code) => OutcomeClass::Ok,
            Some(code) => {
                let known = self.rules.class(code, None, status).or_else(|| of_call.class(code, None, status));
                known.or(self.class).unwrap_or(OutcomeClass::Unknown)
            }
            None if item.accepted => OutcomeClass::Ok,
            None => self.class.unwrap_or(OutcomeClass::Unknown),
        };
        Judged {
            class,
            count: if self.counts_names { item.recipients } else { 1 },
            code: item.code.as_deref(),
            place: item.at.outer.filter(|_| self.in_order),
            about: item.about.as_deref(),
        }
    }

    /// Recipients that are said to be refused without being listed.
    pub(super) fn unlisted(&self, items: &[Item]) -> (OutcomeClass, u32) {
        let count = items.iter().map(|item| item.count).max().unwrap_or(0);
        (self.class.unwrap_or(OutcomeClass::Unknown), count)
    }
}

impl Item {
    pub(super) const fn is_result(&self) -> bool {
        self.is_result
    }
}

impl Classifier {
    /// The results that say whom they mean.
    pub(super) fn told(&self, items: &[Judged<'_>]) -> Vec<RecipientResult> {
        let mut results = Vec::new();
        for item in items {
            let about = item.about;
            let one = |recipient: Option<&Sensitive>| RecipientResult {
                index: item.place,
                recipient: recipient.cloned(),
                message_id: about.and_then(|about| about.message_id.clone()),
                class: item.class,
                code: item.code.map(|code| self.shown(code)),
                vendor_id: about.and_then(|about| about.vendor_id.clone()),
            };
            let recipients = about.map(|about| about.recipients.as_slice()).unwrap_or_default();
            let room = MAX_RESULTS.saturating_sub(results.len());
            results.extend(recipients.iter().take(room).map(|recipient| one(Some(recipient))));
            let is_addressed = item.place.is_some() || about.is_some_and(|about| about.message_id.is_some());
            if room > 0 && recipients.is_empty() && is_addressed {
                results.push(one(None));
            }
        }
        results
    }
}

/// How many lists a source goes through.
pub(super) fn depth(source: &SourceWire) -> usize {
    let pointer = source.inner.as_ref().or(source.json.as_ref());
    let tokens = pointer.map_or("", String::as_str).split('/');
    tokens.filter(|token| token.starts_with('*')).count()
}

/// What of the text is the value; a source with a fault was reported.
fn cut(source: Option<&SourceWire>) -> Cut {
    source.and_then(|source| Source::of_response(source).ok()).map(|source| source.cut).unwrap_or_default()
}

/// Adds up results.
pub(super) fn tally(results: &[Judged<'_>]) -> Tally {
    let mut tally = Tally::default();
    for judged in results {
        tally.add(judged.class, judged.count);
    }
    tally
}
