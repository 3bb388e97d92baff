//! The shared data of a process, with faults on demand.

use crate::shared;
use pointsman_core::board::SharedData;

pub(crate) const STATE: &str = "pointsman/breaker/state";

/// The shared data, and what goes wrong with it.
#[derive(Default)]
pub(crate) struct Store {
    shared: shared::Store,
    /// So many changes of the state come too late.
    pub(crate) too_late: u32,
    /// What another worker writes just before the next change of the state.
    pub(crate) quicker: Option<Vec<u8>>,
    /// Changes of the state that were made.
    pub(crate) changes: u32,
}

impl Store {
    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.shared.values.get(key).map(|(value, _)| value.clone())
    }

    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        self.shared.set(key, value, 0);
    }

    /// Every key but that of the state.
    pub(crate) fn slots(&self) -> Vec<String> {
        self.shared.values.keys().filter(|key| *key != STATE).cloned().collect()
    }
}

impl SharedData for Store {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.shared.get(key)
    }

    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
        if key == STATE && version != 0 {
            if let Some(other) = self.quicker.take() {
                self.put(STATE, &other);
            }
            if self.too_late > 0 {
                self.too_late -= 1;
                return false;
            }
        }
        let done = self.shared.set(key, value, version);
        self.changes += u32::from(done && key == STATE);
        done
    }
}
