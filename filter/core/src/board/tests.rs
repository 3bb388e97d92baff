//! Workers that come, go and vanish.

use super::*;
use crate::roster::tests::Store;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

fn gauges(values: &[(&str, u64)]) -> BTreeMap<String, u64> {
    values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

fn at(seconds: u64) -> Monotonic {
    Monotonic(seconds * SECOND)
}

#[test]
fn the_lowest_live_slot_sets_the_sums_of_all() {
    let (mut store, mut a, mut b) = (Store::default(), Member::new(1), Member::new(2));
    assert_eq!(a.publish(at(0), gauges(&[("x", 1)]), &mut store), Some(gauges(&[("x", 1)])));
    assert_eq!(b.publish(at(0), gauges(&[("x", 2), ("y", 5)]), &mut store), None);
    assert_eq!(a.publish(at(1), gauges(&[("x", 1)]), &mut store), Some(gauges(&[("x", 3), ("y", 5)])));
}

#[test]
fn a_gauge_that_is_gone_is_published_as_zero() {
    let (mut store, mut a) = (Store::default(), Member::new(1));
    a.publish(at(0), gauges(&[("x", 1)]), &mut store);
    assert_eq!(a.publish(at(1), gauges(&[]), &mut store), Some(gauges(&[("x", 0)])));
}

#[test]
fn a_worker_that_vanished_counts_no_more_and_its_gauges_go_to_zero() {
    let (mut store, mut dead, mut next) = (Store::default(), Member::new(1), Member::new(2));
    dead.publish(at(0), gauges(&[("x", 20)]), &mut store);
    assert_eq!(next.publish(at(4), gauges(&[("y", 1)]), &mut store), None, "the dead one is not yet silent");
    assert_eq!(next.publish(at(5), gauges(&[("y", 1)]), &mut store), Some(gauges(&[("x", 0), ("y", 1)])));
    let mut third = Member::new(3);
    third.publish(at(6), gauges(&[]), &mut store);
    assert_eq!(third.slot, Some(0), "the dead one's slot is used again");
    assert_eq!(third.publish(at(6), gauges(&[]), &mut store), Some(gauges(&[("x", 0), ("y", 1)])));
}

#[test]
fn if_no_worker_is_alive_a_bystander_sets_zeroes() {
    let (mut store, mut dead, main) = (Store::default(), Member::new(1), Member::new(9));
    assert_eq!(main.stand_by(at(0), &mut store), None);
    dead.publish(at(0), gauges(&[("x", 20)]), &mut store);
    assert_eq!(main.stand_by(at(4), &mut store), None);
    assert_eq!(main.stand_by(at(5), &mut store), Some(gauges(&[("x", 0)])));
}

#[test]
fn who_leaves_counts_no_more_at_once() {
    let (mut store, mut a, mut b) = (Store::default(), Member::new(1), Member::new(2));
    a.publish(at(0), gauges(&[("x", 1)]), &mut store);
    b.publish(at(0), gauges(&[("x", 2)]), &mut store);
    a.leave(&mut store);
    assert_eq!(b.publish(at(1), gauges(&[("x", 2)]), &mut store), Some(gauges(&[("x", 2)])));
}

#[test]
fn two_that_race_for_a_slot_end_in_two_slots() {
    let (mut store, mut a, mut b) = (Store::default(), Member::new(1), Member::new(2));
    a.publish(at(0), gauges(&[("x", 1)]), &mut store);
    // An absent key takes any version, so the second of two first writers overwrites the first.
    store.values.clear();
    b.publish(at(0), gauges(&[("x", 2)]), &mut store);
    a.publish(at(1), gauges(&[("x", 1)]), &mut store);
    assert_eq!((a.slot, b.slot), (Some(1), Some(0)));
    assert_eq!(b.publish(at(1), gauges(&[("x", 2)]), &mut store), Some(gauges(&[("x", 3)])));
}

#[test]
fn what_another_plugin_wrote_is_not_believed() {
    let (mut store, mut a) = (Store::default(), Member::new(1));
    store.set("pointsman/board/0", b"something else", 0);
    assert_eq!(a.publish(at(0), gauges(&[("x", 1)]), &mut store), Some(gauges(&[("x", 1)])));
}

proptest! {
    #[test]
    fn snapshots_are_read_back_and_other_bytes_are_refused(owner: u64, beat in prop::option::of(0_u64..1 << 60), names in prop::collection::btree_map(".{0,9}", any::<u64>(), 0..5), flip in 0_usize..40) {
        let snapshot = Snapshot { owner, heartbeat: beat.map(Monotonic), gauges: names };
        let mut bytes = snapshot.encode();
        prop_assert_eq!(Snapshot::decode(&bytes), Some(snapshot));
        let at = flip % bytes.len();
        bytes[at] ^= 0x40;
        prop_assert_eq!(Snapshot::decode(&bytes), None);
    }
}
