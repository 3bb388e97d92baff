//! Overlays of `k8s/` as a cluster gets them.

use crate::{repository, tools};
use serde_json::Value;

/// The objects of an overlay, such as `k8s/istio`, as `kubectl kustomize` renders it.
pub fn render(overlay: &str) -> Vec<Value> {
    let folder = repository(overlay);
    let rendered = tools::run("kubectl", &["kustomize", &folder.to_string_lossy()]);
    documents(&rendered.unwrap_or_else(|complaint| panic!("{overlay}: {complaint}")))
}

/// The documents of a YAML text.
pub fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The object of a kind with a name.
pub fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}
