//! What the filter says of itself, read from the metrics of every sidecar.

use std::sync::Arc;

use super::books::Timeline;
use super::moment::Moment;
use crate::process::Process;

/// The filter's metrics over time.
pub(super) struct FilterView {
    processes: Vec<Arc<Process>>,
    channels: Vec<String>,
}

impl FilterView {
    pub(super) fn new(processes: Vec<Arc<Process>>, channels: Vec<String>) -> Self {
        Self { processes, channels }
    }

    pub(super) fn sample(&mut self, timeline: &Timeline, now: Moment) {
        let _ = (timeline, now, &self.processes, &self.channels);
    }
}
