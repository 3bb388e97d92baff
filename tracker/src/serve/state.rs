//! Whether the program takes requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ready from the start, until it is told to stop. All clones are one.
#[derive(Clone, Debug, Default)]
pub struct State(Arc<AtomicBool>);

impl State {
    /// It is about to end: whoever sends requests should send them elsewhere.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is about to end.
    pub fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
