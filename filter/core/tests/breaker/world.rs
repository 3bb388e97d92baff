//! Some workers with one breaker, a store between them, and a clock.

use crate::store::Store;
use pointsman_core::breaker::{Admission, BreakerId, Breakers, CallEnd, Settings, State, Ticket, Transition};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::time::{Monotonic, WallClock};
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};

pub(crate) const MS: u64 = 1_000_000;
/// 2021-12-20 20:00 UTC, four hours after midnight in China.
pub(crate) const WALL: u64 = 1_640_030_400_000_000_000;
pub(crate) const TICK_MS: u64 = 250;

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) workers: Vec<Breakers>,
    pub(crate) settings: Settings,
    pub(crate) now: Monotonic,
    pub(crate) id: BreakerId,
    rng: Xoshiro256PlusPlus,
}

pub(crate) fn end(class: OutcomeClass) -> CallEnd {
    CallEnd { class, fate: Fate::Rejected, on_time: class == OutcomeClass::Ok, retry_at: None, drill: false }
}

impl World {
    pub(crate) fn new(workers: u64, settings: Settings) -> Self {
        let mut world = Self {
            store: Store::default(),
            workers: Vec::new(),
            settings,
            now: Monotonic(1_000_000 * MS),
            id: Breakers::new(0).add("any", Settings::default()).unwrap(),
            rng: Xoshiro256PlusPlus::seed_from_u64(7),
        };
        for member in 1..=workers {
            world.join(member);
        }
        world
    }

    /// One more worker.
    pub(crate) fn join(&mut self, member: u64) {
        let mut breakers = Breakers::new(member);
        breakers.load(&mut self.store);
        self.id = breakers.add("oppo", self.settings.clone()).unwrap();
        self.workers.push(breakers);
    }

    pub(crate) fn wall(&self) -> WallClock {
        WallClock(WALL + self.now.0)
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now.0 += ms * MS;
    }

    /// A request; `None` if it is turned away.
    pub(crate) fn admit(&mut self, worker: usize, key: u64) -> Option<Ticket> {
        match self.workers[worker].admit(self.id, key, self.now) {
            Admission::Pass(ticket) => Some(ticket),
            Admission::Divert(_) => None,
        }
    }

    pub(crate) fn finish(&mut self, worker: usize, ticket: Ticket, end: &CallEnd) {
        self.workers[worker].record(ticket, end, self.now);
    }

    /// A call that ends at once; whether it was let pass.
    pub(crate) fn call(&mut self, worker: usize, class: OutcomeClass) -> bool {
        self.call_with(worker, &end(class))
    }

    pub(crate) fn call_with(&mut self, worker: usize, end: &CallEnd) -> bool {
        let ticket = self.admit(worker, 0);
        ticket.map(|ticket| self.finish(worker, ticket, end)).is_some()
    }

    pub(crate) fn calls(&mut self, worker: usize, class: OutcomeClass, count: usize) {
        for _ in 0..count {
            self.call(worker, class);
        }
    }

    /// A probe by the first worker, which is asked until it may send one.
    pub(crate) fn probe(&mut self) -> Ticket {
        for _ in 0..8 {
            if let Some(ticket) = self.admit(0, 0) {
                assert!(ticket.is_probe());
                return ticket;
            }
            self.run(TICK_MS);
        }
        panic!("no probe in {:?}", self.state());
    }

    pub(crate) fn tick_one(&mut self, worker: usize) -> Vec<Transition> {
        let wall = self.wall();
        self.workers[worker].tick(self.now, wall, &mut self.rng, &mut self.store)
    }

    /// Every worker ticks once, at the same time.
    pub(crate) fn tick(&mut self) -> Vec<Transition> {
        (0..self.workers.len()).flat_map(|worker| self.tick_one(worker)).collect()
    }

    /// Ticks go by; no traffic.
    pub(crate) fn run(&mut self, ms: u64) -> Vec<Transition> {
        let ticks = 0..ms.div_ceil(TICK_MS);
        ticks
            .flat_map(|_| {
                self.wait(TICK_MS);
                self.tick()
            })
            .collect()
    }

    pub(crate) fn state(&self) -> State {
        self.workers[0].state(self.id)
    }

    /// The state that every worker sees.
    pub(crate) fn agreed(&self) -> State {
        assert!(self.workers.iter().all(|worker| worker.state(self.id) == self.state()), "workers disagree");
        self.state()
    }

    /// Traffic of one call per worker and tick, all of that class, until the state is `wanted`; how long it took.
    pub(crate) fn traffic_until(&mut self, class: OutcomeClass, wanted: State) -> u64 {
        for ticks in 0..10_000 {
            if self.state() == wanted {
                return ticks * TICK_MS;
            }
            for worker in 0..self.workers.len() {
                self.call(worker, class);
            }
            self.wait(TICK_MS);
            self.tick();
        }
        panic!("never {wanted:?}, but {:?}", self.state());
    }
}
