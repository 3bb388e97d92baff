//! The shared data of a process, in memory.

use pointsman_core::board::SharedData;
use std::collections::BTreeMap;

/// Shared data as Envoy keeps it: versions never repeat, an absent key takes any version, and version 0 always wins.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) values: BTreeMap<String, (Vec<u8>, u32)>,
    version: u32,
}

impl SharedData for Store {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.values.get(key).cloned()
    }

    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
        if self.values.get(key).is_some_and(|(_, current)| version != 0 && *current != version) {
            return false;
        }
        self.version += 1;
        self.values.insert(key.to_owned(), (value.to_vec(), self.version));
        true
    }
}
