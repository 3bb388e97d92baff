//! Breakers: when one trips, where messages go then, and how it recovers.

use super::target::targets;
use super::values::{Values, secs};
use super::{Head, channel, credential, policy, second};
use crate::breaker::{self, MAX_TAIL, Settings, WHOLE};
use crate::config::validate::Builder;
use crate::config::wire::{AutoWire, List, PerWire};
use crate::policy::{Auto, Per};
use crate::time::parse_zone;
use crate::trace::Ratio;
use std::time::Duration;

const MAX_STEPS: usize = 16;
/// As often as workers tell each other what they have seen.
const LEAST_WINDOW: Duration = Duration::from_millis(250);
const MAX_WINDOW: Duration = secs(30 * 60);
const LEAST_TIME: Duration = Duration::from_millis(100);
const DAY: Duration = secs(24 * 3_600);
/// So many failures are remembered in their order.
const MAX_CONSECUTIVE: u32 = MAX_TAIL as u32;
const MAX_PROBES: u32 = breaker::MAX_PROBES as u32;

pub(super) fn auto(builder: &mut Builder<'_>, head: &Head<'_>, wire: &AutoWire) {
    let at = format!("{}.auto", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    let to = targets(builder, id, &wire.to, &format!("{at}.to"));
    let per = per(builder, wire, &at);
    let objective = builder.plan.channel(id).and_then(|channel| builder.plan.node(channel.node));
    let slow_after = objective.map_or(Duration::ZERO, |node| node.objective.limit);
    let settings = settings(wire, slow_after, &mut Values { at, faults: builder.faults });
    let Some(policy) = policy(builder, id) else { return };
    if let Some(first) = policy.auto.as_ref().map(|first| first.name.clone()) {
        return second(builder, head, "auto", &wire.channel, &first);
    }
    policy.auto = Some(Auto { name: head.name.into(), manual: head.manual.clone(), to, settings, per });
}

fn settings(wire: &AutoWire, slow_after: Duration, values: &mut Values<'_>) -> Settings {
    let default = Settings::default();
    let ratio = |ratio: Option<Ratio>| ratio.map_or(1.0, Ratio::get);
    let consecutive = default.consecutive_failures.unwrap_or(0);
    let consecutive =
        values.number("consecutive_failures", wire.consecutive_failures, consecutive, 0..=MAX_CONSECUTIVE);
    let window = values.duration("window", wire.window, default.window, LEAST_WINDOW..=MAX_WINDOW);
    let long_window = values.duration("long_window", wire.long_window, default.long_window, LEAST_WINDOW..=MAX_WINDOW);
    if window >= long_window {
        values.fault("long_window", "is not above `window`: it is for when there are too few calls in that one");
    }
    let open = values.duration("open", wire.open, default.open, LEAST_TIME..=DAY);
    let max_open = values.duration("max_open", wire.max_open, default.max_open, LEAST_TIME..=DAY);
    if open > max_open {
        values.fault("max_open", "is below `open`, with which it starts");
    }
    let probes = values.number("probes", wire.probes.map(u32::from), default.probes.into(), 1..=MAX_PROBES);
    Settings {
        failure_ratio: Some(values.ratio("failure_ratio", wire.failure_ratio, ratio(default.failure_ratio), 1.0)),
        slow_ratio: Some(values.ratio("slow_ratio", wire.slow_ratio, ratio(default.slow_ratio), 1.0)),
        slow_after: values.duration("slow_after", wire.slow_after, slow_after, Duration::from_millis(1)..=secs(300)),
        consecutive_failures: Some(consecutive).filter(|failures| *failures > 0),
        on_time_ratio: wire.on_time_ratio.map(|ratio| values.ratio("on_time_ratio", Some(ratio), ratio, 1.0)),
        min_calls: values.number("min_calls", wire.min_calls, default.min_calls, 1..=1_000_000),
        window,
        long_window,
        open,
        max_open,
        throttle: values.duration("throttle", wire.throttle, default.throttle, LEAST_TIME..=DAY),
        probes: u8::try_from(probes).unwrap_or(u8::MAX),
        probe_lease: values.duration("probe_lease", wire.probe_lease, default.probe_lease, LEAST_TIME..=secs(300)),
        ramp: match &wire.ramp {
            Some(list) => ramp(list, values).into_iter().map(share_of_whole).collect(),
            None => default.ramp,
        },
        step: values.duration("step", wire.step, default.step, LEAST_TIME..=secs(3_600)),
        utc_offset_s: zone(wire.zone.as_deref(), values).unwrap_or(default.utc_offset_s),
    }
}

fn zone(written: Option<&str>, values: &mut Values<'_>) -> Option<i64> {
    let offset = parse_zone(written?);
    if offset.is_none() {
        values.fault("zone", "is no time zone: write its distance from UTC, such as \"+08:00\"");
    }
    offset
}

fn ramp(list: &List<f64>, values: &mut Values<'_>) -> Vec<Ratio> {
    let mut ramp: Vec<Ratio> = Vec::new();
    for (index, share) in list.iter() {
        let key = format!("ramp[{index}]");
        let share = values.ratio(&key, Some(*share), *share, 1.0);
        if ramp.last().is_some_and(|last| last.get() >= share.get()) {
            values.fault(&key, "is not above the one before: list shares in ascending order");
        }
        ramp.push(share);
    }
    if !ramp.last().is_some_and(|last| last.get() >= 1.0) {
        values.fault("ramp", "does not end in 1: the last step is all of the traffic");
    }
    if ramp.len() > MAX_STEPS {
        values.fault("ramp", format!("has {} steps: at most {MAX_STEPS}", ramp.len()));
    }
    ramp
}

fn share_of_whole(share: Ratio) -> u16 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a ratio is between 0 and 1")]
    let share = (share.get() * f64::from(WHOLE)).round() as u16;
    share
}

fn per(builder: &mut Builder<'_>, wire: &AutoWire, at: &str) -> Per {
    credential(builder, &wire.credential, at);
    let by_credential = wire.per == PerWire::Credential;
    let mut values = Values { at: at.to_owned(), faults: builder.faults };
    values.only("credential", !wire.credential.is_empty(), by_credential, "`per` credential");
    if by_credential && wire.credential.is_empty() {
        values.fault("credential", "is missing: say where the credential stands, such as [{\"header\": \"x-app\"}]");
    }
    match wire.per {
        PerWire::Channel => Per::Channel,
        PerWire::Operation => Per::Operation,
        PerWire::Credential => Per::Credential,
    }
}
