//! What of a filter is counted outside of it.

use crate::filter::WorkerStats;
use crate::proxy::exposition::{HostMetrics, Reloads};
use prometheus_client::metrics::gauge::Gauge;
use std::cell::Cell;

/// Counts what happens to one filter.
pub(in crate::proxy) struct GuestMetrics {
    host: HostMetrics,
    reloads: Reloads,
    counted: Cell<WorkerStats>,
}

/// One call that waits for its answer.
pub(super) struct Pending(Gauge);

impl GuestMetrics {
    /// Counts a VM, until this is dropped.
    pub(in crate::proxy) fn new(host: &HostMetrics, plugin: &str) -> Self {
        host.wasm_vm_count.inc();
        Self { host: host.clone(), reloads: host.reloads(plugin), counted: Cell::default() }
    }

    /// Counts what has happened since the last time.
    pub(super) fn count(&self, stats: WorkerStats) {
        let before = self.counted.replace(stats);
        if before == stats {
            return;
        }
        self.host.wasm_traps.inc_by(stats.traps - before.traps);
        let counts = [
            (&self.reloads.success, before.reloads..stats.reloads),
            (&self.reloads.failure, before.reload_failures..stats.reload_failures),
            (&self.reloads.backoff, before.reload_backoffs..stats.reload_backoffs),
        ];
        for (count, new) in counts {
            new.for_each(|_| count.inc());
        }
    }

    pub(super) fn call(&self) -> Pending {
        self.host.wasm_calls_pending.inc();
        Pending(self.host.wasm_calls_pending.clone())
    }
}

impl Drop for GuestMetrics {
    fn drop(&mut self) {
        self.host.wasm_vm_count.dec();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.dec();
    }
}
