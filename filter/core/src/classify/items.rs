//! Results per recipient.

use super::rules::Rules;
use crate::adapter::Items;
use crate::json::At;
use crate::outcome::{OutcomeClass, Tally};
use crate::source::Cut;

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
    depth: u8,
    /// Whether an item counts as many times as it names recipients.
    names_recipients: bool,
    recipient: Cut,
}

/// What of a result is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemField {
    Code,
    Accepted,
    Recipient,
    Count,
}

/// One result, or several of one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    at: At,
    code: Option<Box<str>>,
    accepted: bool,
    recipients: u32,
    count: u32,
}

/// What a result means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'a> {
    pub(super) class: OutcomeClass,
    /// How many recipients have it.
    pub(super) count: u32,
    pub(super) code: Option<&'a str>,
}

impl ItemList {
    pub(super) fn new(items: &Items, rules: Rules, recipient: Cut) -> Self {
        let depth = |source: &Option<crate::source::SourceWire>| {
            let pointer = source.as_ref().map(|source| source.inner.as_ref().or(source.json.as_ref()));
            let pointer = pointer.flatten().map(String::as_str).unwrap_or_default();
            pointer.split('/').filter(|token| token.starts_with('*')).count()
        };
        let depth = if items.code.is_some() { depth(&items.code) } else { depth(&items.accepted) };
        Self {
            only_refused: items.only_refused,
            groups: items.groups,
            ok_codes: items.ok_codes.iter().map(|code| code.as_str().into()).collect(),
            rules,
            class: items.class,
            depth: u8::try_from(depth).unwrap_or(u8::MAX),
            names_recipients: items.recipient.is_some(),
            recipient,
        }
    }

    /// Notes something about the result at `at`. They come in order, so it is the last one or a new one.
    pub(super) fn note(&self, items: &mut Vec<Item>, at: At, field: ItemField, text: Option<&str>) {
        let at = match self.depth {
            0 => At::default(),
            1 => At { inner: None, ..at },
            _ => at,
        };
        if items.last().is_none_or(|item| item.at != at) {
            if items.len() >= MAX_ITEMS {
                return;
            }
            items.push(Item { at, code: None, accepted: false, recipients: 0, count: 0 });
        }
        let Some(item) = items.last_mut() else { return };
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
        let count = if self.names_recipients { item.recipients } else { 1 };
        Judged { class, count, code: item.code.as_deref() }
    }

    /// Recipients that are said to be refused without being listed.
    pub(super) fn unlisted(&self, items: &[Item]) -> (OutcomeClass, u32) {
        let count = items.iter().map(|item| item.count).max().unwrap_or(0);
        (self.class.unwrap_or(OutcomeClass::Unknown), count)
    }
}

/// Adds up results.
pub(super) fn tally(results: &[Judged<'_>]) -> Tally {
    let mut tally = Tally::default();
    for judged in results {
        tally.add(judged.class, judged.count);
    }
    tally
}
