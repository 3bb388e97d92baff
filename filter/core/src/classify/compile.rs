//! From the language of adapters to a [`Classifier`].

use super::hint::{Hint, HintKind};
use super::items::{ItemField, ItemList, depth};
use super::quota::QuotaField;
use super::rules::Rules;
use super::{Classifier, CodeBook, InvalidStatus, StatusRange, Want};
use crate::adapter::{Items, OkWhen, Operation, QuotaWire, Response, RetryAfter, RetryUnit, Rule};
use crate::document::Document;
use crate::few;
use crate::outcome::OutcomeClass;
use crate::source::{Cut, Place, Source, SourceFault, SourceWire};
use crate::time::parse_zone;

/// What is wrong with a [`Response`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResponseFault {
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceFault),
    /// A status.
    #[error(transparent)]
    Status(#[from] InvalidStatus),
    /// A list that does not say how a recipient's result is told.
    #[error("names neither `code`, `accepted` nor `recipient`, so that nothing tells one recipient's result")]
    EmptyItems,
    /// `items` does not go through a list.
    #[error("does not name one value of each recipient: a JSON pointer with `*` does")]
    ItemsWithoutEach,
    /// Results that are in no order of recipients.
    #[error("is for one list of a result for each recipient, in the order of the request")]
    NoOrder,
    /// A class that is no failure.
    #[error("lists codes of failure as `{0}`: what a success is stands in `ok_status`, `ok_codes` and `ok_when`")]
    NoFailure(&'static str),
    /// Too little to tell how much of a quota is used.
    #[error("tells no share of a quota: name sources of two of `limit`, `used` and `remaining`")]
    Quota,
    /// Not one kind of hint.
    #[error("is no hint: name one of `source`, `fixed` and `midnight`")]
    Hint,
    /// No time zone.
    #[error("{0:?} is no time zone: write its offset, such as \"+08:00\"")]
    Zone(String),
}

type Faults = Vec<(String, ResponseFault)>;

impl Classifier {
    /// Compiles `response`, with what `operation` has in place of its own. An operation that is no send may also do without
    /// a code. Every fault is reported, with the path of the field below `response`.
    pub fn new(response: &Response, operation: Option<&Operation>) -> Result<Self, Faults> {
        let mut response = response.clone();
        let mut code_optional = response.ok_codes.is_empty();
        if let Some(operation) = operation {
            code_optional |= operation.kind != crate::adapter::OperationKind::Send;
            replace(&mut response.ok_status, operation.ok_status.as_ref());
            replace(&mut response.ok_when, operation.ok_when.as_ref());
            replace(&mut response.items, operation.items.as_ref());
            replace(&mut response.vendor_id, operation.vendor_id.as_ref());
        }
        let mut faults = Vec::new();
        let mut this = Self { code_optional, ..Self::empty(&response) };
        this.read_statuses(&response, &mut faults);
        check_classes(&response, &mut faults);
        this.rules = rules(&response.rule, response.rules(), "rule", &mut faults);
        let lists = [("code", &response.code), ("message", &response.message), ("vendor_id", &response.vendor_id)];
        for (name, sources) in lists {
            for (rank, source) in sources.iter().enumerate() {
                let want = |cut| match name {
                    "code" => Want::Code(rank),
                    "message" => Want::Message,
                    _ => Want::VendorId(cut),
                };
                this.want(source, want, format!("{name}[{rank}]"), &mut faults);
            }
        }
        for (index, OkWhen { source, equals, or_absent, codes }) in response.ok_when.iter().enumerate() {
            this.conditions.push(super::OkCondition {
                equals: equals.clone(),
                or_absent: *or_absent,
                codes: boxed(codes),
            });
            this.want(source, |_| Want::Condition(index), format!("ok_when[{index}].source"), &mut faults);
        }
        for (index, items) in response.items.iter().enumerate() {
            this.want_items(index, items, &mut faults);
        }
        this.want_hints(&response.retry_after, &mut faults);
        if let Some(quota) = &response.quota {
            this.want_quota(quota, &mut faults);
        }
        if faults.is_empty() { Ok(this) } else { Err(faults) }
    }

    /// Judges by status alone.
    pub fn by_status() -> Self {
        Self::empty(&Response::default())
    }

    fn empty(response: &Response) -> Self {
        Self {
            ok_status: vec![StatusRange::SUCCESS],
            statuses: Vec::new(),
            ok_codes: boxed(&response.ok_codes),
            partial_codes: boxed(&response.partial_codes),
            code_optional: true,
            rules: Rules::default(),
            busy: boxed(&response.busy),
            surely_not_sent: boxed(&response.surely_not_sent),
            conditions: Vec::new(),
            items: Vec::new(),
            hints: Vec::new(),
            text_hints: Vec::new(),
            head: Vec::new(),
            body: Document::default(),
            book: CodeBook::new(response),
        }
    }

    fn read_statuses(&mut self, response: &Response, faults: &mut Faults) {
        if !response.ok_status.is_empty() {
            self.ok_status = ranges(&response.ok_status, "ok_status", faults);
        }
        for (text, class) in &response.status {
            match StatusRange::parse(text) {
                Ok(range) => self.statuses.push((range, *class)),
                Err(fault) => faults.push((format!("status.{text}"), fault.into())),
            }
        }
        // A single status speaks before its hundred.
        few::sort(&mut self.statuses, |(one, _), (other, _)| one.width().cmp(&other.width()));
    }

    fn want_items(&mut self, index: usize, items: &Items, faults: &mut Faults) {
        let at = format!("items[{index}]");
        if items.code.is_none() && items.accepted.is_none() && items.recipient.is_none() {
            faults.push((at, ResponseFault::EmptyItems));
            return;
        }
        let of_list = rules(&items.rule, items.rule.iter().cloned(), &format!("{at}.rule"), faults);
        let list = ItemList::new(items, of_list);
        let named = [
            (ItemField::Code, "code", &items.code),
            (ItemField::Accepted, "accepted", &items.accepted),
            (list.recipient_field(), "recipient", &items.recipient),
            (ItemField::Count, "count", &items.count),
            (ItemField::MessageId, "message_id", &items.message_id),
            (ItemField::VendorId, "vendor_id", &items.vendor_id),
        ];
        if items.in_order && (items.only_refused || !list.is_flat()) {
            faults.push((format!("{at}.in_order"), ResponseFault::NoOrder));
        }
        self.items.push(list);
        for (field, name, source) in named {
            let Some(source) = source else { continue };
            if !items.only_refused && depth(source) == 0 {
                faults.push((format!("{at}.{name}"), ResponseFault::ItemsWithoutEach));
            }
            self.want(source, |_| Want::Item(index, field), format!("{at}.{name}"), faults);
        }
    }

    fn want_hints(&mut self, hints: &[RetryAfter], faults: &mut Faults) {
        // RFC 9110, section 10.2.3: any server may send it.
        let header = RetryAfter {
            source: Some(SourceWire { header: Some("retry-after".to_owned()), ..SourceWire::default() }),
            ..RetryAfter::default()
        };
        for (index, hint) in std::iter::once(&header).chain(hints).enumerate() {
            let at = format!("retry_after[{}]", index.saturating_sub(1));
            let kind = match hint_kind(hint) {
                Ok(kind) => kind,
                Err(fault) => {
                    faults.push((at, fault));
                    continue;
                }
            };
            let number = self.hints.len();
            let status = ranges(&hint.status, &format!("{at}.status"), faults);
            self.hints.push(Hint { kind, classes: hint.classes.clone(), codes: boxed(&hint.codes), status });
            if let Some(source) = &hint.source {
                self.want(source, |_| Want::Hint(number), format!("{at}.source"), faults);
            }
        }
    }

    fn want_quota(&mut self, quota: &QuotaWire, faults: &mut Faults) {
        let fields = [
            (QuotaField::Limit, "limit", &quota.limit),
            (QuotaField::Used, "used", &quota.used),
            (QuotaField::Remaining, "remaining", &quota.remaining),
        ];
        if fields.iter().filter(|(_, _, sources)| !sources.is_empty()).count() < 2 {
            faults.push(("quota".to_owned(), ResponseFault::Quota));
        }
        for (field, name, sources) in fields {
            for (rank, source) in sources.iter().enumerate() {
                self.want(source, |_| Want::Quota(field, rank), format!("quota.{name}[{rank}]"), faults);
            }
        }
    }

    fn want(&mut self, source: &SourceWire, want: impl FnOnce(Cut) -> Want, path: String, faults: &mut Faults) {
        match Source::of_response(source) {
            Ok(Source { place: Place::Header(name), cut, .. }) => self.head.push((name, want(cut))),
            Ok(Source { place: Place::Text, cut, .. }) => match want(cut) {
                Want::Hint(index) => self.text_hints.push(index),
                _ => faults.push((path, SourceFault::TextOutsideHint.into())),
            },
            Ok(Source { place, cut, .. }) => self.body.add(&place, want(cut)),
            Err(fault) => faults.push((path, fault.into())),
        }
    }
}

/// Compiles `all`, of which `written` are those with a path to report.
fn rules(written: &[Rule], all: impl Iterator<Item = Rule>, at: &str, faults: &mut Faults) -> Rules {
    for (index, rule) in written.iter().enumerate() {
        ranges(&rule.status, &format!("{at}[{index}].status"), faults);
    }
    Rules::new(&all.collect::<Vec<_>>())
}

fn replace<T: Clone>(own: &mut Vec<T>, other: Option<&Vec<T>>) {
    if let Some(other) = other {
        own.clone_from(other);
    }
}

fn check_classes(response: &Response, faults: &mut Faults) {
    let of_rules = response.rule.iter().enumerate().map(|(index, rule)| (format!("rule[{index}].class"), rule.class));
    let of_short = response.class.keys().map(|class| (format!("class.{}", class.as_str()), *class));
    for (path, class) in of_rules.chain(of_short) {
        if matches!(class, OutcomeClass::Ok | OutcomeClass::Partial) {
            faults.push((path, ResponseFault::NoFailure(class.as_str())));
        }
    }
}

fn hint_kind(hint: &RetryAfter) -> Result<HintKind, ResponseFault> {
    match (&hint.source, hint.fixed, &hint.midnight) {
        (Some(source), None, None) => Ok(HintKind::Told {
            unit_ms: if hint.unit == RetryUnit::Milliseconds { 1 } else { 1_000 },
            epoch: hint.unit == RetryUnit::Epoch,
            after: hint.after.as_deref().map(Into::into),
            cut: Source::of_response(source)?.cut,
        }),
        (None, Some(fixed), None) => Ok(HintKind::Fixed(fixed.0)),
        (None, None, Some(zone)) => {
            parse_zone(zone).map(HintKind::Midnight).ok_or_else(|| ResponseFault::Zone(zone.clone()))
        }
        _ => Err(ResponseFault::Hint),
    }
}

fn ranges(texts: &[String], path: &str, faults: &mut Faults) -> Vec<StatusRange> {
    let mut ranges = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match StatusRange::parse(text) {
            Ok(range) => ranges.push(range),
            Err(fault) => faults.push((format!("{path}[{index}]"), fault.into())),
        }
    }
    ranges
}

fn boxed(texts: &[String]) -> Vec<Box<str>> {
    texts.iter().map(|text| text.as_str().into()).collect()
}
