//! A channel: the share of the traffic that goes to it, and the vendor behind it.

use std::fmt;
use std::time::Duration;

use toml::Value;

use super::fields::{Fields, number, share, some_duration, table, text, whole};
use super::phase::{self, Phase};
use crate::simulate::calls::takes_batches;
use crate::simulate::latency::Latency;
use crate::vendors::{self, Api, Refusal};

/// The most recipients of one message: what the world's books keep of a message is a bit per recipient.
const MAX_RECIPIENTS: u64 = 64;

/// The adapter that reads any gateway, and the stand-in that is one.
const GENERIC: (&str, &str) = ("generic-json", "lc");

/// A channel and its vendor.
#[derive(Clone)]
pub(in crate::simulate) struct Channel {
    pub(in crate::simulate) name: String,
    /// How the vendor's API works.
    pub(in crate::simulate) api: &'static dyn Api,
    /// Where the application finds the vendor.
    pub(in crate::simulate) authority: String,
    /// Its part of the messages, beside the shares of the other channels.
    pub(in crate::simulate) share: f64,
    /// The fewest and the most recipients of one message.
    pub(in crate::simulate) recipients: (u32, u32),
    pub(in crate::simulate) latency: Latency,
    /// What the vendor refuses on a good day.
    pub(in crate::simulate) refuses: Vec<Refused>,
    pub(in crate::simulate) objective: Option<Duration>,
    pub(in crate::simulate) phases: Vec<Phase>,
}

/// A code that some recipients get on a good day, through no one's fault but their own: tokens that are no longer valid.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Refused {
    pub(in crate::simulate) code: String,
    pub(in crate::simulate) share: f64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}

pub(super) fn read(name: &str, fields: &mut Fields<'_>) -> Option<Channel> {
    let api = api(name, fields);
    let authority = fields.take("authority", text);
    let share_of_traffic = fields.take("share", number(0.0, 1e6)).unwrap_or(1.0);
    let recipients = fields.take("recipients", recipients).unwrap_or((1, 1));
    let usual = Latency::by_percentiles(Duration::from_millis(80), Duration::from_millis(400));
    let latency = fields.take("latency", latency).or(usual);
    let objective = fields.take("objective", some_duration);
    let refuses = fields.each("refuses", |fields| {
        let code = fields.need("code", |value| code(api, value));
        let share = fields.need("share", share);
        Some(Refused { code: code?, share: share? })
    });
    if refuses.iter().map(|refused| refused.share).sum::<f64>() > 1.0 {
        fields.fault("refuses", "has shares that add up to more than 100%");
    }
    let phases = fields.each("phases", |fields| phase::read(api, fields));
    let api = api?;
    if recipients.1 > 1 && !takes_batches(api) {
        fields.fault("recipients", format!("{} takes one recipient per call", api.name()));
    }
    Some(Channel {
        name: name.to_owned(),
        api,
        authority: authority.unwrap_or_else(|| api.host().to_owned()),
        share: share_of_traffic,
        recipients,
        latency: latency?,
        refuses,
        objective,
        phases,
    })
}

fn api(name: &str, fields: &mut Fields<'_>) -> Option<&'static dyn Api> {
    let adapter = fields.take("adapter", text);
    let found = find(adapter.as_deref().unwrap_or(name));
    if found.is_none() {
        let known: Vec<&str> = vendors::Vendors::names().filter(|name| *name != GENERIC.1).chain([GENERIC.0]).collect();
        fields.fault("adapter", format!("must be one of {}", known.join(", ")));
    }
    found
}

fn find(adapter: &str) -> Option<&'static dyn Api> {
    let stand_in = if adapter == GENERIC.0 { GENERIC.1 } else { adapter };
    if adapter == GENERIC.1 { None } else { vendors::api(stand_in) }
}

/// A code that the vendor has.
pub(super) fn code(api: Option<&'static dyn Api>, value: &Value) -> Result<String, String> {
    let code = text(value)?;
    let refusal = Refusal { code: code.clone(), recipients: None, retry_after_s: None };
    match api.map(|api| api.check(&refusal)) {
        Some(Err(error)) => Err(error.to_string()),
        _ => Ok(code),
    }
}

fn recipients(value: &Value) -> Result<(u32, u32), String> {
    let one = |value: &Value| whole(1, MAX_RECIPIENTS)(value).map(|number| number as u32);
    let Ok(range) = table(value) else { return one(value).map(|number| (number, number)) };
    match (range.get("min"), range.get("max"), range.len()) {
        (Some(min), Some(max), 2) => {
            let (min, max) = (one(min)?, one(max)?);
            if min <= max { Ok((min, max)) } else { Err(format!("has a min of {min} above its max of {max}")) }
        }
        _ => Err(format!("must be a number or {{ min = 1, max = 5 }}, not {value}")),
    }
}

fn latency(value: &Value) -> Result<Latency, String> {
    let wanted = || {
        format!(
            "must be a duration, {{ p50 = \"80ms\", p99 = \"400ms\" }} or {{ min = \"10ms\", max = \"30ms\" }}, not {value}"
        )
    };
    if value.is_str() {
        return some_duration(value).map(Latency::Constant);
    }
    let table = table(value).map_err(|_| wanted())?;
    let get = |key: &str| table.get(key).map(some_duration).transpose().map_err(|reason| format!("{key}: {reason}"));
    match (get("p50")?, get("p99")?, get("min")?, get("max")?, table.len()) {
        (Some(p50), Some(p99), None, None, 2) => {
            Latency::by_percentiles(p50, p99).ok_or_else(|| "must have a p99 above its p50".to_owned())
        }
        (None, None, Some(min), Some(max), 2) if min <= max => Ok(Latency::Uniform(min, max)),
        (None, None, Some(_), Some(_), 2) => Err("has a min above its max".to_owned()),
        _ => Err(wanted()),
    }
}
