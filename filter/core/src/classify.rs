//! Tells a vendor's real answer from its "200 OK".

use crate::headers::Headers;
use crate::json::{Pointers, Scan, Slot, Value};
use crate::outcome::{Fate, OutcomeClass, Tally};
use std::collections::HashMap;

mod codes;
mod compile;
mod status;

pub use codes::{CodeBook, CodeId};
pub use compile::ResponseFault;
pub use status::{InvalidStatus, StatusRange};

/// The body of a response, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Its beginning: the rest was not read because of the configured bound.
    Beginning(&'a [u8]),
    /// Not readable: compressed, or never asked for.
    Opaque,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The class of the call.
    pub call: OutcomeClass,
    /// The classes of its recipients.
    pub tally: Tally,
    /// What is known of the send.
    pub fate: Fate,
    /// The vendor's codes and how many recipients got each.
    pub codes: Vec<(CodeId, u32)>,
}

impl Verdict {
    /// All recipients in one class, with no word of the vendor.
    pub fn uniform(class: OutcomeClass, fate: Fate, recipients: u32) -> Self {
        Self { call: class, tally: Tally::uniform(class, recipients), fate, codes: Vec::new() }
    }
}

/// A compiled [`Response`](crate::adapter::Response).
#[derive(Clone, Debug)]
pub struct Classifier {
    ok_status: Vec<StatusRange>,
    statuses: Vec<(StatusRange, OutcomeClass)>,
    ok_codes: Vec<Box<str>>,
    code_optional: bool,
    item_ok_codes: Vec<Box<str>>,
    patterns: Vec<(Box<str>, Vec<String>, OutcomeClass)>,
    exact: HashMap<Box<str>, OutcomeClass>,
    families: Vec<(Box<str>, OutcomeClass)>,
    surely_not_sent: Vec<Box<str>>,
    conditions: Vec<Vec<String>>,
    header_wants: Vec<(Box<str>, Want)>,
    pointers: Pointers,
    wants: Vec<(Slot, Want)>,
    book: CodeBook,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Code(usize),
    Message,
    Condition(usize),
    ItemCode,
    ItemAccepted,
}

/// What the response said, before it is judged.
#[derive(Default)]
struct Findings {
    code: Option<(usize, String)>,
    message: Option<String>,
    conditions: Vec<usize>,
    items: Vec<Item>,
}

/// One recipient's result.
struct Item {
    element: u32,
    code: Option<String>,
    accepted: bool,
}

impl Findings {
    /// Notes something about the result of that element. They come in order, so it is the last one or a new one.
    fn item(&mut self, element: u32, note: impl FnOnce(&mut Item)) {
        match self.items.last_mut() {
            Some(item) if item.element == element => note(item),
            _ => {
                let mut item = Item { element, code: None, accepted: false };
                note(&mut item);
                self.items.push(item);
            }
        }
    }
}

impl Classifier {
    /// The codes that count under their own name.
    pub const fn code_book(&self) -> &CodeBook {
        &self.book
    }

    /// Whether the body says anything that counts.
    pub fn needs_body(&self) -> bool {
        !self.pointers.is_empty()
    }

    /// The headers that say something that counts.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        self.header_wants.iter().map(|(name, _)| &**name)
    }

    /// Whether a success says so in its body.
    fn body_proves_success(&self) -> bool {
        !self.ok_codes.is_empty() || !self.conditions.is_empty() || !self.item_ok_codes.is_empty()
    }

    /// Judges an answer to a call with `recipients` recipients: the verdict, and whether the body could be read as far as it
    /// counts.
    pub fn judge(&self, status: u16, headers: &Headers<'_>, body: Body<'_>, recipients: u32) -> (Verdict, bool) {
        let (findings, readable) = self.read(headers, body);
        (self.verdict(status, &findings, readable, recipients), readable)
    }

    fn verdict(&self, status: u16, findings: &Findings, readable: bool, recipients: u32) -> Verdict {
        let code = findings.code.as_ref().map(|(_, code)| code.as_str());
        let success = self.is_success(status, code, findings) && readable;
        let by_item = success && !self.item_ok_codes.is_empty();
        let tally = if by_item {
            self.judge_items(findings, recipients)
        } else {
            Tally::uniform(if success { OutcomeClass::Ok } else { self.refusal(status, code, findings) }, recipients)
        };
        let call = tally.call().unwrap_or(OutcomeClass::Unknown);
        let fate = self.fate(status, code, call);
        // A call that is refused as a whole speaks with one code, whatever stands in the results.
        let items = if by_item { findings.items.as_slice() } else { &[] };
        Verdict { call, codes: self.count_codes(status, code, items, recipients), tally, fate }
    }

    fn read(&self, headers: &Headers<'_>, body: Body<'_>) -> (Findings, bool) {
        let (findings, readable) = self.read_body(body);
        // What stands in half a body is not believed, not even a refusal.
        let mut findings = if readable { findings } else { Findings::default() };
        for (name, want) in &self.header_wants {
            if let Some(value) = headers.get_str(name) {
                self.note(*want, 0, value, true, &mut findings);
            }
        }
        (findings, readable)
    }

    fn read_body(&self, body: Body<'_>) -> (Findings, bool) {
        let mut findings = Findings::default();
        let (bytes, bounded) = match body {
            Body::Whole(bytes) => (bytes, false),
            Body::Beginning(bytes) => (bytes, true),
            Body::Opaque => return (findings, !self.needs_body()),
        };
        // Where a success has no body, as APNs', there is nothing to read; a page of HTML in its place is no success.
        if !self.needs_body() || (bytes.is_empty() && !self.body_proves_success()) {
            return (findings, true);
        }
        let scan = self.pointers.scan(bytes, &mut |slot, element, value: Value<'_>| {
            let present = value != Value::Null;
            let text = value.into_text().unwrap_or_default();
            for (_, want) in self.wants.iter().filter(|(known, _)| *known == slot) {
                self.note(*want, element, &text, present, &mut findings);
            }
        });
        (findings, scan == Scan::Complete || (bounded && scan == Scan::Cut))
    }

    fn note(&self, want: Want, element: u32, text: &str, present: bool, findings: &mut Findings) {
        match want {
            Want::Code(rank) => {
                let better = findings.code.as_ref().is_none_or(|(held, _)| rank < *held);
                if better && !text.is_empty() {
                    findings.code = Some((rank, text.to_owned()));
                }
            }
            Want::Message => {
                findings.message.get_or_insert_with(|| text.to_lowercase());
            }
            Want::Condition(index) => {
                let equals = self.conditions.get(index).map(Vec::as_slice).unwrap_or_default();
                if present && (equals.is_empty() || equals.iter().any(|wanted| wanted == text)) {
                    findings.conditions.push(index);
                }
            }
            Want::ItemCode => {
                if present {
                    findings.item(element, |item| item.code = Some(text.to_owned()));
                }
            }
            Want::ItemAccepted => findings.item(element, |item| item.accepted |= present),
        }
    }

    fn is_success(&self, status: u16, code: Option<&str>, findings: &Findings) -> bool {
        let code_says_yes = match code {
            Some(code) => self.ok_codes.iter().any(|ok| **ok == *code),
            None => self.code_optional,
        };
        let all_hold = (0..self.conditions.len()).all(|index| findings.conditions.contains(&index));
        self.ok_status.iter().any(|range| range.contains(status)) && code_says_yes && all_hold
    }

    fn judge_items(&self, findings: &Findings, recipients: u32) -> Tally {
        let mut tally = Tally::default();
        for item in &findings.items {
            let class = match &item.code {
                Some(code) if self.item_ok_codes.iter().any(|ok| **ok == **code) => OutcomeClass::Ok,
                Some(code) => self.class_of_code(code).unwrap_or(OutcomeClass::Unknown),
                None if item.accepted => OutcomeClass::Ok,
                None => OutcomeClass::Unknown,
            };
            tally.add(class, 1);
        }
        // Recipients of whom the answer does not speak were not said to be accepted.
        tally.add(OutcomeClass::Unknown, recipients.saturating_sub(tally.total()));
        tally
    }

    fn refusal(&self, status: u16, code: Option<&str>, findings: &Findings) -> OutcomeClass {
        let by_pattern = code.and_then(|code| self.class_of_pattern(code, findings.message.as_deref()));
        if let Some(class) = by_pattern.or_else(|| code.and_then(|code| self.class_of_code(code))) {
            return class;
        }
        let by_table = self.statuses.iter().find(|(range, _)| range.contains(status)).map(|(_, class)| *class);
        match (code, by_table.unwrap_or(OutcomeClass::of_status(status))) {
            // A status that promises success beside a body that does not is no success; and a code that nobody has
            // listed is a failure of its own, unless the server itself says that it is the server that fails.
            (_, OutcomeClass::Ok) => OutcomeClass::Unknown,
            (Some(_), _) if status < 500 => OutcomeClass::Unknown,
            (_, class) => class,
        }
    }

    fn class_of_pattern(&self, code: &str, message: Option<&str>) -> Option<OutcomeClass> {
        let message = message?;
        let fits = |(known, texts, _): &&(Box<str>, Vec<String>, OutcomeClass)| {
            **known == *code && texts.iter().any(|text| message.contains(text.as_str()))
        };
        self.patterns.iter().find(fits).map(|(_, _, class)| *class)
    }

    fn class_of_code(&self, code: &str) -> Option<OutcomeClass> {
        let family = || self.families.iter().find(|(family, _)| code.starts_with(&**family)).map(|(_, class)| *class);
        self.exact.get(code).copied().or_else(family)
    }

    fn fate(&self, status: u16, code: Option<&str>, call: OutcomeClass) -> Fate {
        let surely_not = code.is_some_and(|code| self.surely_not_sent.iter().any(|known| **known == *code));
        match call {
            OutcomeClass::Ok | OutcomeClass::Partial => Fate::Accepted,
            _ if surely_not => Fate::Rejected,
            // A duplicate was not sent again, but once it was: a replay elsewhere would double it.
            OutcomeClass::Unknown | OutcomeClass::Timeout | OutcomeClass::Duplicate => Fate::Unsure,
            _ if status >= 500 => Fate::Unsure,
            _ => Fate::Rejected,
        }
    }

    fn count_codes(&self, status: u16, code: Option<&str>, items: &[Item], recipients: u32) -> Vec<(CodeId, u32)> {
        let of_call = || code.map_or_else(|| self.book.of_status(status), |code| self.book.of_code(code));
        if items.is_empty() {
            return vec![(of_call(), recipients)];
        }
        let mut counts: Vec<(CodeId, u32)> = Vec::new();
        for item in items {
            let id = item.code.as_ref().map_or_else(of_call, |code| self.book.of_code(code));
            match counts.iter_mut().find(|(known, _)| *known == id) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => counts.push((id, 1)),
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
