//! From the language of adapters to a [`Classifier`].

use super::{Classifier, CodeBook, InvalidStatus, StatusRange, Want};
use crate::adapter::{Condition, Items, Response};
use crate::json::Pointers;
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
    /// `items` does not go through an array.
    #[error("names one value, but results per recipient need a JSON pointer with `*`")]
    ItemsWithoutEach,
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
        this.read_codes(response);
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
            this.want_item(&items.code, Want::ItemCode, "items.code", &mut faults);
            if let Some(accepted) = &items.accepted {
                this.want_item(accepted, Want::ItemAccepted, "items.accepted", &mut faults);
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

    fn read_codes(&mut self, response: &Response) {
        for (class, codes) in &response.class {
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

    fn want_item(&mut self, wire: &SourceWire, want: Want, path: &str, faults: &mut Vec<(String, ResponseFault)>) {
        if wire.json.as_ref().is_none_or(|pointer| !pointer.split('/').any(|token| token == "*")) {
            faults.push((path.to_owned(), ResponseFault::ItemsWithoutEach));
        }
        self.want(Source::of_response(wire), want, path.to_owned(), faults);
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
