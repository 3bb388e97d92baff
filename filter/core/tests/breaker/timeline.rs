//! Random timelines: workers that come, die and are made anew, calls that end, hang or are never heard of again, shared
//! data that is overwritten. The real breaker and the model must agree at every step.

use crate::model::{Call, Local, Model, Moved};
use crate::store::{STATE, Store};
use crate::world::{MS, WALL};
use pointsman_core::breaker::{Admission, BreakerId, Breakers, CallEnd, Settings, State, Ticket};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Ratio;
use proptest::prelude::*;
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
use std::collections::BTreeSet;
use std::time::Duration;

/// One thing that happens: what, to which worker, with what number; and how many milliseconds pass before.
type Step = (What, u8, u32, u8);

#[derive(Clone, Copy, Debug)]
enum What {
    Call,
    PassAnyway,
    End,
    Forget,
    Lose,
    Tick,
    /// A tick at which others are always quicker.
    LateTick,
    /// The vendor's mood changes.
    Mood,
    /// The worker dies; another takes its place.
    Die,
    /// The worker is made anew with other settings.
    Remake,
    /// Somebody overwrites the state.
    Overwrite,
    /// Nothing happens for long.
    Silence,
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        300 => Just(What::Call),
        20 => Just(What::PassAnyway),
        280 => Just(What::End),
        8 => Just(What::Forget),
        4 => Just(What::Lose),
        200 => Just(What::Tick),
        4 => Just(What::LateTick),
        6 => Just(What::Mood),
        2 => Just(What::Die),
        2 => Just(What::Remake),
        1 => Just(What::Overwrite),
        3 => Just(What::Silence),
    ]
}

fn settings(number: u32) -> Settings {
    let ratio = |value: f64| Ratio::try_from(value).ok();
    let pick = |bits: u32, count: u32| number / bits % count;
    Settings {
        window: Duration::from_millis([500, 1_000, 2_000][pick(1, 3) as usize]),
        long_window: Duration::from_secs(5),
        min_calls: [1, 6, 20][pick(3, 3) as usize],
        failure_ratio: [None, ratio(0.5), ratio(0.3)][pick(9, 3) as usize],
        slow_ratio: [None, ratio(0.8)][pick(27, 2) as usize],
        on_time_ratio: [None, None, ratio(0.2)][pick(54, 3) as usize],
        consecutive_failures: [None, Some(3), Some(8)][pick(162, 3) as usize],
        slow_after: Duration::from_millis(300),
        open: Duration::from_millis(400),
        max_open: Duration::from_secs(3),
        throttle: Duration::from_millis(700),
        probes: 1 + pick(486, 4) as u8,
        probe_lease: Duration::from_millis(800),
        ramp: [vec![], vec![1_000, 5_000], vec![1_000, 2_500, 5_000, 10_000]][pick(1_944, 3) as usize].clone(),
        step: Duration::from_millis(200),
        utc_offset_s: 8 * 3_600,
    }
}

fn end(mood: u32, number: u32, wall: u64) -> CallEnd {
    let moods: [&[OutcomeClass]; 8] = [
        &[OutcomeClass::Ok],
        &[
            OutcomeClass::Ok,
            OutcomeClass::Ok,
            OutcomeClass::InvalidToken,
            OutcomeClass::Duplicate,
            OutcomeClass::Unknown,
        ],
        &[OutcomeClass::VendorUnavailable, OutcomeClass::Timeout],
        &[OutcomeClass::Ok, OutcomeClass::VendorUnavailable, OutcomeClass::RateLimited],
        &[OutcomeClass::RateLimited],
        &[OutcomeClass::QuotaApp, OutcomeClass::Ok],
        &[OutcomeClass::Auth, OutcomeClass::Permission],
        &[OutcomeClass::Ok],
    ];
    let classes = moods[mood as usize % 8];
    let class = classes[number as usize % classes.len()];
    // Quotas would last until midnight: most of them say when they end.
    let hinted = number % 3 == 0 || class == OutcomeClass::QuotaApp && number % 50 != 0;
    let fate = if number % 4 == 0 { Fate::NotSent } else { Fate::Rejected };
    let retry_at = hinted.then(|| WallClock(wall + u64::from(number % 2_000) * MS));
    CallEnd { class, fate, on_time: number % 5 != 0 && mood != 7, retry_at, drill: false }
}

struct Worker {
    real: Breakers,
    model: Local,
    open: Vec<(Ticket, Call)>,
}

struct Run {
    store: Store,
    model: Model,
    workers: Vec<Worker>,
    id: BreakerId,
    rng: Xoshiro256PlusPlus,
    now: u64,
    mood: u32,
    members: u64,
    seen: BTreeSet<&'static str>,
    moves: u32,
}

impl Run {
    fn new(workers: u8, number: u32) -> Self {
        let mut run = Self {
            store: Store::default(),
            model: Model::new(),
            workers: Vec::new(),
            id: Breakers::new(0).add("any", Settings::default()).unwrap(),
            rng: Xoshiro256PlusPlus::seed_from_u64(number.into()),
            now: 10_000 * MS,
            mood: 0,
            members: 0,
            seen: BTreeSet::new(),
            moves: 0,
        };
        for _ in 0..workers {
            let worker = run.worker(number);
            run.workers.push(worker);
        }
        run
    }

    fn worker(&mut self, number: u32) -> Worker {
        self.members += 1;
        let mut real = Breakers::new(self.members);
        real.load(&mut self.store);
        self.id = real.add("oppo", settings(number)).unwrap();
        // Another one, so that places and identities differ.
        real.add("vivo", Settings::default()).unwrap();
        Worker { real, model: Local::new(self.members, settings(number), &self.model.agreed), open: Vec::new() }
    }

    fn step(&mut self, (what, worker, number, wait): Step) -> Result<(), TestCaseError> {
        self.now += u64::from(wait % 24) * MS;
        let index = usize::from(worker) % self.workers.len();
        match what {
            What::Call => self.call(index, number.into())?,
            What::PassAnyway => self.pass(index),
            What::End => self.end(index, number),
            What::Forget => self.forget(index, number),
            What::Lose => drop(self.take(index, number)),
            What::Tick => self.tick(index, false)?,
            What::LateTick => self.tick(index, true)?,
            What::Mood => self.mood = number,
            What::Die => self.workers[index] = self.worker(0),
            What::Remake => self.workers[index] = self.worker(number),
            What::Overwrite => {
                self.store.put(STATE, b"something else entirely");
                self.model.lose();
            }
            What::Silence => self.now += u64::from(number % 8_000) * MS,
        }
        let worker = &self.workers[index];
        prop_assert_eq!(worker.real.gate(self.id), worker.model.gate());
        prop_assert_eq!(worker.real.state(self.id), worker.model.view.state);
        Ok(())
    }

    fn call(&mut self, index: usize, key: u64) -> Result<(), TestCaseError> {
        let worker = &mut self.workers[index];
        let expected = worker.model.admit(key, self.now);
        match (worker.real.admit(self.id, key, Monotonic(self.now)), expected) {
            (Admission::Pass(ticket), Ok(call)) => worker.open.push((ticket, call)),
            (Admission::Divert(reason), Err(expected)) => prop_assert_eq!(reason, expected),
            (real, model) => prop_assert!(false, "{real:?}, but {model:?}"),
        }
        Ok(())
    }

    fn pass(&mut self, index: usize) {
        let worker = &mut self.workers[index];
        let ticket = worker.real.pass(self.id, Monotonic(self.now));
        worker.open.push((ticket, worker.model.begin(None, self.now)));
    }

    fn take(&mut self, index: usize, number: u32) -> Option<(Ticket, Call)> {
        let open = &mut self.workers[index].open;
        (!open.is_empty()).then(|| open.swap_remove(number as usize % open.len()))
    }

    fn end(&mut self, index: usize, number: u32) {
        // In the mood of hanging, few calls end.
        if self.mood % 8 == 7 && number % 4 != 0 {
            return;
        }
        let end = end(self.mood, number / 7, WALL + self.now);
        let Some((ticket, call)) = self.take(index, number) else { return };
        self.workers[index].model.end(&call, &end, self.now);
        self.workers[index].real.record(ticket, &end, Monotonic(self.now));
    }

    fn forget(&mut self, index: usize, number: u32) {
        let Some((ticket, call)) = self.take(index, number) else { return };
        self.workers[index].model.forget(&call);
        self.workers[index].real.forget(ticket);
    }

    fn tick(&mut self, index: usize, too_late: bool) -> Result<(), TestCaseError> {
        self.store.too_late = if too_late { 3 } else { 0 };
        let (now, wall) = (Monotonic(self.now), WallClock(WALL + self.now));
        let worker = &mut self.workers[index];
        let before = self.model.agreed.generation;
        let made = worker.real.tick(now, wall, &mut self.rng, &mut self.store);
        let open_for = made.first().and_then(|made| made.open_for).map(|open| open.as_nanos() as u64);
        let expected = self.model.tick(&mut worker.model, self.now, wall.0, open_for, too_late);
        self.store.too_late = 0;
        let real = made.first().map(|made| Moved {
            from: made.from,
            to: made.to,
            generation: made.generation,
            open: expected.as_ref().and_then(|expected| expected.open),
        });
        prop_assert_eq!(&real, &expected, "{:?}", made);
        if let Some((least, most)) = expected.as_ref().and_then(|expected| expected.open) {
            prop_assert!(
                open_for.is_some_and(|open| (least..=most).contains(&open)),
                "{open_for:?}: {least} to {most}"
            );
        }
        let agrees =
            too_late || self.model.agreed.generation == 0 || worker.real.state(self.id) == self.model.agreed.state;
        prop_assert!(agrees, "who has ticked sees what all have agreed on");
        self.invariants(before, real.as_ref())
    }

    fn invariants(&mut self, before: u32, moved: Option<&Moved>) -> Result<(), TestCaseError> {
        let agreed = &self.model.agreed;
        let live = agreed.leases.iter().filter(|(expires, _)| *expires > self.now).count();
        prop_assert!(live <= 4, "more probes than any slots");
        prop_assert!(moved.is_none() || agreed.generation > before, "a move begins a generation");
        if let Some(moved) = moved {
            self.moves += 1;
            self.seen.insert(moved.to.as_str());
            if let State::Degraded(reason) = moved.to {
                self.seen.insert(reason.as_str());
            }
            let jumps = match (moved.from, moved.to) {
                (State::Recovering { step: from }, State::Recovering { step: to }) => to != from + 1,
                (State::Probing, State::Recovering { step }) => step != 0,
                (State::Degraded(_), to) => to != State::Probing,
                (from, State::Probing | State::Recovering { .. }) => !matches!(from, State::Degraded(_)),
                _ => false,
            };
            prop_assert!(!jumps, "{moved:?}");
        }
        Ok(())
    }
}

fn play(workers: u8, number: u32, steps: Vec<Step>) -> Result<Run, TestCaseError> {
    let mut run = Run::new(workers, number);
    for step in steps {
        run.step(step)?;
    }
    Ok(run)
}

fn steps(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((what(), any::<u8>(), any::<u32>(), any::<u8>()), length)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_model_decides_alike(workers in 1_u8..=4, number: u32, steps in steps(3_000..6_000)) {
        play(workers, number, steps)?;
    }
}

/// A model that is never left healthy would agree with anything.
#[test]
fn the_timelines_reach_every_state_for_every_reason() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut seen, mut moves) = (BTreeSet::new(), 0);
    for number in 0..24 {
        let timeline = steps(4_000).new_tree(&mut runner).unwrap().current();
        let run = play(1 + number as u8 % 4, number * 997, timeline).unwrap();
        seen.extend(run.seen);
        moves += run.moves;
    }
    for wanted in State::LABELS {
        assert!(seen.contains(wanted), "{wanted} is not in {seen:?}");
    }
    for wanted in [
        "failure_ratio",
        "slow_ratio",
        "consecutive_failures",
        "on_time_ratio",
        "rate_limited",
        "quota",
        "config_fault",
    ] {
        assert!(seen.contains(wanted), "{wanted} is not in {seen:?}");
    }
    assert!(moves > 500, "{moves} moves");
}
