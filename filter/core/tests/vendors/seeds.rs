//! Where the corpus of the fuzzer comes from: a few cases of each vendor, with marks in the place of recipients.

use crate::cases::{Answer, Case, Sent, cases};
use crate::folder;
use pointsman_core::adapter::Adapter;
use serde_json::Value;
use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How exchanges go, one after the other.
const WAYS: [&str; 8] = ["", "held", "told pieces=1", "all", "held pieces=7", "edge", "told", "held tight pieces=9"];

#[test]
#[ignore = "writes files: `cargo test -p pointsman-core --test vendors -- --ignored` when a vendor is added"]
fn the_corpus_of_the_fuzzer_is_written() -> Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/exchange");
    let mut written = 0;
    for vendor in Adapter::names() {
        let cases = cases(&folder(), vendor)?;
        let marks = marks(vendor)?;
        for case in chosen(&cases) {
            let text = text(vendor, case, WAYS.get(written % WAYS.len()).copied().unwrap_or_default());
            let text = marks.iter().fold(text, |text, (recipient, mark)| text.replace(recipient, mark));
            fs::write(corpus.join(format!("{vendor}-{}.txt", slug(&case.about))), text)?;
            written += 1;
        }
    }
    Ok(())
}

/// The first case, the first that misleads, the first receipt, and the first few answers that differ most in length.
fn chosen(cases: &[Case]) -> Vec<&Case> {
    let mut chosen: Vec<&Case> = cases.first().into_iter().collect();
    let starting = |word: &'static str| cases.iter().find(move |case| case.about.starts_with(word));
    chosen.extend(starting("misleading").into_iter().chain(starting("receipt")));
    let length = |case: &Case| case.answer.body.as_ref().map_or(0, String::len);
    chosen.extend(cases.iter().max_by_key(|case| length(case)));
    chosen.extend(cases.iter().max_by_key(|case| case.sent.body.as_ref().map_or(0, String::len)));
    chosen.extend(cases.get(cases.len() / 2));
    let mut seen = BTreeSet::new();
    chosen.retain(|case| seen.insert(slug(&case.about)));
    chosen
}

fn text(vendor: &str, case: &Case, way: &str) -> String {
    let receipt = if case.sent.is_inbound { " receipt" } else { "" };
    let details = Some(case.answer.details).filter(|details| *details != "via_upstream");
    let details = details.map(|details| format!(" details={details}")).unwrap_or_default();
    let first = format!("{vendor}{receipt}{details} {way}");
    format!("{}\n{}\n---\n{}\n", first.trim_end(), request(&case.sent), answer(&case.answer))
}

fn request(sent: &Sent) -> String {
    let value = |name: &str| sent.lines.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    let first = format!("{} https://{}{}", value(":method"), value(":authority"), value(":path"));
    message(first, &sent.lines, sent.body.as_deref())
}

fn answer(answer: &Answer) -> String {
    let status = answer.lines.first().map(|(_, status)| status.clone()).unwrap_or_default();
    message(status, &answer.lines, answer.body.as_deref())
}

fn message(first: String, lines: &[(String, String)], body: Option<&str>) -> String {
    let lines = lines.iter().filter(|(name, _)| !name.starts_with(':'));
    let lines: String = lines.map(|(name, value)| format!("\n{name}: {value}")).collect();
    let body = body.map(|body| format!("\n\n{body}")).unwrap_or_default();
    format!("{first}{lines}{body}")
}

/// Every recipient of a vendor's cases, the longest first, with the mark that takes its place.
fn marks(vendor: &str) -> Result<Vec<(String, String)>> {
    let text = fs::read_to_string(folder().join("vendors").join(vendor).with_extension("json"))?;
    let file: Value = serde_json::from_str(&text)?;
    let requests = file["requests"].as_object().into_iter().flat_map(|requests| requests.values());
    let of_requests = requests.filter_map(|request| request["says"]["recipients"].as_array()).flatten();
    let receipts = file["receipts"].as_array().into_iter().flatten();
    let statuses = receipts.filter_map(|receipt| receipt["expect"]["statuses"].as_array()).flatten();
    let of_receipts = statuses.map(|status| &status[1]);
    let mut recipients: Vec<&str> = of_requests.chain(of_receipts).filter_map(Value::as_str).collect();
    recipients.retain(|recipient| recipient.len() >= 6);
    recipients.sort_by_key(|recipient| (std::cmp::Reverse(recipient.len()), *recipient));
    recipients.dedup();
    let (mut marks, mut used) = (Vec::new(), [("MAIL", 0), ("PHONE", 0), ("TOKEN", 0)]);
    for recipient in recipients {
        let kind = match recipient {
            mail if mail.contains('@') => 0,
            phone if phone.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit()) => 1,
            _ => 2,
        };
        let (kind, number) = &mut used[kind];
        let mark = format!("${kind}{}", *number % 10);
        *number += 1;
        let encoded: String = form_urlencoded::byte_serialize(recipient.as_bytes()).collect();
        marks.extend([(encoded, mark.clone()), (recipient.to_owned(), mark)]);
    }
    Ok(marks)
}

fn slug(about: &str) -> String {
    let words = about.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.take(5).collect::<Vec<_>>().join("-").to_lowercase()
}
