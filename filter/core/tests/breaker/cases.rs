//! One worker, one cause at a time.

use crate::world::{MS, TICK_MS, WALL, World, end};
use pointsman_core::breaker::{
    Admission, Breakers, CallEnd, Gate, MAX_BREAKERS, MAX_OPEN_CALLS, Reason, Settings, State,
};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Ratio;
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
use std::time::Duration;

const OK: OutcomeClass = OutcomeClass::Ok;
const DOWN: OutcomeClass = OutcomeClass::VendorUnavailable;
const HOUR_MS: u64 = 3_600_000;

fn one() -> World {
    World::new(1, Settings::default())
}

fn with(change: impl FnOnce(&mut Settings)) -> World {
    let mut settings = Settings::default();
    change(&mut settings);
    World::new(1, settings)
}

/// Makes it trip by failures in a row of that class; for how long it opens.
fn trip(world: &mut World, end: &CallEnd) -> Duration {
    for _ in 0..5 {
        world.call_with(0, end);
    }
    world.tick().first().and_then(|transition| transition.open_for).expect("it opens")
}

#[test]
fn an_outage_opens_probes_and_comes_back_by_the_ramp() {
    let mut world = one();
    world.calls(0, DOWN, 5);
    let opened = world.tick();
    assert_eq!(opened.len(), 1);
    assert_eq!((opened[0].from, opened[0].to), (State::Healthy, State::Degraded(Reason::ConsecutiveFailures)));
    assert_eq!((opened[0].figures.consecutive, opened[0].figures.failures, opened[0].generation), (5, 5, 1));
    assert!(!world.call(0, OK), "turned away");
    assert_eq!(world.workers[0].gate(world.id), Gate::Divert);
    assert_eq!(world.workers[0].open_for(world.id, world.now), opened[0].open_for.unwrap());

    let down_for = world.traffic_until(OK, State::Probing);
    assert!((4_000..=6_250).contains(&down_for), "{down_for}");
    for (step, share) in [1_000, 2_500, 5_000, 10_000].into_iter().enumerate() {
        let took = world.traffic_until(OK, State::Recovering { step: step as u8 });
        assert!(took <= 30_000, "{took} to reach step {step}");
        assert_eq!(world.workers[0].gate(world.id), Gate::Ramp(share));
    }
    world.traffic_until(OK, State::Healthy);
    assert_eq!(world.workers[0].gate(world.id), Gate::Pass);
}

#[test]
fn ratios_of_many_calls_open_it() {
    for (bad, reason) in [
        (DOWN, Reason::FailureRatio),
        (OutcomeClass::Timeout, Reason::FailureRatio),
        (OutcomeClass::RateLimited, Reason::RateLimited),
        (OutcomeClass::QuotaApp, Reason::Quota),
        (OutcomeClass::Permission, Reason::ConfigFault),
    ] {
        let mut world = one();
        for _ in 0..10 {
            world.call(0, OK);
            world.call(0, bad);
        }
        world.tick();
        assert_eq!(world.state(), State::Degraded(reason), "{bad:?}");
        assert_eq!(world.workers[0].reason(world.id), Some(reason));
    }
}

#[test]
fn what_concerns_recipients_and_payloads_opens_nothing() {
    let mut world = one();
    let classes = [
        OutcomeClass::InvalidToken,
        OutcomeClass::UserBlocked,
        OutcomeClass::InvalidRequest,
        OutcomeClass::ContentRejected,
        OutcomeClass::QuotaTarget,
        OutcomeClass::Duplicate,
        OutcomeClass::Unknown,
    ];
    for _ in 0..20 {
        for class in classes {
            world.call(0, class);
        }
    }
    assert!(world.tick().is_empty());
}

#[test]
fn little_traffic_is_judged_by_the_long_window() {
    let mut world = with(|settings| settings.consecutive_failures = None);
    // A call every 12 s: the short window never holds 20, the long one does after four minutes.
    let mut opened_after = None;
    for call in 1..=25 {
        world.call(0, DOWN);
        if !world.run(12_000).is_empty() && opened_after.is_none() {
            opened_after = Some(call);
        }
    }
    assert_eq!(opened_after, Some(20));
}

#[test]
fn hung_calls_count_when_their_time_is_over_and_not_again_when_they_end() {
    let mut world = one();
    let hung: Vec<_> = (0..20).map(|_| world.admit(0, 0).unwrap()).collect();
    world.run(2_000);
    assert_eq!(world.state(), State::Healthy, "as long as they may take");
    let opened = world.run(TICK_MS);
    assert_eq!(opened[0].to, State::Degraded(Reason::SlowRatio));
    assert_eq!((opened[0].figures.calls, opened[0].figures.slow), (20, 20));
    for ticket in hung {
        world.finish(0, ticket, &end(OutcomeClass::Timeout));
    }
    assert_eq!(world.run(1_000), [], "of an older generation");

    let mut world = with(|settings| (settings.slow_ratio, settings.consecutive_failures) = (None, Some(20)));
    let hung: Vec<_> = (0..20).map(|_| world.admit(0, 0).unwrap()).collect();
    assert_eq!(world.run(3_000), []);
    for ticket in hung {
        world.finish(0, ticket, &end(OutcomeClass::Timeout));
    }
    let figures = world.tick()[0].figures;
    assert_eq!((figures.calls, figures.slow, figures.failures, figures.consecutive), (20, 20, 20, 20));
}

#[test]
fn calls_of_an_older_generation_neither_close_nor_open_it() {
    let mut world = with(|settings| settings.slow_ratio = None);
    let mut old: Vec<_> = (0..30).map(|_| world.admit(0, 0).unwrap()).collect();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Probing);
    for ticket in old.drain(..10) {
        world.finish(0, ticket, &end(OK));
    }
    assert_eq!(world.tick(), [], "no probe");
    world.traffic_until(OK, State::Recovering { step: 0 });
    for ticket in old.drain(..) {
        world.finish(0, ticket, &end(DOWN));
    }
    assert_eq!(world.tick(), [], "not of this step");
}

#[test]
fn slow_calls_that_end_between_two_ticks_are_slow_too() {
    let mut world = with(|settings| settings.slow_after = Duration::from_millis(100));
    let slow: Vec<_> = (0..20).map(|_| world.admit(0, 0).unwrap()).collect();
    world.wait(101);
    for ticket in slow {
        world.finish(0, ticket, &end(OK));
    }
    assert_eq!(world.tick()[0].to, State::Degraded(Reason::SlowRatio));
}

#[test]
fn too_few_calls_on_time_open_it() {
    let mut world = with(|settings| settings.on_time_ratio = Ratio::try_from(0.5).ok());
    for _ in 0..10 {
        world.call(0, OK);
        world.call_with(0, &CallEnd { on_time: false, ..end(OK) });
    }
    assert_eq!(world.tick()[0].to, State::Degraded(Reason::OnTimeRatio));
}

#[test]
fn the_word_of_the_vendor_overrides_the_open_time() {
    let mut world = one();
    let retry_at = Some(WallClock(WALL + world.now.0 + 77_000 * MS));
    let throttled = CallEnd { retry_at, ..end(OutcomeClass::RateLimited) };
    assert_eq!(trip(&mut world, &throttled), Duration::from_secs(77));
    assert_eq!(world.state(), State::Degraded(Reason::RateLimited));
    let mut world = one();
    let open = trip(&mut world, &end(OutcomeClass::RateLimited)).as_secs_f64();
    assert!((24.0..=36.0).contains(&open), "its own timer where the vendor says nothing: {open}");
    let mut world = one();
    let unavailable = CallEnd { retry_at, ..end(DOWN) };
    assert_eq!(trip(&mut world, &unavailable), Duration::from_secs(77));
}

#[test]
fn a_used_up_quota_waits_for_midnight_without_a_probe() {
    let mut world = one();
    world.now = Monotonic(0);
    assert_eq!(trip(&mut world, &end(OutcomeClass::QuotaApp)), Duration::from_secs(20 * 3_600));
    for _ in 0..19 * 60 + 59 {
        world.wait(60_000);
        assert!(!world.call(0, OK));
        assert_eq!(world.tick(), []);
    }
    world.wait(60_000);
    assert_eq!(world.tick()[0].to, State::Probing);
}

#[test]
fn a_quota_that_is_not_back_at_midnight_is_asked_for_again_within_minutes() {
    let mut world = one();
    world.now = Monotonic(0);
    trip(&mut world, &end(OutcomeClass::QuotaApp));
    world.wait(20 * HOUR_MS);
    world.traffic_until(OutcomeClass::QuotaApp, State::Degraded(Reason::Quota));
    assert!(world.workers[0].open_for(world.id, world.now) <= Duration::from_secs(300));
}

#[test]
fn a_wall_clock_that_jumps_moves_nothing_that_is_under_way() {
    let mut world = one();
    world.now = Monotonic(0);
    trip(&mut world, &end(OutcomeClass::QuotaApp));
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let far = WallClock(WALL + 48 * HOUR_MS * MS);
    assert!(world.workers[0].tick(Monotonic(MS), far, &mut rng, &mut world.store).is_empty());
    assert_eq!(world.state(), State::Degraded(Reason::Quota));
}

#[test]
fn a_fault_of_configuration_opens_for_long_and_is_probed_one_by_one() {
    let mut world = one();
    assert_eq!(trip(&mut world, &end(OutcomeClass::Auth)), Duration::from_secs(300));
    world.run(300_000);
    assert_eq!(world.state(), State::Probing);
    for probe in 0..3 {
        let passed: Vec<_> = (0..10).filter_map(|_| world.admit(0, 0)).collect();
        assert!(passed.is_empty());
        world.run(TICK_MS);
        let mut passed: Vec<_> = (0..10).filter_map(|_| world.admit(0, 0)).collect();
        assert_eq!(passed.len(), 1, "probe {probe}");
        world.finish(0, passed.remove(0), &end(OK));
    }
    assert_eq!(world.run(TICK_MS)[0].to, State::Recovering { step: 0 });
}

#[test]
fn it_opens_for_longer_while_it_flaps_and_forgets_after_a_long_health() {
    let mut world = with(|settings| settings.ramp = Vec::new());
    for attempt in 0..4 {
        let open = trip(&mut world, &end(DOWN)).as_secs_f64();
        let doubled = 5.0 * 2_f64.powi(attempt);
        assert!((doubled * 0.8..=doubled * 1.2).contains(&open), "{open} at {attempt}");
        world.traffic_until(OK, State::Healthy);
    }
    world.run(300_000);
    assert!(trip(&mut world, &end(DOWN)) <= Duration::from_secs(6));
}

#[test]
fn a_failed_probe_opens_it_again_and_a_neutral_one_only_frees_its_slot() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Probing);
    for _ in 0..10 {
        let probe = world.probe();
        world.finish(0, probe, &end(OutcomeClass::Unknown));
    }
    assert_eq!(world.state(), State::Probing);
    let probe = world.probe();
    world.finish(0, probe, &end(OutcomeClass::RateLimited));
    assert_eq!(world.run(TICK_MS)[0].to, State::Degraded(Reason::RateLimited));
}

#[test]
fn a_slow_probe_is_a_failed_one_also_while_it_hangs() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Probing);
    let _hung = world.probe();
    assert_eq!(world.run(3_000)[0].to, State::Degraded(Reason::SlowRatio));
}

#[test]
fn a_probe_that_is_not_sent_gives_its_lease_to_the_next() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Probing);
    let probe = world.probe();
    world.workers[0].forget(probe);
    assert!(world.admit(0, 0).is_some_and(|ticket| ticket.is_probe()));
}

#[test]
fn a_step_of_the_ramp_that_goes_badly_opens_it_again() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Recovering { step: 1 });
    world.calls(0, DOWN, 5);
    let opened = world.tick();
    assert_eq!(opened[0].to, State::Degraded(Reason::ConsecutiveFailures));
    assert!(opened[0].open_for >= Some(Duration::from_secs(8)), "the second time: {:?}", opened[0].open_for);
}

#[test]
fn with_few_calls_a_step_lasts_three_times_as_long_and_asks_for_no_failure() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Recovering { step: 0 });
    world.call(0, DOWN);
    assert_eq!(world.run(60_000), [], "one failure, and too few calls to judge");
    let moved = world.run(300_000);
    assert_eq!(moved[0].to, State::Recovering { step: 1 }, "it has left the long window");
}

#[test]
fn calls_that_pass_whatever_the_gate_says_count_and_are_no_probes() {
    let mut world = one();
    trip(&mut world, &end(DOWN));
    world.traffic_until(OK, State::Probing);
    for _ in 0..50 {
        let ticket = world.workers[0].pass(world.id, world.now);
        assert!(!ticket.is_probe());
        world.finish(0, ticket, &end(OK));
    }
    assert_eq!(world.run(1_000), []);
}

#[test]
fn envoys_own_word_that_nothing_was_sent_is_a_failure() {
    let mut world = one();
    trip(&mut world, &CallEnd { fate: Fate::NotSent, ..end(OutcomeClass::Unknown) });
}

#[test]
fn rehearsals_count_like_the_real_thing_and_are_told_apart() {
    let mut world = one();
    for _ in 0..5 {
        world.call_with(0, &CallEnd { drill: true, ..end(DOWN) });
    }
    assert_eq!(world.tick()[0].figures.drills, 5);
}

#[test]
fn the_table_of_breakers_has_a_bound_and_names_are_their_identity() {
    let mut breakers = Breakers::new(1);
    let first = breakers.add("0", Settings::default()).unwrap();
    for index in 1..MAX_BREAKERS {
        assert!(breakers.add(&index.to_string(), Settings::default()).is_some());
    }
    assert_eq!(breakers.add("one more", Settings::default()), None);
    assert_eq!(breakers.add("0", Settings::default()), Some(first), "an old one again");
    assert_eq!((breakers.ids().count(), breakers.name(first)), (MAX_BREAKERS, Some("0")));
}

#[test]
fn calls_beyond_the_bound_pass_and_count_when_they_end() {
    let mut world = with(|settings| settings.slow_ratio = None);
    let mut open = Vec::new();
    for _ in 0..20 {
        for _ in 0..MAX_OPEN_CALLS / 10 {
            match world.workers[0].admit(world.id, 0, world.now) {
                Admission::Pass(ticket) => open.push(ticket),
                Admission::Divert(reason) => panic!("{reason}"),
            }
        }
        world.tick();
    }
    world.wait(3_000);
    world.tick();
    let count = open.len() as u32;
    for ticket in open {
        world.finish(0, ticket, &end(DOWN));
    }
    let figures = world.tick()[0].figures;
    assert_eq!((figures.calls, figures.slow, figures.failures), (count, count, count));
}
