//! Values that all VMs of one id share, each with a version.
//!
//! One lock guards all of it, as in Envoy. It is held for a look-up only: values are counted references, so that nothing is
//! copied, made or freed while another worker waits.

use crate::abi::Status;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a value was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedDataError {
    /// The value has another version than the caller named.
    #[error("the value was changed since")]
    CasMismatch,
    /// It would be more than [`SharedData::MAX_KEYS`] or [`SharedData::MAX_BYTES`] for this VM id.
    #[error("the shared data of this VM id are full")]
    Full,
}

impl From<SharedDataError> for Status {
    fn from(error: SharedDataError) -> Self {
        match error {
            SharedDataError::CasMismatch => Self::CasMismatch,
            SharedDataError::Full => Self::InternalFailure,
        }
    }
}

/// Values by VM id and key.
#[derive(Default)]
pub struct SharedData {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_vm_id: HashMap<String, Values>,
    /// The last version given away; versions are counted over all VM ids.
    last_version: u32,
}

#[derive(Default)]
struct Values {
    by_key: HashMap<Vec<u8>, (Bytes, u32)>,
    /// Of keys and values.
    bytes: usize,
}

impl SharedData {
    /// How many keys the VMs of one id may hold. Envoy has no bound; a guest that makes a key per request would grow for ever.
    pub const MAX_KEYS: usize = 262_144;

    /// How many bytes the keys and values of one VM id may have together.
    pub const MAX_BYTES: usize = 64 << 20;

    /// A value and its version, which is never 0.
    pub fn get(&self, vm_id: &str, key: &[u8]) -> Option<(Bytes, u32)> {
        self.lock().by_vm_id.get(vm_id)?.by_key.get(key).cloned()
    }

    /// Sets a value. `cas` 0 overwrites, an absent key takes any version.
    ///
    /// # Errors
    /// [`SharedDataError`]; nothing has changed then.
    pub fn set(&self, vm_id: &str, key: &[u8], value: &[u8], cas: u32) -> Result<(), SharedDataError> {
        let value = Bytes::copy_from_slice(value);
        let replaced = self.lock().set(vm_id, key, value, cas)?;
        drop(replaced);
        Ok(())
    }

    /// Forgets all values of a VM id.
    pub(super) fn erase(&self, vm_id: &str) {
        let erased = self.lock().by_vm_id.remove(vm_id);
        drop(erased);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Versions start again behind the largest number; 0 is left out, since it means "any" to a guest.
const fn next_version(last: u32) -> u32 {
    match last.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

impl State {
    /// Gives back the value that was replaced. A VM id that is known is looked up without an owned key.
    fn set(&mut self, vm_id: &str, key: &[u8], value: Bytes, cas: u32) -> Result<Option<Bytes>, SharedDataError> {
        let new = (value, next_version(self.last_version));
        let version = new.1;
        let replaced = match self.by_vm_id.get_mut(vm_id) {
            Some(values) => values.set(key, new, cas)?,
            None => self.by_vm_id.entry(vm_id.to_owned()).or_default().set(key, new, cas)?,
        };
        self.last_version = version;
        Ok(replaced)
    }
}

impl Values {
    /// Gives back the value that was replaced.
    fn set(&mut self, key: &[u8], new: (Bytes, u32), cas: u32) -> Result<Option<Bytes>, SharedDataError> {
        let Some(entry) = self.by_key.get_mut(key) else { return self.insert(key, new).map(|()| None) };
        if cas != 0 && cas != entry.1 {
            return Err(SharedDataError::CasMismatch);
        }
        let bytes = self.bytes - entry.0.len() + new.0.len();
        if bytes > SharedData::MAX_BYTES {
            return Err(SharedDataError::Full);
        }
        self.bytes = bytes;
        Ok(Some(std::mem::replace(entry, new).0))
    }

    fn insert(&mut self, key: &[u8], new: (Bytes, u32)) -> Result<(), SharedDataError> {
        let bytes = self.bytes + key.len() + new.0.len();
        if bytes > SharedData::MAX_BYTES || self.by_key.len() >= SharedData::MAX_KEYS {
            return Err(SharedDataError::Full);
        }
        self.bytes = bytes;
        self.by_key.insert(key.to_vec(), new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{SharedData, SharedDataError};
    use std::sync::Arc;

    /// The value and version of key `k`.
    fn get(data: &SharedData, vm_id: &str) -> Option<(String, u32)> {
        let (value, version) = data.get(vm_id, b"k")?;
        Some((String::from_utf8(value.to_vec()).unwrap(), version))
    }

    #[test]
    fn versions_are_counted_over_all_vm_ids_and_start_at_one() {
        let data = SharedData::default();
        data.set("a", b"k", b"1", 0).unwrap();
        data.set("b", b"k", b"2", 0).unwrap();
        data.set("a", b"k", b"3", 0).unwrap();
        assert_eq!(get(&data, "a"), Some(("3".to_owned(), 3)));
        assert_eq!(get(&data, "b"), Some(("2".to_owned(), 2)));
        assert_eq!(get(&data, "c"), None);
        assert_eq!(data.get("a", b"other"), None);
    }

    #[test]
    fn a_version_is_never_zero() {
        let data = SharedData::default();
        data.lock().last_version = u32::MAX - 1;
        for version in [u32::MAX, 1, 2] {
            data.set("", b"k", b"", 0).unwrap();
            assert_eq!(get(&data, ""), Some((String::new(), version)));
        }
    }

    #[test]
    fn setting_needs_the_version_that_the_value_has() {
        // (is there a value of version 1, cas given, outcome)
        let cases = [
            (false, 0, Ok(())),
            (false, 77, Ok(())),
            (true, 0, Ok(())),
            (true, 1, Ok(())),
            (true, 2, Err(SharedDataError::CasMismatch)),
        ];
        for (present, cas, outcome) in cases {
            let data = SharedData::default();
            if present {
                data.set("", b"k", b"old", 0).unwrap();
            }
            assert_eq!(data.set("", b"k", b"new", cas), outcome, "{present} {cas}");
            let value = get(&data, "").map(|(value, _)| value);
            assert_eq!(value.as_deref(), Some(if outcome.is_ok() { "new" } else { "old" }), "{present} {cas}");
        }
    }

    #[test]
    fn a_full_store_refuses_and_keeps_what_it_has() {
        let data = SharedData::default();
        data.set("", b"k", b"old", 0).unwrap();
        assert_eq!(data.set("", b"k", &vec![0; SharedData::MAX_BYTES], 0), Err(SharedDataError::Full));
        assert_eq!(data.set("", b"new", &vec![0; SharedData::MAX_BYTES - 4 - 2], 0), Err(SharedDataError::Full));
        assert_eq!(get(&data, ""), Some(("old".to_owned(), 1)));
        data.set("", b"k", &vec![0; SharedData::MAX_BYTES - 1], 0).unwrap();
        data.set("", b"k", b"", 0).unwrap();
        data.set("", b"new", &vec![0; SharedData::MAX_BYTES - 4], 0).unwrap();
        data.set("other", b"k", b"v", 0).unwrap();
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let data = SharedData::default();
        for key in 0..SharedData::MAX_KEYS {
            data.set("", &key.to_le_bytes(), b"", 0).unwrap();
        }
        assert_eq!(data.set("", b"k", b"", 0), Err(SharedDataError::Full));
        data.set("", &0_usize.to_le_bytes(), b"again", 0).unwrap();
    }

    #[test]
    fn adding_by_compare_and_swap_from_many_threads_loses_nothing() {
        let data = Arc::new(SharedData::default());
        let add = |data: &SharedData| loop {
            let (value, version) = data.get("", b"n").unwrap_or_default();
            let number = u64::from_le_bytes(value.as_ref().try_into().unwrap_or_default()) + 1;
            if data.set("", b"n", &number.to_le_bytes(), version).is_ok() {
                break;
            }
        };
        data.set("", b"n", &0_u64.to_le_bytes(), 0).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..250).for_each(|_| add(&data)));
            }
        });
        assert_eq!(data.get("", b"n").unwrap().0.as_ref(), 1000_u64.to_le_bytes());
    }
}
