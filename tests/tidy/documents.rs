//! What the documents say of adapters and configs is true.

use pointsman_core::adapter::{Adapter, Condition, Items, OkWhen, Operation, Receipt, Response, RetryAfter, Rule};
use pointsman_core::config;
use pointsman_core::source::SourceWire;
use pointsman_host::catalogue;
use pointsman_tests::repository;
use serde::de::DeserializeOwned;
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
    for path in ["README.md", "docs/config.md", "docs/adapters.md"] {
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

#[test]
fn every_field_of_the_language_is_documented_in_its_section() {
    let text = read("docs/adapters.md");
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
        ("Receipt", fields::<Receipt>()),
    ];
    for (heading, fields) in parts {
        let after = text.split(&format!("\n### {heading}\n")).nth(1).expect("the part has a section");
        let section = after.split("\n#").next().unwrap_or(after);
        let missing: Vec<&String> = fields.iter().filter(|field| !section.contains(&format!("`{field}`"))).collect();
        assert!(fields.len() > 2 && missing.is_empty(), "{heading} does not document {missing:?}");
    }
}
