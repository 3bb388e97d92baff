//! The files of `tests/cases/compose`.

use super::{adapter, read};
use pointsman_core::adapter::{Adapter, RecipientKind};
use pointsman_core::classify::{Answer as Judged, Body, Classifier};
use pointsman_core::compose::{Answer, Answers, Canonical, Composer, Outgoing};
use pointsman_core::headers::Headers;
use pointsman_core::outcome::OutcomeClass;
use pointsman_core::time::WallClock;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The id that Pointsman gives where the target gives none.
const OWN_ID: &str = "pm-0011223344556677";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    about: String,
    from: From,
    message: Option<Message>,
    no_message: Option<String>,
    #[serde(default)]
    to: Vec<To>,
}

/// The request to the first vendor.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    adapter: String,
    #[serde(default, rename = "method")]
    _method: Option<String>,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    form: Option<BTreeMap<String, Value>>,
}

/// What it says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    recipient: String,
    #[serde(default)]
    kind: Option<RecipientKind>,
    title: Option<String>,
    body: Option<String>,
    template: Option<String>,
    parameters: Option<Value>,
    data: Option<Value>,
    message_id: Option<String>,
}

/// A switch of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    #[serde(default)]
    about: String,
    adapter: String,
    path: Option<String>,
    business: Option<String>,
    #[serde(default)]
    params: BTreeMap<String, String>,
    #[serde(default)]
    texts: BTreeMap<String, String>,
    request: Option<Request>,
    cannot: Option<String>,
    #[serde(default)]
    answers: Vec<Exchange>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    json: Option<Value>,
    form: Option<BTreeMap<String, String>>,
}

/// What the second vendor answers, and what the caller gets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    target: TargetAnswer,
    caller: Option<CallerAnswer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetAnswer {
    status: u16,
    body: Value,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct CallerAnswer {
    status: u16,
    headers: BTreeMap<String, String>,
    json: Option<Value>,
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl From {
    fn target(&self) -> String {
        let after_host = self.url.split("://").nth(1).and_then(|rest| rest.split_once('/'));
        format!("/{}", after_host.map_or("", |(_, path)| path))
    }

    fn bytes(&self) -> Vec<u8> {
        let form = self.form.iter().flatten();
        let mut fields = form_urlencoded::Serializer::new(String::new());
        form.for_each(|(name, value)| {
            fields.append_pair(name, &text(value));
        });
        self.body.as_ref().map_or_else(|| fields.finish(), text).into_bytes()
    }
}

impl Message {
    fn of(message: &Canonical) -> Self {
        Self {
            recipient: message.recipient.expose().to_owned(),
            kind: Some(message.recipient_kind),
            title: message.title.clone(),
            body: message.body.clone(),
            template: message.template.clone(),
            parameters: message.parameters.clone(),
            data: message.data.clone(),
            message_id: message.message_id.clone(),
        }
    }

    fn fields(&self) -> impl PartialEq + std::fmt::Debug + '_ {
        let kind = self.kind.unwrap_or_default();
        let content = (&self.title, &self.body, &self.template, &self.parameters, &self.data);
        (&self.recipient, kind, content, &self.message_id)
    }
}

impl Request {
    fn of(outgoing: &Outgoing) -> Self {
        let headers: BTreeMap<String, String> = outgoing.headers.iter().cloned().collect();
        let is_form = headers.get("content-type").is_some_and(|kind| kind.contains("form"));
        let form = is_form.then(|| form_urlencoded::parse(&outgoing.body).into_owned().collect());
        let json = (!is_form).then(|| serde_json::from_slice(&outgoing.body).unwrap());
        Self { method: outgoing.method.clone(), path: outgoing.path.clone(), headers, json, form }
    }
}

impl CallerAnswer {
    fn of(answer: Answer) -> Self {
        let json = (!answer.body.is_empty()).then(|| serde_json::from_slice(&answer.body).unwrap());
        Self { status: answer.status, headers: answer.headers.into_iter().collect(), json }
    }
}

/// What the caller gets of an answer that its second vendor gave; none if that is no success.
fn answer(first: &Adapter, second: &Adapter, message: &Canonical, answer: &TargetAnswer) -> Option<CallerAnswer> {
    let classifier = Classifier::new(&second.response, second.operation.first()).unwrap();
    let (headers, body) = (Headers::default(), text(&answer.body));
    let body = Body::Whole(body.as_bytes());
    let judged = Judged { status: answer.status, headers: &headers, body, recipients: 1, detail: true };
    let (verdict, _) = classifier.judge(&judged, &mut || WallClock(0));
    let id = verdict.vendor_ids.first().map_or(OWN_ID, String::as_str);
    let answers = Answers::new(first).unwrap();
    (verdict.call == OutcomeClass::Ok).then(|| CallerAnswer::of(answers.ok(id, message)))
}

fn check_switch(about: &str, first: &Adapter, message: &Canonical, to: &To) {
    let second = adapter(&to.adapter);
    let message = Canonical { business: to.business.clone(), ..message.clone() };
    let composer = Composer::new(&second, to.path.as_deref()).unwrap();
    match (composer.compose(&message, &to.params, &to.texts), &to.request, &to.cannot) {
        (Ok(outgoing), Some(request), None) => assert_eq!(Request::of(&outgoing), *request, "{about}"),
        (Err(cannot), None, Some(expected)) => assert_eq!(cannot.as_str(), expected, "{about}"),
        (outcome, _, _) => panic!("{about}: {outcome:?}"),
    }
    for exchange in &to.answers {
        assert_eq!(answer(first, &second, &message, &exchange.target), exchange.caller, "{about}");
    }
}

fn check(case: &Case) {
    let first = adapter(&case.from.adapter);
    let headers: Vec<(&str, &str)> =
        case.from.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match (read(&first, &case.from.target(), &headers, &case.from.bytes()), &case.message, &case.no_message) {
        (Some(Ok(message)), Some(expected), None) => {
            assert_eq!(*message.origin, *first.name, "{}", case.about);
            let is_same = format!("{:?}", Message::of(&message).fields()) == format!("{:?}", expected.fields());
            assert!(is_same, "{}: {:?}", case.about, Message::of(&message).fields());
            for to in &case.to {
                check_switch(&format!("{}: {} {}", case.about, to.adapter, to.about), &first, &message, to);
            }
        }
        (Some(Err(fault)), None, Some(expected)) => assert_eq!(fault.as_str(), expected, "{}", case.about),
        (None, None, Some(expected)) => assert_eq!("not_read", expected, "{}", case.about),
        (outcome, _, _) => panic!("{}: {outcome:?}", case.about),
    }
}

#[test]
fn every_case_ends_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases/compose");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        file.cases.iter().for_each(check);
        count += file.cases.len();
    }
    assert!(count > 20, "only {count} cases were found");
}
