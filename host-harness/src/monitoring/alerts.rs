//! Alerts and recording rules for the nodes and channels of a config, as `docs/alerts.md` describes them.
//!
//! No window is shorter than five minutes, so that there are enough samples in it at any usual scrape interval. What may be
//! zero never divides: a series that is not there fires nothing, and neither does a NaN, but only the first is seen to be
//! missing.

mod channels;
mod filters;
mod kit;
mod latency;
mod matchers;
mod model;
mod slo;
mod times;
mod volume;

pub use matchers::{Matchers, MatchersError};
pub use model::{Group, Pairs, Rule};
pub use slo::FAILURES;
pub use times::TimeScale;

use super::watched::Watched;
use kit::Kit;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The label `service` where the config names none.
pub const SERVICE: &str = "pointsman";

/// How the rules of a config are written.
#[derive(Clone, Debug)]
pub struct Options {
    /// The label `team`.
    pub team: String,
    /// What every query is narrowed down to.
    pub matchers: Matchers,
    /// What stands before `#` in the links to what is to be done.
    pub runbook: String,
    /// By what all times are divided.
    pub time_scale: TimeScale,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            team: "push".to_owned(),
            matchers: Matchers::default(),
            runbook: "docs/alerts.md".to_owned(),
            time_scale: TimeScale::default(),
        }
    }
}

/// The rules could not be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the rules: {reason}")]
pub struct AlertsError {
    /// Why.
    pub reason: String,
}

/// How often rules are evaluated.
const INTERVAL: Duration = Duration::from_secs(30);

/// The rules of a config, in groups. Without nodes and channels there are only those about filters.
pub fn groups(watched: &Watched, options: &Options) -> Vec<Group> {
    let kit = Kit { watched, options };
    let kinds = [
        ("pointsman-channels", channels::rules(&kit)),
        ("pointsman-filters", filters::rules(&kit)),
        ("pointsman-latency", latency::rules(&kit)),
        ("pointsman-volume", volume::rules(&kit)),
    ];
    let kinds = kinds.into_iter().map(|(name, rules)| (name.to_owned(), rules));
    let groups = kinds.chain(slo::groups(&kit));
    let interval = kit.span(INTERVAL);
    let with_rules = groups.filter(|(_, rules)| !rules.is_empty());
    with_rules.map(|(name, rules)| Group { name, interval: interval.clone(), rules }).collect()
}

/// A file for `rule_files` of Prometheus.
///
/// # Errors
/// Never for what [`groups`] makes.
pub fn prometheus(groups: &[Group]) -> Result<String, AlertsError> {
    yaml(&File { groups })
}

/// A `PrometheusRule` of the Prometheus operator.
///
/// # Errors
/// Never for what [`groups`] makes.
pub fn operator(groups: &[Group], namespace: &str) -> Result<String, AlertsError> {
    let labels = ["app.kubernetes.io/name", "app.kubernetes.io/part-of"];
    let labels = labels.map(|label| (label, NAME)).into();
    yaml(&PrometheusRule {
        api_version: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        metadata: Metadata { name: NAME, namespace, labels },
        spec: File { groups },
    })
}

/// Of the object, and of what it is a part of.
const NAME: &str = "pointsman";

#[derive(Serialize)]
struct File<'a> {
    groups: &'a [Group],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PrometheusRule<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata<'a>,
    spec: File<'a>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    namespace: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
}

fn yaml(value: &impl Serialize) -> Result<String, AlertsError> {
    // Descriptions are folded where a reader's eye would be; queries break where they were made to.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: 120 };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| AlertsError { reason: error.to_string() })
}

#[cfg(test)]
mod tests;
