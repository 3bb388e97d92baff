//! The rules as objects of a cluster: a ConfigMap for the sidecar, and what Istio reads.
//!
//! An object is rendered as a value and shown as YAML, in which a config stands as it was written.

use serde_json::{Map, Value, json};

use super::{PluginSettings, RulesError, STRING_TYPE, WASM_TYPE};

/// The track of pods that have the filter in everyday use.
pub const STABLE: &str = "stable";

/// Where the shipped overlays put the module into Istio's proxy.
pub const MODULE: &str = "/etc/pointsman/filter/plugin.wasm";

/// The key of the ConfigMap under which the config stands.
pub const CONFIG_KEY: &str = "pointsman.json";

/// Where a proxy gets the module from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A file in the proxy's container.
    File(String),
    /// An OCI image or a file on a server, which Istio's agent fetches for the proxy.
    Fetched {
        /// Such as `oci://registry.example.com/pointsman/filter:0.1.0`.
        url: String,
        /// The digest of the image, or of the file: the agent takes nothing else.
        sha256: String,
    },
}

/// Which object is meant, and what it says beside the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The namespace of the pods.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// Which pods: those with this value of the label `pointsman.io/track`, beside `pointsman.io/filter: "true"`.
    pub track: String,
    /// Where the module is.
    pub code: Code,
}

impl Placement {
    /// An object for the pods in everyday use, with the module where the overlays put it.
    pub fn new(namespace: &str, name: &str) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        Self { namespace, name, track: STABLE.to_owned(), code: Code::File(MODULE.to_owned()) }
    }

    fn metadata(&self) -> Value {
        json!({
            "name": self.name,
            "namespace": self.namespace,
            "labels": { "app.kubernetes.io/name": "pointsman", "app.kubernetes.io/part-of": "pointsman" },
        })
    }

    fn pods(&self) -> Value {
        json!({ "pointsman.io/filter": "true", "pointsman.io/track": self.track })
    }

    /// Shared data is kept by this name: two versions in one proxy must not read each other's.
    fn vm_id(&self) -> String {
        if self.track == STABLE { "pointsman".to_owned() } else { format!("pointsman-{}", self.track) }
    }
}

/// The ConfigMap that the sidecar mounts.
pub fn render_configmap(config: &str, placement: &Placement) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": placement.metadata(),
        "data": { CONFIG_KEY: config },
    })
}

/// The `EnvoyFilter` that gives the filter its code and its rules, and does nothing else.
///
/// What wraps the config is what wraps it in the file of plain Envoy, but for where the code is. Where Istio's agent must
/// fetch it, the filter is open at failure: the agent would put a filter that denies everything in the place of any other.
pub fn render_envoyfilter(config: &str, plugin: &PluginSettings, placement: &Placement) -> Value {
    let mut settings = plugin.with(config);
    if let Some(vm) = settings.get_mut("vm_config").and_then(Value::as_object_mut) {
        vm.insert("vm_id".to_owned(), placement.vm_id().into());
        vm.insert("code".to_owned(), code(&placement.code));
    }
    if matches!(placement.code, Code::Fetched { .. }) {
        settings.insert("failure_policy".to_owned(), "FAIL_OPEN".into());
        settings.remove("reload_config");
    }
    json!({
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": placement.metadata(),
        "spec": {
            "workloadSelector": { "labels": placement.pods() },
            "configPatches": [{
                "applyTo": "EXTENSION_CONFIG",
                "patch": {
                    "operation": "ADD",
                    "value": { "name": plugin.resource, "typed_config": { "@type": WASM_TYPE, "config": settings } },
                },
            }],
        },
    })
}

fn code(code: &Code) -> Value {
    match code {
        Code::File(path) => json!({ "local": { "filename": path } }),
        // The agent puts a local file in the place of this before Envoy sees it; the cluster is never asked.
        Code::Fetched { url, sha256 } => {
            json!({ "remote": { "http_uri": { "uri": url, "timeout": "30s", "cluster": "_" }, "sha256": sha256 } })
        }
    }
}

/// The config in an `EnvoyFilter` of rules; `None` if there is none in it, or more than one.
pub fn config_in_envoyfilter(object: &Value) -> Option<&str> {
    object.pointer(&config_pointer(object)?)?.as_str()
}

/// Puts `text` in the place of the config in an `EnvoyFilter` of rules; `false`, and nothing is changed, if there is none
/// in it, or more than one.
pub fn with_config(object: &mut Value, text: &str) -> bool {
    let place = config_pointer(object).and_then(|pointer| object.pointer_mut(&pointer));
    if let Some(place) = place {
        *place = text.into();
        return true;
    }
    false
}

/// Where the one config of an `EnvoyFilter` stands.
fn config_pointer(object: &Value) -> Option<String> {
    if object.get("kind")? != "EnvoyFilter" {
        return None;
    }
    let patches = object.pointer("/spec/configPatches")?.as_array()?;
    let mut pointers = patches.iter().enumerate().filter_map(|(index, patch)| {
        let inner = "patch/value/typed_config/config/configuration/value";
        let is_config = patch["applyTo"] == "EXTENSION_CONFIG" && patch.pointer(&format!("/{inner}"))?.is_string();
        is_config.then(|| format!("/spec/configPatches/{index}/{inner}"))
    });
    let first = pointers.next()?;
    pointers.next().is_none().then_some(first)
}

/// The `WasmPlugin` for as much of the filter as it can carry.
///
/// # Errors
/// [`RulesError::Holds`] if the config holds requests; [`RulesError::Json`] if it is no JSON object.
pub fn render_wasmplugin(config: &str, placement: &Placement) -> Result<Value, RulesError> {
    let mut spec = wasm(config, placement)?;
    spec.insert("selector".to_owned(), json!({ "matchLabels": placement.pods() }));
    spec.insert("phase".to_owned(), "UNSPECIFIED_PHASE".into());
    spec.insert("match".to_owned(), both_sides());
    Ok(extension("WasmPlugin", placement, spec.into()))
}

/// The `TrafficExtension` for as much of the filter as it can carry: what takes the place of `WasmPlugin` since Istio 1.30.
///
/// # Errors
/// As [`render_wasmplugin`].
pub fn render_trafficextension(config: &str, placement: &Placement) -> Result<Value, RulesError> {
    let spec = json!({
        "selector": { "matchLabels": placement.pods() },
        "phase": "EXECUTION_PHASE_UNSPECIFIED",
        "match": both_sides(),
        "wasm": wasm(config, placement)?,
    });
    Ok(extension("TrafficExtension", placement, spec))
}

fn extension(kind: &str, placement: &Placement, spec: Value) -> Value {
    let version = "extensions.istio.io/v1alpha1";
    json!({ "apiVersion": version, "kind": kind, "metadata": placement.metadata(), "spec": spec })
}

/// In front of the service and behind it.
fn both_sides() -> Value {
    json!([{ "mode": "SERVER" }, { "mode": "CLIENT" }])
}

fn wasm(config: &str, placement: &Placement) -> Result<Map<String, Value>, RulesError> {
    let config: Map<String, Value> =
        serde_json::from_str(config).map_err(|error| RulesError::Json { reason: error.to_string() })?;
    if config.get("hold_request") == Some(&Value::Bool(true)) {
        return Err(RulesError::Holds);
    }
    let mut spec = Map::new();
    match &placement.code {
        Code::File(path) => spec.insert("url".to_owned(), format!("file://{path}").into()),
        Code::Fetched { url, sha256 } => {
            spec.insert("sha256".to_owned(), sha256.as_str().into());
            spec.insert("imagePullPolicy".to_owned(), "IfNotPresent".into());
            spec.insert("url".to_owned(), url.as_str().into())
        }
    };
    spec.insert("pluginName".to_owned(), "pointsman".into());
    spec.insert("pluginConfig".to_owned(), config.into());
    // A module that cannot be fetched must not deny what it was to watch.
    spec.insert("failStrategy".to_owned(), "FAIL_OPEN".into());
    spec.insert("vmConfig".to_owned(), json!({ "env": [{ "name": "POINTSMAN_SECRET", "valueFrom": "HOST" }] }));
    Ok(spec)
}

impl PluginSettings {
    /// The plugin's settings with this config.
    pub(super) fn with(&self, config: &str) -> Map<String, Value> {
        let mut settings = self.plugin.clone();
        settings.insert("configuration".to_owned(), json!({ "@type": STRING_TYPE, "value": config }));
        settings
    }
}

/// An object as a manifest.
///
/// # Errors
/// [`RulesError::Manifest`].
pub fn manifest(object: &Value) -> Result<String, RulesError> {
    let written =
        serde_saphyr::to_string(object).map_err(|error| RulesError::Manifest { reason: error.to_string() })?;
    // A config that came out otherwise than it went in would be another config.
    let read: Result<Value, _> = serde_saphyr::from_str(&written);
    Ok(if read.is_ok_and(|read| read == *object) { written } else { format!("{object:#}\n") })
}

#[cfg(test)]
mod tests;
