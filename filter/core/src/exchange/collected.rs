//! The beginning of a body, copied as it passes, within bounds.

use super::Shell;
use crate::worker::{BodyMemory, Bypass, Worker};

/// A body in more pieces than this is not read on: each costs a host call.
pub(super) const MAX_READS: u16 = 1_024;

/// What has been read of a body.
#[derive(Debug)]
pub(super) struct Collected {
    bytes: Vec<u8>,
    reads: u16,
    whole: bool,
    memory: BodyMemory,
}

impl Collected {
    pub(super) fn new(worker: &Worker) -> Self {
        Self { bytes: Vec::new(), reads: 0, whole: true, memory: worker.body_memory.clone() }
    }

    /// Copies the `size` bytes that are at hand, or as many of them as may be kept. What comes after a piece that was not
    /// kept is not read either.
    pub(super) fn add(&mut self, worker: &mut Worker, size: usize, end_of_stream: bool, shell: &mut dyn Shell) {
        self.add_from(0, worker, size, end_of_stream, shell);
    }

    /// The same of a body that waits, of which all that has come so far is at hand: only what is new is copied.
    pub(super) fn add_held(&mut self, worker: &mut Worker, size: usize, end_of_stream: bool, shell: &mut dyn Shell) {
        let known = self.bytes.len();
        self.add_from(known, worker, size.saturating_sub(known), end_of_stream, shell);
    }

    fn add_from(&mut self, start: usize, worker: &mut Worker, size: usize, end_of_stream: bool, shell: &mut dyn Shell) {
        if size == 0 || !self.whole {
            return;
        }
        let room = worker.plan.settings.max_body_bytes.saturating_sub(self.bytes.len());
        let wanted = size.min(room);
        if !self.memory.take(wanted) {
            return self.stop(worker, Bypass::BodyMemoryFull);
        }
        let before = self.bytes.len();
        self.bytes.extend(shell.body(start, wanted).unwrap_or_default());
        self.memory.give_back(wanted.saturating_sub(self.bytes.len().saturating_sub(before)));
        self.reads = self.reads.saturating_add(1);
        if size > room {
            self.stop(worker, Bypass::BodyTooLarge);
        } else if self.reads >= MAX_READS && !end_of_stream {
            self.stop(worker, Bypass::BodyInPieces);
        }
    }

    fn stop(&mut self, worker: &mut Worker, reason: Bypass) {
        self.whole = false;
        worker.bypass(reason);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether nothing that has come was left out.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }
}

impl Drop for Collected {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes.len());
    }
}
