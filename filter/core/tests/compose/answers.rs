//! Every adapter's own answers, as the adapter itself judges them.

use super::adapter;
use pointsman_core::adapter::{Adapter, Operation, OperationKind, RecipientKind};
use pointsman_core::classify::{Answer as Judged, Body, Classifier, Verdict};
use pointsman_core::compose::{Answer, Answers, Canonical, Composer};
use pointsman_core::headers::Headers;
use pointsman_core::outcome::OutcomeClass;
use std::time::Duration;

/// A message that came through some adapter.
fn message() -> Canonical {
    let body = br#"{"to": "+8613800138000", "title": "Hello", "message_id": "order-42"}"#;
    let message = super::read(&adapter("generic-json"), "/", &[], body).unwrap().unwrap();
    Canonical { recipient_kind: RecipientKind::Phone, ..message }
}

fn judge(adapter: &Adapter, operation: &Operation, answer: &Answer) -> Verdict {
    let classifier = Classifier::new(&adapter.response, Some(operation)).unwrap();
    let headers: Headers<'_> = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let judged = Judged {
        status: answer.status,
        headers: &headers,
        body: Body::Whole(&answer.body),
        recipients: 1,
        detail: true,
    };
    classifier.judge(&judged, &mut || panic!("{}: the answer depends on the clock", adapter.name)).0
}

fn sends(adapter: &Adapter) -> impl Iterator<Item = &Operation> {
    adapter.operation.iter().filter(|operation| operation.kind == OperationKind::Send)
}

/// The operations that send one message: what they answer is no list.
fn single_sends(adapter: &Adapter) -> impl Iterator<Item = &Operation> {
    let is_batch = |operation: &&Operation| operation.paths.iter().any(|path| path.contains("batch"));
    sends(adapter).filter(move |operation| !is_batch(operation))
}

#[test]
fn a_success_is_one_to_the_adapter_itself_with_the_id_that_was_given() {
    for name in Adapter::names() {
        let adapter = adapter(name);
        let answers = Answers::new(&adapter).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
        for id in
            ["SM00000000000000000000000000000001", "pm-0011223344556677", "42", "6b1f8a5c-0c1d-4e55-9a4f-2f6d5f6a7b8c"]
        {
            let answer = answers.ok(id, &message());
            for operation in single_sends(&adapter) {
                let verdict = judge(&adapter, operation, &answer);
                assert_eq!(verdict.call, OutcomeClass::Ok, "{name} {:?}: {verdict:?}", operation.paths);
                let reads_ids = !operation.vendor_id.as_ref().unwrap_or(&adapter.response.vendor_id).is_empty();
                assert_eq!(reads_ids, !verdict.vendor_ids.is_empty(), "{name}: {verdict:?}");
                let is_number = matches!(name, "dingtalk" | "jpush" | "wechat");
                let is_kept = verdict.vendor_ids.iter().any(|told| told.contains(id));
                let is_made = match name {
                    _ if is_number => id != "42",
                    "apns" => id.len() != 36,
                    _ => false,
                };
                assert!(is_kept || is_made || !reads_ids, "{name}: {verdict:?}");
            }
        }
    }
}

#[test]
fn ids_that_are_made_are_of_the_vendors_type_and_the_same_again() {
    let ok = |name: &str, id: &str| Answers::new(&adapter(name)).unwrap().ok(id, &message());
    assert_eq!(ok("wechat", "pm-1"), ok("wechat", "pm-1"));
    assert_ne!(ok("wechat", "pm-1"), ok("wechat", "pm-2"));
    let number: serde_json::Value = serde_json::from_slice(&ok("wechat", "pm-1").body).unwrap();
    assert!(number["msgid"].as_u64().is_some_and(|number| number < 1 << 53));
    let uuid = ok("apns", "pm-1").headers.into_iter().find(|(name, _)| name == "apns-id").unwrap().1;
    assert!(uuid.len() == 36 && uuid.chars().nth(14) == Some('8'), "{uuid}");
}

#[test]
fn a_failure_is_the_vendors() {
    for name in Adapter::names() {
        let adapter = adapter(name);
        let answers = Answers::new(&adapter).unwrap();
        for operation in sends(&adapter) {
            let verdict = judge(&adapter, operation, &answers.failed(None, None));
            assert_eq!(verdict.call, OutcomeClass::VendorUnavailable, "{name} {:?}: {verdict:?}", operation.paths);
            let verdict = judge(&adapter, operation, &answers.failed(Some(502), None));
            assert_eq!(verdict.call, OutcomeClass::VendorUnavailable, "{name} {:?}: {verdict:?}", operation.paths);
        }
    }
}

#[test]
fn a_failure_may_have_another_code_and_status() {
    let failed = |name: &str, status, code| {
        let adapter = adapter(name);
        let answer = Answers::new(&adapter).unwrap().failed(status, Some(code));
        let operation = single_sends(&adapter).next().unwrap();
        judge(&adapter, operation, &answer)
    };
    let cases = [
        ("oppo", None, "33", OutcomeClass::QuotaApp),
        ("huawei", Some(200), "80300002", OutcomeClass::Permission),
        ("fcm", Some(404), "UNREGISTERED", OutcomeClass::InvalidToken),
        ("apns", Some(410), "Unregistered", OutcomeClass::InvalidToken),
        ("meizu", None, "110010", OutcomeClass::RateLimited),
        ("sms-tencent", None, "InternalError.Timeout", OutcomeClass::Timeout),
        ("twilio", Some(400), "21211", OutcomeClass::InvalidToken),
    ];
    for (name, status, code, class) in cases {
        let verdict = failed(name, status, code);
        assert_eq!((verdict.call, verdict.code.as_deref()), (class, Some(code)), "{name}");
    }
    let answer = Answers::new(&adapter("oppo")).unwrap().failed(None, Some("33"));
    assert!(String::from_utf8_lossy(&answer.body).contains(r#""code":33"#), "{answer:?}");
}

#[test]
fn a_busy_vendor_says_when_to_come_again() {
    for name in Adapter::names() {
        let adapter = adapter(name);
        let answers = Answers::new(&adapter).unwrap();
        for operation in sends(&adapter) {
            let answer = answers.busy(Duration::from_millis(29_001));
            let verdict = judge(&adapter, operation, &answer);
            // Apple has no word for an application that is too fast.
            let expected = if name == "apns" { OutcomeClass::QuotaTarget } else { OutcomeClass::RateLimited };
            assert_eq!(verdict.call, expected, "{name} {:?}: {verdict:?}", operation.paths);
            assert_eq!(answer.status, 429, "{name}");
            assert_eq!(verdict.retry_after, Some(Duration::from_secs(30)), "{name}");
        }
        let at_once = answers.busy(Duration::ZERO);
        assert!(at_once.headers.contains(&("retry-after".to_owned(), "1".to_owned())), "{name}: {at_once:?}");
    }
}

#[test]
fn every_adapter_says_where_its_credential_stands_and_what_it_can_compose_is_sound() {
    let mut composed = Vec::new();
    for name in Adapter::names() {
        let document = Adapter::document(name).unwrap();
        assert!(document.contains(r#""credential":"#) && document.contains(r#""answers":"#), "{name}");
        let adapter = adapter(name);
        let secrets: Vec<String> = adapter.secret_headers().collect();
        assert!(secrets.contains(&"authorization".to_owned()) && secrets.contains(&"cookie".to_owned()), "{name}");
        if adapter.can_compose().is_ok() {
            Composer::new(&adapter, None).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
            adapter.credential_fits_mapping().unwrap();
            composed.push(name);
        } else {
            assert!(Composer::new(&adapter, None).is_err(), "{name}");
        }
    }
    assert_eq!(composed, ["generic-json", "twilio"]);
    let readable: Vec<&str> = Adapter::names().filter(|name| adapter(name).can_be_read().is_ok()).collect();
    let expected = [
        "apns",
        "fcm",
        "generic-json",
        "getui",
        "honor",
        "huawei",
        "jpush",
        "meizu",
        "oppo",
        "sms-aliyun",
        "sms-tencent",
        "vivo",
        "wechat",
        "wechat-mini",
        "xiaomi",
    ];
    assert_eq!(readable, expected);
}
