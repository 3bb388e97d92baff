//! From the language of adapters to a [`Classifier`].

use super::{Classifier, CodeBook, InvalidStatus, StatusRange, Want};
use crate::adapter::{Condition, Items, Response};
use crate::json::Pointers;
use crate::outcome::OutcomeClass;
use crate::source::{Place, Source, SourceFault, SourceWire};
use std::collections::HashMap;

/// What is wrong with a [`Response`].
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResponseFault {
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceFault),
    /// A status.
    #[error(transparent)]
    Status(#[from] InvalidStatus),
    /// `items` does not go through one array.
    #[error("does not name one value of each recipient: a JSON pointer with one `*` does")]
    ItemsWithoutEach,
    /// Code and sign of acceptance are in different arrays.
    #[error("is in another array than `items.code`: both must be of one recipient")]
    ItemsApart,
    /// A class that is no failure.
    #[error("lists codes of failure as `{0}`: what a success is stands in `ok_status`, `ok_codes` and `ok_when`")]
    NoFailure(&'static str),
}

impl Classifier {
    /// Compiles `response`, with `items` of the operation in place of its own where given. `code_optional` lets an answer
    /// without a code be a success. Every fault is reported, with the path of the field below `response`.
    pub fn new(
        response: &Response,
        items: Option<&Items>,
        code_optional: bool,
    ) -> Result<Self, Vec<(String, ResponseFault)>> {
        let mut faults = Vec::new();
        let items = items.or(response.items.as_ref());
        let mut this =
            Self { code_optional: code_optional || response.ok_codes.is_empty(), ..Self::empty(response, items) };
        this.read_statuses(response, &mut faults);
        this.read_codes(response, &mut faults);
        for (rank, source) in response.code.iter().enumerate() {
            this.want(Source::of_response(source), Want::Code(rank), format!("code[{rank}]"), &mut faults);
        }
        for (index, source) in response.message.iter().enumerate() {
            this.want(Source::of_response(source), Want::Message, format!("message[{index}]"), &mut faults);
        }
        for (index, Condition { source, equals }) in response.ok_when.iter().enumerate() {
            this.conditions.push(equals.clone());
            let path = format!("ok_when[{index}].source");
            this.want(Source::of_response(source), Want::Condition(index), path, &mut faults);
        }
        if let Some(items) = items {
            let code = this.want_item(&items.code, Want::ItemCode, "items.code", &mut faults);
            if let Some(accepted) = &items.accepted {
                let path = "items.accepted";
                let array = this.want_item(accepted, Want::ItemAccepted, path, &mut faults);
                if array != code {
                    faults.push((path.to_owned(), ResponseFault::ItemsApart));
                }
            }
        }
        if faults.is_empty() { Ok(this) } else { Err(faults) }
    }

    /// Judges by status alone.
    pub fn by_status() -> Self {
        Self::empty(&Response::default(), None)
    }

    fn empty(response: &Response, items: Option<&Items>) -> Self {
        Self {
            ok_status: vec![StatusRange::SUCCESS],
            statuses: Vec::new(),
            ok_codes: boxed(&response.ok_codes),
            code_optional: true,
            item_ok_codes: items.map(|items| boxed(&items.ok_codes)).unwrap_or_default(),
            patterns: Vec::new(),
            exact: HashMap::new(),
            families: Vec::new(),
            surely_not_sent: boxed(&response.surely_not_sent),
            conditions: Vec::new(),
            header_wants: Vec::new(),
            pointers: Pointers::default(),
            wants: Vec::new(),
            book: CodeBook::new(response, items),
        }
    }

    fn read_statuses(&mut self, response: &Response, faults: &mut Vec<(String, ResponseFault)>) {
        if !response.ok_status.is_empty() {
            self.ok_status.clear();
        }
        for (index, text) in response.ok_status.iter().enumerate() {
            match StatusRange::parse(text) {
                Ok(range) => self.ok_status.push(range),
                Err(fault) => faults.push((format!("ok_status[{index}]"), fault.into())),
            }
        }
        for (text, class) in &response.status {
            match StatusRange::parse(text) {
                Ok(range) => self.statuses.push((range, *class)),
                Err(fault) => faults.push((format!("status.{text}"), fault.into())),
            }
        }
        // A single status speaks before its hundred.
        self.statuses.sort_by_key(|(range, _)| range.width());
    }

    fn read_codes(&mut self, response: &Response, faults: &mut Vec<(String, ResponseFault)>) {
        let mut must_fail = |class: OutcomeClass, path: String| {
            if matches!(class, OutcomeClass::Ok | OutcomeClass::Partial) {
                faults.push((path, ResponseFault::NoFailure(class.as_str())));
            }
        };
        for (index, pattern) in response.pattern.iter().enumerate() {
            must_fail(pattern.class, format!("pattern[{index}].class"));
        }
        for (class, codes) in &response.class {
            must_fail(*class, format!("class.{}", class.as_str()));
            for code in codes {
                match code.strip_suffix('*') {
                    Some(family) => self.families.push((family.into(), *class)),
                    None => {
                        self.exact.insert(code.as_str().into(), *class);
                    }
                }
            }
        }
        self.families.sort_by_key(|(family, _)| std::cmp::Reverse(family.len()));
        for pattern in &response.pattern {
            let texts = pattern.message_contains.iter().map(|text| text.to_lowercase()).collect();
            self.patterns.push((pattern.code.as_str().into(), texts, pattern.class));
        }
    }

    /// Wants a value of each element of an array, whose pointer it returns.
    fn want_item(
        &mut self,
        wire: &SourceWire,
        want: Want,
        path: &str,
        faults: &mut Vec<(String, ResponseFault)>,
    ) -> Option<String> {
        self.want(Source::of_response(wire), want, path.to_owned(), faults);
        let tokens: Vec<&str> = wire.json.as_deref().unwrap_or_default().split('/').collect();
        let mut stars = tokens.iter().enumerate().filter(|(_, token)| **token == "*").map(|(at, _)| at);
        match (stars.next(), stars.next()) {
            (Some(at), None) => Some(tokens.get(..at).unwrap_or_default().join("/")),
            _ => {
                faults.push((path.to_owned(), ResponseFault::ItemsWithoutEach));
                None
            }
        }
    }

    fn want(
        &mut self,
        source: Result<Source, SourceFault>,
        want: Want,
        path: String,
        faults: &mut Vec<(String, ResponseFault)>,
    ) {
        match source.map(|source| source.place) {
            Ok(Place::Json(pointer)) => {
                if let Ok(slot) = self.pointers.add(&pointer) {
                    self.wants.push((slot, want));
                }
            }
            Ok(Place::Header(name)) => self.header_wants.push((name, want)),
            Ok(_) => faults.push((path, SourceFault::NotInResponse.into())),
            Err(fault) => faults.push((path, fault.into())),
        }
    }
}

fn boxed(texts: &[String]) -> Vec<Box<str>> {
    texts.iter().map(|text| text.as_str().into()).collect()
}
