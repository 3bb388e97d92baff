//! Who may do what, by the Roles and bindings among the objects.

use super::answer::{Answer, status};
use crate::admission::Grant;
use serde_json::Value;

/// Somebody whom the server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups; `system:authenticated` is always one of them.
    pub groups: Vec<String>,
}

impl User {
    pub(super) fn new(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().chain(&["system:authenticated"]).map(|group| (*group).to_owned());
        Self { name: name.to_owned(), groups: groups.collect() }
    }

    fn is_subject(&self, subject: &Value) -> bool {
        let name = subject["name"].as_str().unwrap_or_default();
        match subject["kind"].as_str() {
            Some("Group") => self.groups.iter().any(|group| group == name),
            Some("User") => self.name == name,
            _ => false,
        }
    }
}

/// All that a user may do.
pub fn grants(objects: &[Value], user: &User) -> Vec<Grant> {
    if user.groups.iter().any(|group| group == "system:masters") {
        return vec![Grant::new("*", "*", "*")];
    }
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut grants = Vec::new();
    for binding in objects.iter().filter(|object| matches!(text(&object["kind"]), "RoleBinding" | "ClusterRoleBinding"))
    {
        if !list(&binding["subjects"]).iter().any(|subject| user.is_subject(subject)) {
            continue;
        }
        let namespace = binding["metadata"]["namespace"].as_str().unwrap_or("*");
        let reference = &binding["roleRef"];
        let role = objects.iter().find(|role| {
            role["kind"] == reference["kind"]
                && role["metadata"]["name"] == reference["name"]
                && (reference["kind"] == "ClusterRole" || role["metadata"]["namespace"] == namespace)
        });
        let rules = role.map(|role| list(&role["rules"])).unwrap_or_default();
        grants.extend(rules.iter().flat_map(|rule| of_rule(rule, namespace)));
    }
    grants
}

fn of_rule(rule: &Value, namespace: &str) -> Vec<Grant> {
    let texts = |key: &str| -> Vec<String> {
        let items = rule[key].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut names = texts("resourceNames");
    if names.is_empty() {
        names.push("*".to_owned());
    }
    let mut grants = Vec::new();
    for verb in texts("verbs") {
        for group in texts("apiGroups") {
            for resource in texts("resources") {
                grants.extend(names.iter().map(|name| Grant::new(&verb, &group, &resource).on(namespace, name)));
            }
        }
    }
    grants
}

/// Whether one of these is enough.
pub fn allows(grants: &[Grant], verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let fits = |granted: &str, asked: &str| granted == "*" || granted == asked;
    grants.iter().any(|grant| {
        fits(&grant.verb, verb)
            && fits(&grant.group, group)
            && fits(&grant.resource, resource)
            && fits(&grant.namespace, namespace)
            && fits(&grant.name, name)
    })
}

pub(super) fn forbidden(user: &User, verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Answer {
    let text = format!(
        "{resource} \"{name}\" is forbidden: User \"{}\" cannot {verb} resource \"{resource}\" in API group \"{group}\" in \
         the namespace \"{namespace}\"",
        user.name
    );
    status(403, "Forbidden", &text)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
