//! Every row of the vendors' tables of codes against the adapters, and the other way round: what an adapter lists has a
//! row.

use crate::folder;
use pointsman_core::adapter::{Adapter, Items, Rule};
use pointsman_core::classify::Classifier;
use pointsman_core::outcome::OutcomeClass;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// No vendor has this code: it stands where a row speaks of words alone.
const ANY_CODE: &str = "999999999";

/// A row of a table: what the vendor answers and what it means.
struct Row {
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    class: String,
}

/// What an adapter lists.
struct Entry {
    /// One that ends in `*` is a family.
    code: String,
    words: Vec<String>,
    /// Empty is any.
    status: Vec<String>,
    class: &'static str,
}

impl Row {
    fn read(line: &str) -> Result<Self> {
        let cells: Vec<Option<&str>> = line.split('\t').map(|cell| Some(cell).filter(|cell| *cell != "-")).collect();
        let [status, code, message, Some(class)] = cells.as_slice() else {
            return Err(format!("four cells make a row, not {line:?}").into());
        };
        Ok(Self {
            status: status.map(str::parse).transpose()?,
            code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            class: (*class).to_owned(),
        })
    }

    /// The codes under which the answer may be known: words may come with any code, or beside a status with none.
    fn codes(&self) -> Vec<Option<&str>> {
        match (self.code.as_deref(), self.status, &self.message) {
            (Some(code), ..) => vec![Some(code)],
            (None, Some(_), None) => vec![None],
            (None, Some(_), Some(_)) => vec![None, Some(ANY_CODE)],
            (None, None, _) => vec![Some(ANY_CODE)],
        }
    }

    fn show(&self) -> String {
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let of = |cell: &Option<String>| cell.clone().unwrap_or_else(|| "-".to_owned());
        format!("{status} {} {} {}", of(&self.code), of(&self.message), self.class)
    }

    /// Whether this is what `entry` says.
    fn bears_out(&self, entry: &Entry) -> bool {
        let message = self.message.as_deref().unwrap_or_default().to_lowercase();
        let fits_words =
            entry.words.is_empty() || entry.words.iter().any(|words| message.contains(&words.to_lowercase()));
        let fits_status = entry.status.is_empty() || entry.status.iter().any(|status| self.has_status(status, true));
        self.class == entry.class && self.has_code(&entry.code) && fits_words && fits_status
    }

    /// Whether the code is `listed`, or of that family. A row for a whole family has an example, which stands for the
    /// family's own name too.
    fn has_code(&self, listed: &str) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        match listed.strip_suffix('*') {
            Some(family) => code.starts_with(family),
            None => code == listed || code.strip_suffix(".Example") == Some(listed),
        }
    }

    /// Whether the status is `listed`, such as `"503"` or `"5xx"`; `or_any` if the row says none.
    fn has_status(&self, listed: &str, or_any: bool) -> bool {
        let Some(own) = self.status.map(|own| own.to_string()) else { return or_any };
        listed.strip_suffix("xx").map_or(own == listed, |hundred| own.starts_with(hundred))
    }

    /// Whether this bears out what an adapter says of a status that comes without a code: a row for a code with that
    /// status does, too. That nothing is known of a status needs no row.
    fn is_status(&self, status: &str, class: &str) -> bool {
        class == OutcomeClass::Unknown.as_str() || (self.has_status(status, false) && self.class == class)
    }
}

impl Entry {
    fn of(rule: &Rule) -> impl Iterator<Item = Self> + '_ {
        rule.codes.iter().map(|code| Self {
            code: code.clone(),
            words: rule.message_contains.clone(),
            status: rule.status.clone(),
            class: rule.class.as_str(),
        })
    }

    fn show(&self) -> String {
        let limits = [&self.words, &self.status].into_iter().filter(|limits| !limits.is_empty());
        let limits: String = limits.map(|limits| format!(" {limits:?}")).collect();
        format!("{}{limits} {}", self.code, self.class)
    }
}

fn rows(vendor: &str) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(folder().join("codes").join(vendor).with_extension("tsv"))?;
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("status\tcode\tmessage\tclass"), "{vendor}");
    lines.map(Row::read).collect()
}

/// The lists of recipients' results of an adapter and of its operations.
fn items(adapter: &Adapter) -> impl Iterator<Item = &Items> {
    let of_operations = adapter.operation.iter().flat_map(|operation| operation.items.iter().flatten());
    adapter.response.items.iter().chain(of_operations)
}

/// The class that a list of results gives a recipient's code by its own rules.
fn class_of_item(items: &Items, code: &str) -> Option<OutcomeClass> {
    let fits = |known: &str| known.strip_suffix('*').map_or(known == code, |family| code.starts_with(family));
    let known = items.rule.iter().flat_map(|rule| rule.codes.iter().map(move |code| (code, rule.class)));
    let longest = known.filter(|(known, _)| fits(known)).max_by_key(|(known, _)| known.len());
    longest.map(|(_, class)| class)
}

/// What the adapter makes of a row, if it is not what the row says.
fn contradiction(adapter: &Adapter, classifier: &Classifier, row: &Row) -> Option<String> {
    let classes: Vec<&str> = row.codes().into_iter().map(|code| class(adapter, classifier, row, code)).collect();
    let holds = classes.contains(&row.class.as_str());
    (!holds).then(|| format!("the row {} is {} in the adapter", row.show(), classes.join(" or ")))
}

fn class(adapter: &Adapter, classifier: &Classifier, row: &Row, code: Option<&str>) -> &'static str {
    let listed = |codes: &[String]| code.is_some_and(|code| codes.iter().any(|known| known == code));
    let of_items = items(adapter).filter_map(|items| class_of_item(items, code?));
    if let Some(class) = of_items.map(OutcomeClass::as_str).find(|class| **class == *row.class) {
        class
    } else if listed(&adapter.response.ok_codes) {
        "ok"
    } else if listed(&adapter.response.partial_codes) && row.class == "partial" {
        "partial"
    } else {
        classifier.class_of_failure(row.status.unwrap_or(400), code, row.message.as_deref()).as_str()
    }
}

/// What the adapter lists that no row bears out.
fn unfounded(adapter: &Adapter, rows: &[Row]) -> Vec<String> {
    let of_items = items(adapter).flat_map(|items| items.rule.clone());
    let rules: Vec<Rule> = adapter.response.rules().chain(of_items).collect();
    let entries = rules.iter().flat_map(Entry::of);
    let of_rules = entries.filter(|entry| !rows.iter().any(|row| row.bears_out(entry))).map(|entry| entry.show());
    let statuses = adapter.response.status.iter().map(|(status, class)| (status.as_str(), class.as_str()));
    let of_statuses = statuses.filter(|(status, class)| !rows.iter().any(|row| row.is_status(status, class)));
    of_rules.chain(of_statuses.map(|(status, class)| format!("status {status} {class}"))).collect()
}

fn agree(vendor: &str) -> Result<()> {
    // No vendor stands behind it, so nobody has written a table of its codes.
    if vendor == "generic-json" {
        return Ok(());
    }
    let adapter = Adapter::built_in(vendor).ok_or("there is no such adapter")??;
    let classifiers = adapter.operation.iter().map(|operation| Classifier::new(&adapter.response, Some(operation)));
    let classifiers: Vec<Classifier> =
        classifiers.collect::<std::result::Result<_, _>>().map_err(|faults| format!("{faults:?}"))?;
    let rows = rows(vendor)?;
    // All operations share the classes; they differ in what a success is.
    let classifier = classifiers.first().ok_or("there is no operation")?;
    let contradicted = rows.iter().filter_map(|row| contradiction(&adapter, classifier, row));
    let unfounded = unfounded(&adapter, &rows).into_iter().map(|entry| format!("no row says {entry}"));
    let faults: Vec<String> = contradicted.chain(unfounded).collect();
    assert!(faults.is_empty(), "{vendor}:\n  {}", faults.join("\n  "));
    Ok(())
}

mod tables {
    use super::agree;
    use crate::cases::each_vendor;

    each_vendor!(agree);
}
