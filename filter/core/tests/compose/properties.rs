//! Whatever a message says stays where it was put.

use super::{adapter, read};
use pointsman_core::compose::{Answers, CannotCompose, Canonical, Composer, MAX_BODY_BYTES, MAX_PATH_BYTES};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Texts with what has a meaning somewhere: in JSON, forms, paths, heads and templates.
fn awkward() -> impl Strategy<Value = String> {
    let meaning = prop::sample::select(vec![
        "{",
        "}",
        "{{",
        "{text}",
        "{params.account}",
        "\"",
        "\\",
        "\r\n",
        "\0",
        "&",
        "=",
        "%",
        "%2e",
        "+",
        "/",
        "..",
        "?",
        "#",
        ";",
        "é",
        "中",
        " ",
    ]);
    let piece = prop_oneof![meaning.prop_map(str::to_owned), "[a-z0-9]{0,6}", ".{0,6}"];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn message(title: &str, body: &str, recipient: &str, data: &Value) -> Option<Canonical> {
    let request = json!({"to": recipient, "title": title, "body": body, "data": data}).to_string();
    read(&adapter("generic-json"), "/", &[], request.as_bytes())?.ok()
}

proptest! {
    #[test]
    fn a_message_comes_through_json_as_it_was(
        (title, body, recipient, data) in (awkward(), awkward(), awkward(), awkward()),
    ) {
        let data = json!({"d": data, "l": [1, null, {"x": title}]});
        let Some(message) = message(&title, &body, &recipient, &data) else { return Ok(()) };
        let none = BTreeMap::new();
        let outgoing = Composer::new(&adapter("generic-json"), None).unwrap().compose(&message, &none, &none).unwrap();
        let mut sent: Value = serde_json::from_slice(&outgoing.body).unwrap();
        prop_assert_eq!(sent["to"].take(), json!(recipient));
        prop_assert_eq!(sent["data"].take(), data);
        let told = |text: String| if text.is_empty() { Value::Null } else { json!(text) };
        prop_assert_eq!(sent["title"].take(), told(title));
        prop_assert_eq!(sent["body"].take(), told(body));
        prop_assert_eq!(outgoing.path, "/");
    }

    #[test]
    fn a_form_has_the_fields_of_the_adapter_and_no_others(
        (first, second, account, from) in (awkward(), awkward(), awkward(), awkward()),
    ) {
        let body = json!({"PhoneNumberSet": ["13800138000"], "TemplateId": "1", "TemplateParamSet": [first, second]});
        let message = read(&adapter("sms-tencent"), "/", &[], body.to_string().as_bytes()).unwrap().unwrap();
        let params = BTreeMap::from([("account".to_owned(), account.clone()), ("from".to_owned(), from.clone())]);
        let texts = BTreeMap::from([("1".to_owned(), "a{1}b{0}c{0}".to_owned())]);
        let composed = Composer::new(&adapter("twilio"), None).unwrap().compose(&message, &params, &texts);
        let leads_away = matches!(account.as_str(), "" | "." | "..");
        let outgoing = match composed {
            Ok(outgoing) => outgoing,
            Err(cannot) => {
                prop_assert!(leads_away && cannot == CannotCompose::Path, "{cannot}");
                return Ok(());
            }
        };
        prop_assert!(!leads_away);
        let fields: BTreeMap<String, String> = form_urlencoded::parse(&outgoing.body).into_owned().collect();
        let body = format!("a{second}b{first}c{first}");
        let expected = [("Body", body), ("From", from), ("To", "+8613800138000".to_owned())];
        prop_assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value)).into());
        let segments: Vec<&str> = outgoing.path.split('/').collect();
        prop_assert_eq!(segments.len(), 5);
        prop_assert_eq!((segments[1], segments[2], segments[4]), ("2010-04-01", "Accounts", "Messages.json"));
        prop_assert!(outgoing.path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#'));
    }

    #[test]
    fn headers_hold_no_line_breaks(title in awkward()) {
        let mut adapter = adapter("generic-json");
        let compose = adapter.compose.as_mut().unwrap();
        compose.headers.insert("x-title".to_owned(), "title {title}".to_owned());
        let Some(message) = message(&title, "b", "alice", &Value::Null) else { return Ok(()) };
        let none = BTreeMap::new();
        match Composer::new(&adapter, None).unwrap().compose(&message, &none, &none) {
            Ok(outgoing) => {
                let value = &outgoing.headers.iter().find(|(name, _)| name == "x-title").unwrap().1;
                prop_assert_eq!(value, &format!("title {title}"));
                prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
            Err(CannotCompose::Header(_)) => prop_assert!(!title.bytes().all(|byte| (b' '..=b'~').contains(&byte))),
            Err(cannot) => prop_assert!(title.is_empty() && cannot == CannotCompose::Missing("title".into())),
        }
    }

    #[test]
    fn ids_of_vendors_break_no_answer(id in awkward()) {
        let message = message("t", "b", "alice", &Value::Null).unwrap();
        for name in pointsman_core::adapter::Adapter::names() {
            let answer = Answers::new(&adapter(name)).unwrap().ok(&id, &message);
            for (_, value) in &answer.headers {
                prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", name);
            }
            if !answer.body.is_empty() {
                prop_assert!(serde_json::from_slice::<Value>(&answer.body).is_ok(), "{}", name);
            }
        }
    }

    #[test]
    fn any_body_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), text in awkward()) {
        let targets = [
            ("oppo", "/server/v1/message/notification/unicast"), ("vivo", "/message/send"),
            ("xiaomi", "/v3/message/regid"), ("huawei", "/v1/1/messages:send"), ("sms-tencent", "/"),
            ("sms-aliyun", "/?TemplateParam={"), ("generic-json", "/"),
        ];
        for (name, target) in targets {
            let _ = read(&adapter(name), target, &[], &bytes);
            let _ = read(&adapter(name), target, &[], format!("message={text}&data={{{text}").as_bytes());
            let _ = read(&adapter(name), target, &[], format!("{{\"to\": \"{text}\", \"data\": [{text}").as_bytes());
        }
    }
}

#[test]
fn what_is_too_long_is_not_sent() {
    let none = BTreeMap::new();
    let long = "x".repeat(MAX_BODY_BYTES);
    let message_of = |body: &str, recipient: &str| message("t", body, recipient, &Value::Null);
    let composer = Composer::new(&adapter("generic-json"), None).unwrap();
    let composed = composer.compose(&message_of(&long, "alice").unwrap(), &none, &none);
    assert_eq!(composed.unwrap_err(), CannotCompose::TooLong);
    assert!(message_of("b", &"x".repeat(5_000)).is_none());
    assert!(message_of(&format!("{long}x"), "alice").is_none());
    let composer = Composer::new(&adapter("generic-json"), Some("/{params.x}")).unwrap();
    let params = BTreeMap::from([("x".to_owned(), "x".repeat(MAX_PATH_BYTES))]);
    let composed = composer.compose(&message_of("b", "alice").unwrap(), &params, &none);
    assert_eq!(composed.unwrap_err(), CannotCompose::TooLong);
}

#[test]
fn what_is_nested_without_end_is_survived() {
    let nested = format!(r#"{{"to": "alice", "body": "b", "data": {}"#, "[".repeat(100_000));
    assert!(read(&adapter("generic-json"), "/", &[], nested.as_bytes()).unwrap().is_err());
    let nested = format!(r#"{{"to": "alice", "body": "b", "data": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    let _ = read(&adapter("generic-json"), "/", &[], nested.as_bytes());
}
