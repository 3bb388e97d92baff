//! What the workers of one proxy share: shared data, queues, metrics. It is a value: two in one program know nothing of
//! each other.

mod environment;
mod metrics;
mod queues;
mod shared_data;
mod vm_ids;

pub use environment::{Admission, Clock, Environment, LogLine, LogSink, SystemClock, Upstreams};
pub use metrics::{BucketSetting, DEFAULT_BUCKETS, Distribution, Metric, MetricError, Metrics, Reading};
pub use queues::{QueueError, QueueOwner, Queues};
pub use shared_data::{SharedData, SharedDataError};
pub use vm_ids::VmIdGuard;

/// What the workers of one proxy share.
#[derive(Default)]
pub struct Process {
    /// Values by VM id and key.
    pub shared_data: SharedData,
    /// Queues by VM id and name.
    pub queues: Queues,
    /// Counters, gauges and histograms by encoded name.
    pub metrics: Metrics,
    vm_ids: vm_ids::VmIds,
}

impl Process {
    /// Nothing is shared yet; `metrics` say what buckets histograms get.
    pub fn new(metrics: Metrics) -> Self {
        Self { metrics, ..Self::default() }
    }
}
