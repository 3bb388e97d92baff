//! Every exchange that is known of any vendor, recorded in one HAR: each must be understood as expected.

#[expect(dead_code, unused_imports, unused_macros, reason = "it is for other tests too")]
#[path = "../../../tests/cases/vendors.rs"]
mod cases;

use cases::{Answer, Case, Sent};
use pointsman_core::config;
use pointsman_core::trace::Key;
use pointsman_host::explain::{Explainer, Har};
use serde_json::{Value, json};
use std::error::Error;
use std::fs;
use std::path::Path;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Every case with its vendor's name.
fn all() -> Result<Vec<(String, Case)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let mut all = Vec::new();
    for file in fs::read_dir(folder.join("vendors"))? {
        let path = file?.path();
        let vendor = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        all.extend(cases::cases(&folder, vendor)?.into_iter().map(|case| (vendor.to_owned(), case)));
    }
    Ok(all)
}

fn record(case: &Case) -> Value {
    json!({
        "startedDateTime": "2026-11-27T17:30:00.000+08:00",
        "time": 80,
        "request": request(&case.sent),
        "response": response(&case.answer),
        "timings": {"send": 1, "wait": 78, "receive": 1},
    })
}

fn line<'a>(lines: &'a [(String, String)], name: &str) -> &'a str {
    lines.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

/// Recorders write names of headers as they came, and those of HTTP/2 among them.
fn headers(lines: &[(String, String)]) -> Value {
    lines.iter().map(|(name, value)| json!({"name": name.to_uppercase(), "value": value})).collect()
}

fn request(sent: &Sent) -> Value {
    let of = |name| line(&sent.lines, name);
    let post = |text| json!({"mimeType": of("content-type"), "text": text});
    json!({
        "method": of(":method"),
        "url": format!("https://{}{}", of(":authority"), of(":path")),
        "headers": headers(&sent.lines),
        "postData": sent.body.as_ref().map(post),
    })
}

fn response(answer: &Answer) -> Value {
    let error = match answer.details {
        "via_upstream" => None,
        "dns_resolution_failure" => Some("net::ERR_NAME_NOT_RESOLVED"),
        "response_timeout" => Some("net::ERR_TIMED_OUT"),
        details if details.contains("remote_connection_failure") => Some("net::ERR_CONNECTION_REFUSED"),
        _ => Some("net::ERR_CONNECTION_RESET"),
    };
    if let Some(error) = error {
        return json!({"status": 0, "headers": [], "content": {"size": 0, "mimeType": "x-unknown"}, "_error": error});
    }
    let status: u16 = line(&answer.lines, ":status").parse().unwrap_or(0);
    let size = answer.body.as_ref().map_or(0, String::len);
    json!({
        "status": status,
        "headers": headers(&answer.lines),
        "content": {"size": size, "mimeType": line(&answer.lines, "content-type"), "text": answer.body},
    })
}

#[test]
fn all_vendors_are_understood_from_one_file() -> Result<()> {
    let all = all()?;
    let entries: Vec<Value> = all.iter().map(|(_, case)| record(case)).collect();
    let har = json!({"log": {"version": "1.2", "entries": entries}}).to_string();
    let key = Key::new(cases::SECRET.as_bytes())?;
    let mut explainer = Explainer::new(config::load(&cases::config())?, Some(key));
    let explained = explainer.explain(&Har::parse(har.as_bytes())?);
    assert_eq!(explained.len(), all.len());
    let mut wrong = Vec::new();
    for ((vendor, case), explained) in all.iter().zip(&explained) {
        let difference = case.difference_of_report(&serde_json::to_value(explained)?);
        wrong.extend(difference.map(|difference| format!("{vendor}: {}\n{difference}", case.about)));
    }
    assert!(wrong.is_empty(), "{} of {} cases fail:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    Ok(())
}
