//! The rules as their readers want them: the file of Envoy's file-based ECDS, put in place by rename, and objects of a
//! cluster.
//!
//! What wraps it is taken from the bootstrap's own `default_config`, so that a change of rules changes nothing but the
//! `configuration`: Envoy then keeps the VM with all that it has counted, and makes a new root context only.

mod objects;

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use thiserror::Error;

pub use objects::{
    CONFIG_KEY, Code, MODULE, Placement, STABLE, config_in_envoyfilter, manifest, render_configmap, render_envoyfilter,
    render_trafficextension, render_wasmplugin, with_config,
};

const EXTENSION_TYPE: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const WASM_TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const STRING_TYPE: &str = "type.googleapis.com/google.protobuf.StringValue";

/// Envoy often runs as a user of its own, and must be able to read what an operator has put in place.
const MODE: u32 = 0o644;

/// Why the rules could not be wrapped or put in place.
#[derive(Debug, Error)]
pub enum RulesError {
    /// The bootstrap is not YAML.
    #[error("the bootstrap is not valid YAML: {reason}")]
    Yaml {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// The bootstrap has no HTTP filter with `config_discovery` and a `default_config` of Wasm.
    #[error("no HTTP filter of the bootstrap has a config_discovery with a Wasm default_config")]
    NoPlugin,
    /// The config is no JSON object.
    #[error("the config is no JSON object: {reason}")]
    Json {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// The config holds requests, and the target can't.
    #[error(
        "`hold_request` is true, and neither WasmPlugin nor TrafficExtension can let headers wait for the body (Envoy's \
         `allow_on_headers_stop_iteration`): every held push would stop. Set it to false, or use --target envoyfilter"
    )]
    Holds,
    /// An object could not be written as YAML.
    #[error("the object cannot be written: {reason}")]
    Manifest {
        /// The writer's words.
        reason: String,
    },
    /// The file could not be replaced; the old one is still in place, or the new one is and may not survive a crash.
    #[error("cannot replace {path}", path = path.display())]
    Replace {
        /// The file to be replaced.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Everything about the plugin but its `configuration`, as the bootstrap has it.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSettings {
    resource: String,
    plugin: Map<String, Value>,
}

impl PluginSettings {
    /// The settings of the bootstrap that ships with Pointsman.
    ///
    /// # Errors
    /// [`RulesError`] if the file embedded at build time is broken.
    pub fn shipped() -> Result<Self, RulesError> {
        Self::from_yaml(include_str!("../../envoy/bootstrap.yaml"))
    }

    /// The settings of a bootstrap in YAML or JSON.
    ///
    /// # Errors
    /// [`RulesError::Yaml`] or [`RulesError::NoPlugin`].
    pub fn from_yaml(bootstrap: &str) -> Result<Self, RulesError> {
        let bootstrap: Value =
            serde_saphyr::from_str(bootstrap).map_err(|error| RulesError::Yaml { reason: error.to_string() })?;
        Self::from_bootstrap(&bootstrap)
    }

    /// The settings of a parsed bootstrap: those of the first HTTP filter that comes by `config_discovery`.
    ///
    /// # Errors
    /// [`RulesError::NoPlugin`].
    pub fn from_bootstrap(bootstrap: &Value) -> Result<Self, RulesError> {
        listeners(bootstrap).flat_map(http_filters).find_map(discovered).ok_or(RulesError::NoPlugin)
    }
}

/// The upper bounds of the histogram buckets of the bootstrap that ships, in milliseconds.
///
/// # Errors
/// [`RulesError::Yaml`] if the file embedded at build time is broken.
pub fn shipped_buckets_ms() -> Result<Vec<u64>, RulesError> {
    let bootstrap: Value = serde_saphyr::from_str(include_str!("../../envoy/bootstrap.yaml"))
        .map_err(|error| RulesError::Yaml { reason: error.to_string() })?;
    let buckets = bootstrap.pointer("/stats_config/histogram_bucket_settings/0/buckets").and_then(Value::as_array);
    Ok(buckets.into_iter().flatten().filter_map(Value::as_u64).collect())
}

fn listeners(bootstrap: &Value) -> impl Iterator<Item = &Value> {
    let listeners = bootstrap.pointer("/static_resources/listeners").and_then(Value::as_array);
    listeners.into_iter().flatten()
}

fn http_filters(listener: &Value) -> impl Iterator<Item = &Value> {
    let filters = listener.pointer("/filter_chains/0/filters/0/typed_config/http_filters").and_then(Value::as_array);
    filters.into_iter().flatten()
}

fn discovered(filter: &Value) -> Option<PluginSettings> {
    let default = filter.pointer("/config_discovery/default_config")?;
    if default.get("@type")? != WASM_TYPE {
        return None;
    }
    Some(PluginSettings {
        resource: filter.get("name")?.as_str()?.to_owned(),
        plugin: default.get("config")?.as_object()?.clone(),
    })
}

/// The ECDS file for a plugin configuration: one `TypedExtensionConfig` in a `DiscoveryResponse`, as indented JSON.
///
/// `config_json` goes in as it is, so that the line and column of a fault are those of the operator's own file. It is
/// not checked here: the filter rejects what it cannot use, and the last good rules stay in force.
pub fn render_ecds(config_json: &str, plugin: &PluginSettings) -> String {
    let config = plugin.with(config_json);
    let response = json!({
        "resources": [{
            "@type": EXTENSION_TYPE,
            "name": plugin.resource,
            "typed_config": { "@type": WASM_TYPE, "config": config },
        }],
    });
    format!("{response:#}\n")
}

/// Replaces a file as Envoy wants it: a whole new file in the same directory, synced, then renamed over the old one.
///
/// Envoy watches the directory for renames and does not see a file that is written in place.
///
/// # Errors
/// [`RulesError::Replace`].
pub fn replace(path: &Path, content: &str) -> Result<(), RulesError> {
    rename_over(path, content).map_err(|source| RulesError::Replace { path: path.to_owned(), source })
}

fn rename_over(path: &Path, content: &str) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(MODE)).tempfile_in(directory)?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // Without this the rename itself may be lost in a crash.
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of a deployed file, as JSON pointer segments of the rendered resource.
    const PLUGIN: &str = "/resources/0/typed_config/config";

    fn render(config: &str) -> Value {
        let text = render_ecds(config, &PluginSettings::shipped().unwrap());
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn only_the_configuration_differs_from_the_default_config() {
        let settings = PluginSettings::shipped().unwrap();
        let rendered = render(r#"{"service": "push"}"#);
        let mut plugin = rendered.pointer(PLUGIN).unwrap().clone();
        assert_eq!(plugin["configuration"], json!({ "@type": STRING_TYPE, "value": r#"{"service": "push"}"# }));
        plugin["configuration"] = json!({ "@type": STRING_TYPE, "value": "{}" });
        assert_eq!(plugin.as_object(), Some(&settings.plugin));
        assert_eq!(rendered["resources"][0]["name"], "pointsman");
    }

    #[test]
    fn a_configuration_goes_in_byte_for_byte() {
        let config = "{\n  \"a\": \"\\u00e9 \u{1F600}\",\n}";
        let value = format!("{PLUGIN}/configuration/value");
        assert_eq!(render(config).pointer(&value).unwrap(), config);
    }

    #[test]
    fn the_shipped_rules_file_is_rendered_from_the_example() {
        let shipped = include_str!("../../envoy/rules/pointsman.ecds.json");
        let example = include_str!("../../envoy/pointsman.json");
        let rendered = render_ecds(example, &PluginSettings::shipped().unwrap());
        assert_eq!(shipped, rendered);
    }

    #[test]
    fn a_bootstrap_without_the_filter_has_no_settings() {
        let found = PluginSettings::from_yaml("static_resources: { listeners: [{ name: a }] }");
        assert!(matches!(found, Err(RulesError::NoPlugin)));
        let found = PluginSettings::from_yaml("a: [");
        assert!(matches!(found, Err(RulesError::Yaml { .. })));
    }

    #[test]
    fn replace_leaves_the_new_file_alone_in_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.json");
        for content in ["first", "second"] {
            replace(&path, content).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        // The process's umask may take bits away, never the owner's.
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o600, 0o600);
        assert_eq!(mode & 0o111, 0);
    }

    #[test]
    fn replace_names_the_file_it_could_not_write() {
        let error = replace(Path::new("/nonexistent/rules.json"), "x").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/rules.json"));
    }
}
