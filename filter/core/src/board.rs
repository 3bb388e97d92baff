//! The board on which workers publish their gauges, so that one of them can set the sums.
//!
//! A gauge that each worker moves by +1 and -1 drifts for ever once a VM traps between the two. So each worker writes its
//! absolute numbers with a heartbeat into a slot of the shared data; a slot whose heartbeat stops counts no more. The
//! live worker in the lowest slot sets the sums, and if no worker is alive, whoever still ticks sets them to zero.

use crate::time::Monotonic;
use std::collections::BTreeMap;
use std::time::Duration;

mod snapshot;

use snapshot::Snapshot;

/// More members than this publish nothing. Each worker is one, and two while a change of rules is under way.
pub const MAX_SLOTS: u16 = 256;
/// A worker silent for this long counts no more.
pub const SILENT_AFTER: Duration = Duration::from_secs(5);
const TRIES: u8 = 3;

/// The shared data of the process, as far as the board needs it.
pub trait SharedData {
    /// The value and its version.
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)>;
    /// Writes if the version is still `version`; `false` if it is not.
    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool;
}

/// Shared data where there is none: nothing is kept.
struct Nowhere;

impl SharedData for Nowhere {
    fn get(&mut self, _: &str) -> Option<(Vec<u8>, u32)> {
        None
    }

    fn set(&mut self, _: &str, _: &[u8], _: u32) -> bool {
        false
    }
}

/// The shared data of who has none.
pub fn nowhere() -> &'static mut dyn SharedData {
    // Of no size, so nothing is leaked.
    Box::leak(Box::new(Nowhere))
}

/// One worker at the board.
#[derive(Debug)]
pub struct Member {
    /// Random, so that the next VM in this thread is another member.
    id: u64,
    slot: Option<u16>,
    /// Every gauge that this member has published: zero must be said too.
    known: BTreeMap<String, u64>,
}

/// What is in a slot.
enum Slot {
    Unused,
    Silent(Snapshot, u32),
    Live(Snapshot, u32),
}

impl Member {
    /// A member that has not published yet.
    pub const fn new(id: u64) -> Self {
        Self { id, slot: None, known: BTreeMap::new() }
    }

    /// Publishes this worker's gauges; returns the sums to set if it falls to this worker to set them.
    pub fn publish(
        &mut self,
        now: Monotonic,
        gauges: BTreeMap<String, u64>,
        shared: &mut dyn SharedData,
    ) -> Option<BTreeMap<String, u64>> {
        for value in self.known.values_mut() {
            *value = 0;
        }
        self.known.extend(gauges);
        let slot = (0..TRIES).find_map(|_| self.write(now, shared))?;
        let outranked = (0..slot).any(|lower| matches!(read(lower, now, shared), Slot::Live(..)));
        (!outranked).then(|| sums(now, shared).0)
    }

    /// For a root without streams, such as the main thread's: publishes nothing, but if no worker is alive any more,
    /// returns the zeroes to set in their place.
    pub fn stand_by(&self, now: Monotonic, shared: &mut dyn SharedData) -> Option<BTreeMap<String, u64>> {
        let (sums, alive) = sums(now, shared);
        (!alive && !sums.is_empty()).then_some(sums)
    }

    /// Leaves the board at once instead of by silence.
    pub fn leave(&mut self, shared: &mut dyn SharedData) {
        let Some(slot) = self.slot.take() else { return };
        if let Some((value, version)) = shared.get(&key(slot)) {
            if let Some(snapshot) = Snapshot::decode(&value).filter(|snapshot| snapshot.owner == self.id) {
                shared.set(&key(slot), &snapshot.retired().encode(), version);
            }
        }
    }

    /// One try at writing; `None` if another worker was quicker or there is no slot.
    fn write(&mut self, now: Monotonic, shared: &mut dyn SharedData) -> Option<u16> {
        let held = self.slot.filter(|slot| match read(*slot, now, shared) {
            Slot::Live(snapshot, _) | Slot::Silent(snapshot, _) => snapshot.owner == self.id,
            Slot::Unused => false,
        });
        self.slot = held;
        let candidates = match held {
            Some(slot) => slot..slot.saturating_add(1),
            None => 0..MAX_SLOTS,
        };
        for slot in candidates {
            let version = match read(slot, now, shared) {
                Slot::Live(snapshot, version) if snapshot.owner == self.id => version,
                Slot::Live(..) => continue,
                Slot::Silent(snapshot, version) => {
                    // Its gauges must go to zero, and only who knows their names can say so.
                    for name in snapshot.gauges.into_keys() {
                        self.known.entry(name).or_insert(0);
                    }
                    version
                }
                Slot::Unused => 0,
            };
            let snapshot = Snapshot { owner: self.id, heartbeat: Some(now), gauges: self.known.clone() };
            let written = shared.set(&key(slot), &snapshot.encode(), version);
            self.slot = written.then_some(slot);
            return self.slot;
        }
        None
    }
}

fn key(slot: u16) -> String {
    format!("pointsman/board/{slot}")
}

fn read(slot: u16, now: Monotonic, shared: &mut dyn SharedData) -> Slot {
    let Some((value, version)) = shared.get(&key(slot)) else { return Slot::Unused };
    // What cannot be read belongs to nobody: the slot may be taken over.
    let snapshot = Snapshot::decode(&value).unwrap_or_default();
    match snapshot.heartbeat {
        Some(heartbeat) if now.since(heartbeat) < SILENT_AFTER => Slot::Live(snapshot, version),
        _ => Slot::Silent(snapshot, version),
    }
}

/// The sums over all slots, with zeroes for gauges that only the silent know, and whether any worker is alive.
fn sums(now: Monotonic, shared: &mut dyn SharedData) -> (BTreeMap<String, u64>, bool) {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut alive = false;
    for slot in 0..MAX_SLOTS {
        let (snapshot, counts) = match read(slot, now, shared) {
            Slot::Unused => break,
            Slot::Silent(snapshot, _) => (snapshot, false),
            Slot::Live(snapshot, _) => (snapshot, true),
        };
        alive |= counts;
        for (name, value) in snapshot.gauges {
            let sum = sums.entry(name).or_default();
            *sum = sum.saturating_add(if counts { value } else { 0 });
        }
    }
    (sums, alive)
}

#[cfg(test)]
mod tests;
