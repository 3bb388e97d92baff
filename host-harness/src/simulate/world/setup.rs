//! Making a world of a scenario.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::World;
use crate::abi::LogLevel;
use crate::filter::{Plugin, Worker, WorkerError};
use crate::process::{Admission, Environment, LogLine, LogSink, Process, Upstreams};
use crate::simulate::arrivals::Arrivals;
use crate::simulate::books::Books;
use crate::simulate::calls::{Calls, CallsError};
use crate::simulate::driver::{Driver, Woken};
use crate::simulate::filter_view::FilterView;
use crate::simulate::moment::{Moment, VirtualClock};
use crate::simulate::queue::EventQueue;
use crate::simulate::run::RecordSink;
use crate::simulate::scenario::Scenario;
use crate::simulate::seed::Seed;
use crate::simulate::vendor::Vendor;
use crate::vm::Module;

/// The filter that all workers run.
pub(in crate::simulate) struct Guest<'a> {
    pub(in crate::simulate) module: &'a Module,
    pub(in crate::simulate) plugin: Arc<Plugin>,
    pub(in crate::simulate) log: Arc<dyn LogSink>,
    pub(in crate::simulate) records: Option<Collector>,
}

/// The cluster to which the filter exports its records, and who wants them.
#[derive(Clone)]
pub(in crate::simulate) struct Collector {
    pub(in crate::simulate) cluster: String,
    pub(in crate::simulate) sink: RecordSink,
}

/// Every cluster is there: vendors are simulated, and all others take what they get.
struct Everything;

impl Upstreams for Everything {
    fn admit(&self, _: &str) -> Admission {
        Admission::Ready
    }
}

impl World {
    /// A world at its beginning. Without a guest, proxies pass everything unseen.
    pub(in crate::simulate) fn new(scenario: &Scenario, guest: Option<&Guest<'_>>) -> Result<Self, WorkerError> {
        let seed = Seed(scenario.seed);
        let clock = VirtualClock::new(scenario.start, scenario.utc_offset_s);
        let processes: Vec<Arc<Process>> = (0..scenario.sidecars).map(|_| Arc::default()).collect();
        let mut drivers = Vec::new();
        for (sidecar, process) in processes.iter().enumerate() {
            for worker in 0..scenario.workers {
                let name = format!("worker {sidecar}.{worker}");
                drivers.push(driver(guest, process, &clock, seed, &name)?);
            }
        }
        let names: Vec<String> = scenario.channels.iter().map(|channel| channel.name.clone()).collect();
        let header = scenario.traffic.business_header.as_deref();
        let mut world = Self {
            clock,
            now: Moment::default(),
            events: EventQueue::default(),
            arrivals: Arrivals::new(scenario, seed),
            drivers,
            timers: HashMap::new(),
            vendors: scenario.channels.iter().map(|channel| Vendor::new(channel, scenario.start, seed)).collect(),
            calls: scenario.channels.iter().map(|channel| Calls::new(channel, header)).collect(),
            clusters: names.iter().map(|name| Rc::from(name.as_str())).collect(),
            messages: HashMap::new(),
            collector: guest.and_then(|guest| guest.records.clone()),
            call_results: HashMap::new(),
            submitted_all: false,
            books: Books::new(scenario.duration, scenario.channels.len()),
            view: FilterView::new(if guest.is_some() { processes } else { Vec::new() }, &names),
            exchanges: 0,
            scenario: scenario.clone(),
        };
        for worker in 0..world.drivers.len() {
            // Starting a filter asks for timers and calls, none of which can fail here.
            let _: Result<(), CallsError> = world.obey(worker);
        }
        Ok(world)
    }
}

fn driver(
    guest: Option<&Guest<'_>>,
    process: &Arc<Process>,
    clock: &VirtualClock,
    seed: Seed,
    name: &str,
) -> Result<Driver, WorkerError> {
    let woken = Woken::default();
    let Some(guest) = guest else { return Ok(Driver::new(None, woken)) };
    let wake = {
        let woken = Arc::clone(&woken);
        move |root_context, token| {
            woken.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((root_context, token));
        }
    };
    let environment = {
        let (clock, log, name) = (clock.clone(), Arc::clone(&guest.log), name.to_owned());
        let started = std::cell::Cell::new(0_u32);
        move || {
            // A VM that is made anew must not repeat the random numbers of the one before.
            started.set(started.get() + 1);
            Environment {
                clock: Arc::new(clock.clone()),
                random: Box::new(seed.stream(&format!("guest {name} {}", started.get()))),
                log: Arc::clone(&log),
                upstreams: Arc::new(Everything),
            }
        }
    };
    let worker =
        Worker::start(guest.module, Arc::clone(&guest.plugin), Arc::clone(process), environment, Arc::new(wake))?;
    Ok(Driver::new(Some(worker), woken))
}

/// Drops all that guests log.
pub(in crate::simulate) struct Silent;

impl LogSink for Silent {
    fn level(&self) -> LogLevel {
        LogLevel::Critical
    }

    fn log(&self, _: LogLine) {}
}
