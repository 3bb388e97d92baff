//! What an exchange costs, vendor by vendor, beside `serde_json::Value` reading the same: `cargo bench -p pointsman-core`.

#[path = "support/batch.rs"]
mod batch;
#[expect(dead_code, unused_imports, unused_macros, reason = "only what is sent is wanted, not what is expected")]
#[path = "../../../tests/cases/vendors.rs"]
mod cases;
#[path = "support/core.rs"]
mod core;
#[path = "support/value.rs"]
mod value;

use self::core::{Run, vendors, worker};
use self::value::Yardstick;
use cases::{Answer, Sent};
use criterion::{BenchmarkId, Criterion};
use pointsman_core::plan::{Direction, Target};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let quick = Criterion::default().sample_size(20).nresamples(2_000);
    let quick = quick.warm_up_time(Duration::from_millis(150)).measurement_time(Duration::from_millis(500));
    let mut criterion = quick.without_plots().configure_from_args();
    matching(&mut criterion)?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    for vendor in vendors() {
        // The first case of each vendor is one that is accepted.
        let case = cases::cases(&folder, vendor)?.into_iter().next().ok_or("a vendor has no case")?;
        exchange(&mut criterion, "single", vendor, &case.sent, &case.answer)?;
    }
    for vendor in vendors() {
        if let Some((sent, answer, recipients)) = batch::largest(vendor) {
            exchange(&mut criterion, &format!("batch of {recipients}"), vendor, &sent, &answer)?;
        }
    }
    criterion.final_summary();
    Ok(())
}

/// The whole exchange, the reading in it, and the yardstick.
fn exchange(criterion: &mut Criterion, group: &str, vendor: &str, sent: &Sent, answer: &Answer) -> Result<()> {
    let (run, mut worker) = (Run::new(sent, answer), worker(None)?);
    let yardstick = Yardstick::new(vendor, sent).ok_or("no operation of the adapter is such a request")?;
    check(&run, &worker, vendor)?;
    let (request, answered) = run.bodies();
    let mut group = criterion.benchmark_group(group);
    group.bench_function(BenchmarkId::new("exchange", vendor), |bencher| {
        bencher.iter(|| run.exchange(&mut worker));
    });
    group.bench_function(BenchmarkId::new("reading", vendor), |bencher| {
        bencher.iter(|| run.reading(black_box(worker.plan())));
    });
    group.bench_function(BenchmarkId::new("serde_json", vendor), |bencher| {
        bencher.iter(|| yardstick.read(black_box(request), black_box(answered)));
    });
    group.finish();
    Ok(())
}

/// What is measured is what is meant: an accepted call with bodies that are read to their ends.
fn check(run: &Run, worker: &pointsman_core::worker::Worker, vendor: &str) -> Result<()> {
    let outcome = run.reading(worker.plan()).map(|outcome| outcome.as_str());
    let (request, answered) = run.bodies();
    let fits = request.len().max(answered.len()) <= worker.plan().settings.max_body_bytes;
    if matches!(outcome, Some("ok" | "partial")) && fits {
        return Ok(());
    }
    Err(format!("{vendor}: {outcome:?}, {} and {} bytes", request.len(), answered.len()).into())
}

/// Finding the route among one adapter's and among all.
fn matching(criterion: &mut Criterion) -> Result<()> {
    let mut group = criterion.benchmark_group("matching");
    let targets = [
        ("apns", "api.push.apple.com", "/3/device/00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"),
        ("elsewhere", "orders.internal", "/orders/42"),
    ];
    for (adapters, only) in [("1 adapter", Some("apns")), ("all adapters", None)] {
        let worker = worker(only)?;
        for (name, host, path) in targets {
            let target = Target { host, method: "POST", path };
            group.bench_function(BenchmarkId::new(name, adapters), |bencher| {
                bencher.iter(|| worker.plan().candidates(Direction::Outbound, black_box(target)).next().is_some());
            });
        }
    }
    group.finish();
    Ok(())
}
