//! Tells a vendor's real answer from its "200 OK".

use crate::document::Document;
use crate::headers::Headers;
use crate::json::Scan;
use crate::outcome::{Fate, OutcomeClass, Tally};
use crate::time::{WallClock, http_date};
use std::time::Duration;

mod codes;
mod compile;
mod hint;
mod items;
mod quota;
mod read;
mod recipients;
mod rules;
mod status;

pub use codes::{CodeBook, CodeId};
pub use compile::ResponseFault;
use hint::Hint;
pub use hint::MAX_RETRY_AFTER;
use items::{ItemList, Judged};
pub use quota::PerMille;
use read::{Findings, Want};
pub use recipients::{MAX_RESULTS, RecipientResult, ToRecipient, of_recipients};
use rules::Rules;
pub use status::{InvalidStatus, StatusRange};

/// More ids of one answer are not kept.
pub const MAX_VENDOR_IDS: usize = 1_000;
/// An id or code longer than this is not one.
const MAX_VALUE_BYTES: usize = 256;
/// A code that no adapter lists is shown if it is a word no longer than this: what a vendor sends in its place may name
/// anything and anybody.
const MAX_SHOWN_CODE_BYTES: usize = 63;
/// With digits among the letters.
const MAX_SHOWN_MIXED_BYTES: usize = 24;
/// Digits alone.
const MAX_SHOWN_NUMBER_BYTES: usize = 9;

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
    /// The code that speaks for the call, or the status in its place; none if nobody answered, or nobody asked.
    pub code: Option<Box<str>>,
    /// The vendor's own ids of what was sent, in the order of the answer.
    pub vendor_ids: Vec<String>,
    /// What the answer says of single recipients, whom it names or lists in the order of the request; at most
    /// [`MAX_RESULTS`], and only with [`Answer::detail`].
    pub results: Vec<RecipientResult>,
    /// When to try again, where the vendor has said so.
    pub retry_after: Option<Duration>,
    /// How much of the day's quota is used up, where the vendor has said so.
    pub quota: Option<PerMille>,
}

impl Verdict {
    /// All recipients in one class, with no word of the vendor.
    pub fn uniform(class: OutcomeClass, fate: Fate, recipients: u32) -> Self {
        Self {
            call: class,
            tally: Tally::uniform(class, recipients),
            fate,
            codes: Vec::new(),
            code: None,
            vendor_ids: Vec::new(),
            results: Vec::new(),
            retry_after: None,
            quota: None,
        }
    }
}

/// An answer that is to be judged.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// At least those of [`Classifier::header_names`].
    pub headers: &'a Headers<'a>,
    /// The body.
    pub body: Body<'a>,
    /// How many recipients the call names; 0 if it does not say.
    pub recipients: u32,
    /// Whether anybody wants to know the code, the ids, the results and the hint: most pushes are only counted.
    pub detail: bool,
}

/// A compiled [`Response`](crate::adapter::Response).
#[derive(Clone, Debug)]
pub struct Classifier {
    ok_status: Vec<StatusRange>,
    statuses: Vec<(StatusRange, OutcomeClass)>,
    ok_codes: Vec<Box<str>>,
    partial_codes: Vec<Box<str>>,
    code_optional: bool,
    rules: Rules,
    busy: Vec<Box<str>>,
    surely_not_sent: Vec<Box<str>>,
    conditions: Vec<OkCondition>,
    items: Vec<ItemList>,
    hints: Vec<Hint>,
    /// Those of them that stand in the body as a text.
    text_hints: Vec<usize>,
    head: Vec<(Box<str>, Want)>,
    body: Document<Want>,
    book: CodeBook,
}

#[derive(Clone, Debug)]
struct OkCondition {
    equals: Vec<String>,
    or_absent: bool,
    codes: Vec<Box<str>>,
}

/// What became of each recipient.
struct Results<'a> {
    tally: Tally,
    /// The results that decided.
    items: Vec<Judged<'a>>,
}

impl Classifier {
    /// The codes that count under their own name.
    pub const fn code_book(&self) -> &CodeBook {
        &self.book
    }

    /// Whether the body says anything that counts.
    pub fn needs_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// The headers that say something that counts; with `detail`, those too that only tell more of it.
    pub fn header_names(&self, detail: bool) -> impl Iterator<Item = &str> {
        let named = self.head.iter().filter(move |(_, want)| detail || !want.is_detail()).map(|(name, _)| &**name);
        named.chain(detail.then_some("date"))
    }

    /// The class that a failed answer has by its status, the vendor's code and its message.
    pub fn class_of_failure(&self, status: u16, code: Option<&str>, message: Option<&str>) -> OutcomeClass {
        let message = message.map(str::to_lowercase);
        self.refusal(status, code, message.as_deref())
    }

    /// Judges an answer: the verdict, and how far its body could be read. `now` is asked for only where
    /// a hint is an instant and the answer has no `Date`.
    pub fn judge(&self, answer: &Answer<'_>, now: &mut dyn FnMut() -> WallClock) -> (Verdict, Scan) {
        let (findings, scan) = self.read(answer);
        let readable = scan == Scan::Complete || findings.cut;
        let mut verdict = self.verdict(answer, &findings, readable);
        if !answer.detail {
            return (verdict, scan);
        }
        if !matches!(verdict.call, OutcomeClass::Ok | OutcomeClass::Partial) {
            let dated = answer.headers.get_str("date").and_then(http_date);
            let mut now = || dated.unwrap_or_else(&mut *now);
            verdict.retry_after = self.retry_after(verdict.call, answer.status, &findings, &mut now);
        }
        // What a redirection names is no message.
        if !(300..400).contains(&answer.status) {
            verdict.vendor_ids = findings.vendor_ids;
        }
        (verdict, scan)
    }

    fn retry_after(
        &self,
        class: OutcomeClass,
        status: u16,
        findings: &Findings,
        now: &mut dyn FnMut() -> WallClock,
    ) -> Option<Duration> {
        let told = |index| findings.hints.iter().find(|(known, _)| *known == index).map(|(_, text)| text.as_str());
        let hints = self.hints.iter().enumerate().filter(|(_, hint)| hint.applies(class, findings.code(), status));
        hints.filter_map(|(index, hint)| hint.wait(told(index), now)).next()
    }

    fn verdict(&self, answer: &Answer<'_>, findings: &Findings, readable: bool) -> Verdict {
        let Answer { status, recipients, detail, .. } = *answer;
        let code = findings.code();
        let Results { tally, items } = self.results(status, findings, readable, recipients);
        let call = match tally.call().unwrap_or(OutcomeClass::Unknown) {
            OutcomeClass::Ok if self.refuses_group(status, findings) => OutcomeClass::Partial,
            call => call,
        };
        let of_items = || {
            let first = items.iter().find(|item| item.class != OutcomeClass::Ok).or(items.first());
            first.and_then(|item| item.code)
        };
        let text = || code.or_else(of_items).map_or_else(|| status.to_string().into(), |code| self.shown(code));
        Verdict {
            fate: self.fate(status, code, call),
            codes: self.count_codes(status, code, &items, tally.total()),
            code: detail.then(text),
            call,
            tally,
            vendor_ids: Vec::new(),
            results: if detail { self.told(&items) } else { Vec::new() },
            retry_after: None,
            quota: findings.quota.ratio(),
        }
    }

    /// A code as it may be shown: long numbers and long words with digits in them are phones and tokens.
    fn shown(&self, code: &str) -> Box<str> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':');
        let has_digit = code.bytes().any(|byte| byte.is_ascii_digit());
        let is_number = code.bytes().all(|byte| byte.is_ascii_digit());
        let longest = match (is_number, has_digit) {
            (true, _) => MAX_SHOWN_NUMBER_BYTES,
            (false, true) => MAX_SHOWN_MIXED_BYTES,
            (false, false) => MAX_SHOWN_CODE_BYTES,
        };
        let short = code.len() <= longest && code.bytes().all(is_word);
        if short || self.book.of_code(code) != CodeId::OTHER { code.into() } else { "other".into() }
    }

    /// The results of the lists that speak of every recipient, or of those that only name the refused.
    fn judge_items<'a>(&self, status: u16, findings: &'a Findings, only_refused: bool) -> Vec<Judged<'a>> {
        self.judged(status, findings, |list| !list.groups && list.only_refused == only_refused).collect()
    }

    fn refuses_group(&self, status: u16, findings: &Findings) -> bool {
        self.judged(status, findings, |list| list.groups).any(|item| item.count > 0)
    }

    fn judged<'a>(
        &self,
        status: u16,
        findings: &'a Findings,
        of: impl Fn(&ItemList) -> bool,
    ) -> impl Iterator<Item = Judged<'a>> {
        let lists = self.items.iter().zip(&findings.items).filter(move |(list, _)| of(list));
        let results =
            lists.flat_map(|(list, items)| items.iter().filter(|item| item.is_result()).map(move |item| (list, item)));
        results.map(move |(list, item)| list.judge(item, &self.rules, status))
    }

    fn results<'a>(&self, status: u16, findings: &'a Findings, readable: bool, recipients: u32) -> Results<'a> {
        let status_ok = readable && self.ok_status.iter().any(|range| range.contains(status));
        let success = status_ok && self.says_success(findings);
        let is_partial = findings.code().is_some_and(|code| self.partial_codes.iter().any(|known| **known == *code));
        let partial = status_ok && is_partial;
        if (success || partial) && self.items.iter().any(|list| !list.only_refused) {
            let items = self.judge_items(status, findings, false);
            let mut tally = items::tally(&items);
            // Recipients of whom the answer does not speak were not said to be accepted.
            tally.add(OutcomeClass::Unknown, recipients.max(1).saturating_sub(tally.total()));
            return Results { tally, items };
        }
        // A call that is refused as a whole speaks with one code, except of those whom it names.
        let items = if status_ok { self.judge_items(status, findings, true) } else { Vec::new() };
        let mut tally = items::tally(&items);
        if tally.total() == 0 && status_ok {
            let mut unlisted = self.items.iter().zip(&findings.items).map(|(list, items)| list.unlisted(items));
            if let Some((class, count)) = unlisted.find(|(_, count)| *count > 0) {
                // No vendor can refuse more than were asked for.
                tally.add(class, count.min(recipients.max(1)));
            }
        }
        let refused = tally.total();
        let accepted = success || (partial && refused > 0);
        let rest = match recipients {
            // Where the request names nobody, a list of refusals speaks of some; one that names accepted ones too, of all.
            0 if refused > 0 => u32::from(accepted && tally.iter().all(|(class, _)| class != OutcomeClass::Ok)),
            recipients => recipients.max(1).saturating_sub(refused),
        };
        let of_rest = match accepted {
            true => OutcomeClass::Ok,
            false => self.refusal(status, findings.code(), findings.message.as_deref()),
        };
        // Further refusals may stand in what was not read, and a list that names accepted ones speaks of everybody.
        let names_refused = self.items.iter().any(|list| list.only_refused && !list.groups);
        let names_accepted = tally.iter().any(|(class, _)| class == OutcomeClass::Ok);
        let unsaid = (findings.cut && names_refused) || names_accepted;
        let of_rest = if accepted && unsaid { OutcomeClass::Unknown } else { of_rest };
        tally.add(of_rest, rest);
        Results { tally, items }
    }

    fn says_success(&self, findings: &Findings) -> bool {
        let code = findings.code();
        let code_says_yes = match code {
            Some(code) => self.ok_codes.iter().any(|ok| **ok == *code),
            None => self.code_optional,
        };
        let asked = |condition: &OkCondition| {
            condition.codes.is_empty() || code.is_some_and(|code| condition.codes.iter().any(|known| **known == *code))
        };
        let holds = |(index, condition): (usize, &OkCondition)| {
            let absent = || condition.or_absent && !findings.present.contains(&index);
            !asked(condition) || findings.conditions.contains(&index) || absent()
        };
        code_says_yes && self.conditions.iter().enumerate().all(holds)
    }

    fn refusal(&self, status: u16, code: Option<&str>, message: Option<&str>) -> OutcomeClass {
        if let Some(class) = code.and_then(|code| self.rules.class(code, message, status)) {
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

    fn fate(&self, status: u16, code: Option<&str>, call: OutcomeClass) -> Fate {
        let lists = |codes: &[Box<str>]| code.is_some_and(|code| codes.iter().any(|known| **known == *code));
        match call {
            OutcomeClass::Ok | OutcomeClass::Partial => Fate::Accepted,
            _ if lists(&self.surely_not_sent) => Fate::Rejected,
            // A duplicate was not sent again, but once it was: a replay elsewhere would double it.
            OutcomeClass::Unknown | OutcomeClass::Timeout | OutcomeClass::Duplicate => Fate::Unsure,
            _ if status >= 500 => Fate::Unsure,
            // Whoever tells of an error of its own may have had it after the send, unless it blames the request.
            OutcomeClass::VendorUnavailable if status < 400 && !lists(&self.busy) => Fate::Unsure,
            _ => Fate::Rejected,
        }
    }

    fn count_codes(
        &self,
        status: u16,
        code: Option<&str>,
        items: &[Judged<'_>],
        recipients: u32,
    ) -> Vec<(CodeId, u32)> {
        let of_call = code.map_or_else(|| self.book.of_status(status), |code| self.book.of_code(code));
        let mut counts: Vec<(CodeId, u32)> = Vec::new();
        let mut add = |id: CodeId, count: u32| match counts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, total)) => *total = total.saturating_add(count),
            None => counts.push((id, count)),
        };
        let mut left = recipients;
        for item in items {
            left = left.saturating_sub(item.count);
            add(item.code.map_or(of_call, |code| self.book.of_code(code)), item.count);
        }
        if left > 0 && (items.is_empty() || self.items.iter().any(|list| list.only_refused)) {
            add(of_call, left);
        }
        counts.retain(|(_, count)| *count > 0);
        counts
    }
}

#[cfg(test)]
mod tests;
