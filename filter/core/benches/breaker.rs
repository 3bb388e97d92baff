//! What a breaker costs a request, and what a tick of many costs: `cargo bench -p pointsman-core --bench breaker`.

use criterion::Criterion;
use pointsman_core::breaker::{Admission, BreakerId, Breakers, CallEnd, Gate, Settings};
use pointsman_core::classify::Verdict;
use pointsman_core::config;
use pointsman_core::governor::{Ask, Decision, End, Governor};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::time::{Monotonic, WallClock};
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
use std::hint::black_box;
use std::time::Duration;

#[path = "../tests/support/shared.rs"]
mod shared;

use shared::Store;

const TICK_NS: u64 = 250_000_000;

/// Workers with the same breakers, and traffic of each kind in each of them.
struct Process {
    store: Store,
    workers: Vec<Breakers>,
    ids: Vec<BreakerId>,
    now: u64,
    rng: Xoshiro256PlusPlus,
}

fn end(class: OutcomeClass) -> CallEnd {
    CallEnd { class, fate: Fate::Unsure, on_time: true, retry_at: None, drill: false }
}

impl Process {
    fn new(workers: u64, breakers: usize) -> Self {
        let mut process = Self {
            store: Store::default(),
            workers: (1..=workers).map(Breakers::new).collect(),
            ids: Vec::new(),
            now: 1_000 * TICK_NS,
            rng: Xoshiro256PlusPlus::seed_from_u64(1),
        };
        for worker in &mut process.workers {
            worker.load(&mut process.store);
            process.ids =
                (0..breakers).filter_map(|index| worker.add(&index.to_string(), Settings::default())).collect();
        }
        process
    }

    fn traffic(&mut self, worker: usize) {
        let Some(breakers) = self.workers.get_mut(worker) else { return };
        for id in &self.ids {
            for class in [OutcomeClass::Ok, OutcomeClass::Ok, OutcomeClass::InvalidToken, OutcomeClass::Timeout] {
                let ticket = breakers.pass(*id, Monotonic(self.now));
                breakers.record(ticket, &end(class), Monotonic(self.now));
            }
        }
    }

    fn tick(&mut self, worker: usize) -> usize {
        let wall = WallClock(self.now);
        let Some(breakers) = self.workers.get_mut(worker) else { return 0 };
        breakers.tick(Monotonic(self.now), wall, &mut self.rng, &mut self.store).len()
    }

    fn tick_all(&mut self) {
        self.now += TICK_NS;
        for worker in 0..self.workers.len() {
            self.traffic(worker);
            self.tick(worker);
        }
    }
}

fn request(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("breaker/request");
    for (name, class) in [("ok", OutcomeClass::Ok), ("timeout", OutcomeClass::Timeout)] {
        let mut process = Process::new(1, 50);
        let (Some(breakers), Some(id)) = (process.workers.first_mut(), process.ids.get(25).copied()) else { return };
        // Some calls are open, as they are in a busy worker.
        let open: Vec<_> = (0..500).map(|_| breakers.pass(id, Monotonic(0))).collect();
        let (end, mut now) = (end(class), process.now);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                now += 100_000;
                if let Admission::Pass(ticket) = breakers.admit(black_box(id), black_box(now), Monotonic(now)) {
                    breakers.record(ticket, black_box(&end), Monotonic(now + 50_000));
                }
            });
        });
        drop(open);
    }
    let mut process = Process::new(1, 50);
    let Some(id) = process.ids.first().copied() else { return };
    if let Some(breakers) = process.workers.first_mut() {
        for _ in 0..5 {
            let ticket = breakers.pass(id, Monotonic(process.now));
            breakers.record(ticket, &end(OutcomeClass::Timeout), Monotonic(process.now));
        }
    }
    process.tick(0);
    let Some(breakers) = process.workers.first_mut().filter(|breakers| breakers.gate(id) == Gate::Divert) else {
        return;
    };
    group.bench_function("turned away", |bencher| {
        bencher.iter(|| matches!(breakers.admit(black_box(id), 7, Monotonic(0)), Admission::Divert(_)));
    });
    group.finish();
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("breaker/tick");
    for (breakers, workers) in [(5, 2), (50, 16)] {
        let mut process = Process::new(workers, breakers);
        (0..40).for_each(|_| process.tick_all());
        group.bench_function(format!("{breakers} breakers, {workers} workers"), |bencher| {
            bencher.iter(|| process.tick(0));
        });
    }
    group.finish();
}

/// What the rules cost a send whose channel is well: a decision, and what is learned at its end.
fn decision(criterion: &mut Criterion) {
    let rules = r#"{
        "channels": ["oppo", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}], "hold_request": true,
        "businesses": [{"name": "order", "priority": 9}],
        "rules": [
            {"name": "a", "auto": {"channel": "oppo", "to": ["lc"]}}, {"name": "f", "failover": {"channel": "oppo"}},
            {"name": "s", "shed": {"channel": "oppo", "below_priority": 5}},
            {"name": "l", "limit": {"channel": "oppo", "messages_per_second": 1000000, "over": "shed"}}
        ]
    }"#;
    let Ok(plan) = config::load(rules) else { return };
    let mut governor = Governor::new(&plan, 1);
    let Some((channel, _)) = plan.channel_by_name("oppo") else { return };
    let path = "/server/v1/message/notification/unicast";
    let Some(route) = plan.send_route(channel, "api.push.oppomobile.com", "POST", path) else { return };
    let (priority, business) = (Some(9), plan.business(Some("order")));
    let verdict = Verdict::uniform(OutcomeClass::Ok, Fate::Accepted, 1);
    let mut key = 1_000_u64;
    criterion.bench_function("rules/decide and end", |bencher| {
        bencher.iter(|| {
            key += 1;
            let ask = Ask { channel, route, credential: None, key, priority, business, messages: 1 };
            let now = Monotonic(key * 1_000_000);
            if let Some(Decision::Forward(pass)) = governor.decide(&plan, black_box(&ask), now) {
                governor.end(&plan, pass, &End { verdict: &verdict, on_time: true }, now, &mut || WallClock(0));
            }
        });
    });
}

fn main() {
    let quick = Criterion::default().sample_size(50).nresamples(2_000);
    let quick = quick.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    let mut criterion = quick.without_plots().configure_from_args();
    request(&mut criterion);
    decision(&mut criterion);
    tick(&mut criterion);
    criterion.final_summary();
}
