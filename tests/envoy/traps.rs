//! A trap takes a worker's VM down. What that may cost is bounded, and nothing of it stays.

use pointsman_host::scrape::Scrape;
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::load::{Connection, Load, Push, Waiting};
use pointsman_tests::{Bed, PATIENCE, Setup, pushes};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

const RULES: &str = r#"{
    "service": "push",
    "channels": [{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}, "wechat"],
    "blocked_after": ["1s", "30s"],
    "hold_request": true
}"#;

const TRAPS: usize = 10;

const LC_OK: [(&str, &str); 2] = [("node", "LC_PUSH"), ("outcome", "ok")];

/// The longest that a worker is without a VM, as `reload_config` of the bootstrap says.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The filter hands its counts to Envoy in this interval; the rest is what a busy machine may add to it.
const TICK: Duration = Duration::from_millis(250 + 100);

/// How soon the gauges must have forgotten what a trap has ended.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(6);

/// Workers by the ids of the messages that they have served: the thread that stands in Envoy's log.
struct Workers(HashMap<String, String>);

impl Workers {
    fn read(bed: &Bed) -> Self {
        let log = bed.envoy.log();
        let served = log.lines().filter(|line| line.contains("visit {")).filter_map(|line| {
            let thread = line.split(['[', ']']).nth(3)?;
            let id = line.split("\"message_ids\":[\"").nth(1)?.split('"').next()?;
            Some((id.to_owned(), thread.to_owned()))
        });
        Self(served.collect())
    }

    fn of(&self, id: &str) -> Option<&str> {
        self.0.get(id).map(String::as_str)
    }
}

/// A connection whose worker is known.
struct Placed {
    connection: Connection,
    worker: String,
    /// The pushes that it took to find out.
    probes: Vec<Push>,
}

impl Placed {
    async fn open(bed: &Bed) -> Self {
        let mut connection = Connection::open(bed.envoy.outbound()).await;
        let mut probes = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A VM logs visits from its first tick on.
            let probe = connection.push(pushes::lc).await;
            assert!(probe.is_ok() && Instant::now() < deadline, "{probe:?}");
            let id = probe.id.clone();
            probes.push(probe);
            tokio::time::sleep(Duration::from_millis(20)).await;
            if let Some(worker) = Workers::read(bed).of(&id) {
                return Self { connection, worker: worker.to_owned(), probes };
            }
        }
    }

    /// A connection of that worker, by its place among all of them.
    async fn of_worker(bed: &Bed, workers: &BTreeMap<String, usize>, index: usize) -> Self {
        let wanted = workers.keys().nth(index).expect("twenty connections that are spread over both workers");
        loop {
            let placed = Self::open(bed).await;
            if placed.worker == *wanted {
                return placed;
            }
        }
    }
}

struct Trap {
    worker: String,
    began: Instant,
    ended: Instant,
}

impl Trap {
    /// Takes down the VM of the worker that serves `connection`.
    async fn spring(mut placed: Placed) -> Self {
        let began = Instant::now();
        let status = placed.connection.send(pushes::with(pushes::lc("trap"), "x-test-trap", b"1")).await;
        assert_eq!(status.map(|status| status.as_u16()), Some(503), "the trapping push fails");
        Self { worker: placed.worker, began, ended: Instant::now() }
    }

    /// Whether it may have cost this push: open in the VM, or on its way to a worker without one.
    fn explains(&self, push: &Push, worker: Option<&str>) -> bool {
        let there = worker.is_none_or(|worker| worker == self.worker);
        there && push.ended >= self.began && push.began <= self.ended + BACK_OFF
    }

    /// Whether the count of this push may have waited in the VM.
    fn may_forget(&self, push: &Push, worker: Option<&str>) -> bool {
        let there = worker.is_none_or(|worker| worker == self.worker);
        there && push.ended + TICK >= self.began && push.ended <= self.ended
    }
}

fn setup() -> Setup {
    Setup::with_rules(RULES).with_trap().log_level("wasm:debug")
}

fn counted(scrape: &Scrape) -> f64 {
    scrape.sum("pointsman_node_calls_total", &LC_OK)
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[tokio::test]
async fn ten_traps_under_load_lose_only_what_was_in_that_vm_or_came_in_its_back_off() {
    let bed = setup().workers(2).start().await;
    let every = Duration::from_millis(10);
    let senders = 8;
    let load = Load::new(bed.envoy.outbound(), every, pushes::lc).kept(senders - 2).fresh(2).start();
    let (mut traps, mut probes) = (Vec::new(), Vec::new());
    for _ in 0..TRAPS {
        let mut placed = Placed::open(&bed).await;
        probes.append(&mut placed.probes);
        traps.push(Trap::spring(placed).await);
        let counted = Instant::now() + BACK_OFF + TICK;
        load.until("the VM to count again", |pushes| pushes.iter().any(|push| push.began > counted)).await;
    }
    let pushes = [load.stop().await, probes].concat();

    let workers = Workers::read(&bed);
    let by_connection: HashMap<u32, &str> =
        pushes.iter().filter_map(|push| Some((push.connection, workers.of(&push.id)?))).collect();
    let worker = |push: &Push| by_connection.get(&push.connection).copied();
    let (ok, lost): (Vec<_>, Vec<_>) = pushes.iter().partition(|push| push.is_ok());
    for push in &lost {
        assert!(traps.iter().any(|trap| trap.explains(push, worker(push))), "no trap explains {push:?}");
    }
    // Each sender has one push under way, and begins at most ten more in the back-off.
    assert!(lost.len() <= TRAPS * senders * 11 && lost.len() * 5 < ok.len(), "{} of {}", lost.len(), pushes.len());

    let forgotten = ok.iter().filter(|push| traps.iter().any(|trap| trap.may_forget(push, worker(push)))).count();
    let range = count(ok.len() - forgotten)..=count(ok.len());
    bed.until("the counts", |scrape| {
        let counted = counted(scrape);
        if range.contains(&counted) { Ok(()) } else { Err(format!("{counted}, not in {range:?}")) }
    })
    .await;
    assert_eq!(bed.scrape().await.sum("pointsman_config_total", &[]), 1.0, "new VMs have the same rules");
}

#[tokio::test]
async fn gauges_forget_twenty_open_pushes_while_others_come() {
    let bed = setup().start().await;
    bed.vendors.set_fault("wechat", Fault::new(Effect::Hang)).unwrap();
    let trapping = Placed::open(&bed).await;
    let pushed = trapping.probes.len();
    bed.expect("pointsman_node_calls_total", &LC_OK, count(pushed)).await;
    let open = hanging(&bed, 20);
    blocked(&bed, 20).await;
    let trap = Trap::spring(trapping).await;
    let load = Load::new(bed.envoy.outbound(), Duration::from_millis(20), pushes::lc).fresh(2).start();
    still_open_after(&bed, &trap, 0).await;

    // A new VM has been made, with the rules in force and the counts as they were.
    let ok = load.stop().await.iter().filter(|push| push.is_ok()).count();
    bed.expect("pointsman_node_calls_total", &LC_OK, count(pushed + ok)).await;
    assert!(bed.last_at("lc").header("traceparent").is_some());
    assert_eq!(bed.scrape().await.sum("pointsman_config_total", &[]), 1.0);
    let anew = hanging(&bed, 3);
    blocked(&bed, 3).await;
    drop(open);
    blocked(&bed, 3).await;
    drop(anew);
    blocked(&bed, 0).await;
}

#[tokio::test]
async fn gauges_forget_what_was_open_though_no_push_comes_any_more() {
    let bed = setup().workers(2).start().await;
    bed.vendors.set_fault("wechat", Fault::new(Effect::Hang)).unwrap();
    let mut open = Waiting::default();
    let mut by_worker: BTreeMap<String, usize> = BTreeMap::new();
    for index in 0..20 {
        let placed = Placed::open(&bed).await;
        *by_worker.entry(placed.worker).or_default() += 1;
        open.add(placed.connection, pushes::wechat(&index.to_string()));
    }
    blocked(&bed, 20).await;
    let (one, other) = (Placed::of_worker(&bed, &by_worker, 0).await, Placed::of_worker(&bed, &by_worker, 1).await);
    let stays = by_worker[&other.worker];
    let trap = Trap::spring(one).await;
    still_open_after(&bed, &trap, stays).await;
    // Now no worker has a VM: the main thread's speaks for them.
    let trap = Trap::spring(other).await;
    still_open_after(&bed, &trap, 0).await;
}

#[tokio::test]
async fn rules_that_change_while_a_worker_has_no_vm_are_in_force_when_it_has_one() {
    let bed = setup().start().await;
    Trap::spring(Placed::open(&bed).await).await;
    bed.apply(&RULES.replace("\"wechat\"", "\"oppo\"")).await;
    let answers = [bed.outbound(pushes::oppo("m1")).await, bed.outbound(pushes::lc("m2")).await];
    assert_eq!(answers.map(|answer| answer.status.as_u16()), [200, 200]);
    bed.expect("pointsman_node_calls_total", &[("node", "OPPO_PUSH"), ("outcome", "ok")], 1.0).await;
    assert!(bed.last_at("lc").header("traceparent").is_some());
}

/// Pushes to a vendor that hangs.
fn hanging(bed: &Bed, number: usize) -> Waiting {
    Waiting::send(bed.envoy.outbound(), (0..number).map(|index| pushes::wechat(&index.to_string())))
}

/// Waits until this many pushes are in flight and all of them blocked.
async fn blocked(bed: &Bed, number: usize) {
    bed.expect("pointsman_node_in_flight", &[("node", "WECHAT_PUSH")], count(number)).await;
    bed.expect("pointsman_node_blocked", &[("node", "WECHAT_PUSH"), ("age", "1s")], count(number)).await;
}

/// Waits until the gauges know that no more than this is open, for as long as they may take.
async fn still_open_after(bed: &Bed, trap: &Trap, number: usize) {
    bed.until(&format!("{number} to be open after the trap"), |scrape| {
        let seen = ["pointsman_node_in_flight", "pointsman_node_blocked"]
            .map(|gauge| scrape.sum(gauge, &[("node", "WECHAT_PUSH")]));
        if seen == [count(number); 2] { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    let took = trap.began.elapsed();
    assert!(took <= FORGOTTEN_WITHIN, "the gauges took {took:?}");
}
