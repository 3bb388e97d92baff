//! Makes of a config what workers serve by, taking over what has not changed.

use super::Control;
use crate::filter::{Node, Plugin};
use crate::proxy::access_log::AccessLog;
use crate::proxy::config::{Faults, PluginConfig, ProxyConfig, Source, TracingConfig};
use crate::proxy::error::ProxyError;
use crate::proxy::thread::Generation;
use crate::proxy::tracing::{Tracing, TracingSettings};
use crate::vm::Module;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long one export of spans may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long spans wait until they are sent together.
const EXPORT_DELAY: Duration = Duration::from_secs(1);

/// Refuses changes of what is fixed when the proxy starts.
///
/// # Errors
/// [`ProxyError::NeedsRestart`].
pub(super) fn refuse_fixed(current: &ProxyConfig, new: &ProxyConfig) -> Result<(), ProxyError> {
    let fixed = [
        ("workers", current.workers != new.workers),
        ("admin", current.admin != new.admin),
        ("max_connections", current.max_connections != new.max_connections),
        ("tracing", current.tracing != new.tracing),
        ("histogram_buckets", current.histogram_buckets != new.histogram_buckets),
    ];
    match fixed.iter().find(|(_, changed)| *changed) {
        Some((name, _)) => Err(ProxyError::NeedsRestart(name)),
        None => Ok(()),
    }
}

impl Control {
    /// Reads and compiles what a config names. The module's bytes come too.
    pub(super) fn build(&self, config: ProxyConfig) -> Result<(Arc<Generation>, Bytes), ProxyError> {
        let wasm = read("the filter's module", &config.plugin.wasm)?;
        let plugin = plugin(&config.plugin, &config.node)?;
        let current = self.generation.as_deref();
        let module = match current {
            Some(current) if wasm == self.wasm => current.module.clone(),
            _ => Module::new(&self.engine, &wasm)?,
        };
        let new_vm = current.is_none_or(|current| wasm != self.wasm || !same_vm(&current.plugin, &plugin));
        let new_configuration = new_vm || current.is_none_or(|current| !same_plugin(&current.plugin, &plugin));
        let clusters = self.shared.directory.prepare(&config.clusters, &self.shared.surroundings.metrics);
        let clusters = clusters.map_err(|(index, error)| {
            let mut faults = Faults::default();
            faults.add(format!("$.clusters[{index}].{}", error.key()), error);
            ProxyError::Config(faults)
        })?;
        let generation = Generation {
            clusters,
            module,
            plugin: Arc::new(plugin),
            access_log: access_log(&config, current)?,
            vm: self.next(|current| current.vm, new_vm),
            configuration: self.next(|current| current.configuration, new_configuration),
            config: Arc::new(config),
        };
        Ok((Arc::new(generation), wasm))
    }
}

/// Begins to send spans.
///
/// # Errors
/// [`ProxyError::Tracing`].
pub(super) fn tracing(config: &TracingConfig) -> Result<Tracing, ProxyError> {
    let has_path = config.endpoint.split_once("://").is_some_and(|(_, rest)| rest.trim_end_matches('/').contains('/'));
    let path = if has_path { "" } else { "/v1/traces" };
    Ok(Tracing::start(&TracingSettings {
        endpoint: format!("{}{path}", config.endpoint.trim_end_matches('/')),
        service_name: config.service_name.clone(),
        ratio: config.sampling,
        timeout: EXPORT_TIMEOUT,
        delay: EXPORT_DELAY,
    })?)
}

fn access_log(config: &ProxyConfig, current: Option<&Generation>) -> Result<Option<Arc<AccessLog>>, ProxyError> {
    let Some(wanted) = &config.access_log else { return Ok(None) };
    if let Some(open) = current.and_then(|current| current.access_log.as_ref()).filter(|open| open.config() == wanted) {
        return Ok(Some(Arc::clone(open)));
    }
    let failed = |source| ProxyError::AccessLog { path: wanted.path.clone(), source };
    AccessLog::open(wanted.clone()).map(|log| Some(Arc::new(log))).map_err(failed)
}

fn plugin(config: &PluginConfig, node: &Node) -> Result<Plugin, ProxyError> {
    Ok(Plugin {
        name: config.name.clone(),
        root_id: config.root_id.clone(),
        vm_id: config.vm_id.clone(),
        vm_configuration: read("the VM's configuration", &config.vm_configuration)?,
        configuration: read("the filter's configuration", &config.configuration)?,
        environment_variables: config.environment_variables.clone(),
        failure_policy: config.failure_policy,
        allow_on_headers_stop_iteration: config.allow_on_headers_stop_iteration,
        limits: config.limits,
        node: node.clone(),
    })
}

fn read(what: &'static str, source: &Source) -> Result<Bytes, ProxyError> {
    source.read().map_err(|error| {
        let path = match source {
            Source::File(path) => path.clone(),
            Source::Inline(_) => PathBuf::new(),
        };
        ProxyError::Read { what, path, source: error }
    })
}

/// Whether one VM serves both: what belongs to Envoy's VM key.
fn same_vm(one: &Plugin, other: &Plugin) -> bool {
    one.vm_id == other.vm_id
        && one.vm_configuration == other.vm_configuration
        && one.environment_variables == other.environment_variables
        && one.limits == other.limits
        && one.node == other.node
}

/// Whether one root context serves both: what belongs to Envoy's plugin key.
fn same_plugin(one: &Plugin, other: &Plugin) -> bool {
    one.name == other.name
        && one.root_id == other.root_id
        && one.configuration == other.configuration
        && one.failure_policy == other.failure_policy
        && one.allow_on_headers_stop_iteration == other.allow_on_headers_stop_iteration
}
