//! What each built-in adapter knows of its vendor, as a table for people.

use pointsman_core::adapter::{Adapter, Condition, Items, Operation, OperationKind, RetryAfter};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_core::source::SourceWire;
use pointsman_core::time::format_duration;
use serde_json::Value;
use thiserror::Error;

const HEAD: &str = "\
| adapter | vendor | sends | partial success | retry hints | receipts | de-duplication | also |
|---|---|---|---|---|---|---|---|
";
/// Behind what `confirmed = false` marks.
const DOUBT: &str = " (?)";
const NOTHING: &str = "–";

/// Why an adapter cannot be shown.
#[derive(Debug, Error)]
pub enum CatalogueError {
    /// None has that name.
    #[error("there is no adapter `{name}`; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// The document that is built in is broken.
    #[error("the adapter `{name}` cannot be read")]
    Broken {
        /// Its name.
        name: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The document of an adapter, to which a channel's `overrides` are made.
///
/// # Errors
/// [`CatalogueError`] if there is none of that name.
pub fn document(name: &str) -> Result<String, CatalogueError> {
    let unknown = || {
        let known = Adapter::names().collect::<Vec<_>>().join(", ");
        CatalogueError::Unknown { name: name.to_owned(), known }
    };
    let document = Adapter::document(name).ok_or_else(unknown)?;
    let pretty = serde_json::from_str(document).and_then(|adapter: Value| serde_json::to_string_pretty(&adapter));
    let pretty = pretty.map_err(|source| CatalogueError::Broken { name: name.to_owned(), source })?;
    Ok(format!("{pretty}\n"))
}

/// One row per adapter, in Markdown.
///
/// # Errors
/// [`CatalogueError::Broken`], which no adapter is that has passed the tests.
pub fn table() -> Result<String, CatalogueError> {
    let mut text = HEAD.to_owned();
    for name in Adapter::names() {
        if let Some(adapter) = Adapter::built_in(name) {
            let adapter = adapter.map_err(|source| CatalogueError::Broken { name: name.to_owned(), source })?;
            text += &row(&adapter);
        }
    }
    Ok(text)
}

fn row(adapter: &Adapter) -> String {
    let cells = [
        format!("`{}`", adapter.name),
        adapter.title.clone(),
        sends(adapter),
        partial_success(adapter),
        retry_hints(adapter),
        receipts(adapter),
        de_duplication(adapter),
        other_operations(adapter),
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn of_kind(adapter: &Adapter, kind: OperationKind) -> impl Iterator<Item = &Operation> {
    adapter.operation.iter().filter(move |operation| operation.kind == kind)
}

/// What stands in a cell: each thing once, with a mark if nothing of it is confirmed.
#[derive(Default)]
struct Cell(Vec<(String, bool)>);

impl Cell {
    fn add(&mut self, text: impl Into<String>, confirmed: bool) {
        let text = text.into();
        match self.0.iter_mut().find(|(known, _)| *known == text) {
            Some((_, sure)) => *sure |= confirmed,
            None => self.0.push((text, confirmed)),
        }
    }

    fn render(&self) -> String {
        let marked = |(text, sure): &(String, bool)| format!("{text}{}", if *sure { "" } else { DOUBT });
        let things: Vec<String> = self.0.iter().map(marked).collect();
        if things.is_empty() { NOTHING.to_owned() } else { things.join(", ") }
    }
}

/// A word of a cell, and when it stands there.
type Word<T> = (&'static str, fn(&T) -> bool);

/// How many a send may go to. In the order of the cell.
const REACHES: [Word<Operation>; 4] = [
    ("one", |send| !send.recipients.is_empty() && !send.recipients.iter().any(names_several)),
    ("list", |send| send.recipients.iter().any(names_several) && !is_batch(send)),
    ("batch", is_batch),
    ("broadcast", |send| send.recipients.is_empty()),
];

/// Several messages, each with an id of its own.
fn is_batch(send: &Operation) -> bool {
    send.message_id.iter().any(names_several)
}

fn names_several(source: &SourceWire) -> bool {
    let pointers = [&source.json, &source.inner, &source.xml];
    let each = |pointer: &String| pointer.split('/').any(|token| token.starts_with('*'));
    source.split.is_some() || pointers.into_iter().flatten().any(each)
}

fn sends(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    for (name, reaches) in REACHES {
        for send in of_kind(adapter, OperationKind::Send).filter(|send| reaches(send)) {
            cell.add(name, send.confirmed);
        }
    }
    cell.render()
}

/// What a list of results tells. In the order of the cell.
const TELLS: [Word<Items>; 4] = [
    ("each", |items| !items.only_refused && !items.groups),
    ("refused", |items| items.only_refused && !items.groups),
    ("number", |items| items.count.is_some()),
    ("groups", |items| items.groups),
];

fn partial_success(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    for (name, tells) in TELLS {
        for send in of_kind(adapter, OperationKind::Send) {
            for items in send.items.as_ref().unwrap_or(&adapter.response.items).iter().filter(|items| tells(items)) {
                cell.add(name, items.confirmed);
            }
        }
    }
    cell.render()
}

fn retry_hints(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    for hint in &adapter.response.retry_after {
        cell.add(format!("{}{}", wait(hint), occasion(hint)), hint.confirmed);
    }
    cell.render()
}

fn wait(hint: &RetryAfter) -> String {
    match (&hint.source, hint.fixed, &hint.midnight, &hint.after) {
        (_, _, _, Some(words)) => format!("text “{} …”", words.trim()),
        (_, Some(fixed), _, _) => format_duration(fixed.0),
        (_, _, Some(zone), _) => format!("midnight {zone}"),
        (Some(SourceWire { header: Some(name), .. }), ..) => format!("header `{name}`"),
        (Some(SourceWire { json: Some(pointer), .. }), ..) => format!("body `{pointer}`"),
        _ => String::new(),
    }
}

/// Where a hint does not need to name its occasion it stands with the answer itself.
fn occasion(hint: &RetryAfter) -> String {
    let classes = hint.classes.iter().map(|class| class.as_str().to_owned());
    let occasions: Vec<String> = classes.chain(hint.status.iter().cloned()).chain(hint.codes.iter().cloned()).collect();
    match occasions.as_slice() {
        _ if hint.source.is_some() => String::new(),
        [] => String::new(),
        [one] => format!(" on {one}"),
        [first, ..] => format!(" on {first} …"),
    }
}

fn receipts(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    let lifecycle = Lifecycle::builtin();
    for name in lifecycle.all().map(|status| lifecycle.name(status)) {
        for receipt in &adapter.receipt {
            if receipt.words.contains_key(name) || receipt.otherwise.as_deref() == Some(name) {
                cell.add(name, receipt.confirmed);
            }
        }
    }
    for receipt in adapter.receipt.iter().filter(|receipt| !receipt.opaque.is_empty()) {
        cell.add("opaque if encrypted", receipt.confirmed);
    }
    cell.render()
}

fn de_duplication(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    for send in of_kind(adapter, OperationKind::Send) {
        for Condition { source, or, .. } in &send.dedupe {
            for key in std::iter::once(source).chain(or).filter_map(key) {
                cell.add(key, send.confirmed);
            }
        }
    }
    cell.render()
}

/// The field in which a key stands, or the map whose keys they are.
fn key(source: &SourceWire) -> Option<String> {
    let pointers = || [&source.inner, &source.json, &source.xml].into_iter().flatten();
    let in_text = pointers().find_map(|pointer| last_name(pointer));
    let name = in_text.or(source.header.as_deref()).or(source.form.as_deref()).or(source.query.as_deref())?;
    let are_keys = pointers().any(|pointer| pointer.ends_with("*#"));
    Some(if are_keys { format!("keys of `{name}`") } else { format!("`{name}`") })
}

fn last_name(pointer: &str) -> Option<&str> {
    pointer.split('/').rfind(|token| !token.is_empty() && !token.starts_with('*'))
}

fn other_operations(adapter: &Adapter) -> String {
    let mut cell = Cell::default();
    let kinds = [
        (OperationKind::DryRun, "dry run"),
        (OperationKind::Token, "token"),
        (OperationKind::Query, "query"),
        (OperationKind::Upload, "upload"),
        (OperationKind::Other, "other"),
    ];
    for (kind, name) in kinds {
        for operation in of_kind(adapter, kind) {
            cell.add(name, operation.confirmed);
        }
        let checks = of_kind(adapter, OperationKind::Send).filter(|send| !send.dry_run.is_empty());
        for send in checks.filter(|_| kind == OperationKind::DryRun) {
            cell.add(name, send.confirmed);
        }
    }
    cell.render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn adapter(operations: Value, response: Value, receipts: Value) -> Adapter {
        let document = json!({
            "name": "x", "title": "X", "hosts": [], "operation": operations, "response": response, "receipt": receipts,
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_row_tells_what_an_adapter_knows() {
        let known = adapter(
            json!([
                {"paths": ["/one"], "recipients": [{"json": "/to"}], "dedupe": [{"source": {"form": "m", "json": "/n/id"}}]},
                {"paths": ["/list"], "recipients": [{"form": "to", "split": "|"}], "dry_run": [{"source": {"query": "t"}}]},
                {"paths": ["/batch"], "message_id": [{"json": "/l/*#"}], "dedupe": [{"source": {"json": "/l/*#"}}],
                    "recipients": [{"json": "/l/*/to"}], "items": [{"code": {"json": "/*/code"}}]},
                {"paths": ["/all"], "confirmed": false},
                {"kind": "token", "paths": ["/token"]},
            ]),
            json!({
                "items": [{"only_refused": true, "recipient": {"json": "/bad/*"}, "count": {"json": "/n"}, "confirmed": false}],
                "retry_after": [
                    {"source": {"header": "x-reset"}, "classes": ["rate_limited"]},
                    {"fixed": "1m", "status": ["429"]},
                    {"midnight": "+08:00", "codes": ["1", "2"]},
                    {"source": {"json": "/message"}, "after": "again after "},
                ],
            }),
            json!([{"words": {"read": ["r"], "sending": ["s"]}, "opaque": [{"source": {"query": "aes"}}]}]),
        );
        let expected = "| `x` | X | one, list, batch, broadcast (?) | each, refused (?), number (?) \
            | header `x-reset`, 1m on 429, midnight +08:00 on 1 …, text “again after …” \
            | sending, read, opaque if encrypted | `id`, keys of `l` | dry run, token |\n";
        assert_eq!(row(&known), expected);
    }

    #[test]
    fn what_an_adapter_does_not_know_is_a_dash() {
        let known = adapter(json!([{"paths": ["/"], "recipients": [{"header": "to"}]}]), json!({}), json!([]));
        assert_eq!(row(&known), "| `x` | X | one | – | – | – | – | – |\n");
    }

    #[test]
    fn documents_are_those_of_the_filter() {
        let shown: Value = serde_json::from_str(&document("apns").unwrap()).unwrap();
        assert_eq!(shown["name"], "apns");
        assert!(document("apsn").unwrap_err().to_string().contains("there are apns, "));
    }
}
