//! The vendor codes that are counted under their own name.

use crate::adapter::Response;
use crate::few;

/// Statuses that stand for themselves where the vendor gives no code. Any other would let a vendor make series at will.
const PLAIN_STATUSES: [u16; 16] = [200, 201, 202, 204, 400, 401, 403, 404, 405, 410, 413, 429, 500, 502, 503, 504];

/// A code of a [`CodeBook`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId(u16);

impl CodeId {
    /// Any code that is not listed.
    pub const OTHER: Self = Self(0);
}

/// Every code that the adapter lists, and [`CodeId::OTHER`]: the bound on the values of the label `code`.
#[derive(Clone, Debug)]
pub struct CodeBook {
    labels: Vec<Box<str>>,
}

impl CodeBook {
    /// The codes of `response` and of its results per recipient.
    pub fn new(response: &Response) -> Self {
        let of_call = response.ok_codes.iter().chain(&response.partial_codes).cloned();
        let of_rules = response.rules().flat_map(|rule| rule.codes);
        let of_items = response.items.iter().flat_map(|items| {
            items.ok_codes.iter().chain(items.rule.iter().flat_map(|rule| &rule.codes)).cloned().collect::<Vec<_>>()
        });
        let listed = of_call.chain(of_rules).chain(of_items).filter(|code| !code.ends_with('*'));
        let mut labels: Vec<Box<str>> =
            listed.chain(PLAIN_STATUSES.iter().map(u16::to_string)).map(String::into_boxed_str).collect();
        few::sort(&mut labels, Ord::cmp);
        labels.dedup();
        labels.insert(0, "other".into());
        Self { labels }
    }

    /// The listed code, or [`CodeId::OTHER`].
    pub fn of_code(&self, code: &str) -> CodeId {
        let listed = self.labels.get(1..).unwrap_or_default();
        let found = listed.binary_search_by(|known| (**known).cmp(code)).ok();
        found.and_then(|at| u16::try_from(at.saturating_add(1)).ok()).map_or(CodeId::OTHER, CodeId)
    }

    /// The status in place of a code.
    pub fn of_status(&self, status: u16) -> CodeId {
        if PLAIN_STATUSES.contains(&status) { self.of_code(&status.to_string()) } else { CodeId::OTHER }
    }

    /// The value of the label `code`.
    pub fn label(&self, id: CodeId) -> &str {
        self.labels.get(usize::from(id.0)).map_or("other", |label| label)
    }

    /// How many values the label can take.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never: `other` is always there.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}
