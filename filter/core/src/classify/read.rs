//! What an answer says, before it is judged.

use super::items::{Item, ItemField};
use super::quota::{QuotaField, QuotaNumbers};
use super::{Answer, Body, Classifier, MAX_VALUE_BYTES, MAX_VENDOR_IDS};
use crate::json::{At, Scan, Value};
use crate::source::Cut;

/// A hint in a text stands in its beginning.
const MAX_TEXT_BYTES: usize = 1_024;

/// What a value of an answer is for.
#[derive(Clone, Debug)]
pub(super) enum Want {
    Code(usize),
    Message,
    Condition(usize),
    VendorId(Cut),
    Item(usize, ItemField),
    Hint(usize),
    Quota(QuotaField, usize),
}

impl Want {
    /// Whether it tells more of an answer without changing the verdict.
    pub(super) const fn is_detail(&self) -> bool {
        match self {
            Self::VendorId(_) | Self::Hint(_) => true,
            Self::Item(_, field) => field.is_detail(),
            _ => false,
        }
    }
}

/// What the response said, before it is judged.
#[derive(Default)]
pub(super) struct Findings {
    code: Option<(usize, String)>,
    /// In lower case.
    pub(super) message: Option<String>,
    pub(super) conditions: Vec<usize>,
    /// The conditions of which something was said.
    pub(super) present: Vec<usize>,
    /// Whether the body goes on beyond what was read.
    pub(super) cut: bool,
    pub(super) vendor_ids: Vec<String>,
    /// By list.
    pub(super) items: Vec<Vec<Item>>,
    /// By hint.
    pub(super) hints: Vec<(usize, String)>,
    pub(super) quota: QuotaNumbers,
}

impl Findings {
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_ref().map(|(_, code)| code.as_str())
    }

    fn vendor_id(&mut self, id: &str) {
        let is_one = !id.is_empty() && id.len() <= MAX_VALUE_BYTES;
        if is_one && self.vendor_ids.len() < MAX_VENDOR_IDS && self.vendor_ids.last().is_none_or(|last| *last != id) {
            self.vendor_ids.push(id.to_owned());
        }
    }
}

impl Classifier {
    /// Whether a success says so in its body.
    fn body_proves_success(&self) -> bool {
        !self.ok_codes.is_empty() || !self.conditions.is_empty() || self.items.iter().any(|list| !list.only_refused)
    }

    /// Reads an answer, and tells how far its body could be read.
    pub(super) fn read(&self, answer: &Answer<'_>) -> (Findings, Scan) {
        let (findings, scan) = self.read_body(answer.body, answer.detail);
        let readable = scan == Scan::Complete || findings.cut;
        // What stands in half a body is not believed, not even a refusal.
        let mut findings = if readable { findings } else { Findings::default() };
        for (name, want) in &self.head {
            if let Some(value) = answer.headers.get_str(name) {
                self.note(want, At::default(), Value::Text(value.into()), answer.detail, &mut findings);
            }
        }
        if let (true, Body::Whole(bytes)) = (answer.detail, answer.body) {
            let text = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
            findings
                .hints
                .extend(self.text_hints.iter().map(|hint| (*hint, String::from_utf8_lossy(text).into_owned())));
        }
        (findings, scan)
    }

    fn read_body(&self, body: Body<'_>, detail: bool) -> (Findings, Scan) {
        let mut findings = Findings::default();
        let (bytes, bounded) = match body {
            Body::Whole(bytes) => (bytes, false),
            Body::Beginning(bytes) => (bytes, true),
            Body::Opaque if self.needs_body() => return (findings, Scan::Malformed),
            Body::Opaque => return (findings, Scan::Complete),
        };
        // Where a success has no body, as APNs', there is nothing to read; a page of HTML in its place is no success.
        if !self.needs_body() || (bytes.is_empty() && !self.body_proves_success()) {
            return (findings, Scan::Complete);
        }
        findings.items = vec![Vec::new(); self.items.len()];
        let scan = self.body.read(bytes, !bounded, &mut |want, at, value| {
            if detail || !want.is_detail() {
                self.note(want, at, value, detail, &mut findings);
            }
        });
        findings.cut = bounded && scan == Scan::Cut;
        (findings, scan)
    }

    fn note(&self, want: &Want, at: At, value: Value<'_>, detail: bool, findings: &mut Findings) {
        let present = value != Value::Null;
        let text = value.into_text();
        let told = text.as_deref().filter(|text| !text.is_empty());
        match (want, told) {
            (Want::Code(rank), Some(text)) if findings.code.as_ref().is_none_or(|(held, _)| rank < held) => {
                findings.code = Some((*rank, text.to_owned()));
            }
            (Want::Message, Some(text)) => {
                findings.message.get_or_insert_with(|| text.to_lowercase());
            }
            (Want::Condition(index), _) => {
                let equals = self.conditions.get(*index).map(|known| known.equals.as_slice()).unwrap_or_default();
                let text = text.as_deref().unwrap_or_default();
                if present {
                    findings.present.push(*index);
                }
                if present && (equals.is_empty() || equals.iter().any(|wanted| wanted == text)) {
                    findings.conditions.push(*index);
                }
            }
            (Want::VendorId(cut), Some(text)) => cut.values(text).for_each(|id| findings.vendor_id(id)),
            (Want::Item(list, field), told) if present => {
                if let (Some(list), Some(items)) = (self.items.get(*list), findings.items.get_mut(*list)) {
                    list.note(items, at, *field, told, detail);
                }
            }
            (Want::Hint(index), Some(text)) => findings.hints.push((*index, text.to_owned())),
            (Want::Quota(field, rank), Some(text)) => findings.quota.note(*field, *rank, text),
            _ => {}
        }
    }
}
