//! The section `operations` of the config.

use super::error::OperationError;
use super::target::Target;
use super::wish::{Wide, duration};
use crate::config::fault::Faults;
use pointsman_core::time::DurationText;
use pointsman_host::cluster::{Access, Cluster, Kind, Object};
use pointsman_host::rules::PluginSettings;
use pointsman_host::switch::{Destination, Files, LONGEST, Share};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// As it is written. One of `file` and `kubernetes` is needed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// The config that is changed, as a file.
    pub file: Option<FileWire>,
    /// The object that is changed.
    pub kubernetes: Option<KubernetesWire>,
    /// The operations log of this program.
    pub log: PathBuf,
    /// How long an operation waits for a second person; by default `30m`.
    pub wait: Option<DurationText>,
    /// How long a drill may last; by default `1h`.
    pub longest_drill: Option<DurationText>,
    /// The services whose filters load the config; by default all that report.
    pub services: Vec<String>,
    /// What needs a second person.
    pub approval: ApprovalWire,
}

/// A file, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileWire {
    /// The config.
    pub config: PathBuf,
    /// The log of `pointsman switch`; by default the config's name with the ending `.ops.jsonl`.
    pub log: Option<PathBuf>,
    /// A file in the directory that Envoy watches, to which the config is applied too.
    pub destination: Option<PathBuf>,
    /// The bootstrap that names the plugin; by default the one that ships.
    pub bootstrap: Option<PathBuf>,
}

/// An object of a cluster, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesWire {
    /// `NAMESPACE/NAME`.
    pub configmap: Option<String>,
    /// `NAMESPACE/NAME`.
    pub envoyfilter: Option<String>,
    /// The kubeconfig; by default as kubectl finds it, or the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it.
    pub context: Option<String>,
    /// How long a call may take; by default `10s`.
    pub timeout: Option<DurationText>,
}

/// What needs a second person, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalWire {
    /// Every order for any channel.
    pub all: bool,
    /// Every order for these.
    pub channels: Vec<String>,
    /// Drills that strike more than this share; by default 0.1.
    pub drill_above: Option<f64>,
    /// Orders that refuse all messages of a channel; by default true.
    pub shed_all: Option<bool>,
}

/// The section, found to be sound.
#[derive(Clone, Debug)]
pub struct Settings {
    place: Place,
    pub(super) log: PathBuf,
    pub(super) wait: Duration,
    pub(super) longest_drill: Duration,
    pub(super) services: Vec<String>,
    pub(super) wide: Wide,
}

#[derive(Clone, Debug)]
enum Place {
    File(FileWire),
    Cluster(Access, Object, Duration),
}

impl Wire {
    /// What it becomes; what is wrong with it is in `faults` then. Nothing is opened.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Option<Settings> {
        if self.log.as_os_str().is_empty() {
            faults.add(&format!("{path}.log"), "is needed: the file in which every operation is recorded");
        }
        let place = match (self.file, self.kubernetes) {
            (Some(file), None) => {
                if file.bootstrap.is_some() && file.destination.is_none() {
                    faults.add(&format!("{path}.file.bootstrap"), "has no effect without `destination`");
                }
                Some(Place::File(file))
            }
            (None, Some(kubernetes)) => kubernetes.validate(&format!("{path}.kubernetes"), faults),
            _ => {
                faults.add(path, "needs one of `file` and `kubernetes`: what is changed");
                None
            }
        };
        let wait = duration(self.wait, HOUR / 2);
        if !(Duration::from_secs(60)..=LONGEST).contains(&wait) {
            faults.add(&format!("{path}.wait"), "must be from 1m to 24h");
        }
        let longest_drill = duration(self.longest_drill, HOUR);
        if !(Duration::from_secs(1)..=LONGEST).contains(&longest_drill) {
            faults.add(&format!("{path}.longest_drill"), "must be from 1s to 24h");
        }
        let wide = self.approval.validate(&format!("{path}.approval"), faults);
        Some(Settings { place: place?, log: self.log, wait, longest_drill, services: self.services, wide })
    }
}

impl KubernetesWire {
    fn validate(self, path: &str, faults: &mut Faults) -> Option<Place> {
        let (kind, key, text) = match (self.configmap, self.envoyfilter) {
            (Some(name), None) => (Kind::ConfigMap, "configmap", name),
            (None, Some(name)) => (Kind::EnvoyFilter, "envoyfilter", name),
            _ => {
                faults.add(path, "needs one of `configmap` and `envoyfilter`, as NAMESPACE/NAME");
                return None;
            }
        };
        let timeout = duration(self.timeout, Duration::from_secs(10));
        if timeout > Duration::from_secs(60) {
            faults.add(&format!("{path}.timeout"), "is more than 60s");
        }
        match Object::parse(kind, &text) {
            Ok(object) => {
                let access = Access { kubeconfig: self.kubeconfig, context: self.context, acting: None };
                Some(Place::Cluster(access, object, timeout))
            }
            Err(error) => {
                faults.add(&format!("{path}.{key}"), error.to_string());
                None
            }
        }
    }
}

impl ApprovalWire {
    fn validate(self, path: &str, faults: &mut Faults) -> Wide {
        let drill_above = self.drill_above.unwrap_or(0.1);
        if drill_above != 0.0 && Share::of(drill_above).is_err() {
            faults.add(&format!("{path}.drill_above"), "must be from 0 to 0.5");
        }
        Wide { channels: self.channels, all: self.all, drill_above, shed_all: self.shed_all.unwrap_or(true) }
    }
}

impl Settings {
    /// What is changed, ready for use. Nothing is asked of a cluster yet.
    pub(super) async fn target(&self) -> Result<Target, OperationError> {
        match &self.place {
            Place::Cluster(access, object, timeout) => {
                let cluster = Cluster::connect(access).await?.within(*timeout);
                Ok(Target::Cluster(cluster, object.clone()))
            }
            Place::File(FileWire { config, log, destination, bootstrap }) => {
                let log = log.clone().unwrap_or_else(|| config.with_extension("ops.jsonl"));
                let destination = match destination {
                    Some(file) => Some(Destination { file: file.clone(), plugin: plugin(bootstrap.as_ref())? }),
                    None => None,
                };
                Ok(Target::File(Files { config: config.clone(), log, destination }))
            }
        }
    }
}

fn plugin(bootstrap: Option<&PathBuf>) -> Result<PluginSettings, OperationError> {
    let Some(path) = bootstrap else { return Ok(PluginSettings::shipped()?) };
    let unreadable = |error| OperationError::Failed(format!("cannot read {}: {error}", path.display()));
    Ok(PluginSettings::from_yaml(&std::fs::read_to_string(path).map_err(unreadable)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(json: &str) -> Vec<String> {
        let mut faults = Faults::default();
        serde_json::from_str::<Wire>(json).unwrap().validate("operations", &mut faults);
        faults.0.into_iter().map(|fault| fault.path).collect()
    }

    #[test]
    fn every_fault_is_told_with_its_path() {
        let good = r#"{"file": {"config": "/etc/a.json"}, "log": "/var/a.jsonl"}"#;
        assert_eq!(paths(good), Vec::<String>::new());
        assert_eq!(paths("{}"), ["operations.log", "operations"]);
        let kubernetes = r#"{"log": "a", "kubernetes": {"configmap": "push/../a"}, "wait": "1s", "longest_drill": "25h",
            "approval": {"drill_above": 0.6}}"#;
        assert_eq!(
            paths(kubernetes),
            [
                "operations.kubernetes.configmap",
                "operations.wait",
                "operations.longest_drill",
                "operations.approval.drill_above"
            ]
        );
        let both = r#"{"log": "a", "kubernetes": {}, "file": {"config": "a"}}"#;
        assert_eq!(paths(both), ["operations"]);
        assert_eq!(paths(r#"{"log": "a", "kubernetes": {}}"#), ["operations.kubernetes"]);
        assert!(serde_json::from_str::<Wire>(r#"{"aproval": {}}"#).is_err());
    }
}
