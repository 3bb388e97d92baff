//! The root context: config, tick, and what the streams of one worker share.

use crate::export;
use crate::host::{self, Buffer, HostError, Level};
use crate::metrics::HostMetrics;
use crate::shell::{self, HostSharedData};
use crate::stream::Stream;
use pointsman_core::board::Member;
use pointsman_core::config;
use pointsman_core::hold::{Half, HoldProof, StreamId};
use pointsman_core::metrics::name;
use pointsman_core::plan::Plan;
use pointsman_core::time::Monotonic;
use pointsman_core::trace::{InvalidSecret, Key};
use pointsman_core::worker::{Release, Worker};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cell::{Cell, RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

/// What may wait in memory when a VM traps is what this much time has counted.
const TICK_MS: u32 = 250;
/// What a trap leaves in the gauges is gone one such interval after the silence that tells of it.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);
/// Names the secret among the VM's environment variables.
const SECRET_VARIABLE: &str = "POINTSMAN_SECRET";

thread_local! {
    /// One for the VM, however many configs it sees.
    static HOLD_PROOF: HoldProof = HoldProof::default();
}

/// What the streams of one root context share. The host never calls into a VM twice at once, so borrows never meet; if
/// they ever did, the step would be left out and the push would pass.
pub(crate) struct Shared {
    pub(crate) worker: RefCell<Worker>,
    pub(crate) metrics: RefCell<HostMetrics>,
    /// Whether any stream has come: the main thread's VM ticks too but serves none.
    pub(crate) serves: Cell<bool>,
    /// Whether the config watches anything; if not, a stream costs no host call.
    pub(crate) watches: bool,
    /// Ports that the public can reach; asking for the port costs a host call, so only if there are any.
    pub(crate) edge_ports: Vec<u16>,
}

/// The root context of one config in one VM.
#[derive(Default)]
pub(crate) struct Root {
    shared: Option<Rc<Shared>>,
    board: Option<Member>,
    published: Option<Monotonic>,
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, headers: usize, size: usize, _: usize) {
        if let Some(mut worker) = self.worker() {
            export::heard(&mut worker, call, headers, size);
        }
    }

    fn on_done(&mut self) -> bool {
        self.flush();
        if let Some(mut worker) = self.worker() {
            export::leave(&mut worker);
        }
        if let Some(board) = &mut self.board {
            board.leave(&mut HostSharedData);
        }
        true
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let text = match configuration(size) {
            Ok(text) => text,
            Err(fault) => {
                host::log(Level::Error, &format!("config rejected: $: {fault}"));
                return false;
            }
        };
        match config::load(&text) {
            Ok(plan) => {
                self.apply(plan, &text);
                true
            }
            Err(faults) => {
                for fault in faults.iter() {
                    host::log(Level::Error, &format!("config rejected: {fault}"));
                }
                count_config("rejected", &text);
                false
            }
        }
    }

    fn on_tick(&mut self) {
        let now = shell::now();
        self.govern(now);
        self.export(now);
        self.flush();
        self.release_overdue(now);
        if self.published.is_none_or(|last| now.since(last) >= PUBLISH_EVERY) {
            self.published = Some(now);
            self.publish(now);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        if let Some(shared) = &self.shared {
            shared.serves.set(true);
        }
        Some(Box::new(Stream::new(context_id, self.shared.clone())))
    }
}

impl Root {
    fn worker(&self) -> Option<RefMut<'_, Worker>> {
        self.shared.as_ref()?.worker.try_borrow_mut().ok()
    }

    fn apply(&mut self, plan: Plan, text: &str) {
        let mut seed = [0; 32];
        if let Err(error) = host::random(&mut seed) {
            host::log(Level::Error, &format!("no random seed: {error}; span ids will repeat"));
        }
        let mut rng = Xoshiro256PlusPlus::from_seed(seed);
        let empty = plan.is_empty();
        let edge_ports = plan.settings.edge_ports.clone();
        self.board = Some(Member::new(rng.next_u64()));
        let mut worker = Worker::new(plan, secret(), Box::new(rng), HOLD_PROOF.with(Clone::clone));
        if !empty {
            worker.load(shell::now(), shell::wall_clock(), &mut HostSharedData);
        }
        let mut metrics = HostMetrics::default();
        // The config that passes everything stands in at every start; it is no news.
        if !empty {
            metrics.define_all(&worker.metrics);
            if count_config("applied", text) {
                for event in worker.applied(shell::wall_clock()) {
                    host::log(Level::Warn, &event.line());
                }
            }
        }
        let build = name("pointsman_build_info", &[("version", env!("CARGO_PKG_VERSION"))]);
        let _ = metrics.set_gauge(&build, 1);
        if let Err(error) = host::set_tick_period_ms(TICK_MS) {
            host::log(Level::Error, &format!("no tick: {error}; nothing will be counted"));
        }
        self.shared = Some(Rc::new(Shared {
            worker: RefCell::new(worker),
            metrics: RefCell::new(metrics),
            serves: Cell::new(false),
            watches: !empty,
            edge_ports,
        }));
    }

    /// Lets the rules move on. The main thread's VM serves nothing and has no say.
    fn govern(&mut self, now: Monotonic) {
        let Some(shared) = self.shared.clone().filter(|shared| shared.serves.get() && shared.watches) else { return };
        let Ok(mut worker) = shared.worker.try_borrow_mut() else { return };
        let news = worker.tick(now, shell::wall_clock(), &mut HostSharedData);
        for event in &news.events {
            host::log(Level::Warn, &event.line());
        }
        if let (true, Ok(mut metrics)) = (news.changed, shared.metrics.try_borrow_mut()) {
            for (name, value) in worker.agreed_gauges(now) {
                let _ = metrics.set_gauge(&name, value);
            }
        }
    }

    /// Sends what has been recorded, here or by the config before. Where no stream has come there is nothing else.
    fn export(&self, now: Monotonic) {
        let (Some(shared), Some(mut worker)) = (&self.shared, self.worker()) else { return };
        if export::take_over(&mut worker) {
            shared.serves.set(true);
        }
        if shared.serves.get() {
            export::send(&mut worker, now);
        }
    }

    fn flush(&self) {
        let Some(shared) = &self.shared else { return };
        let (Ok(mut worker), Ok(mut metrics)) = (shared.worker.try_borrow_mut(), shared.metrics.try_borrow_mut())
        else {
            return;
        };
        metrics.flush(&mut worker.metrics);
        worker.log_visits = host::logs(Level::Debug);
    }

    fn release_overdue(&self, now: Monotonic) {
        let Some(mut worker) = self.worker() else { return };
        let worked = worker.holds.works();
        for StreamId(stream) in worker.delays.due(now) {
            if let Err(error) = host::resume(stream, Half::Request) {
                host::log(Level::Warn, &format!("a request that a drill held back could not go on: {error}"));
            }
        }
        for (StreamId(stream), half) in worker.holds.overdue(now) {
            worker.released(Release::Timeout);
            if let Err(error) = host::resume(stream, half) {
                host::log(Level::Warn, &format!("a held stream could not be released: {error}"));
            }
        }
        if worked && !worker.holds.works() {
            host::log(
                Level::Error,
                "nothing is held any more: no held request or answer has got its body; is allow_on_headers_stop_iteration set?",
            );
        }
    }

    fn publish(&mut self, now: Monotonic) {
        let (Some(shared), Some(board)) = (&self.shared, &mut self.board) else { return };
        let sums = if shared.serves.get() {
            let Ok(worker) = shared.worker.try_borrow() else { return };
            board.publish(now, worker.gauges(now), &mut HostSharedData)
        } else {
            board.stand_by(now, &mut HostSharedData)
        };
        let (Some(sums), Ok(mut metrics)) = (sums, shared.metrics.try_borrow_mut()) else { return };
        let agreed = shared.worker.try_borrow_mut().map(|mut worker| worker.agreed_gauges(now)).unwrap_or_default();
        for (name, value) in sums.into_iter().chain(agreed) {
            let _ = metrics.set_gauge(&name, value);
        }
    }
}

/// The config's text. An empty one is valid, and the host gives nothing at all for it.
fn configuration(size: usize) -> Result<String, String> {
    if size == 0 {
        return Ok(String::new());
    }
    let bytes =
        host::buffer(Buffer::PluginConfiguration, 0, size).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// The key of derived ids and hashes, if there is a secret.
fn secret() -> Option<Key> {
    let secret = host::environment(SECRET_VARIABLE).ok().filter(|secret| !secret.is_empty())?;
    match Key::new(&secret) {
        Ok(key) => Some(key),
        Err(error @ InvalidSecret::TooShort { .. }) => {
            host::log(Level::Error, &format!("{SECRET_VARIABLE} is not used: {error}"));
            None
        }
    }
}

/// Counts a config once in the process, and says whether this was that once, however many VMs see it. Envoy shows a config to one VM on the main thread before
/// any other, so nobody else is at the key at that moment.
fn count_config(result: &str, text: &str) -> bool {
    let key = format!("pointsman/config/{result}/{}", config::digest(text));
    let first = match host::shared_data(&key) {
        Err(HostError::NotFound) => host::set_shared_data(&key, b"1", 0).is_ok(),
        _ => false,
    };
    // Counted at once: a rejected config's VM does not live to see a tick.
    let metric = name("pointsman_config_total", &[("result", result)]);
    if let (true, Ok(id)) = (first, host::define_metric(host::MetricKind::Counter, &metric)) {
        let _ = host::increment_metric(id, 1);
    }
    first
}
