//! Several workers, one state.

use crate::store::STATE;
use crate::world::{TICK_MS, World, end};
use pointsman_core::breaker::{Breakers, Gate, MAX_WORKERS, Reason, Settings, State};
use pointsman_core::outcome::OutcomeClass;
use pointsman_core::time::Monotonic;
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};

const OK: OutcomeClass = OutcomeClass::Ok;
const DOWN: OutcomeClass = OutcomeClass::VendorUnavailable;
const OPEN: State = State::Degraded(Reason::ConsecutiveFailures);

fn workers(count: u64) -> World {
    World::new(count, Settings::default())
}

/// All workers together see five failures in a row.
fn trip(world: &mut World) {
    for failure in 0..5 {
        world.call(failure % world.workers.len(), DOWN);
    }
    world.tick();
    world.tick();
    assert_eq!(world.agreed(), OPEN);
}

#[test]
fn failures_of_all_workers_are_in_one_row_and_any_good_call_ends_it() {
    let mut world = workers(4);
    world.calls(0, DOWN, 2);
    world.calls(1, DOWN, 2);
    assert_eq!(world.tick(), []);
    world.wait(1);
    world.call(2, OK);
    world.wait(1);
    world.calls(3, DOWN, 2);
    world.tick();
    assert_eq!(world.tick(), [], "two in a row");
    world.calls(0, DOWN, 3);
    let moved: Vec<_> = [world.tick(), world.tick()].concat();
    assert_eq!((moved.len(), moved[0].figures.consecutive), (1, 5));
    assert_eq!(world.agreed(), OPEN);
}

#[test]
fn every_move_is_made_by_one_worker_and_seen_by_all_on_their_next_tick() {
    let mut world = workers(4);
    world.calls(2, DOWN, 5);
    assert_eq!((world.tick_one(2).len(), world.state()), (1, State::Healthy));
    for other in [0, 1, 3] {
        assert_eq!(world.tick_one(other), []);
    }
    assert_eq!(world.agreed(), OPEN);
}

#[test]
fn of_two_workers_that_race_one_wins() {
    // Both have seen enough; what the second writes meets the state that the first has just written.
    let mut world = workers(2);
    world.tick();
    world.calls(0, DOWN, 5);
    world.calls(1, DOWN, 5);
    let before = world.store.value(STATE).unwrap();
    assert_eq!(world.tick_one(0).len(), 1);
    let after = world.store.value(STATE).unwrap();
    world.store.put(STATE, &before);
    world.store.quicker = Some(after);
    assert_eq!(world.tick_one(1), [], "it was not the quickest");
    assert_eq!(world.agreed(), OPEN);
    assert_eq!(world.workers[1].gate(world.id), Gate::Divert);
}

#[test]
fn who_is_always_too_late_moves_on_the_next_tick() {
    let mut world = workers(1);
    world.tick();
    world.calls(0, DOWN, 5);
    world.store.too_late = 3;
    assert_eq!((world.tick(), world.state()), (Vec::new(), State::Healthy));
    assert_eq!(world.tick().len(), 1);
}

#[test]
fn never_more_probes_than_slots_and_a_lost_one_frees_its_slot() {
    let mut world = workers(4);
    trip(&mut world);
    world.run(7_000);
    assert_eq!(world.agreed(), State::Probing);
    let admit_all = |world: &mut World| -> Vec<_> {
        (0..40).filter_map(|request| world.admit(request % 4, 0).map(|ticket| (request % 4, ticket))).collect()
    };
    assert!(admit_all(&mut world).is_empty(), "no lease yet");
    world.run(TICK_MS);
    let probes = admit_all(&mut world);
    assert_eq!(probes.len(), 3);
    for _ in 0..4 {
        world.run(TICK_MS);
        assert!(admit_all(&mut world).is_empty(), "all slots are taken");
    }
    drop(probes);
    // Nobody tells their end, and slow calls would fail them: only leases that run out are looked at here.
    let mut world = World::new(4, Settings { slow_ratio: None, ..Settings::default() });
    trip(&mut world);
    world.run(7_000);
    admit_all(&mut world);
    world.run(TICK_MS);
    assert_eq!(admit_all(&mut world).len(), 3);
    world.run(9_500);
    assert!(admit_all(&mut world).is_empty());
    world.run(500);
    assert_eq!(admit_all(&mut world).len(), 3, "their leases have run out");
}

#[test]
fn a_channel_with_little_traffic_is_probed_all_the_same() {
    let mut world = workers(16);
    trip(&mut world);
    world.run(7_000);
    // A message a minute, at any worker.
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let probed = (0..100).any(|_| {
        world.call((random(&mut rng) % 16) as usize, OK);
        !world.run(60_000).is_empty()
    });
    assert!(probed && matches!(world.agreed(), State::Recovering { .. }), "{:?}", world.agreed());
}

#[test]
fn a_worker_without_traffic_gives_its_lease_up_to_one_that_has_some() {
    let mut world = World::new(2, Settings { probes: 1, ..Settings::default() });
    trip(&mut world);
    world.run(7_000);
    world.call(0, OK);
    world.run(TICK_MS);
    let turned_away = (0..60).take_while(|_| world.call(1, OK) || world.run(TICK_MS).is_empty()).count();
    assert!((20..60).contains(&turned_away), "{turned_away}");
}

#[test]
fn counts_of_a_dead_worker_age_out_and_its_leases_run_out() {
    let mut world = World::new(2, Settings { consecutive_failures: Some(8), ..Settings::default() });
    world.calls(1, DOWN, 7);
    world.tick();
    world.workers.truncate(1);
    world.run(9_750);
    world.call(0, DOWN);
    let counted = world.tick();
    assert_eq!(counted.first().map(|moved| moved.figures.consecutive), Some(8), "it may only have been slow");

    let mut world = World::new(2, Settings { consecutive_failures: Some(8), ..Settings::default() });
    world.calls(1, DOWN, 7);
    world.tick();
    world.workers.truncate(1);
    world.run(10_500);
    world.call(0, DOWN);
    assert_eq!(world.tick(), []);
}

#[test]
fn the_slot_of_a_dead_worker_is_used_again() {
    let mut world = workers(3);
    world.tick();
    assert_eq!(world.store.slots().len(), 3);
    world.workers.remove(1);
    world.run(11_000);
    world.join(9);
    world.tick();
    assert_eq!(world.store.slots().len(), 3);
}

#[test]
fn more_workers_than_slots_follow_and_count_for_themselves() {
    let mut world = workers(MAX_WORKERS as u64 + 1);
    world.tick();
    assert_eq!(world.store.slots().len(), MAX_WORKERS);
    world.calls(MAX_WORKERS, DOWN, 5);
    assert_eq!(world.tick().len(), 1);
    world.tick();
    assert_eq!(world.agreed(), OPEN);
}

#[test]
fn a_new_worker_begins_in_the_agreed_state() {
    let mut world = workers(2);
    trip(&mut world);
    world.join(9);
    assert_eq!(world.agreed(), OPEN);
    assert!(!world.call(2, OK));
}

#[test]
fn a_breaker_that_is_not_in_a_config_for_a_while_is_not_forgotten() {
    let mut world = workers(1);
    trip(&mut world);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut without = Breakers::new(5);
    without.load(&mut world.store);
    let other = without.add("vivo", Settings::default()).unwrap();
    for _ in 0..5 {
        let ticket = without.pass(other, world.now);
        without.record(ticket, &end(DOWN), world.now);
    }
    assert_eq!(without.tick(world.now, world.wall(), &mut rng, &mut world.store).len(), 1);
    world.workers.clear();
    world.join(9);
    assert_eq!(world.agreed(), OPEN);
}

#[test]
fn what_another_plugin_wrote_is_ignored_and_replaced() {
    let mut world = workers(2);
    trip(&mut world);
    world.tick();
    let good = world.store.value(STATE).unwrap();
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    for foreign in [Vec::new(), b"something else".to_vec(), flipped, good[..good.len() - 8].to_vec()] {
        world.store.put(STATE, &foreign);
        for slot in world.store.slots() {
            world.store.put(&slot, &foreign);
        }
        world.run(TICK_MS);
        assert_eq!(world.agreed(), OPEN);
        assert_eq!(world.store.value(STATE).as_ref(), Some(&good));
        world.join(world.workers.len() as u64 + 10);
        assert_eq!(world.agreed(), OPEN);
    }
}

#[test]
fn a_quiet_breaker_writes_no_state() {
    let mut world = workers(2);
    world.tick();
    let changes = world.store.changes;
    for _ in 0..20 {
        world.calls(0, OK, 3);
        world.run(TICK_MS);
    }
    trip(&mut world);
    world.run(1_000);
    assert_eq!(world.store.changes, changes + 1);
}

#[test]
fn the_ramp_takes_its_share_of_keys_and_every_step_keeps_those_of_the_step_before() {
    let mut world = workers(1);
    trip(&mut world);
    let mut passed: Vec<bool> = vec![false; 20_000];
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let keys: Vec<u64> = passed.iter().map(|_| random(&mut rng)).collect();
    for (step, share) in [0.1, 0.25, 0.5, 1.0].into_iter().enumerate() {
        world.traffic_until(OK, State::Recovering { step: step as u8 });
        for (key, before) in keys.iter().zip(&mut passed) {
            let ticket = world.admit(0, *key);
            assert!(ticket.is_some() || !*before, "no key is turned away again");
            *before = ticket.is_some();
            ticket.into_iter().for_each(|ticket| world.workers[0].forget(ticket));
        }
        let got = passed.iter().filter(|passed| **passed).count() as f64 / keys.len() as f64;
        assert!((got - share).abs() <= 0.02, "{got} for {share}");
    }
}

fn random(rng: &mut Xoshiro256PlusPlus) -> u64 {
    use rand_xoshiro::rand_core::Rng;
    rng.next_u64()
}

#[test]
fn a_store_that_keeps_nothing_leaves_a_worker_to_itself() {
    struct Nothing;
    impl pointsman_core::board::SharedData for Nothing {
        fn get(&mut self, _: &str) -> Option<(Vec<u8>, u32)> {
            None
        }
        fn set(&mut self, _: &str, _: &[u8], _: u32) -> bool {
            false
        }
    }
    let world = workers(0);
    let mut alone = Breakers::new(1);
    let id = alone.add("oppo", Settings::default()).unwrap();
    for _ in 0..5 {
        let ticket = alone.pass(id, Monotonic(0));
        alone.record(ticket, &end(DOWN), Monotonic(0));
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    assert_eq!(alone.tick(Monotonic(0), world.wall(), &mut rng, &mut Nothing).len(), 1);
    assert_eq!(alone.state(id), OPEN);
}
