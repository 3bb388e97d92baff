//! The shared data of a process, in memory, with faults on demand.

use pointsman_core::board::SharedData;
use std::collections::BTreeMap;

pub(crate) const STATE: &str = "pointsman/breaker/state";

/// Shared data as Envoy keeps it: versions never repeat, an absent key takes any version, and version 0 always wins.
#[derive(Default)]
pub(crate) struct Store {
    values: BTreeMap<String, (Vec<u8>, u32)>,
    version: u32,
    /// So many changes of the state come too late.
    pub(crate) too_late: u32,
    /// What another worker writes just before the next change of the state.
    pub(crate) quicker: Option<Vec<u8>>,
    /// Changes of the state that were made.
    pub(crate) changes: u32,
}

impl Store {
    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        self.values.get(key).map(|(value, _)| value.clone())
    }

    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        self.version += 1;
        self.values.insert(key.to_owned(), (value.to_vec(), self.version));
    }

    /// Every key but that of the state.
    pub(crate) fn slots(&self) -> Vec<String> {
        self.values.keys().filter(|key| *key != STATE).cloned().collect()
    }
}

impl SharedData for Store {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.values.get(key).cloned()
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
        if self.values.get(key).is_some_and(|(_, current)| version != 0 && *current != version) {
            return false;
        }
        self.changes += u32::from(key == STATE);
        self.put(key, value);
        true
    }
}
