//! How VMs were made anew. Envoy has the plugin's name within the metric's name, so that these are no labelled family.

use super::labels::Count;
use crate::proxy::exposition::name::sanitise;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// How the VMs of one plugin were made anew after they had failed.
#[derive(Clone, Debug, Default)]
pub struct Reloads {
    /// A new VM took over.
    pub success: Count,
    /// A new VM did not start.
    pub failure: Count,
    /// It was too early to try.
    pub backoff: Count,
}

/// By the plugin's name as it is shown.
#[derive(Debug, Default)]
pub(super) struct ReloadsByPlugin(Mutex<BTreeMap<String, Reloads>>);

impl ReloadsByPlugin {
    pub(super) fn of(&self, plugin: &str) -> Reloads {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(sanitise(plugin)).or_default().clone()
    }

    /// The names of all of them.
    pub(super) fn names(&self) -> Vec<String> {
        self.counts().into_iter().map(|(name, _)| name).collect()
    }

    fn counts(&self) -> Vec<(String, Count)> {
        let plugins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = plugins.iter().flat_map(|(plugin, Reloads { success, failure, backoff })| {
            let outcomes = [("success", success), ("failure", failure), ("backoff", backoff)];
            outcomes.map(|(outcome, count)| (format!("envoy_wasm_{plugin}_vm_reload_{outcome}"), count.clone()))
        });
        counts.collect()
    }
}

impl Collector for ReloadsByPlugin {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, count) in self.counts() {
            let help = "How VMs were made anew after they had failed.";
            count.encode(encoder.encode_descriptor(&name, help, None, count.metric_type())?)?;
        }
        Ok(())
    }
}
