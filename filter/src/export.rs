//! Sends what a worker has recorded to the collector, and hears what that answers.

use crate::host::{self, Buffer, Map};
use crate::shell;
use pointsman_core::export::{Answer, Left, MAX_ANSWER_BYTES};
use pointsman_core::headers::Headers;
use pointsman_core::time::Monotonic;
use pointsman_core::worker::Worker;
use std::cell::RefCell;
use std::collections::VecDeque;

/// More root contexts than this that nobody has followed yet lose what they have left, the oldest first.
const MAX_LEFT: usize = 4;

thread_local! {
    /// What root contexts, one for each listener, had not sent when a change of config took them out of service, for the
    /// one that tells records next.
    static LEFT: RefCell<VecDeque<Left>> = const { RefCell::new(VecDeque::new()) };
}

/// Takes over what was left by those before, if `worker` tells records. Says whether there was anything.
pub(crate) fn take_over(worker: &mut Worker) -> bool {
    if !worker.tells_records() {
        return false;
    }
    let left = LEFT.with(|left| left.try_borrow_mut().map(|mut left| std::mem::take(&mut *left)).unwrap_or_default());
    let any = !left.is_empty();
    // Each goes before what is there already, so the oldest comes last.
    for left in left.into_iter().rev() {
        worker.take_over(left);
    }
    any
}

/// Sends what is due.
pub(crate) fn send(worker: &mut Worker, now: Monotonic) {
    for export in worker.exports(now) {
        match host::call(&export.cluster, &export.headers, &export.body, export.timeout) {
            Ok(call) => worker.export_sent(export.signal, call),
            Err(_) => worker.export_not_sent(export.signal, now),
        }
    }
}

/// A call has been answered, or broken off, which has no headers.
pub(crate) fn heard(worker: &mut Worker, call: u32, headers: usize, size: usize) {
    let map = host::header_map(Map::CallResponse).unwrap_or_default();
    let head = Headers::parse(&map);
    let body = host::buffer(Buffer::CallBody, 0, size.min(MAX_ANSWER_BYTES)).unwrap_or_default();
    let status = head.get_str(":status").and_then(|status| status.parse().ok()).filter(|_| headers > 0);
    let answer = status.map(|status| Answer { status, retry_after: head.get_str("retry-after"), body: &body });
    let now = shell::now();
    if worker.export_answered(call, answer, now, shell::wall_clock()) {
        send(worker, now);
    }
}

/// Keeps what `worker` has not sent for whoever follows it in this VM.
pub(crate) fn leave(worker: &mut Worker) {
    let Some(left) = worker.leave_records() else { return };
    LEFT.with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            if kept.len() >= MAX_LEFT {
                kept.pop_front();
            }
            kept.push_back(left);
        }
    });
}
