//! Whether a policy and its binding concern a request.

use super::policy::Request;
use serde_json::Value;

/// `matchConstraints` of a policy, or `matchResources` of a binding.
pub(super) fn concerns(constraints: &Value, request: &Request) -> bool {
    let rules = |key: &str| constraints[key].as_array().cloned().unwrap_or_default();
    let included = rules("resourceRules");
    if !included.is_empty() && !included.iter().any(|rule| rule_fits(rule, request)) {
        return false;
    }
    if rules("excludeResourceRules").iter().any(|rule| rule_fits(rule, request)) {
        return false;
    }
    let of_objects = [&request.object, &request.old_object];
    let objects = of_objects.iter().filter(|object| !object.is_null());
    selects(&constraints["namespaceSelector"], &request.namespace_labels)
        && objects.into_iter().any(|object| selects(&constraints["objectSelector"], &object["metadata"]["labels"]))
}

fn rule_fits(rule: &Value, request: &Request) -> bool {
    let any = |key: &str, wanted: &str| {
        let items = rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
        items.iter().any(|item| item == "*" || item == wanted)
    };
    let names = rule["resourceNames"].as_array().map(Vec::as_slice).unwrap_or_default();
    any("apiGroups", &request.group)
        && any("apiVersions", &request.version)
        && any("operations", &request.operation)
        && any("resources", &request.resource)
        && (names.is_empty() || any("resourceNames", &request.name()))
}

/// A label selector; without one all is selected.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object().into_iter().flatten();
    let expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    wanted.into_iter().all(|(name, value)| labels[name] == *value)
        && expressions.into_iter().all(|expression| expression_fits(expression, labels))
}

fn expression_fits(expression: &Value, labels: &Value) -> bool {
    let label = &labels[expression["key"].as_str().unwrap_or_default()];
    let listed = expression["values"].as_array().is_some_and(|values| values.contains(label));
    match expression["operator"].as_str() {
        Some("In") => listed,
        Some("NotIn") => !listed,
        Some("Exists") => !label.is_null(),
        Some("DoesNotExist") => label.is_null(),
        other => panic!("no operator of label selectors: {other:?}"),
    }
}
