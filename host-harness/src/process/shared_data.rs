//! Values that all VMs of one id share, each with a version.
use std::collections::HashMap;
use std::sync::Mutex;

/// The value has another version than the caller named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasMismatch;

/// Values by VM id and key.
#[derive(Default)]
pub struct SharedData {
    values: Mutex<HashMap<String, HashMap<Vec<u8>, (Vec<u8>, u32)>>>,
}

impl SharedData {
    /// A value and its version.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.values.lock().ok()?.get(vm_id)?.get(key).cloned()
    }

    /// Sets a value. `cas` 0 overwrites, an absent key takes any version.
    ///
    /// # Errors
    /// [`CasMismatch`] if the value has another version.
    pub fn set(&self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), CasMismatch> {
        let _ = (vm_id, key, value, cas);
        Err(CasMismatch)
    }
}
