//! A cluster with what `k8s/permissions` puts there, a config, and people.

use pointsman_core::time::WallClock;
use pointsman_host::cluster::{Access, Cluster, Kind, Object};
use pointsman_host::rules::{Placement, PluginSettings, render_configmap, render_envoyfilter};
use pointsman_host::switch::{Action, Drill, Fault, Force, Order, Share};
use pointsman_tests::apiserver::ApiServer;
use pointsman_tests::manifests;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Everybody, and their groups. `editor` may change any ConfigMap, as who has the built-in role `edit`.
pub(crate) const PEOPLE: [(&str, &[&str]); 8] = [
    ("alice", &["push-operators"]),
    ("bob", &["push-operators"]),
    ("viewer", &["push-viewers"]),
    ("owner", &["push-owners"]),
    ("editor", &["editors"]),
    ("console", &["consoles"]),
    ("admin", &["system:masters"]),
    ("nobody", &[]),
];

pub(crate) const CONFIG: &str = r#"{
  "service": "push", "hold_request": true,
  "channels": ["apns", "xiaomi", {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.xiaomi.internal"]},
    "oppo"],
  "rules": [{"name": "a", "auto": {"channel": "xiaomi", "to": ["xiaomi-b"]}}]
}
"#;

pub(crate) struct Bed {
    pub(crate) server: ApiServer,
}

impl Bed {
    pub(crate) async fn start() -> Self {
        Self { server: ApiServer::start(&Self::objects(), &PEOPLE).await }
    }

    pub(crate) fn objects() -> Vec<Value> {
        let mut objects = manifests::render("k8s/permissions");
        objects.push(render_configmap(CONFIG, &Placement::new("push", "pointsman")));
        let plugin = PluginSettings::shipped().unwrap();
        objects.push(render_envoyfilter(CONFIG, &plugin, &Placement::new("push", "pointsman-rules")));
        let any = json!({"apiGroups": ["", "networking.istio.io"], "resources": ["configmaps", "envoyfilters"],
            "verbs": ["get", "update", "delete"]});
        objects.extend(granted("editors", "Role", &any));
        let names = ["alice", "push-operators"];
        let person = json!({"apiGroups": [""], "resources": ["users", "groups"], "resourceNames": names,
            "verbs": ["impersonate"]});
        objects.extend(granted("consoles", "ClusterRole", &person));
        objects
    }

    pub(crate) async fn cluster(&self, person: &str) -> Cluster {
        let access = Access { kubeconfig: Some(self.server.kubeconfig(person)), ..Access::default() };
        // The policies are evaluated step by step, on a machine that may have much else to do.
        Cluster::connect(&access).await.unwrap().within(Duration::from_secs(60))
    }

    pub(crate) fn overrides(&self) -> Value {
        self.server.object("ConfigMap", "pointsman-overrides")
    }

    /// The names of the manual rules.
    pub(crate) fn orders(&self) -> Vec<String> {
        let object = self.overrides();
        let text = object["data"]["overrides.json"].as_str().unwrap_or("{}");
        let overrides: Value = serde_json::from_str(text).unwrap();
        let rules = overrides["rules"].as_array().cloned().unwrap_or_default();
        rules.iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn granted(group: &str, kind: &str, rule: &Value) -> [Value; 2] {
    let mut metadata = json!({"name": group});
    if kind == "Role" {
        metadata["namespace"] = "push".into();
    }
    let role = json!({"kind": kind, "metadata": metadata, "rules": [rule]});
    let binding = json!({"kind": format!("{kind}Binding"), "metadata": metadata,
        "roleRef": {"kind": kind, "name": group}, "subjects": [{"kind": "Group", "name": group}]});
    [role, binding]
}

pub(crate) fn now() -> WallClock {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    WallClock(u64::try_from(since_1970.as_nanos()).unwrap())
}

pub(crate) fn overrides() -> Object {
    Object::parse(Kind::ConfigMap, "push/pointsman-overrides").unwrap()
}

pub(crate) fn filter() -> Object {
    Object::parse(Kind::EnvoyFilter, "push/pointsman-rules").unwrap()
}

/// An order for half an hour.
pub(crate) fn order(channel: &str, by: &str) -> Order {
    let force = match channel {
        "xiaomi" => Force::Switch { to: vec!["xiaomi-b".to_owned()], keep_credentials: false },
        _ => Force::Shed { below_priority: None },
    };
    Order {
        channel: channel.to_owned(),
        action: Action::Force(force, now().after(Duration::from_secs(1_800))),
        by: by.to_owned(),
        approved_by: None,
        reason: "vendor \"down\"".to_owned(),
    }
}

pub(crate) fn back(channel: &str, by: &str) -> Order {
    Order { action: Action::Back, ..order(channel, by) }
}

/// A rehearsal of half an hour, with somebody else who agrees.
pub(crate) fn rehearsal(by: &str) -> Order {
    let drill = Drill { share: Share::of(0.1).unwrap(), fault: Fault::Refused };
    let action = Action::Drill(drill, now().after(Duration::from_secs(1_800)));
    Order { action, approved_by: Some("carol".to_owned()), ..order("xiaomi", by) }
}

pub(crate) fn end_of_rehearsal(by: &str) -> Order {
    Order { action: Action::EndDrill, approved_by: None, ..rehearsal(by) }
}
