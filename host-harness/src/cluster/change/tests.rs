//! What becomes of an object, without a server.

use super::*;
use crate::cluster::annotation;
use crate::rules::{Placement, PluginSettings, config_in_envoyfilter, render_configmap, render_envoyfilter};
use crate::switch::{Action, Force};
use serde_json::json;
use std::time::Duration;

const NOW: WallClock = WallClock(1_800_000_000_000_000_000);
const CONFIG: &str = r#"{"service": "push", "hold_request": true,
 "channels": ["xiaomi", {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.xiaomi.internal"]}]}"#;

fn overrides() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "pointsman-overrides", "resourceVersion": "7", "annotations": {annotation::CONFIG: "pointsman"}},
    })
}

fn config_map() -> Value {
    render_configmap(CONFIG, &Placement::new("push", "pointsman"))
}

fn order(action: Action) -> Order {
    Order {
        channel: "xiaomi".to_owned(),
        action,
        by: "alice".to_owned(),
        approved_by: None,
        reason: "vendor down".to_owned(),
    }
}

fn switch() -> Order {
    let to = Force::Switch { to: vec!["xiaomi-b".to_owned()], keep_credentials: false };
    order(Action::Force(to, NOW.after(Duration::from_secs(1_800))))
}

fn new_config(text: &str) -> NewConfig {
    NewConfig {
        text: text.to_owned(),
        by: "alice".to_owned(),
        approved_by: None,
        reason: "more".to_owned(),
        end_orders: false,
    }
}

#[test]
fn overrides_that_are_empty_take_an_order_and_give_it_back() {
    let changed = change(&overrides(), CONFIG, Wish::Order(&switch()), NOW).unwrap();
    let text = changed.object["data"]["overrides.json"].as_str().unwrap();
    assert!(text.starts_with("{\"rules\": [{\"name\": \"switch-xiaomi\""), "{text}");
    assert_eq!(changed.record.version, digest(&overrides::merge(CONFIG, text).unwrap()));
    assert_eq!(changed.record.before, digest(CONFIG), "what filters had loaded before");
    let notes = &changed.object["metadata"]["annotations"];
    assert_eq!((&notes[annotation::BY], &notes[annotation::OPERATION]), (&json!("alice"), &json!("switch")));
    assert_eq!(notes[annotation::AT], format_rfc3339(NOW));
    assert!(changed.diff.starts_with("--- overrides.json\n"), "{}", changed.diff);

    let back = order(Action::Back);
    let restored = change(&changed.object, CONFIG, Wish::Order(&back), NOW).unwrap();
    assert_eq!(restored.record.version, changed.record.before, "the same config as before has the same version");
    assert!(restored.object["metadata"]["annotations"].get(annotation::UNTIL).is_none());
    assert!(change(&restored.object, CONFIG, Wish::Order(&back), NOW).is_err(), "there is nothing to take back");
}

#[test]
fn only_the_text_and_the_annotations_of_an_object_change() {
    let placement = Placement::new("push", "pointsman-rules");
    let filter = render_envoyfilter(CONFIG, &PluginSettings::shipped().unwrap(), &placement);
    for before in [filter, config_map()] {
        let changed = change(&before, "", Wish::Order(&switch()), NOW).unwrap();
        let place = Place::of(&before).unwrap();
        let mut again = changed.object.clone();
        place.put(&mut again, CONFIG);
        again["metadata"].as_object_mut().unwrap().remove("annotations");
        assert_eq!(again.to_string(), before.to_string());
        let text = place.text(&changed.object);
        assert!(text.contains("switch-xiaomi") && changed.record.version == digest(text));
    }
}

#[test]
fn what_an_object_does_not_allow_is_refused() {
    let refused = |object: &Value, order: &Order| change(object, CONFIG, Wish::Order(order), NOW).unwrap_err();
    let mut strict = overrides();
    strict["metadata"]["annotations"][APPROVAL] = "required".into();
    assert_eq!(refused(&strict, &switch()), Unable::NeedsApproval);
    assert!(matches!(refused(&strict, &order(Action::Back)), Unable::Unfit(_)), "to take back needs nobody else");
    let own = Order { approved_by: Some(" Alice".to_owned()), ..switch() };
    assert_eq!(refused(&overrides(), &own), Unable::SamePerson);
    change(&strict, CONFIG, Wish::Order(&Order { approved_by: Some("bob".to_owned()), ..switch() }), NOW).unwrap();

    let nameless = json!({"kind": "ConfigMap", "metadata": {}, "data": {"overrides.json": "{}"}});
    assert_eq!(refused(&nameless, &switch()), Unable::NamesNoConfig);
    for object in [json!({"kind": "ConfigMap"}), json!({"kind": "EnvoyFilter", "spec": {}}), json!(null)] {
        assert_eq!(refused(&object, &switch()), Unable::NoRulesInIt, "{object}");
    }
    let nobody = Order { channel: "nobody".to_owned(), ..switch() };
    assert!(matches!(refused(&config_map(), &nobody), Unable::Unfit(Unfit::Faults(_))));
}

#[test]
fn a_new_config_is_checked_and_ends_no_order_unasked() {
    let other = CONFIG.replace("\"push\"", "\"other\"");
    let changed = change(&config_map(), "", Wish::Config(&new_config(&other)), NOW).unwrap();
    assert_eq!(changed.object["data"]["pointsman.json"], other);
    assert_eq!(changed.record.operation, Operation::Apply);
    let faulty = new_config("{\"servce\": 1}");
    assert!(matches!(change(&config_map(), "", Wish::Config(&faulty), NOW), Err(Unable::Unfit(Unfit::Faults(_)))));
    let into_overrides = change(&overrides(), CONFIG, Wish::Config(&new_config(&other)), NOW);
    assert_eq!(into_overrides, Err(Unable::IsNoConfig));

    let switched = change(&config_map(), "", Wish::Order(&switch()), NOW).unwrap().object;
    let ends = change(&switched, "", Wish::Config(&new_config(&other)), NOW);
    assert_eq!(ends, Err(Unable::EndsOrders { names: "switch-xiaomi".to_owned() }));
    let meant = NewConfig { end_orders: true, ..new_config(&other) };
    change(&switched, "", Wish::Config(&meant), NOW).unwrap();
    let later = NOW.after(Duration::from_secs(3_600));
    change(&switched, "", Wish::Config(&new_config(&other)), later).unwrap();
    let kept = config_in_envoyfilter(&switched).unwrap_or_else(|| switched["data"]["pointsman.json"].as_str().unwrap());
    change(&switched, "", Wish::Config(&new_config(kept)), NOW).unwrap();
}
