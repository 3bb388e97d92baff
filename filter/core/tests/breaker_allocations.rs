//! No allocation in the request path: counted by the allocator itself, and so in a program of its own.

use pointsman_core::breaker::{Admission, BreakerId, Breakers, CallEnd, Gate, Settings};
use pointsman_core::classify::Verdict;
use pointsman_core::config;
use pointsman_core::governor::{Ask, Decision, End, Governor};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::time::{Monotonic, WallClock};
use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[path = "support/shared.rs"]
mod shared;

use shared::Store;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it is; the count is a plain thread-local number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// As many calls as are open in a tick of a busy worker.
const AT_ONCE: usize = 500;

fn traffic(
    breakers: &mut Breakers,
    id: BreakerId,
    open: &mut Vec<pointsman_core::breaker::Ticket>,
    end: &CallEnd,
    now: Monotonic,
) {
    for key in 0..AT_ONCE as u64 {
        match breakers.admit(id, key * 37, now) {
            Admission::Pass(ticket) => open.push(ticket),
            Admission::Divert(_) => {}
        }
        open.push(breakers.pass(id, now));
    }
    let forgotten = open.pop();
    forgotten.into_iter().for_each(|ticket| breakers.forget(ticket));
    open.drain(..).for_each(|ticket| breakers.record(ticket, end, now));
}

#[test]
fn no_request_allocates_in_any_state() {
    let (mut breakers, mut store) = (Breakers::new(1), Store::default());
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let id = breakers.add("oppo", Settings::default()).unwrap();
    let mut open = Vec::with_capacity(4 * AT_ONCE);
    let (mut gates, mut seen) = (Vec::new(), 0);
    for tick in 0..2_000_u64 {
        let now = Monotonic(tick * 250_000_000);
        let class = if tick < 8 { OutcomeClass::Timeout } else { OutcomeClass::Ok };
        let end = CallEnd { class, fate: Fate::Unsure, on_time: true, retry_at: None, drill: false };
        let before = ALLOCATIONS.with(Cell::get);
        traffic(&mut breakers, id, &mut open, &end, now);
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "in tick {tick}, {:?}", breakers.gate(id));
        let before = ALLOCATIONS.with(Cell::get);
        breakers.tick(now, WallClock(now.0), &mut rng, &mut store);
        seen += ALLOCATIONS.with(Cell::get) - before;
        if gates.last() != Some(&breakers.gate(id)) {
            gates.push(breakers.gate(id));
        }
    }
    let ramp = [1_000, 2_500, 5_000, 10_000].map(Gate::Ramp);
    assert_eq!(gates, [[Gate::Divert, Gate::Probe].as_slice(), &ramp, &[Gate::Pass]].concat());
    assert!(seen > 0, "the tick does allocate, and that is seen");
}

const RULES: &str = r#"{
    "channels": ["oppo", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
    "hold_request": true,
    "businesses": [{"name": "order", "priority": 9}, {"name": "promo", "priority": 1}],
    "rules": [
        {"name": "oppo-auto", "auto": {"channel": "oppo", "to": ["lc"]}},
        {"name": "oppo-shed", "shed": {"channel": "oppo", "below_priority": 5}},
        {"name": "oppo-limit", "limit": {"channel": "oppo", "messages_per_second": 1000000, "over": "shed"}}
    ]
}"#;

#[test]
fn no_decision_allocates() {
    let plan = config::load(RULES).unwrap();
    let mut governor = Governor::new(&plan, 1);
    let (channel, _) = plan.channel_by_name("oppo").unwrap();
    let path = "/server/v1/message/notification/unicast";
    let route = plan.send_route(channel, "api.push.oppomobile.com", "POST", path).unwrap();
    let (priority, business) = (Some(9), plan.business(Some("order")));
    let verdict = Verdict::uniform(OutcomeClass::Ok, Fate::Accepted, 1);
    let mut room = 0;
    for key in 0..2_000_u64 {
        let ask = Ask { channel, route, credential: None, key, priority, business, messages: 1 };
        let now = Monotonic((key + 1_000) * 1_000_000);
        let before = ALLOCATIONS.with(Cell::get);
        let Some(Decision::Forward(pass)) = governor.decide(&plan, &ask, now) else { panic!("it is not let through") };
        let end = End { verdict: &verdict, on_time: true };
        governor.end(&plan, pass, &end, now, &mut || WallClock(0));
        // The first calls may make room for those that are open at once.
        room += ALLOCATIONS.with(Cell::get) - before;
        assert!(key < 10 || ALLOCATIONS.with(Cell::get) == before, "call {key}");
    }
    assert!(room < 10, "{room}");
}
