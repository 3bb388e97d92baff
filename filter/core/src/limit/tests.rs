//! Several workers in virtual time.

use super::*;
use crate::roster::tests::Store;
use proptest::prelude::*;

const MS: u64 = 1_000_000;
const TICK_MS: u64 = 250;

fn at(ms: u64) -> Monotonic {
    // No clock starts at zero.
    Monotonic((ms + 1_000_000) * MS)
}

/// Each worker is asked for so many messages a second, evenly; returns the messages that passed in each millisecond.
fn run(per_second: u32, demands: &[u32], seconds: u64) -> Vec<u32> {
    let mut store = Store::default();
    let mut workers: Vec<(Limits, LimitId, u64)> = (1..)
        .zip(demands)
        .map(|(member, _)| {
            let mut limits = Limits::new(member);
            let id = limits.add("oppo", Some(per_second), None).unwrap();
            (limits, id, 0)
        })
        .collect();
    (0..seconds * 1_000)
        .map(|ms| {
            let mut passed = 0;
            for (index, (limits, id, asked)) in workers.iter_mut().enumerate() {
                if (ms + index as u64 * 37) % TICK_MS == 0 {
                    limits.tick(at(ms), &mut store);
                }
                while *asked * 1_000 < u64::from(demands[index]) * (ms + 1) {
                    *asked += 1;
                    if limits.take(*id, 1, 0, at(ms)) == Room::Taken {
                        passed += 1;
                        limits.release(*id);
                    }
                }
            }
            passed
        })
        .collect()
}

/// The least and the most that passed in any five seconds, the first two seconds left out.
fn extremes(passed: &[u32]) -> (u32, u32) {
    let mut sum: u32 = passed[2_000..7_000].iter().sum();
    let mut extremes = (sum, sum);
    for end in 7_000..passed.len() {
        sum = sum + passed[end] - passed[end - 5_000];
        extremes = (extremes.0.min(sum), extremes.1.max(sum));
    }
    extremes
}

#[test]
fn all_workers_together_keep_the_limit_and_use_it() {
    let cases: [&[u32]; 6] =
        [&[400], &[200, 200], &[1_000, 1], &[1_000, 0, 0, 0], &[300, 50, 20, 5], &[90, 60, 30, 10, 9, 8, 7, 6]];
    for limit in [50, 200] {
        for demands in cases {
            let (least, most) = extremes(&run(limit, demands, 12));
            assert!(most * 100 <= limit * 5 * 105, "{demands:?} of {limit}: {most} in five seconds");
            assert!(least * 100 >= limit * 5 * 90, "{demands:?} of {limit}: {least} in five seconds");
        }
    }
}

#[test]
fn who_stays_below_the_limit_is_not_held_back() {
    let (least, _) = extremes(&run(200, &[100, 20], 12));
    assert!(least >= 595, "{least} of 600");
}

#[test]
fn who_takes_the_place_of_another_begins_with_a_fair_share() {
    let (mut store, mut old) = (Store::default(), [Limits::new(1), Limits::new(2)]);
    for limits in &mut old {
        let id = limits.add("oppo", Some(200), None).unwrap();
        assert!((0..200).filter(|ms| limits.take(id, 1, 0, at(*ms)) == Room::Taken).count() < 200);
        limits.tick(at(250), &mut store);
    }
    let mut new = Limits::new(3);
    let id = new.add("oppo", Some(200), None).unwrap();
    new.tick(at(250), &mut store);
    // A third of what passes in 250 ms is 16, and the burst as much again.
    let passed = (250..500).filter(|ms| new.take(id, 1, 0, at(*ms)) == Room::Taken).count();
    assert!((25..=34).contains(&passed), "{passed}");
}

#[test]
fn a_batch_larger_than_the_burst_passes_and_is_paid_for() {
    let mut limits = Limits::new(1);
    let id = limits.add("oppo", Some(100), None).unwrap();
    limits.tick(at(0), &mut Store::default());
    assert_eq!(limits.take(id, 125, 0, at(1_000)), Room::Taken);
    assert_eq!(limits.take(id, 1, 0, at(1_000)), Room::Over(Duration::from_millis(1_010)));
    assert_eq!(limits.take(id, 1, 0, at(2_011)), Room::Taken);
}

#[test]
fn a_worker_that_vanished_leaves_its_share_to_the_others() {
    let (mut store, mut a, mut b) = (Store::default(), Limits::new(1), Limits::new(2));
    let (of_a, of_b) = (a.add("oppo", Some(100), Some(10)).unwrap(), b.add("oppo", Some(100), Some(10)).unwrap());
    for _ in 0..100 {
        b.take(of_b, 1, 0, at(0));
    }
    b.tick(at(100), &mut store);
    for second in [1, 5] {
        a.tick(at(100 + second * 1_000), &mut store);
        let refused = (0..10).filter(|_| a.take(of_a, 1, 0, at(400 + second * 1_000)) != Room::Taken).count();
        assert_eq!(refused == 0, second == 5, "after {second} s");
        (0..10 - refused).for_each(|_| a.release(of_a));
    }
}

#[test]
fn a_limit_of_the_same_name_keeps_what_is_in_flight() {
    let mut limits = Limits::new(1);
    let id = limits.add("oppo", None, Some(1)).unwrap();
    assert_eq!(limits.take(id, 1, 0, at(0)), Room::Taken);
    assert_eq!(limits.take(id, 1, 0, at(0)), Room::Over(BUSY_RETRY));
    assert_eq!(limits.add("oppo", None, Some(2)), Some(id));
    assert_eq!(limits.take(id, 1, 0, at(0)), Room::Taken);
    assert_eq!(limits.take(id, 1, 0, at(0)), Room::Over(BUSY_RETRY));
    limits.release(id);
    assert_eq!(limits.take(id, 1, 0, at(0)), Room::Taken);
    for index in 1..MAX_LIMITS {
        assert!(limits.add(&index.to_string(), None, None).is_some());
    }
    assert_eq!(limits.add("one more", None, None), None);
}

proptest! {
    #[test]
    fn calls_at_once_never_pass_the_limit_once_all_have_spoken(
        at_once in 1_u32..40,
        steps in prop::collection::vec((0_usize..4, 0_u8..3, 1_u32..9), 1..400),
    ) {
        let mut store = Store::default();
        let mut workers: Vec<(Limits, LimitId, u32)> = (1..=4)
            .map(|member| {
                let mut limits = Limits::new(member);
                let id = limits.add("oppo", None, Some(at_once)).unwrap();
                (limits, id, 0)
            })
            .collect();
        for round in 0..3 {
            workers.iter_mut().for_each(|(limits, ..)| limits.tick(at(round), &mut store));
        }
        for (ms, (index, action, count)) in (10..).step_by(20).zip(steps) {
            let (limits, id, held) = &mut workers[index];
            match action {
                0 => (0..count).for_each(|_| *held += u32::from(limits.take(*id, 1, 0, at(ms)) == Room::Taken)),
                1 if *held > 0 => {
                    *held -= 1;
                    limits.release(*id);
                }
                _ => workers.iter_mut().for_each(|(limits, ..)| limits.tick(at(ms), &mut store)),
            }
            let total: u32 = workers.iter().map(|(_, _, held)| held).sum();
            prop_assert!(total <= at_once, "{} of {}", total, at_once);
        }
    }
}

#[test]
fn what_is_less_important_is_cut_off_before_the_limit_is_reached() {
    let mut limits = Limits::new(1);
    let id = limits.add("oppo", Some(400), Some(10)).unwrap();
    let low = (0..).take_while(|_| limits.take(id, 1, 300, at(1_000)) == Room::Taken).count();
    let high = (0..).take_while(|_| limits.take(id, 1, 0, at(1_000)) == Room::Taken).count();
    assert_eq!((low, high), (7, 3), "of ten calls at once three are left");
}
