//! The native proxy under steady load and everything that goes wrong: faults of vendors, traps of the filter, new rules,
//! clients that go away. Its memory and its open files must stay flat, and no push may be lost that nothing was wrong with.

mod clients;
mod flat;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use pointsman_host::envoy::{Protocol, Upstream};
use pointsman_host::sidecar::{Native, NativeOptions, Setup};
use pointsman_host::vendors::{Effect, Fault, ResetAt, Vendors};
use pointsman_tests::{SECRET, repository};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

use clients::{Clients, Tally};
use watch::Watch;

/// The vendor that has faults; nothing is ever wrong with the others.
const FAULTY: &str = "wechat";

const WORKERS: u32 = 2;

/// How long each fault stays, and how often there are new rules.
const FAULT_EVERY: Duration = Duration::from_secs(3);
const RULES_EVERY: Duration = Duration::from_secs(2);

/// How often the filter traps.
const TRAP_EVERY: Duration = Duration::from_secs(5);

/// Runs the native proxy for some minutes and sees whether its memory stays flat.
#[derive(Debug, Parser)]
struct Args {
    /// How long.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The `pointsman` program.
    #[arg(long, default_value = "target/debug/pointsman")]
    program: PathBuf,
    /// Prints what the proxy uses, every second.
    #[arg(long)]
    verbose: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run_until_stopped(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run_until_stopped(args: &Args) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // Leaving by error, and not by the signal itself, is what stops the proxy.
    tokio::select! {
        done = run(args) => done,
        _ = terminated.recv() => bail!("terminated"),
        _ = interrupted.recv() => bail!("interrupted"),
    }
}

async fn run(args: &Args) -> Result<()> {
    ensure!(args.minutes > 0, "nothing can be seen in no time");
    let vendors = Vendors::start().await?;
    let native = Native::start(options(args, &vendors)?).await?;
    let clients = Arc::new(Clients::new(native.outbound()));
    let mut load = JoinSet::new();
    clients.start(&mut load);
    let mut watch = Watch::new(native.pid(), args.verbose);
    let deadline = Instant::now() + Duration::from_secs(args.minutes * 60);
    let (mut faults, mut rules) = (interval(FAULT_EVERY), interval(RULES_EVERY));
    let (mut traps, mut seconds) = (interval(TRAP_EVERY), interval(Duration::from_secs(1)));
    for number in 0.. {
        tokio::select! {
            _ = faults.tick() => vendors.set_fault(FAULTY, fault(number))?,
            _ = rules.tick() => native.apply(&rules_of(number))?,
            _ = traps.tick() => clients.trap().await?,
            _ = seconds.tick() => {
                watch.look()?;
                // Neither the stand-ins' memory nor this program's is what is watched, but it must not run out.
                Vendors::names().try_for_each(|vendor| vendors.forget_requests(vendor))?;
            }
            Some(ended) = load.join_next() => ended.context("a client has failed")??,
            () = tokio::time::sleep_until(deadline) => break,
        }
    }
    load.shutdown().await;
    let tally = clients.tally();
    let scrape = native.scrape().await.context("the proxy does not answer any more")?;
    println!("{tally}");
    for metric in ["pointsman_host_wasm_traps_total", "envoy_listener_manager_lds_update_success"] {
        println!("{metric} {}", scrape.sum(metric, &[]));
    }
    println!("{watch}");
    verdict(&tally, &watch)
}

fn verdict(tally: &Tally, watch: &Watch) -> Result<()> {
    ensure!(tally.sent > 0 && tally.traps > 0 && tally.aborted > 0, "nothing was tried: {tally}");
    ensure!(tally.lost == 0, "{} of {} pushes were lost, the first so: {}", tally.lost, tally.sent, tally.first_loss);
    watch.check()
}

fn options(args: &Args, vendors: &Vendors) -> Result<NativeOptions> {
    let mut upstreams = BTreeMap::new();
    for (vendor, cluster) in [("lc", "gateway"), ("oppo", "oppo"), (FAULTY, FAULTY)] {
        upstreams.insert(cluster.to_owned(), Upstream { addr: vendors.addr(vendor)?, protocol: Protocol::Http1 });
    }
    Ok(NativeOptions {
        program: args.program.clone(),
        config: repository("host-harness/pointsman.yaml"),
        module_cache: Some(repository("target/modules")),
        setup: Setup {
            filter_wasm: repository("target/pointsman-trap.wasm"),
            rules: rules_of(0),
            upstreams,
            credentials: BTreeMap::new(),
            workers: WORKERS,
            secret: SECRET.to_owned(),
        },
    })
}

/// Rules that differ from one number to the next, within bounds: every series that they make is made early.
fn rules_of(number: u64) -> String {
    let business = ["order", "promo", "login"][(number % 3) as usize];
    format!(
        r#"{{
            "service": "push", "hold_request": true,
            "channels": ["oppo", "{FAULTY}", {{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}}],
            "businesses": [{{"name": "{business}"}}]
        }}"#
    )
}

/// Everything that a vendor can do wrong, in turn.
fn fault(number: u64) -> Fault {
    let effects = [
        Effect::Hang,
        Effect::Reset(ResetAt::Request),
        Effect::Html,
        Effect::Cut,
        Effect::Reset(ResetAt::Response),
        Effect::Endless { interval_ms: 20 },
        Effect::Gzip,
        Effect::Trailers,
    ];
    let effect = effects.into_iter().nth((number % 8) as usize).unwrap_or(Effect::Delay);
    Fault::new(effect).after(5).share(0.7)
}
