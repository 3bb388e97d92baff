//! Tables in a store that other workers, and other plugins, write to.

use super::*;
use crate::roster::tests::Store;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TABLE: Table = Table::new("test", 1, Duration::from_secs(10));

fn key(n: u8) -> SlotKey {
    SlotKey([n; 16])
}

fn at(second: u64) -> Monotonic {
    Monotonic(second * 1_000_000_000)
}

fn write(n: u8, second: u64, store: &mut Store) -> Update {
    TABLE.update(&key(n), at(second), store, &mut |_| Some(vec![n]))
}

fn found(second: u64, store: &mut Store) -> Vec<u8> {
    (0..=u8::MAX).filter(|n| TABLE.find(&key(*n), at(second), store).is_some_and(|value| value == [*n])).collect()
}

#[test]
fn what_one_has_written_is_found_until_its_time_is_over() {
    let mut store = Store::default();
    assert_eq!(write(1, 5, &mut store), Update::Done);
    assert_eq!(found(14, &mut store), [1]);
    assert_eq!(found(15, &mut store), [0; 0]);
    assert_eq!(found(0, &mut store), [1], "clocks of threads may be read out of order");
    assert_eq!(write(1, 14, &mut store), Update::Done);
    assert_eq!(found(23, &mut store), [1], "it was written again");
}

#[test]
fn a_change_sees_what_is_live_and_may_leave_it() {
    let mut store = Store::default();
    write(1, 0, &mut store);
    let mut seen = Vec::new();
    for second in [9, 10] {
        let update = TABLE.update(&key(1), at(second), &mut store, &mut |value| {
            seen.push(value.map(<[u8]>::to_vec));
            None
        });
        assert_eq!(update, Update::Left);
    }
    assert_eq!(seen, [Some(vec![1]), None]);
    let long = vec![0; MAX_VALUE_BYTES + 1];
    assert_eq!(TABLE.update(&key(2), at(0), &mut store, &mut |_| Some(long.clone())), Update::Left);
    let longest = long[1..].to_vec();
    assert_eq!(TABLE.update(&key(2), at(0), &mut store, &mut |_| Some(longest.clone())), Update::Done);
    assert_eq!(TABLE.find(&key(2), at(0), &mut store), Some(longest));
}

#[test]
fn a_full_bucket_gives_up_the_expired_and_then_the_one_that_came_first() {
    let mut store = Store::default();
    for (n, second) in [(1, 3), (2, 1), (3, 2), (4, 9)] {
        assert_eq!(write(n, second, &mut store), Update::Done);
    }
    assert_eq!(write(1, 10, &mut store), Update::Done, "its own entry is written over");
    assert_eq!(found(10, &mut store), [1, 2, 3, 4]);
    assert_eq!(write(5, 11, &mut store), Update::Done, "one had expired");
    assert_eq!(found(11, &mut store), [1, 3, 4, 5]);
    assert_eq!(write(6, 11, &mut store), Update::Displaced);
    assert_eq!(found(11, &mut store), [3, 4, 5, 6], "being written again was no new turn");
}

#[test]
fn who_is_overtaken_three_times_gives_up() {
    for (overtaken, expected) in [(0, Update::Done), (2, Update::Done), (3, Update::Contended)] {
        let mut store = Store::default();
        store.overtaken = overtaken;
        assert_eq!(write(1, 0, &mut store), expected);
        assert_eq!(found(0, &mut store).len(), usize::from(expected == Update::Done));
    }
}

/// Just before each write of one worker, another one counts under a key in the same bucket.
struct Race<'a> {
    store: Store,
    rivals: std::vec::IntoIter<Option<u8>>,
    counted: &'a mut [u64; 3],
}

impl SharedData for Race<'_> {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.store.get(key)
    }

    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
        if let Some(rival) = self.rivals.next().flatten() {
            assert_eq!(count(rival, &mut self.store), Update::Done);
            self.counted[usize::from(rival)] += 1;
        }
        self.store.set(key, value, version)
    }
}

fn count(n: u8, shared: &mut dyn SharedData) -> Update {
    TABLE.update(&key(n), at(0), shared, &mut |value| {
        let counted = value.map_or(0, |value| u64::from_le_bytes(value.try_into().unwrap()));
        Some((counted + 1).to_le_bytes().to_vec())
    })
}

/// Something goes wrong with a bucket: another plugin writes there, or the value is cut or damaged.
fn spoil(value: &mut Vec<u8>, how: usize, by: u8) {
    match how % 3 {
        0 => *value = vec![by; how],
        1 => value.truncate(how),
        _ => {
            let place = how % value.len().max(1);
            value.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= by | 1);
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Write(u8),
    Overtaken(u8),
    Spoil(usize, u8),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0_u8..12).prop_map(Act::Write),
        1 => (0_u8..12).prop_map(Act::Overtaken),
        1 => (0_usize..200, any::<u8>()).prop_map(|(how, by)| Act::Spoil(how, by)),
        2 => (0_u64..6).prop_map(Act::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_found_but_what_was_written_last(acts in prop::collection::vec(act(), 0..60)) {
        let table = Table::new("test", 2, Duration::from_secs(10));
        let (mut store, mut written, mut second) = (Store::default(), BTreeMap::new(), 0_u64);
        for (number, act) in acts.into_iter().enumerate() {
            match act {
                Act::Write(n) => {
                    let live = written.get(&n).filter(|(_, at)| second - at < 10).map(|(value, _)| *value);
                    let update = table.update(&key(n), at(second), &mut store, &mut |value| {
                        assert!(value.is_none() || value == live.as_ref().map(<[u8; 8]>::as_slice));
                        Some(number.to_le_bytes().to_vec())
                    });
                    prop_assert!(matches!(update, Update::Done | Update::Displaced));
                    written.insert(n, (number.to_le_bytes(), second));
                    prop_assert!(table.find(&key(n), at(second), &mut store).is_some());
                }
                Act::Overtaken(n) => {
                    store.overtaken = 3;
                    let update = table.update(&key(n), at(second), &mut store, &mut |_| Some(b"lost".to_vec()));
                    prop_assert_eq!((update, store.overtaken), (Update::Contended, 0));
                }
                Act::Spoil(how, by) => {
                    store.values.get_mut("pointsman/test/1").into_iter().for_each(|(value, _)| spoil(value, how, by));
                }
                Act::Wait(seconds) => second += seconds,
            }
            for n in 0..12 {
                if let Some(value) = table.find(&key(n), at(second), &mut store) {
                    let (expected, when) = written[&n];
                    prop_assert!(second - when < 10);
                    prop_assert_eq!(value, expected);
                }
            }
            prop_assert!(store.values.len() <= 2);
        }
    }

    #[test]
    fn no_change_is_lost_to_a_race(acts in prop::collection::vec((0_u8..3, prop::option::of(0_u8..3)), 0..40)) {
        let mut counted = [0; 3];
        let (own, rivals): (Vec<u8>, Vec<Option<u8>>) = acts.into_iter().unzip();
        let mut race = Race { store: Store::default(), rivals: rivals.into_iter(), counted: &mut counted };
        for n in own {
            if count(n, &mut race) == Update::Done {
                race.counted[usize::from(n)] += 1;
            }
        }
        let mut store = std::mem::take(&mut race.store);
        for (n, counted) in (0..).zip(counted) {
            let expected = (counted > 0).then(|| counted.to_le_bytes().to_vec());
            prop_assert_eq!(TABLE.find(&key(n), at(0), &mut store), expected);
        }
    }

    #[test]
    fn any_bytes_are_a_bucket(bytes: Vec<u8>) {
        prop_assert!(entries(&bytes).is_empty());
        // Ours, but of nobody who knows how: read as far as it goes.
        prop_assert!(entries(&seal(MAGIC, &bytes)).len() <= bytes.len() / ENTRY_BYTES);
        prop_assert!(entries(&seal(MAGIC, &bytes.repeat(ENTRY_BYTES))).len() <= WAYS);
    }
}
