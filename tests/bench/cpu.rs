//! CPUs and CPU time of processes, by way of `/proc` and `taskset`.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// What runs where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpus {
    /// The CPU that all sidecars share.
    pub(crate) sidecars: usize,
    /// The CPU of the load generator and the upstream.
    pub(crate) rest: usize,
}

/// The first two CPUs that this process may use.
///
/// # Errors
/// If there is only one: the load would then be measured with the sidecars.
pub(crate) fn two_allowed() -> Result<Cpus> {
    let status = fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let mut allowed = parse_list(list).into_iter();
    match (allowed.next(), allowed.next()) {
        (Some(sidecars), Some(rest)) => Ok(Cpus { sidecars, rest }),
        _ => anyhow::bail!("two CPUs are needed, this process may use {:?}", list.trim()),
    }
}

/// Reads a list such as `0-2,5`.
fn parse_list(list: &str) -> Vec<usize> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}

/// Binds all threads of a process to one CPU; threads and processes that it starts inherit that.
///
/// # Errors
/// If there is no `taskset` (util-linux), or it refuses.
pub(crate) fn pin(pid: u32, cpu: usize) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", &cpu.to_string(), &pid.to_string()]).stdout(Stdio::null());
    let status = taskset.status().context("cannot run taskset, of util-linux")?;
    ensure!(status.success(), "taskset cannot bind process {pid} to CPU {cpu}");
    Ok(())
}

/// User and system time of a process so far: the sum over its threads, in nanoseconds.
///
/// `/proc/PID/stat` has the same sum, but in ticks of 10 ms: in a few seconds that is 1 % of a sidecar's whole time, and
/// a tenth of what a filter adds to it.
///
/// # Errors
/// If the process is gone, or the kernel keeps no scheduler statistics.
pub(crate) fn time(pid: u32) -> Result<Duration> {
    let threads = format!("/proc/{pid}/task");
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(&threads).with_context(|| format!("cannot read {threads}"))? {
        let path = thread?.path().join("schedstat");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let on_cpu = text.split_whitespace().next().and_then(|first| first.parse().ok());
        total += Duration::from_nanos(on_cpu.with_context(|| format!("{} is not understood", path.display()))?);
    }
    ensure!(!total.is_zero(), "the kernel keeps no scheduler statistics");
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_is_read_in_order() {
        assert_eq!(parse_list("\t0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(parse_list("3"), [3]);
        assert!(parse_list("").is_empty());
    }

    #[test]
    fn time_goes_on_while_work_is_done() {
        let mut busy = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let time = || time(busy.id()).unwrap_or_default();
        let before = time();
        while time() <= before {
            std::thread::yield_now();
        }
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
}
