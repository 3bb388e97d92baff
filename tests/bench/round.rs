//! One round: all variants started, warmed up, and loaded at once.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cpu;
use crate::lab::{Lab, Variant};
use crate::load::{self, Load};
use crate::sidecar::Sidecar;

/// Load that is not measured: connections are made and caches filled.
const WARM_UP: Duration = Duration::from_secs(1);

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// The CPU that all sidecars share.
    pub(crate) cpu: usize,
    /// Connections per variant.
    pub(crate) connections: usize,
    /// How long to measure.
    pub(crate) length: Duration,
}

/// What one variant has done in the measured time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// Pushes answered.
    pub(crate) pushes: u64,
    /// User and system time of the sidecar.
    pub(crate) cpu: Duration,
}

impl Done {
    /// CPU time per push, in microseconds.
    pub(crate) fn cost_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.pushes as f64
    }
}

/// The figures of one round.
#[derive(Debug)]
pub(crate) struct Round {
    pub(crate) done: BTreeMap<Variant, Done>,
    /// From the first push to the last answer.
    pub(crate) elapsed: Duration,
}

impl Round {
    /// The share of their CPU that the sidecars had for themselves. Well below 1 means that other programs were busy, or
    /// that the load was too low.
    pub(crate) fn busy(&self) -> f64 {
        self.done.values().map(|done| done.cpu.as_secs_f64()).sum::<f64>() / self.elapsed.as_secs_f64()
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (variant, done) in &self.done {
            write!(f, "{} {:.2} µs x {}, ", variant.name(), done.cost_us(), done.pushes)?;
        }
        write!(f, "CPU {:.0} % theirs", self.busy() * 100.0)
    }
}

/// Runs a round with the variants in this order.
pub(crate) async fn run(lab: &Lab, order: &[Variant], settings: &Settings) -> Result<Round> {
    let mut sidecars = Vec::new();
    let mut loads = Vec::new();
    for variant in order {
        let sidecar = lab.start(*variant, None).await?;
        cpu::pin(sidecar.pid(), settings.cpu)?;
        sidecar.ready().await?;
        loads.push(Load::connect(sidecar.addr(), settings.connections).await?);
        sidecars.push(sidecar);
    }
    let warm_up = load::run(&mut loads, WARM_UP).await?;
    // Read while all sidecars rest, so that no push is counted without its time.
    let before = times(&sidecars)?;
    let start = Instant::now();
    let pushes = load::run(&mut loads, settings.length).await?;
    let elapsed = start.elapsed();
    let after = times(&sidecars)?;

    for ((sidecar, warm_up), pushes) in sidecars.iter().zip(warm_up).zip(&pushes) {
        sidecar.check_counts(warm_up + pushes).await?;
    }
    let cpu = before.into_iter().zip(after).map(|(before, after)| after.saturating_sub(before));
    let done = pushes.into_iter().zip(cpu).map(|(pushes, cpu)| Done { pushes, cpu });
    Ok(Round { done: order.iter().copied().zip(done).collect(), elapsed })
}

fn times(sidecars: &[Sidecar]) -> Result<Vec<Duration>> {
    sidecars.iter().map(|sidecar| cpu::time(sidecar.pid())).collect()
}
