//! An order carried out: under a lock, checked first, and never without its line in the log.

use super::diff;
use super::order::Order;
use super::sheet::{Sheet, Unfit};
use crate::guarded::{Contents, GuardError, Guarded};
use crate::oplog::{Entry, Log, LogError, Step, sha256};
use crate::rules::{self, PluginSettings, RulesError};
use pointsman_core::config::{Faults, digest};
use pointsman_core::time::{WallClock, format_rfc3339};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The file of a proxy that takes the config up.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The file.
    pub file: PathBuf,
    /// What wraps the config there.
    pub plugin: PluginSettings,
}

/// What is changed, and where it is recorded.
#[derive(Clone, Debug)]
pub struct Files {
    /// The config.
    pub config: PathBuf,
    /// The operations log.
    pub log: PathBuf,
    /// Where the config is applied too.
    pub destination: Option<Destination>,
}

/// How far an order has come; a test ends it there as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The log says what is about to be done.
    Intended,
    /// The new config is written beside the old one.
    Staged,
    /// The new config is in place.
    InPlace,
    /// The proxy has it too.
    Applied,
}

/// The end of everything, in a test.
#[derive(Debug)]
pub struct Crash;

/// What the world around an order says.
pub struct World<'a> {
    /// What time it is.
    pub now: WallClock,
    /// Whether a config is valid.
    pub check: &'a dyn Fn(&str) -> Result<(), Faults>,
    /// Told of every point that is reached.
    pub reached: &'a dyn Fn(Point) -> Result<(), Crash>,
}

/// An order that was carried out.
#[derive(Debug, PartialEq, Eq)]
pub struct Done {
    /// What has become of an earlier one that was interrupted.
    pub settled: Option<Box<Entry>>,
    /// The config was applied to this file.
    pub applied: Option<PathBuf>,
    /// What it has come to.
    pub planned: Planned,
}

/// What an order makes of a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The change, as a unified diff.
    pub diff: String,
    /// The version of the config before, as filters report it.
    pub before: String,
    /// The version that filters report once the change is in force.
    pub version: String,
}

impl Planned {
    fn of(config: &Path, before: &str, after: &str) -> Self {
        Self { diff: diff::unified(config, before, after), before: digest(before), version: digest(after) }
    }
}

/// Why an order was not carried out, or not all of it.
#[derive(Debug, Error)]
pub enum SwitchError {
    /// The config does not allow the change, or would have faults; it was not written.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A file is not safe, or the operating system refused; the config was not replaced.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Nothing could be written to the log; the config was not replaced.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The config is in place, and its last line in the log is missing.
    #[error("the config is changed, but the log does not say so yet; the next operation will")]
    Unrecorded(#[source] LogError),
    /// The config is in place, and the proxy does not have it.
    #[error("the config is changed, but not applied: do so with `pointsman apply`")]
    NotApplied(#[source] RulesError),
    /// Only in tests.
    #[error("interrupted")]
    Crashed,
}

impl From<Crash> for SwitchError {
    fn from(_: Crash) -> Self {
        Self::Crashed
    }
}

/// What an order would change; writes nothing and waits for nobody.
///
/// # Errors
/// [`SwitchError`], as the order itself would.
pub fn preview(
    config: &Path,
    order: &Order,
    check: &dyn Fn(&str) -> Result<(), Faults>,
) -> Result<Planned, SwitchError> {
    let before = Guarded::new(config)?.read()?.text;
    let after = Sheet::Config(&before).ordered(order, check)?.text;
    Ok(Planned::of(config, &before, &after))
}

/// Carries an order out.
///
/// # Errors
/// [`SwitchError`]; all but two say that the config is as it was.
pub fn perform(files: &Files, order: &Order, world: &World<'_>) -> Result<Done, SwitchError> {
    let (config, log) = (Guarded::new(&files.config)?, Guarded::new(&files.log)?);
    let _lock = config.lock(config.owner()?)?;
    let before = config.read()?;
    let after = Sheet::Config(&before.text).ordered(order, world.check)?.text;
    // Whoever owns the config can add to a log that root has begun.
    let mut log = Log::open(&log, before.owner)?;
    let settled = settle(&mut log, &before.text, world)?;

    let intent = intent(order, &before.text, &after, world.now);
    log.append(intent.clone())?;
    (world.reached)(Point::Intended)?;
    if let Err(error) = replace(&config, &before, &after, world) {
        return Err(record_failure(&mut log, &config, intent, error));
    }
    let applied = apply(files.destination.as_ref(), &after);
    (world.reached)(Point::Applied)?;

    let mut done = Entry { step: Step::Done, ..intent };
    match &applied {
        Ok(file) => done.applied = file.map(|file| file.display().to_string()),
        Err(error) => done.error = Some(error.to_string()),
    }
    log.append(done).map_err(SwitchError::Unrecorded)?;
    Ok(Done {
        settled: settled.map(Box::new),
        applied: applied.map_err(SwitchError::NotApplied)?.map(Path::to_owned),
        planned: Planned::of(&files.config, &before.text, &after),
    })
}

fn replace(config: &Guarded, before: &Contents, after: &str, world: &World<'_>) -> Result<(), SwitchError> {
    let staged = config.stage(before, after)?;
    (world.reached)(Point::Staged)?;
    staged.put_in_place()?;
    Ok((world.reached)(Point::InPlace)?)
}

fn apply<'a>(destination: Option<&'a Destination>, config: &str) -> Result<Option<&'a Path>, RulesError> {
    let Some(Destination { file, plugin }) = destination else { return Ok(None) };
    rules::replace(file, &rules::render_ecds(config, plugin))?;
    Ok(Some(file))
}

/// Records that the replacing failed, and what the config is now: it may be in place, and only not synced. If this fails
/// as well, the next operation will see it.
fn record_failure(log: &mut Log, config: &Guarded, intent: Entry, error: SwitchError) -> SwitchError {
    if matches!(error, SwitchError::Crashed) {
        return error;
    }
    if let Ok(found) = config.read() {
        let step = outcome(&intent, &found.text);
        let _ = log.append(Entry { step, error: Some(error.to_string()), ..intent });
    }
    error
}

/// What has become of an operation, by the config as it is now.
fn outcome(intent: &Entry, config: &str) -> Step {
    match sha256(config.as_bytes()) {
        found if found == intent.after => Step::Done,
        found if found == intent.before => Step::Abandoned,
        _ => Step::Unclear,
    }
}

/// Tells by the config what has become of an operation that was interrupted.
fn settle(log: &mut Log, config: &str, world: &World<'_>) -> Result<Option<Entry>, LogError> {
    let Some(unfinished) = log.chain().unfinished() else { return Ok(None) };
    let step = outcome(unfinished, config);
    let settled = Entry { time: format_rfc3339(world.now), step, settled: true, ..unfinished.clone() };
    log.append(settled.clone())?;
    Ok(Some(settled))
}

fn intent(order: &Order, before: &str, after: &str, now: WallClock) -> Entry {
    Entry {
        time: format_rfc3339(now),
        step: Step::Intent,
        operation: order.operation(),
        channel: order.channel.clone(),
        to: order.to().to_vec(),
        state: order.state().map(str::to_owned),
        by: order.by.clone(),
        approved_by: order.approved_by.clone(),
        uid: uid(),
        reason: order.reason.clone(),
        until: order.until(),
        before: sha256(before.as_bytes()),
        after: sha256(after.as_bytes()),
        applied: None,
        error: None,
        settled: false,
        cut_off: None,
        prev: String::new(),
    }
}

/// Who runs this program, for what `by` only claims; Linux alone tells.
fn uid() -> Option<u32> {
    std::fs::metadata("/proc/self").map(|own| own.uid()).ok()
}
