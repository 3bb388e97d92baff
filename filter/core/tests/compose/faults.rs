//! What is wrong with an adapter or a channel is told with its place.

use super::{adapter, read};
use pointsman_core::adapter::{Adapter, Unmappable, patched};
use pointsman_core::compose::{Answers, Composer, MessageReader, OwnSources, check_text};
use pointsman_core::trace::CountryCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn changed(name: &str, changes: &Value) -> Adapter {
    patched(Adapter::document(name).unwrap(), changes.as_object().unwrap()).unwrap()
}

fn composer(changes: &Value, path: Option<&str>) -> Vec<String> {
    let faults = Composer::new(&changed("generic-json", changes), path).err().unwrap_or_default();
    faults.into_iter().map(|(at, fault)| format!("{at} {fault}")).collect()
}

fn one(faults: &[String], expected: &str) {
    assert!(matches!(faults, [fault] if fault.starts_with(expected)), "{expected}: {faults:?}");
}

#[test]
fn of_a_composed_request() {
    let cases = [
        (json!({"path": "push"}), "compose.path \"push\" is no path"),
        (json!({"path": "/a b"}), "compose.path \"/a b\" is no path"),
        (json!({"path": "/{x}"}), "compose.path has the placeholder `x`: there are recipient"),
        (json!({"path": "/{params.}"}), "compose.path has the placeholder `params.`"),
        (json!({"method": "post"}), "compose.method \"post\" is no method"),
        (
            json!({"headers": {"Content-Type": "text/plain"}}),
            "compose.headers.Content-Type \"Content-Type\" is no header",
        ),
        (json!({"headers": {"x-api-key": "k"}}), "compose.headers.x-api-key \"x-api-key\" carries a credential"),
        (json!({"headers": {"x-a": "{b"}}), "compose.headers.x-a \"{b\" is no template"),
        (json!({"body": {"a": {"b": ["{titel}"]}}}), "compose.body.a.b[0] has the placeholder `titel`"),
        (json!({"body": {"title": "x"}}), "compose.body.title? has the member `title` twice"),
    ];
    for (changes, expected) in cases {
        one(&composer(&json!({"compose": changes}), None), expected);
    }
    one(&composer(&json!({}), Some("/x#y")), "path \"/x#y\" is no path");
    one(&composer(&json!({"compose": null}), None), "compose cannot be asked for messages of others");
}

#[test]
fn of_an_answer() {
    let faults = |changes: Value| -> Vec<String> {
        let adapter = changed("oppo", &json!({"answers": changes}));
        let faults = Answers::new(&adapter).err().unwrap_or_default();
        faults.into_iter().map(|(at, fault)| format!("{at} {fault}")).collect()
    };
    one(&faults(json!({"ok": {"status": 100}})), "answers.ok.status 100 is no status");
    one(&faults(json!({"busy": {"headers": {"A": "b"}}})), "answers.busy.headers.A \"A\" is no header");
    one(&faults(json!({"failed": {"code": null}})), "answers.failed has no `code`");
    one(&faults(json!({"failed": {"body": {"x": "{retry_after}"}}})), "answers.failed.body.x has the placeholder");
    one(&faults(json!({"ok": {"body": {"x": "{message_id}"}}})), "answers.ok has the placeholder `message_id`");
    assert_eq!(faults(json!({"ok": {"body": {"x?": "{message_id}"}}})), Vec::<String>::new());
}

#[test]
fn of_a_message() {
    let changes = json!({"operation": [{"paths": ["/x"], "message": {
        "title": [{"jsn": "/a"}]
    }}]});
    assert!(patched(Adapter::document("oppo").unwrap(), changes.as_object().unwrap()).is_err());
    let changes = json!({"operation": [{"paths": ["/x"], "recipients": [{"json": "/to"}], "message": {
        "title": [{"json": "a"}], "body": [{"path": "b"}], "data": [{"json": "/a"}, {"json": "/a/*"}],
        "unless": [{"source": {"json": "/a"}}, {"source": {"path": "x"}}],
    }}]});
    let adapter = changed("oppo", &changes);
    let read = MessageReader::new("oppo", &adapter.operation[0], &[], &OwnSources::default(), CountryCode::default());
    let faults: Vec<String> = read.unwrap_err().into_iter().map(|(at, _)| at).collect();
    assert_eq!(faults, ["message.title[0]", "message.body[0]", "message.data[1]", "message.unless[1]"]);
}

#[test]
fn of_a_text() {
    check_text("Your code is {0}, {name}").unwrap();
    assert!(check_text("Your code is {0").is_err());
}

#[test]
fn of_a_channel_that_cannot_be_the_target() {
    let fits = |name: &str| adapter(name).credential_fits_mapping();
    assert_eq!(fits("oppo"), Err(Unmappable::CredentialInBody));
    assert_eq!(fits("wechat"), Err(Unmappable::CredentialInQuery));
    assert_eq!(fits("sms-aliyun"), Err(Unmappable::CredentialIsSignature));
    assert_eq!(fits("vivo"), Ok(()));
    assert_eq!(adapter("oppo").can_compose(), Err(Unmappable::NotComposed));
    assert_eq!(adapter("twilio").can_be_read(), Err(Unmappable::NotRead));
    assert!(adapter("vivo").secret_headers().any(|name| name == "authtoken"));
}

#[test]
fn a_config_may_take_members_out_and_tell_other_places() {
    let changes = json!({"compose": {"body": {"origin": null, "to": null, "user": {"id": "{recipient}"}}}});
    let composer = Composer::new(&changed("generic-json", &changes), None).unwrap();
    let message = read(&adapter("generic-json"), "/", &[], br#"{"to": "alice", "body": "b"}"#).unwrap().unwrap();
    let none = BTreeMap::new();
    let outgoing = composer.compose(&message, &none, &none).unwrap();
    assert_eq!(String::from_utf8_lossy(&outgoing.body), r#"{"body":"b","user":{"id":"alice"}}"#);
    let own = OwnSources {
        recipients: serde_json::from_value(json!([{"json": "/users/*/id"}])).unwrap(),
        message_id: serde_json::from_value(json!([{"header": "x-request-id"}])).unwrap(),
        ..OwnSources::default()
    };
    let gateway = adapter("generic-json");
    let reader = MessageReader::new("lc", &gateway.operation[0], &[], &own, CountryCode::default()).unwrap().unwrap();
    let headers = [("x-request-id", "order-42")].into_iter().collect();
    let head = pointsman_core::compose::Head { headers: &headers, query: None, captures: &[] };
    let message =
        reader.read(head, br#"{"to": "bob", "users": [{"id": "alice"}], "message_id": "x", "body": "b"}"#).unwrap();
    assert_eq!((message.recipient.expose(), message.message_id.as_deref()), ("alice", Some("order-42")));
}

#[test]
fn which_parameters_a_channel_needs() {
    let twilio = Composer::new(&adapter("twilio"), None).unwrap();
    let params: Vec<(&str, bool)> = twilio.params().into_iter().collect();
    assert_eq!(params, [("account", false), ("from", true), ("messaging_service", true)]);
}

#[test]
fn nothing_of_a_message_is_lost_without_a_word() {
    let gateway = adapter("generic-json");
    let deep = format!(r#"{{"to": "alice", "body": "b", "data": {}{}}}"#, "[".repeat(200), "]".repeat(200));
    let surrogate = r#"{"to": "alice", "body": "b", "data": "\ud800"}"#;
    for body in [deep.as_str(), surrogate] {
        let fault = read(&gateway, "/", &[], body.as_bytes()).unwrap().unwrap_err();
        assert_eq!(fault.as_str(), "unreadable", "{body}");
    }
    let long = json!({"to": "alice", "body": "b", "message_id": "x".repeat(300), "template": "x"}).to_string();
    assert_eq!(read(&gateway, "/", &[], long.as_bytes()).unwrap().unwrap().message_id, None);
    let long = json!({"to": "alice", "body": "b", "template": "x".repeat(300)}).to_string();
    assert_eq!(read(&gateway, "/", &[], long.as_bytes()).unwrap().unwrap_err().as_str(), "too_long");
}
