//! Every expression of the policies, with objects that must pass and objects that must not.

use super::bed::{Bed, CONFIG, PEOPLE, back, end_of_rehearsal, now, order, rehearsal};
use pointsman_host::cluster::{MAX_ENTRIES, Wish, annotation, change, records};
use pointsman_host::switch::Order;
use pointsman_tests::admission::{Request, refusals};
use pointsman_tests::apiserver::{User, rights};
use pointsman_tests::manifests;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const NAMESPACE_CONTROLLER: &str = "system:serviceaccount:kube-system:namespace-controller";

/// The objects of the cluster, and all that was refused so far.
struct Court {
    objects: Vec<Value>,
    refused: BTreeSet<String>,
}

impl Court {
    fn new() -> Self {
        Self { objects: Bed::objects(), refused: BTreeSet::new() }
    }

    fn object(&self, kind: &str, name: &str) -> Value {
        manifests::object(&self.objects, kind, name).clone()
    }

    fn overrides(&self) -> Value {
        self.object("ConfigMap", "pointsman-overrides")
    }

    fn filter(&self) -> Value {
        self.object("EnvoyFilter", "pointsman-rules")
    }

    /// What the policies say to this person's request.
    fn judge(&mut self, person: &str, old: &Value, new: &Value) -> Vec<String> {
        let groups = PEOPLE.iter().find(|(known, _)| *known == person).map(|(_, groups)| *groups).unwrap_or_default();
        let user = User { name: person.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect() };
        let any = if new.is_null() { old } else { new };
        let resource = if any["kind"] == "EnvoyFilter" { "envoyfilters" } else { "configmaps" };
        let group = if resource == "envoyfilters" { "networking.istio.io" } else { "" };
        let operation = match (old.is_null(), new.is_null()) {
            (true, _) => "CREATE",
            (_, true) => "DELETE",
            _ => "UPDATE",
        };
        let request = Request {
            operation: operation.to_owned(),
            group: group.to_owned(),
            version: if group.is_empty() { "v1" } else { "v1alpha3" }.to_owned(),
            user: json!({"username": person, "groups": user.groups}),
            authorizer: rights::grants(&self.objects, &user).into_iter().collect(),
            ..Request::update(resource, "push", old.clone(), new.clone())
        };
        let mut said = Vec::new();
        for policy in self.objects.iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicy") {
            let name = policy["metadata"]["name"].as_str().unwrap();
            let binding = manifests::object(&self.objects, "ValidatingAdmissionPolicyBinding", name);
            match refusals(policy, binding, &request) {
                Ok(refused) => said.extend(refused),
                // As with `failurePolicy: Fail`.
                Err(fault) => said.push(format!("cannot be judged: {fault}")),
            }
        }
        self.refused.extend(said.iter().cloned());
        said
    }

    fn assert_passes(&mut self, person: &str, old: &Value, new: &Value) {
        assert_eq!(self.judge(person, old, new), Vec::<String>::new(), "{person}");
    }

    fn assert_refused(&mut self, person: &str, old: &Value, new: &Value, words: &str) {
        let said = self.judge(person, old, new);
        assert!(
            said.iter().any(|message| message.contains(words)),
            "{person}: wanted {words:?}, got {said:?}\n{new:#}"
        );
    }
}

/// The object with an order given by this program.
fn ordered(object: &Value, order: &Order) -> Value {
    change(object, CONFIG, Wish::Order(order), now()).unwrap().object
}

fn noted(object: &Value, name: &str, value: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"][name] = value.into();
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"].as_object_mut().unwrap().remove(name);
    object
}

fn with(object: &Value, pointer: &str, key: &str, value: Value) -> Value {
    let mut object = object.clone();
    object.pointer_mut(pointer).unwrap()[key] = value;
    object
}

/// What this program writes may pass, time after time.
fn orders_pass(court: &mut Court) {
    for (mut object, rounds) in [(court.overrides(), 11), (court.filter(), 1)] {
        for round in 0..rounds {
            let (person, other) = if round % 2 == 0 { ("alice", "bob") } else { ("bob", "alice") };
            let approved = Order { approved_by: Some(other.to_owned()), ..order("xiaomi", person) };
            for order in [approved, back("xiaomi", other), rehearsal(person), end_of_rehearsal(other)] {
                let next = ordered(&object, &order);
                court.assert_passes(&order.by, &object, &next);
                object = next;
            }
        }
        assert_eq!(records(&object).len(), (4 * rounds).min(MAX_ENTRIES));
    }
}

/// Every annotation is judged.
fn signatures_are_judged(court: &mut Court) {
    let old = court.overrides();
    let good = ordered(&old, &order("xiaomi", "alice"));
    let long = "a".repeat(257);
    for (name, value, words) in [
        (annotation::BY, "bob", "pointsman.io/by must be"),
        (annotation::BY, "Alice", "pointsman.io/by must be"),
        (annotation::OPERATION, "apply", "pointsman.io/operation must be"),
        (annotation::REASON, " ", "pointsman.io/reason must"),
        (annotation::REASON, &long, "pointsman.io/reason must"),
        (annotation::APPROVED_BY, "alice", "pointsman.io/approved-by must be somebody else"),
        (annotation::APPROVED_BY, " ALICE ", "pointsman.io/approved-by must be somebody else"),
        (annotation::APPROVED_BY, " ", "pointsman.io/approved-by must be somebody else"),
        (annotation::UNTIL, "2020-01-01T00:00:00Z", "pointsman.io/until must be after"),
        (annotation::UNTIL, "2099-01-01T00:00:00Z", "pointsman.io/until must be after"),
        (annotation::HISTORY, "{}", "pointsman.io/history must end"),
        (annotation::CONFIG, "other", "an operator leaves labels"),
        (annotation::APPROVAL, "no", "an operator leaves labels"),
    ] {
        court.assert_refused("alice", &old, &noted(&good, name, value), words);
    }
    let times = [(annotation::AT, "pointsman.io/at must be"), (annotation::UNTIL, "pointsman.io/until must be a time")];
    for (name, words) in times {
        // Where no time is written none can be compared: that is an error, and so a refusal, by itself.
        let bad = noted(&noted(&good, name, "tomorrow"), annotation::OPERATION, "back");
        court.assert_refused("alice", &old, &bad, words);
    }
    for (name, words) in [
        (annotation::BY, "pointsman.io/by must be"),
        (annotation::OPERATION, "pointsman.io/operation must be"),
        (annotation::REASON, "pointsman.io/reason must"),
        (annotation::HISTORY, "pointsman.io/history must end"),
    ] {
        court.assert_refused("alice", &old, &without(&good, name), words);
    }
    // An edit that leaves the signature of the last order as it was.
    let edited = with(&good, "/data", "overrides.json", "{\"rules\": []}".into());
    court.assert_refused("alice", &good, &edited, "pointsman.io/history must end");
    let next = ordered(&good, &order("oppo", "alice"));
    let lines = next["metadata"]["annotations"][annotation::HISTORY].as_str().unwrap();
    let forgotten = lines.lines().last().unwrap();
    court.assert_refused("alice", &good, &noted(&next, annotation::HISTORY, forgotten), "must keep the lines");

    let strict = noted(&old, annotation::APPROVAL, "required");
    let alone = noted(&ordered(&old, &order("xiaomi", "alice")), annotation::APPROVAL, "required");
    court.assert_refused("alice", &strict, &alone, "demands pointsman.io/approved-by");
    court.assert_passes("alice", &strict, &noted(&alone, annotation::APPROVED_BY, "bob"));
}

/// Nothing but the text may change in an operator's hands.
fn contents_are_judged(court: &mut Court) {
    let old = court.overrides();
    let good = ordered(&old, &order("xiaomi", "alice"));
    let hold = "overrides hold overrides.json and nothing else";
    court.assert_refused("alice", &old, &with(&good, "/data", "pointsman.json", "{}".into()), hold);
    court.assert_refused("alice", &old, &with(&good, "", "immutable", true.into()), hold);
    court.assert_refused("alice", &old, &with(&good, "", "binaryData", json!({"a": "AA=="})), hold);
    let long = with(&good, "/data", "overrides.json", " ".repeat(65_537).into());
    court.assert_refused("alice", &old, &long, "longer than 65536");
    let labelled = with(&good, "/metadata", "labels", json!({"a": "b"}));
    court.assert_refused("alice", &old, &labelled, "an operator leaves labels");

    let filter = court.filter();
    let good = ordered(&filter, &order("xiaomi", "alice"));
    let plugin = "/spec/configPatches/0/patch/value/typed_config/config";
    for (pointer, key) in [
        ("/spec", "workloadSelector"),
        ("/spec", "priority"),
        ("/spec/configPatches/0", "applyTo"),
        ("/spec/configPatches/0/patch", "operation"),
        ("/spec/configPatches/0/patch/value", "name"),
        ("/spec/configPatches/0/patch/value/typed_config", "@type"),
        (plugin, "vm_config"),
        (plugin, "failure_policy"),
        (&format!("{plugin}/configuration"), "@type"),
    ] {
        let other = with(&good, pointer, key, "other".into());
        court.assert_refused("alice", &filter, &other, "an operator changes the text");
        assert!(!court.judge("owner", &filter, &other).iter().any(|message| message.contains("operator")));
    }
    let mut fewer = good.clone();
    fewer.pointer_mut(plugin).unwrap().as_object_mut().unwrap().remove("vm_config");
    court.assert_refused("alice", &filter, &fewer, "an operator changes the text");
    let mut more = good;
    more["spec"]["configPatches"].as_array_mut().unwrap().push(json!({"applyTo": "CLUSTER"}));
    court.assert_refused("alice", &filter, &more, "an operator changes the text");
}

/// Who may make, change and delete what.
fn persons_are_judged(court: &mut Court) {
    let (overrides, filter, config) = (court.overrides(), court.filter(), court.object("ConfigMap", "pointsman"));
    let owns = "only who may `own`";
    for object in [&overrides, &filter, &config] {
        for person in ["alice", "editor"] {
            court.assert_refused(person, &Value::Null, object, owns);
            court.assert_refused(person, object, &Value::Null, owns);
        }
        for person in ["owner", "admin"] {
            court.assert_passes(person, &Value::Null, object);
            court.assert_passes(person, object, &Value::Null);
        }
        court.assert_passes(NAMESPACE_CONTROLLER, object, &Value::Null);
        court.assert_refused(NAMESPACE_CONTROLLER, &Value::Null, object, owns);
    }
    let by_editor = ordered(&overrides, &order("xiaomi", "editor"));
    court.assert_refused("editor", &overrides, &by_editor, "only who may `operate`");
    let edited = with(&config, "/data", "pointsman.json", "{}".into());
    court.assert_refused("editor", &config, &edited, owns);
    // An owner gives orders as others do, and names and labels things without a signature.
    let by_owner = ordered(&overrides, &order("xiaomi", "owner"));
    court.assert_passes("owner", &overrides, &by_owner);
    court.assert_refused("owner", &overrides, &without(&by_owner, annotation::BY), "pointsman.io/by must be");
    court.assert_passes("owner", &overrides, &noted(&overrides, annotation::APPROVAL, "required"));
    // In an emergency the policies stand aside.
    court.assert_passes("admin", &overrides, &with(&by_owner, "/data", "overrides.json", "{}".into()));
    // What is not ours is nobody's business here.
    let mut other = config;
    other["metadata"]["name"] = "passwords".into();
    court.assert_passes("editor", &other, &Value::Null);
}

/// An owner who does not sign is warned.
fn owners_are_warned(court: &mut Court) {
    let config = court.object("ConfigMap", "pointsman");
    let edited = with(&config, "/data", "pointsman.json", "{}".into());
    court.assert_refused("owner", &config, &edited, "pointsman.io/by is not the user who asks");
    court.assert_refused("owner", &config, &edited, "pointsman.io/history and pointsman.io/reason");
    let signed = ordered(&config, &order("xiaomi", "owner"));
    court.assert_passes("owner", &config, &signed);
    let binding = court.object("ValidatingAdmissionPolicyBinding", "pointsman-signed");
    assert_eq!(binding["spec"]["validationActions"], json!(["Warn", "Audit"]));
}

#[test]
fn every_validation_lets_pass_what_it_must_and_refuses_what_it_must() {
    let mut court = Court::new();
    orders_pass(&mut court);
    assert!(court.refused.is_empty());
    signatures_are_judged(&mut court);
    contents_are_judged(&mut court);
    persons_are_judged(&mut court);
    owners_are_warned(&mut court);
    let policies = court.objects.iter().filter(|object| object["kind"] == "ValidatingAdmissionPolicy");
    let validations = policies.flat_map(|policy| policy["spec"]["validations"].as_array().unwrap());
    let silent: Vec<&Value> = validations
        .map(|validation| &validation["message"])
        .filter(|message| !court.refused.contains(message.as_str().unwrap()))
        .collect();
    assert!(silent.is_empty(), "never seen to refuse: {silent:?}");
}

#[test]
fn a_time_that_cannot_be_read_is_refused() {
    let mut court = Court::new();
    let old = court.overrides();
    let bad = noted(&ordered(&old, &order("xiaomi", "alice")), annotation::UNTIL, "2026-13-45T99:00:00Z");
    court.assert_refused("alice", &old, &bad, "cannot be judged");
    for name in ["pointsman-orders", "pointsman-owned"] {
        let policy = court.object("ValidatingAdmissionPolicy", name);
        assert_eq!(policy["spec"]["failurePolicy"], "Fail", "what cannot be judged does not pass");
    }
}
