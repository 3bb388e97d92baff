//! Nothing that names a person or a device, and no credential, leaves the filter in a report, a record, a metric or a fault
//! of a config. Of recipients only the keyed hash does; the vendor's and the caller's ids of messages are no secrets.

use crate::cases::{Answer, Pieces, Sent, cases, each_vendor};
use crate::folder;
use crate::sidecar::Sidecar;
use pointsman_core::config;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Secrets = BTreeSet<String>;

/// A shorter one stands in any text by chance: only a whole value that equals it gives it away.
const MIN_FOUND_BYTES: usize = 6;

/// Headers, parameters, fields and members that carry a credential, in lower case, whoever the vendor is.
const CREDENTIALS: [&str; 28] = [
    "access_token",
    "accesskeyid",
    "accesskeysecret",
    "api-key",
    "api_key",
    "appkey",
    "appsecret",
    "app_secret",
    "auth_token",
    "authorization",
    "authtoken",
    "client_secret",
    "corpsecret",
    "cookie",
    "crypto-key",
    "key",
    "master_secret",
    "mastersecret",
    "msg_signature",
    "nonce",
    "private_key",
    "secret",
    "sign",
    "signature",
    "signaturenonce",
    "token",
    "x-api-key",
    "x-twilio-signature",
];

/// What of a case must not be shown.
fn secrets(sent: &Sent, answer: &Answer) -> Secrets {
    let mut secrets = Secrets::new();
    for (name, value) in &sent.lines {
        note(name, value, &mut secrets);
        if name == ":path" {
            let query = value.split_once('?').map_or("", |(_, query)| query);
            note_form(query, &mut secrets);
        }
    }
    let body = sent.body.as_deref().unwrap_or_default();
    note_text(body, &mut secrets);
    if !body.starts_with(['{', '[', '<', '-']) {
        note_form(body, &mut secrets);
    }
    note_text(answer.body.as_deref().unwrap_or_default(), &mut secrets);
    secrets
}

fn note(name: &str, value: &str, secrets: &mut Secrets) {
    if CREDENTIALS.contains(&name.to_ascii_lowercase().as_str()) {
        // `Bearer` and the like are none.
        let credential = value.split_once(' ').map_or(value, |(_, credential)| credential);
        secrets.extend([credential.to_owned(), value.to_owned()]);
    }
    note_text(value, secrets);
}

fn note_form(form: &str, secrets: &mut Secrets) {
    for (name, value) in form_urlencoded::parse(form.as_bytes()) {
        note(&name, &value, secrets);
    }
}

/// Credentials, addresses and phone numbers in a text, which may be JSON.
fn note_text(text: &str, secrets: &mut Secrets) {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        note_json(&value, secrets);
    }
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '@' | '.' | '+' | '_' | '-');
    let words = text.split(|char| !is_part(char)).map(|word| word.trim_matches('.'));
    secrets.extend(words.filter(|word| is_address(word) || is_phone(word)).map(str::to_owned));
}

fn note_json(value: &Value, secrets: &mut Secrets) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(text) = member.as_str() {
                    note(name, text, secrets);
                }
                note_json(member, secrets);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| note_json(element, secrets)),
        Value::String(text) => note_text(text, secrets),
        _ => {}
    }
}

/// An e-mail address; an id of a message may look like one, but starts with digits.
fn is_address(word: &str) -> bool {
    word.split_once('@')
        .is_some_and(|(name, host)| name.starts_with(|c: char| c.is_ascii_alphabetic()) && host.contains('.'))
}

fn is_phone(word: &str) -> bool {
    let digits = word.strip_prefix('+').unwrap_or(word);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (10..=15).contains(&digits.len());
    is_number && (word.starts_with('+') || (digits.len() == 11 && digits.starts_with("13")))
}

/// The recipients of all cases of a vendor, as the file has them in plain.
fn recipients(vendor: &str) -> Result<Secrets> {
    let text = std::fs::read_to_string(folder().join("vendors").join(vendor).with_extension("json"))?;
    let file: Value = serde_json::from_str(&text)?;
    let requests = file["requests"].as_object().into_iter().flat_map(|requests| requests.values());
    let named = requests.flat_map(|request| request["says"]["recipients"].as_array().into_iter().flatten());
    let receipts = file["receipts"].as_array().into_iter().flatten();
    let reported = receipts.flat_map(|receipt| receipt["expect"]["statuses"].as_array().into_iter().flatten());
    let all = named.chain(reported.map(|status| &status[1]));
    Ok(all.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// The secret that a text gives away.
fn given_away<'a>(text: &str, secrets: &'a Secrets) -> Option<&'a String> {
    secrets.iter().find(|secret| secret.len() >= MIN_FOUND_BYTES && text.contains(secret.as_str()))
}

/// The secret that a value of a report is, be it as short as it may.
fn shown<'a>(report: &Value, secrets: &'a Secrets) -> Option<&'a String> {
    match report {
        Value::Object(members) => members.values().find_map(|member| shown(member, secrets)),
        Value::Array(elements) => elements.iter().find_map(|element| shown(element, secrets)),
        Value::String(text) => secrets.get(text.as_str()),
        _ => None,
    }
}

fn reports_show_no_secret(vendor: &str) -> Result<()> {
    let recipients = recipients(vendor)?;
    let mut sidecar = Sidecar::new()?;
    let mut all = recipients.clone();
    for case in cases(&folder(), vendor)? {
        let secrets: Secrets = secrets(&case.sent, &case.answer).union(&recipients).cloned().collect();
        all.extend(secrets.iter().cloned());
        let report = sidecar.report(&case.sent, &case.answer, Pieces::Whole)?;
        let exported = sidecar.exported();
        assert_eq!(exported.is_empty(), report.is_none(), "{vendor}, {}", case.about);
        let found = given_away(&String::from_utf8_lossy(&exported), &secrets);
        assert!(found.is_none(), "{vendor}, {}: {found:?} is told to the collector", case.about);
        let Some(report) = report else { continue };
        let line = report.line();
        let found = given_away(&line, &secrets).or_else(|| shown_in(&report, &secrets));
        assert!(found.is_none(), "{vendor}, {}: {found:?} stands in {line}", case.about);
    }
    assert!(!all.is_empty(), "{vendor} has no secrets");
    for id in sidecar.worker.metrics.ids() {
        let name = sidecar.worker.metrics.get(id).map(|series| series.name.as_str()).unwrap_or_default();
        assert_eq!(given_away(name, &all), None, "{vendor}: {name}");
    }
    Ok(())
}

fn shown_in<'a>(report: &pointsman_core::report::VisitReport, secrets: &'a Secrets) -> Option<&'a String> {
    let report = serde_json::to_value(report).ok()?;
    shown(&report, secrets)
}

/// An example of a request that somebody has pasted into a config.
fn faults_show_no_secret(vendor: &str) -> Result<()> {
    for case in cases(&folder(), vendor)? {
        let body = case.sent.body.as_deref().unwrap_or_default();
        let Ok(pasted @ Value::Object(_)) = serde_json::from_str::<Value>(body) else { continue };
        let configs = [
            json!({"channels": [{"name": vendor, "overrides": pasted}]}),
            json!({"channels": [{"name": vendor, "overrides": {"response": {"rule": [pasted]}}}]}),
            json!({"message": {"id": [pasted]}}),
            json!({"nodes": [pasted]}),
            pasted,
        ];
        let secrets = secrets(&case.sent, &case.answer);
        for config in configs {
            let Err(faults) = config::load(&config.to_string()) else { continue };
            let text = faults.to_string();
            let found = given_away(&text, &secrets);
            assert!(found.is_none(), "{vendor}, {}: {found:?} stands in {text}", case.about);
        }
    }
    Ok(())
}

mod reports {
    use super::{each_vendor, reports_show_no_secret};

    each_vendor!(reports_show_no_secret);
}

mod faults {
    use super::{each_vendor, faults_show_no_secret};

    each_vendor!(faults_show_no_secret);
}
