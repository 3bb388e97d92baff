//! What goes wrong at a vendor, from when to when.

use std::time::Duration;

use toml::Value;

use super::channel::code;
use super::fields::{Fields, duration, number, share, some_duration, table, text, whole};
use crate::vendors::Api;

const KINDS: &str = "outage, brown_out, quota, rate_limit, flapping, recovery";

/// A time of trouble at a vendor.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Phase {
    /// A word or two, for the report.
    pub(in crate::simulate) name: String,
    /// Since the start of the run.
    pub(in crate::simulate) start: Duration,
    /// Since the start of the run; `None` lasts to its end.
    pub(in crate::simulate) end: Option<Duration>,
    pub(in crate::simulate) trouble: Trouble,
}

/// What the trouble is.
#[derive(Clone, Debug)]
pub(in crate::simulate) enum Trouble {
    /// Sends fail.
    Outage(Failure),
    /// Answers are slow, and some sends fail.
    BrownOut { latency_factor: f64, failure: Failure },
    /// After so many accepted recipients the code, until midnight.
    Quota { limit: u64, code: String },
    /// Beyond so many recipients in one second the code.
    RateLimit { per_second: u64, code: String },
    /// An outage that comes and goes: at the start of every period it is there for a share of it.
    Flapping { period: Duration, down: f64, failure: Failure },
    /// An outage whose share goes from the failure's own to `to`, in a straight line.
    Recovery { to: f64, failure: Failure },
}

/// How sends fail.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Failure {
    pub(in crate::simulate) mode: Mode,
    /// The share of calls that do.
    pub(in crate::simulate) share: f64,
}

/// How one send fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Mode {
    /// No connection comes about, and that is known at once.
    Refused,
    /// No answer comes, and nothing was sent.
    NoAnswer,
    /// A page of a proxy before the vendor with this HTTP status.
    Status(u16),
    /// The vendor's own code for the call as a whole.
    Code(String),
}

impl Phase {
    /// From when to when it is planned, in a run that takes so long.
    pub(in crate::simulate) fn span(&self, duration: Duration) -> (Duration, Duration) {
        (self.start.min(duration), self.end.unwrap_or(duration).min(duration))
    }

    /// The same in a shorter time; what is counted per day shrinks with it.
    pub(super) fn shorten(&mut self, factor: u32) {
        self.start /= factor;
        self.end = self.end.map(|end| end / factor);
        match &mut self.trouble {
            Trouble::Flapping { period, .. } => *period /= factor,
            Trouble::Quota { limit, .. } => *limit /= u64::from(factor),
            _ => {}
        }
    }

    /// The same for less traffic.
    pub(super) fn thin(&mut self, factor: u32) {
        match &mut self.trouble {
            Trouble::Quota { limit: most, .. } | Trouble::RateLimit { per_second: most, .. } => {
                *most /= u64::from(factor)
            }
            _ => {}
        }
    }
}

pub(super) fn read(api: Option<&'static dyn Api>, fields: &mut Fields<'_>) -> Option<Phase> {
    let kind = fields.need("kind", text);
    let name = fields.take("name", text);
    let start = fields.take("start", duration).unwrap_or_default();
    let lasts = fields.take("duration", some_duration);
    let (usual_name, trouble) = match kind.as_deref() {
        Some("outage") => ("outage", Some(Trouble::Outage(failure(api, 1.0, fields)))),
        Some("brown_out") => ("brown-out", brown_out(api, fields)),
        Some("quota") => ("quota", quota(api, fields)),
        Some("rate_limit") => ("rate limit", rate_limit(api, fields)),
        Some("flapping") => ("flapping", flapping(api, fields)),
        Some("recovery") => ("recovery", recovery(api, lasts, fields)),
        Some(other) => {
            fields.fault("kind", format!("must be one of {KINDS}, not \"{other}\""));
            return None;
        }
        None => return None,
    };
    let name = name.unwrap_or_else(|| usual_name.to_owned());
    Some(Phase { name, start, end: lasts.map(|lasts| start + lasts), trouble: trouble? })
}

fn brown_out(api: Option<&'static dyn Api>, fields: &mut Fields<'_>) -> Option<Trouble> {
    let latency_factor = fields.need("latency_factor", number(0.01, 10_000.0));
    let failure = failure(api, 0.0, fields);
    Some(Trouble::BrownOut { latency_factor: latency_factor?, failure })
}

fn quota(api: Option<&'static dyn Api>, fields: &mut Fields<'_>) -> Option<Trouble> {
    let limit = fields.need("limit", whole(0, u64::MAX >> 1));
    let code = fields.need("code", |value| code(api, value));
    Some(Trouble::Quota { limit: limit?, code: code? })
}

fn rate_limit(api: Option<&'static dyn Api>, fields: &mut Fields<'_>) -> Option<Trouble> {
    let per_second = fields.need("per_second", whole(0, u64::MAX >> 1));
    let code = fields.need("code", |value| code(api, value));
    Some(Trouble::RateLimit { per_second: per_second?, code: code? })
}

fn flapping(api: Option<&'static dyn Api>, fields: &mut Fields<'_>) -> Option<Trouble> {
    let period = fields.need("period", some_duration);
    let down = fields.take("down", share).unwrap_or(0.5);
    let failure = failure(api, 1.0, fields);
    Some(Trouble::Flapping { period: period?, down, failure })
}

fn recovery(api: Option<&'static dyn Api>, lasts: Option<Duration>, fields: &mut Fields<'_>) -> Option<Trouble> {
    if lasts.is_none() && !fields.has("duration") {
        fields.fault("duration", "is missing: a recovery takes some time");
    }
    let to = fields.take("to", share).unwrap_or(0.0);
    let failure = failure(api, 1.0, fields);
    Some(Trouble::Recovery { to, failure })
}

fn failure(api: Option<&'static dyn Api>, usual_share: f64, fields: &mut Fields<'_>) -> Failure {
    let mode = fields.take("fails_with", |value| mode(api, value)).unwrap_or(Mode::Status(503));
    let share = fields.take("share", share).unwrap_or(usual_share);
    Failure { mode, share }
}

fn mode(api: Option<&'static dyn Api>, value: &Value) -> Result<Mode, String> {
    let wanted =
        || format!("must be \"refused\", \"no_answer\", {{ status = 503 }} or {{ code = \"-1\" }}, not {value}");
    match value.as_str() {
        Some("refused") => return Ok(Mode::Refused),
        Some("no_answer") => return Ok(Mode::NoAnswer),
        Some(_) => return Err(wanted()),
        None => {}
    }
    let table = table(value).map_err(|_| wanted())?;
    match (table.get("status"), table.get("code"), table.len()) {
        (Some(status), None, 1) => whole(400, 599)(status).map(|status| Mode::Status(status as u16)),
        (None, Some(value), 1) => code(api, value).map(Mode::Code),
        _ => Err(wanted()),
    }
}
