//! How long the shared data and the queues of a VM id live: as long as a VM of that id, or a worker that will have one.

use super::Process;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many hold on to each VM id.
#[derive(Default)]
pub(super) struct VmIds {
    holders: Mutex<HashMap<String, usize>>,
}

/// Keeps the shared data and the queues of a VM id; when the last one of an id is dropped they are erased. A worker that
/// holds one while its VM is made anew finds everything as its last VM left it.
#[must_use = "what the VM id has is erased when this is dropped"]
pub struct VmIdGuard {
    process: Arc<Process>,
    vm_id: String,
}

impl Process {
    /// Holds on to a VM id.
    pub fn attach(self: &Arc<Self>, vm_id: &str) -> VmIdGuard {
        *self.vm_ids.lock().entry(vm_id.to_owned()).or_default() += 1;
        VmIdGuard { process: Arc::clone(self), vm_id: vm_id.to_owned() }
    }
}

impl VmIds {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VmIdGuard {
    /// The VM id.
    pub fn vm_id(&self) -> &str {
        &self.vm_id
    }
}

impl Drop for VmIdGuard {
    fn drop(&mut self) {
        // The lock is held to the end: one that attaches now must not lose what it writes.
        let mut holders = self.process.vm_ids.lock();
        let Some(count) = holders.get_mut(&self.vm_id) else { return };
        *count -= 1;
        if *count == 0 {
            holders.remove(&self.vm_id);
            self.process.shared_data.erase(&self.vm_id);
            self.process.queues.erase(&self.vm_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Process;
    use crate::process::{QueueError, QueueOwner};
    use std::sync::Arc;

    #[test]
    fn what_a_vm_id_has_goes_with_the_last_that_holds_it() {
        let process = Arc::new(Process::default());
        let (first, second, other) = (process.attach("a"), process.attach("a"), process.attach("b"));
        assert_eq!(first.vm_id(), "a");
        let owner = || QueueOwner { root_context: 1, wake: Arc::new(|_, _| ()) };
        for vm_id in ["a", "b"] {
            process.shared_data.set(vm_id, b"k", b"v", 0).unwrap();
            process.queues.register(vm_id, b"q", owner()).unwrap();
        }
        let has = |vm_id| (process.shared_data.get(vm_id, b"k").is_some(), process.queues.resolve(vm_id, b"q"));
        drop(first);
        assert_eq!(has("a"), (true, Some(1)));
        drop(second);
        assert_eq!(has("a"), (false, None));
        assert_eq!(has("b"), (true, Some(2)));
        assert_eq!(process.queues.enqueue(1, b"late"), Err(QueueError::NotFound));
        assert_eq!(process.queues.register("a", b"q", owner()), Ok(3));
        drop(other);
        assert_eq!(has("b"), (false, None));
    }
}
