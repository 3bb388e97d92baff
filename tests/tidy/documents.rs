//! What the documents say of adapters and configs is true.

use pointsman_core::adapter::{
    Adapter, AnswerWire, AnswersWire, ComposeWire, Condition, Items, MessageWire, OkWhen, Operation, QuotaWire,
    Receipt, Response, RetryAfter, Rule,
};
use pointsman_core::config;
use pointsman_core::config::wire::{AutoWire, DrillWire, FailoverWire, ForceWire, LimitWire, RuleWire, ShedWire};
use pointsman_core::source::SourceWire;
use pointsman_host::catalogue;
use pointsman_tests::repository;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fs;

const BEGIN: &str = "<!-- adapters -->\n";
const END: &str = "<!-- /adapters -->";

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).expect("the file is there")
}

/// The blocks of a language in a document.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_table_of_vendors_is_what_the_adapters_say() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a place for the table");
    let (_, after) = rest.split_once(END).expect("the place ends");
    let table = catalogue::table().expect("adapters are sound");
    let wanted = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(repository("README.md"), &wanted).expect("the README can be written");
        return;
    }
    assert!(
        readme == wanted,
        "the table in README.md is not what the adapters say: UPDATE_README=1 cargo test -p pointsman-tests --test tidy"
    );
}

#[test]
fn configs_in_documents_are_sound() {
    for path in ["README.md", "docs/config.md", "docs/adapters.md", "docs/rules.md"] {
        let text = read(path);
        for block in blocks(&text, "json") {
            if let Err(faults) = config::load(block) {
                panic!("{path}: {block}\n{faults}");
            }
        }
    }
}

/// Text without what layout adds: white space, and the comma behind the last element of a list.
fn bare(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    plain.replace(",]", "]")
}

#[test]
fn examples_of_the_language_stand_in_the_adapters_that_they_name() {
    let text = read("docs/adapters.md");
    for block in blocks(&text, "toml") {
        let (first, rest) = block.split_once('\n').expect("a block has lines");
        let file = first.trim_start_matches("# ");
        assert!(bare(&read(file)).contains(&bare(rest)), "{file} has not, in this order:\n{rest}");
    }
    let codes: Vec<&str> = text.split('`').collect();
    let mut examples = 0;
    for window in codes.windows(3) {
        let [example, between, name] = window else { continue };
        if between.split_whitespace().eq(["in"]) {
            let file = format!("filter/adapters/{name}.toml");
            let example = example.replace("\\|", "|");
            assert!(bare(&read(&file)).contains(&bare(&example)), "{file} has no {example}");
            examples += 1;
        }
    }
    assert!(examples > 40, "only {examples} examples were found");
}

/// The fields that a part of the language has, as its reader names them when it refuses another.
fn fields<T: DeserializeOwned>() -> Vec<String> {
    let refusal = serde_json::from_str::<T>(r#"{"no such field": 0}"#).err().map(|error| error.to_string());
    let refusal = refusal.expect("there is no such field");
    let (_, known) = refusal.split_once("expected").expect("it says what there is");
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Holds the sections of a document, under headings of that level, to the fields that each must name.
fn assert_documented(path: &str, level: &str, parts: impl IntoIterator<Item = (&'static str, Vec<String>)>) {
    let text = read(path);
    for (heading, fields) in parts {
        let after = text.split(&format!("\n{level} {heading}\n")).nth(1).expect("the part has a section");
        let section = after.split("\n#").next().unwrap_or(after);
        let missing: Vec<&String> = fields.iter().filter(|field| !section.contains(&format!("`{field}`"))).collect();
        assert!(fields.len() > 2 && missing.is_empty(), "{path}: {heading} does not document {missing:?}");
    }
}

#[test]
fn every_field_of_the_language_is_documented_in_its_section() {
    let parts = [
        ("Adapter", fields::<Adapter>()),
        ("Operation", fields::<Operation>()),
        ("Condition", fields::<Condition>()),
        ("Sources", fields::<SourceWire>()),
        ("Response", fields::<Response>()),
        ("Response", fields::<OkWhen>()),
        ("Rule", fields::<Rule>()),
        ("Items", fields::<Items>()),
        ("retry_after", fields::<RetryAfter>()),
        ("quota", fields::<QuotaWire>()),
        ("Receipt", fields::<Receipt>()),
        ("Message", fields::<MessageWire>()),
        ("Compose", fields::<ComposeWire>()),
        ("Answers", fields::<AnswersWire>()),
        ("Answers", fields::<AnswerWire>()),
    ];
    assert_documented("docs/adapters.md", "###", parts);
}

#[test]
fn every_key_of_a_rule_is_documented_in_its_section() {
    let kinds = [
        ("force", fields::<ForceWire>()),
        ("auto", fields::<AutoWire>()),
        ("shed", fields::<ShedWire>()),
        ("failover", fields::<FailoverWire>()),
        ("limit", fields::<LimitWire>()),
        ("drill", fields::<DrillWire>()),
    ];
    assert_documented("docs/rules.md", "##", kinds);
    let text = read("docs/rules.md");
    let missing: Vec<String> =
        fields::<RuleWire>().into_iter().filter(|key| !text.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "a rule has {missing:?}, of which docs/rules.md says nothing");
}

/// The names that stand in texts of the filter's core, its tests left out, and begin with `prefix`.
fn names_in_core(prefix: &str) -> BTreeSet<String> {
    let mut folders = vec![repository("filter/core/src")];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(path).expect("sources are text");
                let texts = text.split('"').filter(|text| text.starts_with(prefix));
                names.extend(texts.filter(|text| is_name(text)).map(str::to_owned));
            }
        }
    }
    names
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'))
}

#[test]
fn every_metric_and_every_attribute_of_a_record_is_documented() {
    for (prefix, document, least) in [("pointsman_", "docs/metrics.md", 20), ("push.", "docs/records.md", 40)] {
        let (names, text) = (names_in_core(prefix), read(document));
        let missing: Vec<&String> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
        assert!(
            names.len() > least && missing.is_empty(),
            "{document} does not document {missing:?} of {}",
            names.len()
        );
    }
}
