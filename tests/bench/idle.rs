//! What the native proxy needs when there is nothing to do: memory per worker, and the time from start to ready.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};
use pointsman_tests::usage::resident_bytes;

use crate::lab::Lab;

/// The numbers of workers between which the memory of one worker is the slope.
const WORKERS: [u32; 2] = [1, 4];

/// Starts with each number of workers; the median counts.
const STARTS: usize = 3;

/// What one more worker may take.
const MAX_WORKER_BYTES: u64 = 12 << 20;

/// What a start may take with the compiled module at hand.
const MAX_START: Duration = Duration::from_secs(1);

const MIB: f64 = (1 << 20) as f64;

/// Memory and start of the native proxy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    /// Resident memory with each number of workers.
    resident_bytes: [u64; 2],
    /// From the start of the process until it serves, with the compiled module at hand.
    start: Duration,
}

impl Idle {
    /// Starts the native proxy with few and with more workers, some times each.
    pub(crate) async fn measure(lab: &Lab) -> Result<Self> {
        // The first start compiles the module, should it not be at hand.
        drop(lab.native(1).await?);
        let (mut resident, mut starts) = ([0; 2], Vec::new());
        for (workers, resident) in WORKERS.into_iter().zip(&mut resident) {
            let mut sizes = Vec::new();
            for _ in 0..STARTS {
                let native = lab.native(workers).await?;
                sizes.push(resident_bytes(native.pid())?);
                starts.push(native.started_in());
            }
            *resident = median(sizes).context("nothing was started")?;
        }
        Ok(Self { resident_bytes: resident, start: median(starts).context("nothing was started")? })
    }

    fn worker_bytes(&self) -> u64 {
        let [few, more] = self.resident_bytes;
        more.saturating_sub(few) / u64::from(WORKERS[1] - WORKERS[0])
    }

    /// Every target that is missed.
    pub(crate) fn missed(&self) -> Vec<String> {
        let size = (self.worker_bytes() > MAX_WORKER_BYTES)
            .then(|| format!("an idle worker takes {:.1} MiB", mib(self.worker_bytes())));
        let start = (self.start > MAX_START).then(|| format!("the native proxy is ready after {:?}", self.start));
        size.into_iter().chain(start).collect()
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [few, more] = self.resident_bytes.map(mib);
        write!(
            f,
            "Idle, it takes {few:.1} MiB with {} worker and {more:.1} MiB with {}: {:.1} MiB for each more. It is ready {} ms \
             after its start, with the compiled module at hand.",
            WORKERS[0],
            WORKERS[1],
            mib(self.worker_bytes()),
            self.start.as_millis(),
        )
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

fn median<T: Ord>(mut figures: Vec<T>) -> Option<T> {
    figures.sort();
    let middle = figures.len() / 2;
    figures.into_iter().nth(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_the_slope() {
        let idle = Idle { resident_bytes: [20 << 20, 50 << 20], start: Duration::from_millis(300) };
        assert_eq!(idle.worker_bytes(), 10 << 20);
        assert!(idle.missed().is_empty());
        assert!(
            idle.to_string().contains("20.0 MiB with 1 worker and 50.0 MiB with 4: 10.0 MiB for each more"),
            "{idle}"
        );
        assert_eq!(Idle { resident_bytes: [20 << 20, 60 << 20], ..idle }.missed().len(), 1);
        assert_eq!(Idle { start: Duration::from_millis(1001), ..idle }.missed().len(), 1);
    }
}
