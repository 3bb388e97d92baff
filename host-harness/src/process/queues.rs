//! Queues between VMs, found by VM id and name, used by token.

use crate::abi::Status;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who hears that a queue has something: the last that registered it.
#[derive(Clone)]
pub struct QueueOwner {
    /// The root context that gets `proxy_on_queue_ready`.
    pub root_context: u32,
    /// Wakes the owner's worker with the root context and the queue's token; called from any thread.
    pub wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
}

/// Why a queue did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueError {
    /// There is no such queue.
    #[error("there is no such queue")]
    NotFound,
    /// The queue has nothing.
    #[error("the queue is empty")]
    Empty,
    /// It would be more than [`Queues::MAX_QUEUES`], [`Queues::MAX_LENGTH`] or [`Queues::MAX_BYTES`].
    #[error("the queue is full")]
    Full,
}

impl From<QueueError> for Status {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::NotFound => Self::NotFound,
            QueueError::Empty => Self::Empty,
            QueueError::Full => Self::InternalFailure,
        }
    }
}

/// Queues by VM id and name.
#[derive(Default)]
pub struct Queues {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_token: HashMap<u32, Queue>,
    by_vm_id: HashMap<Arc<str>, Named>,
    last_token: u32,
}

struct Queue {
    vm_id: Arc<str>,
    owner: QueueOwner,
    values: VecDeque<Vec<u8>>,
}

/// The queues of one VM id.
#[derive(Default)]
struct Named {
    tokens: HashMap<Vec<u8>, u32>,
    /// Of the values in all of them.
    bytes: usize,
}

impl Queues {
    /// How many queues the VMs of one id may register.
    pub const MAX_QUEUES: usize = 1024;

    /// How many values may wait in one queue. Envoy has no bound. The newest is refused when it is full: what waits was accepted
    /// and is not thrown away in silence.
    pub const MAX_LENGTH: usize = 65_536;

    /// How many bytes the values in all queues of one VM id may have together.
    pub const MAX_BYTES: usize = 64 << 20;

    /// Makes a queue, or takes over one, and gives its token; a token is never 0.
    ///
    /// # Errors
    /// [`QueueError::Full`] if the VM id has [`Queues::MAX_QUEUES`] already.
    pub fn register(&self, vm_id: &str, name: &[u8], owner: QueueOwner) -> Result<u32, QueueError> {
        self.lock().register(vm_id, name, owner)
    }

    /// The token of a queue, whichever VM id asks.
    pub fn resolve(&self, vm_id: &str, name: &[u8]) -> Option<u32> {
        self.lock().by_vm_id.get(vm_id)?.tokens.get(name).copied()
    }

    /// Puts a value at the end and wakes the owner, once for each value.
    ///
    /// # Errors
    /// [`QueueError::NotFound`], [`QueueError::Full`].
    pub fn enqueue(&self, token: u32, value: &[u8]) -> Result<(), QueueError> {
        // The owner is woken without the lock: its worker may use the queue at once.
        let owner = self.lock().enqueue(token, value)?;
        (owner.wake)(owner.root_context, token);
        Ok(())
    }

    /// Takes the value at the front; anybody may who knows the token.
    ///
    /// # Errors
    /// [`QueueError::NotFound`], [`QueueError::Empty`].
    pub fn dequeue(&self, token: u32) -> Result<Vec<u8>, QueueError> {
        self.lock().dequeue(token)
    }

    /// Forgets all queues of a VM id.
    pub(super) fn erase(&self, vm_id: &str) {
        let mut state = self.lock();
        let tokens = state.by_vm_id.remove(vm_id).unwrap_or_default().tokens;
        let erased: Vec<_> = tokens.values().filter_map(|token| state.by_token.remove(token)).collect();
        drop(state);
        drop(erased);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn register(&mut self, vm_id: &str, name: &[u8], owner: QueueOwner) -> Result<u32, QueueError> {
        let known = self.by_vm_id.get(vm_id).and_then(|named| named.tokens.get(name));
        if let Some(queue) = known.and_then(|token| self.by_token.get_mut(token)) {
            queue.owner = owner;
            return known.copied().ok_or(QueueError::NotFound);
        }
        let vm_id: Arc<str> = Arc::from(vm_id);
        let token = self.free_token();
        let named = self.by_vm_id.entry(Arc::clone(&vm_id)).or_default();
        if named.tokens.len() >= Queues::MAX_QUEUES {
            return Err(QueueError::Full);
        }
        named.tokens.insert(name.to_vec(), token);
        self.last_token = token;
        self.by_token.insert(token, Queue { vm_id, owner, values: VecDeque::new() });
        Ok(token)
    }

    /// The next token that is not in use; the number may have gone round.
    fn free_token(&self) -> u32 {
        let mut token = self.last_token.wrapping_add(1);
        while token == 0 || self.by_token.contains_key(&token) {
            token = token.wrapping_add(1);
        }
        token
    }

    fn enqueue(&mut self, token: u32, value: &[u8]) -> Result<QueueOwner, QueueError> {
        let queue = self.by_token.get_mut(&token).ok_or(QueueError::NotFound)?;
        let named = self.by_vm_id.get_mut(&queue.vm_id).ok_or(QueueError::NotFound)?;
        if queue.values.len() >= Queues::MAX_LENGTH || named.bytes + value.len() > Queues::MAX_BYTES {
            return Err(QueueError::Full);
        }
        named.bytes += value.len();
        queue.values.push_back(value.to_vec());
        Ok(queue.owner.clone())
    }

    fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, QueueError> {
        let queue = self.by_token.get_mut(&token).ok_or(QueueError::NotFound)?;
        let value = queue.values.pop_front().ok_or(QueueError::Empty)?;
        if let Some(named) = self.by_vm_id.get_mut(&queue.vm_id) {
            named.bytes -= value.len();
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
