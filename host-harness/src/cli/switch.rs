//! `pointsman switch`.

use super::check::{FAULTY, count, now, print, read, refuse};
use super::cluster::{self, InCluster};
use super::rules::{Target, plugin};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pointsman_core::config::check_time;
use pointsman_core::time::{WallClock, parse_duration};
use pointsman_host::cluster::Object;
use pointsman_host::oplog::{self, Entry, Step};
use pointsman_host::switch::{
    Action, Destination, Done, Drill, Fault, Files, Force, LONGEST, Order, Share, SwitchError, Unfit, World,
    is_same_person, perform, preview, valid,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The longest name or reason.
const MAX_TEXT_BYTES: usize = 256;

#[derive(Args)]
#[command(group = clap::ArgGroup::new("what").args(["to", "shed", "hold", "back", "drill", "end_drill", "log"]).required(true))]
pub(crate) struct Switch {
    /// The channel.
    #[arg(required_unless_present = "log")]
    channel: Option<String>,
    /// The config that is changed, such as envoy/pointsman.json.
    #[arg(long, required_unless_present_any = ["log", "configmap", "envoyfilter"],
          conflicts_with_all = ["configmap", "envoyfilter"])]
    config: Option<PathBuf>,
    #[command(flatten)]
    place: InCluster,
    /// Send its messages to this channel; given again, to the next one if that is not to be had.
    #[arg(long, value_name = "CHANNEL")]
    to: Vec<String>,
    /// Let the other channel have its credentials, where vendors put them outside the headers; only with the same adapter.
    #[arg(long, requires = "to")]
    keep_credentials: bool,
    /// Refuse its messages, with a hint to try again later.
    #[arg(long)]
    shed: bool,
    /// Refuse only those of businesses below this priority.
    #[arg(long, value_name = "PRIORITY", requires = "shed")]
    below_priority: Option<u8>,
    /// Take it for healthy or degraded, whatever is seen of it.
    #[arg(long, value_name = "STATE")]
    hold: Option<Held>,
    /// Take the manual rule of the channel back.
    #[arg(long)]
    back: bool,
    /// Rehearse a failure of it: `refused`, or such as `status:503`, `code:-1` or `delay:2s`.
    #[arg(long, value_name = "FAULT", requires = "share")]
    drill: Option<Fault>,
    /// Which part of its messages is struck, up to 0.5.
    #[arg(long, requires = "drill")]
    share: Option<Share>,
    /// End the rehearsal of the channel.
    #[arg(long)]
    end_drill: bool,
    /// Who wants it; in a cluster it is who you are there, and need not be said.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["log", "configmap", "envoyfilter"],
          value_parser = words)]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", required_unless_present = "log", value_parser = words)]
    reason: Option<String>,
    /// How long it holds, such as 30m; at most 24h.
    #[arg(long = "for", value_name = "DURATION", value_parser = at_most_a_day,
          required_unless_present_any = ["back", "end_drill", "log"], conflicts_with_all = ["back", "end_drill"])]
    lasting: Option<Duration>,
    /// Who else has agreed; not the same as --by.
    #[arg(long, value_name = "NAME", value_parser = words)]
    approved_by: Option<String>,
    /// Show the change of the config, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// The operations log; the default is the config's name with the ending .ops.jsonl.
    #[arg(long, value_name = "FILE", requires = "config")]
    ops_log: Option<PathBuf>,
    /// Apply the config as well.
    #[arg(long, requires = "destination", requires = "config")]
    target: Option<Target>,
    /// The file to replace, in the directory that Envoy watches.
    #[arg(long, value_name = "FILE", requires = "target")]
    destination: Option<PathBuf>,
    /// The bootstrap that names the plugin; default is the one that ships.
    #[arg(long, value_name = "FILE", requires = "target")]
    bootstrap: Option<PathBuf>,
    /// An operations log to be looked at; without a file, with --configmap or --envoyfilter, the history of that object.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["channel", "config"])]
    log: Option<Option<PathBuf>>,
    /// Check that no line of the log was changed or taken out.
    #[arg(long, requires = "log")]
    verify: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Held {
    Healthy,
    Degraded,
}

pub(crate) fn run(arguments: &Switch) -> anyhow::Result<ExitCode> {
    match (&arguments.log, arguments.place.object()) {
        (Some(Some(log)), None) if arguments.verify => return verify(log),
        (Some(None), Some(object)) if !arguments.verify => return cluster::history(&arguments.place, object),
        (Some(_), _) => {
            eprintln!("pointsman: either --log FILE --verify, or --log with --configmap or --envoyfilter");
            return Ok(ExitCode::from(2));
        }
        (None, _) => {}
    }
    let now = now()?;
    if let Some(object) = arguments.place.object() {
        return in_cluster(arguments, object, now);
    }
    let Some((by, config)) = arguments.by.clone().zip(arguments.config.as_deref()) else {
        anyhow::bail!("a config and --by are needed")
    };
    let order = order(arguments, by, now)?;
    if order.approved_by.as_ref().is_some_and(|name| is_same_person(name, &order.by)) {
        eprintln!("pointsman: --approved-by must be somebody else than --by");
        return Ok(ExitCode::from(2));
    }
    let valid = |text: &str| valid(text, &order.action, now);
    if arguments.dry_run {
        return match preview(config, &order, &valid) {
            Ok(planned) => print(&planned.diff).map(|()| ExitCode::SUCCESS),
            Err(error) => failed(config, error),
        };
    }
    let files = files(arguments, config)?;
    match perform(&files, &order, &World { now, check: &valid, reached: &|_| Ok(()) }) {
        Ok(done) => tell(&files, &order, &done, now),
        Err(error) => failed(config, error),
    }
}

fn in_cluster(arguments: &Switch, object: &Object, now: WallClock) -> anyhow::Result<ExitCode> {
    let by = arguments.by.as_deref();
    let unsigned = order(arguments, String::new(), now)?;
    cluster::carry_out(
        &arguments.place,
        object,
        by,
        arguments.dry_run,
        now,
        |by| Order { by, ..unsigned },
        what_is_done,
    )
}

fn order(arguments: &Switch, by: String, now: WallClock) -> anyhow::Result<Order> {
    let action = match (arguments.lasting, arguments.drill.clone().zip(arguments.share)) {
        _ if arguments.back => Action::Back,
        _ if arguments.end_drill => Action::EndDrill,
        (Some(lasting), Some((fault, share))) => Action::Drill(Drill { share, fault }, now.after(lasting)),
        (Some(lasting), None) => Action::Force(force(arguments), now.after(lasting)),
        (None, _) => anyhow::bail!("--for is needed"),
    };
    Ok(Order {
        channel: arguments.channel.clone().context("a channel is needed")?,
        action,
        by,
        approved_by: arguments.approved_by.clone(),
        reason: arguments.reason.clone().context("--reason is needed")?,
    })
}

fn force(arguments: &Switch) -> Force {
    match arguments.hold {
        Some(Held::Healthy) => Force::Hold { state: "healthy" },
        Some(Held::Degraded) => Force::Hold { state: "degraded" },
        None if arguments.shed => Force::Shed { below_priority: arguments.below_priority },
        None => Force::Switch { to: arguments.to.clone(), keep_credentials: arguments.keep_credentials },
    }
}

fn files(arguments: &Switch, config: &Path) -> anyhow::Result<Files> {
    let destination = match &arguments.destination {
        Some(file) => Some(Destination { file: file.clone(), plugin: plugin(arguments.bootstrap.as_deref())? }),
        None => None,
    };
    let log = arguments.ops_log.clone().unwrap_or_else(|| config.with_extension("ops.jsonl"));
    Ok(Files { config: config.to_owned(), log, destination })
}

fn tell(files: &Files, order: &Order, done: &Done, now: WallClock) -> anyhow::Result<ExitCode> {
    if let Some(settled) = &done.settled {
        eprintln!("note: {}", interrupted(settled));
    }
    let mut text = format!("{} in {}\n", what_is_done(order), files.config.display());
    if let Some(applied) = &done.applied {
        text += &format!("applied {} to {}\n", files.config.display(), applied.display());
    }
    print(&text)?;
    for fault in check_time(&read(&files.config)?, now).iter() {
        eprintln!("note: {fault}");
    }
    Ok(ExitCode::SUCCESS)
}

fn what_is_done(order: &Order) -> String {
    let what = match &order.action {
        Action::Back => format!("took the manual rule of {} back", order.channel),
        Action::Drill(Drill { share, fault }, _) => {
            format!("rehearsing {fault} for {} of {}", share.get(), order.channel)
        }
        Action::EndDrill => format!("ended the rehearsal of {}", order.channel),
        Action::Force(Force::Switch { to, .. }, _) => format!("switched {} to {}", order.channel, to.join(", ")),
        Action::Force(Force::Shed { .. }, _) => format!("shedding {}", order.channel),
        Action::Force(Force::Hold { state }, _) => format!("holding {} as {state}", order.channel),
    };
    let until = order.until().map(|until| format!(" until {until}")).unwrap_or_default();
    format!("{what}{until}")
}

fn interrupted(settled: &Entry) -> String {
    let outcome = match settled.step {
        Step::Done => "its config is in place",
        Step::Abandoned => "it has changed nothing",
        Step::Intent | Step::Unclear => "the config has been changed otherwise since",
    };
    format!("an operation of {} on {} was interrupted: {outcome}", settled.by, settled.channel)
}

fn failed(config: &Path, error: SwitchError) -> anyhow::Result<ExitCode> {
    let consequence = format!(", not switched; {} is as it was", config.display());
    match error {
        SwitchError::Unfit(Unfit::Faults(faults)) => Ok(refuse(config, &faults, &consequence)),
        SwitchError::Unfit(unfit) => {
            eprintln!("{}: 1 fault{consequence}\n{unfit}", config.display());
            Ok(ExitCode::from(FAULTY))
        }
        error => Err(error.into()),
    }
}

fn verify(log: &Path) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
    let chain = match oplog::read(&bytes) {
        Ok(chain) => chain,
        Err(broken) => {
            eprintln!("{}: broken at {broken}", log.display());
            return Ok(ExitCode::FAILURE);
        }
    };
    for line in &chain.changed_before {
        eprintln!("note: before line {line} the config was changed by other means");
    }
    if chain.cut_off.is_some() {
        eprintln!(
            "note: a write was interrupted behind line {}; the next operation keeps what there is of it",
            chain.lines
        );
    }
    if let Some(unfinished) = chain.unfinished() {
        eprintln!("note: an operation of {} on {} has no end yet", unfinished.by, unfinished.channel);
    }
    print(&format!("ok: {}, the last is {}\n", count(chain.lines, "line"), chain.last_hash))?;
    Ok(ExitCode::SUCCESS)
}

/// A text for people: not empty, not long, on one line.
pub(crate) fn words(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text if text.len() > MAX_TEXT_BYTES => Err(format!("is longer than {MAX_TEXT_BYTES} bytes")),
        text if text.chars().any(char::is_control) => Err("holds a line end or another control character".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn at_most_a_day(text: &str) -> Result<Duration, String> {
    let lasting = parse_duration(text).ok_or("is no duration: write a whole number with s, m or h, such as 30m")?;
    if lasting < Duration::from_secs(1) || lasting > LONGEST {
        return Err("must be from 1s to 24h".to_owned());
    }
    Ok(lasting)
}
