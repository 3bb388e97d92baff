//! A rehearsal from its scenario to its results.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::calls::CallsError;
use super::report;
use super::scenario::Scenario;
use super::summary::Summary;
use super::world::{Collector, Guest, Silent, World};
use crate::filter::{FailurePolicy, Limits, Plugin, WorkerError};
use crate::otlp::{self, Record};
use crate::process::LogSink;
use crate::vm::Module;

/// The filter and its configuration.
pub struct Filter {
    /// The compiled filter.
    pub module: Module,
    /// What it is configured with, such as `envoy/pointsman.json`.
    pub configuration: Bytes,
    /// `POINTSMAN_SECRET`, which derived trace ids and hashes need; a rehearsal can do with any.
    pub secret: String,
    /// Where its log lines go; `None` drops them.
    pub log: Option<Arc<dyn LogSink>>,
    /// Where the records go that it exports by OTLP, in the order of virtual time; `None` drops them.
    pub records: Option<RecordSink>,
}

/// Takes records.
pub type RecordSink = Arc<dyn Fn(&Record) + Send + Sync>;

/// A run that is over.
pub struct Rehearsal {
    world: World,
}

/// Why there was no rehearsal.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The filter did not start, or said no to its configuration.
    #[error(transparent)]
    Filter(#[from] WorkerError),
    /// A channel's requests cannot be written.
    #[error("{0}")]
    Calls(String),
}

impl From<CallsError> for RehearsalError {
    fn from(error: CallsError) -> Self {
        Self::Calls(error.to_string())
    }
}

/// Runs a scenario to its end, with the filter in every worker of every sidecar, or with none. `progress` is told the virtual
/// time since the start, once for each second of it.
///
/// # Errors
/// [`RehearsalError`].
pub fn rehearse(
    scenario: &Scenario,
    filter: Option<&Filter>,
    progress: impl FnMut(Duration),
) -> Result<Rehearsal, RehearsalError> {
    let guest = filter.map(guest);
    let mut world = World::new(scenario, guest.as_ref())?;
    world.run(progress)?;
    Ok(Rehearsal { world })
}

fn guest(filter: &Filter) -> Guest<'_> {
    let plugin = Plugin {
        name: "pointsman".to_owned(),
        root_id: "pointsman".to_owned(),
        vm_id: "pointsman".to_owned(),
        configuration: filter.configuration.clone(),
        environment_variables: [("POINTSMAN_SECRET".to_owned(), filter.secret.clone())].into(),
        failure_policy: FailurePolicy::Reload { backoff: Duration::from_millis(20) },
        allow_on_headers_stop_iteration: true,
        // It is real time that this limits, and a machine that is slow today must not change what comes out.
        limits: Limits { call_time: Duration::from_secs(3600), ..Limits::default() },
        ..Plugin::default()
    };
    let silent = || Arc::new(Silent) as Arc<dyn LogSink>;
    let cluster = otlp::records_cluster(&filter.configuration);
    Guest {
        module: &filter.module,
        plugin: Arc::new(plugin),
        log: filter.log.clone().unwrap_or_else(silent),
        records: cluster.zip(filter.records.clone()).map(|(cluster, sink)| Collector { cluster, sink }),
    }
}

impl Rehearsal {
    /// What came of it.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.world)
    }

    /// The report as one HTML page.
    pub fn report(&self) -> String {
        report::render(&self.world, &self.summary())
    }

    /// How many calls passed the proxies.
    pub fn exchanges(&self) -> u64 {
        self.world.exchanges
    }
}
