//! The yardstick: both bodies as trees of `serde_json::Value`, out of which the same fields are taken.

use crate::cases::Sent;
use pointsman_core::adapter::{Adapter, Condition, Items, OkWhen, Operation};
use pointsman_core::path::PathPattern;
use pointsman_core::source::SourceWire;
use serde_json::Value;

/// A field that is wanted, compiled.
struct Pull {
    form: Option<String>,
    json: Option<Vec<String>>,
    inner: Option<Vec<String>>,
    split: Option<char>,
}

/// What is wanted of a request and of its answer.
pub(crate) struct Yardstick {
    request: Vec<Pull>,
    answer: Vec<Pull>,
}

impl Yardstick {
    /// All that the vendor's adapter reads from the bodies of such an exchange.
    pub(crate) fn new(vendor: &str, sent: &Sent) -> Option<Self> {
        let adapter = Adapter::built_in(vendor)?.ok()?;
        let path = sent.lines.iter().find(|(name, _)| name == ":path").map(|(_, path)| path.split('?').next())??;
        let serves = |pattern: &String| PathPattern::parse(pattern).is_ok_and(|known| known.matches(path).is_some());
        let serving = || adapter.operation.iter().filter(|operation| operation.paths.iter().any(serves));
        let operation = serving().find(|operation| !operation.recipients.is_empty()).or(serving().next())?;
        Some(Self { request: of_request(operation), answer: of_answer(&adapter, operation) })
    }

    /// Reads both bodies and returns the bytes of all that was found.
    pub(crate) fn read(&self, request: &[u8], answer: &[u8]) -> usize {
        read(request, &self.request) + read(answer, &self.answer)
    }
}

fn of_request(operation: &Operation) -> Vec<Pull> {
    let conditions = operation.when.iter().chain(&operation.dry_run).chain(&operation.dedupe);
    let of_conditions = conditions.flat_map(|Condition { source, or, .. }| std::iter::once(source).chain(or));
    let fields = operation.message_id.iter().chain(&operation.recipients).chain(&operation.template);
    of_conditions.chain(fields).filter_map(Pull::new).collect()
}

fn of_answer(adapter: &Adapter, operation: &Operation) -> Vec<Pull> {
    let response = &adapter.response;
    let conditions = operation.ok_when.as_ref().unwrap_or(&response.ok_when);
    let of_conditions = conditions.iter().map(|OkWhen { source, .. }| source);
    let vendor_id = operation.vendor_id.as_ref().unwrap_or(&response.vendor_id);
    let items = operation.items.as_ref().unwrap_or(&response.items);
    let of_items = items.iter().flat_map(|Items { code, accepted, recipient, count, .. }| {
        [code, accepted, recipient, count].into_iter().flatten()
    });
    let hints = response.retry_after.iter().filter_map(|hint| hint.source.as_ref());
    let fields = response.code.iter().chain(&response.message).chain(vendor_id);
    of_conditions.chain(fields).chain(of_items).chain(hints).filter_map(Pull::new).collect()
}

impl Pull {
    /// What stands outside of the body is read by both in the same way.
    fn new(source: &SourceWire) -> Option<Self> {
        let tokens = |pointer: &String| pointer.split('/').skip(1).map(str::to_owned).collect();
        let in_body = source.query.is_none() && (source.form.is_some() || source.json.is_some());
        in_body.then(|| Self {
            form: source.form.clone(),
            json: source.json.as_ref().map(tokens),
            inner: source.inner.as_ref().map(tokens),
            split: source.split,
        })
    }

    fn take(&self, tree: &Value) -> usize {
        let mut bytes = 0;
        walk(tree, self.json.as_deref().unwrap_or_default(), &mut |text| {
            bytes += match &self.inner {
                None => self.value(text),
                Some(tokens) => match serde_json::from_str::<Value>(text) {
                    Ok(tree) => {
                        let mut inner = 0;
                        walk(&tree, tokens, &mut |text| inner += self.value(text));
                        inner
                    }
                    Err(_) => 0,
                },
            };
        });
        bytes
    }

    fn value(&self, text: &str) -> usize {
        match self.split {
            Some(separator) => text.split(separator).map(|part| std::hint::black_box(part.trim()).len()).sum(),
            None => std::hint::black_box(text).len(),
        }
    }
}

/// Reads one body into trees and takes what is wanted.
fn read(body: &[u8], wanted: &[Pull]) -> usize {
    if wanted.is_empty() {
        return 0;
    }
    if matches!(body.first(), Some(b'{' | b'[')) {
        let Ok(tree) = serde_json::from_slice::<Value>(body) else { return 0 };
        return wanted.iter().filter(|pull| pull.form.is_none()).map(|pull| pull.take(&tree)).sum();
    }
    let mut found = 0;
    for (name, value) in form_urlencoded::parse(body) {
        let of_field = || wanted.iter().filter(|pull| pull.form.as_deref() == Some(&*name));
        found += of_field().filter(|pull| pull.json.is_none()).map(|pull| pull.value(&value)).sum::<usize>();
        if of_field().any(|pull| pull.json.is_some()) {
            let Ok(tree) = serde_json::from_str::<Value>(&value) else { continue };
            found += of_field().filter(|pull| pull.json.is_some()).map(|pull| pull.take(&tree)).sum::<usize>();
        }
    }
    found
}

/// Goes along a pointer with `*` and `*#` in it.
fn walk(tree: &Value, tokens: &[String], found: &mut dyn FnMut(&str)) {
    let Some((token, rest)) = tokens.split_first() else {
        return match tree {
            Value::String(text) => found(text),
            // Numbers and booleans would have to be written as text again; the yardstick is spared that.
            Value::Number(_) | Value::Bool(_) => found("1"),
            _ => {}
        };
    };
    match (tree, token.as_str()) {
        (Value::Object(members), "*#") => members.keys().for_each(|key| found(key)),
        (Value::Object(members), "*") => members.values().for_each(|member| walk(member, rest, found)),
        (Value::Object(members), name) => members.get(name).into_iter().for_each(|member| walk(member, rest, found)),
        (Value::Array(elements), "*") => elements.iter().for_each(|element| walk(element, rest, found)),
        _ => {}
    }
}
