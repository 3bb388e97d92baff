//! Queues between VMs.
use std::sync::Arc;

/// Who hears that a queue has something: the last that registered it.
#[derive(Clone)]
pub struct QueueOwner {
    /// The root context that gets `proxy_on_queue_ready`.
    pub root_context: u32,
    /// Wakes the owner's worker with the root context and the queue's token; called from any thread.
    pub wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
}

/// Why a queue did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueError {
    /// There is no such queue.
    NotFound,
    /// The queue has nothing.
    Empty,
}

/// Queues by VM id and name.
#[derive(Default)]
pub struct Queues {}

impl Queues {
    /// Makes a queue, or takes over one, and gives its token; a token is never 0.
    pub fn register(&self, vm_id: &str, name: &[u8], owner: QueueOwner) -> u32 {
        let _ = (vm_id, name, owner);
        0
    }

    /// The token of a queue.
    pub fn resolve(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        let _ = (vm_id, name);
        None
    }

    /// Puts a value at the end and wakes the owner.
    ///
    /// # Errors
    /// [`QueueError::NotFound`].
    pub fn enqueue(&self, token: u32, value: &[u8]) -> Result<(), QueueError> {
        let _ = (token, value);
        Err(QueueError::NotFound)
    }

    /// Takes the value at the front.
    ///
    /// # Errors
    /// [`QueueError`].
    pub fn dequeue(&self, token: u32) -> Result<Vec<u8>, QueueError> {
        let _ = token;
        Err(QueueError::NotFound)
    }
}
