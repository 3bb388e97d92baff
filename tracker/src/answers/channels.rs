//! How channels are: the state of their breakers, the rules in force, what has come of their messages, and what has happened.

use super::meaning;
use super::rest::Rest;
use crate::event::{Event, Kind};
use crate::histogram::Histogram;
use crate::store::{Count, Dimension};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What of a channel's past is told.
const MAX_HISTORY: usize = 100;
/// What is told again within this time, in milliseconds, is told by another process.
const SAME_MS: u64 = 60_000;
/// The most codes of a channel.
const MAX_CODES: usize = 20;
/// The most channels of an answer.
const MAX_CHANNELS: usize = 500;

/// How channels are.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Channels {
    /// By name.
    pub channels: Vec<Channel>,
}

/// How a channel is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Channel {
    /// The channel.
    pub channel: String,
    /// `healthy`, `degraded`, `probing` or `recovering`, as it was last told; empty if nothing was.
    pub state: String,
    /// Why it is degraded.
    pub reason: String,
    /// Since when, in milliseconds since 1970; null if nothing was told.
    pub since_ms: Option<u64>,
    /// The rule in force: of several the one by hand, else the drill, else the one that holds back, else any.
    pub rule: Option<RuleInForce>,
    /// What has come of its messages within the last hour.
    pub quality: Quality,
    /// What has happened to it; the latest first, at most 100.
    pub history: Vec<ChannelEvent>,
}

/// A rule in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleInForce {
    /// Its name.
    pub name: String,
    /// `force`, `drill`, `shed`, `limit`, `auto` or `failover`.
    pub kind: String,
    /// Who has ordered it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When its time is over, in milliseconds since 1970; null if it has no end.
    pub until_ms: Option<u64>,
    /// The version of the config in which it came.
    pub version: String,
}

/// What has come of a channel's messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Quality {
    /// Messages that the vendor has taken or refused.
    pub messages: u64,
    /// How many it has taken, from 0 to 1; null if there are none.
    pub success_ratio: Option<f64>,
    /// 99 % of the sends took less than this, in milliseconds; null if none tells.
    pub p99_ms: Option<u64>,
    /// The codes of what has failed; the most frequent first, at most 20.
    pub codes: Vec<ChannelCode>,
}

/// A vendor's code, and how often it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelCode {
    /// The code.
    pub code: String,
    /// How often.
    pub n: u64,
    /// What it means, by the adapter of the channel.
    pub meaning: Option<String>,
}

/// What an entry of the past is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Happening {
    /// Its breaker has moved.
    State,
    /// A rule has come into force, or its time is over.
    Rule,
    /// A drill is over.
    Drill,
}

/// Something that has happened to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChannelEvent {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is about.
    pub what: Happening,
    /// The state before; of a rule its kind, of a drill its fault.
    pub from: String,
    /// The state after; of a rule `applied` or `expired`, of a drill the verdict.
    pub to: String,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// The rule or the drill.
    pub name: String,
}

/// What the quality of channels is counted by.
pub const QUALITY_DIMENSIONS: [Dimension; 4] =
    [Dimension::Channel, Dimension::Status, Dimension::Outcome, Dimension::Code];

impl Channels {
    /// From what has happened, the latest first, and the statuses of the last hour by [`QUALITY_DIMENSIONS`].
    pub fn new(history: &[Event], counts: &[Count], now_ms: u64) -> Self {
        let mut channels: BTreeMap<&str, Channel> = BTreeMap::new();
        let mut settled: BTreeSet<&str> = BTreeSet::new();
        for event in history.iter().filter(|event| !event.facts.channel.is_empty()) {
            let name = event.facts.channel.as_str();
            let channel = channels.entry(name).or_default();
            let rest = Rest::of(event);
            let whole = event.facts.kind == Kind::ChannelState && rest.text("push.channel.part").is_empty();
            if whole && !settled.contains(name) && !channel.state_from(event) {
                settled.insert(name);
            }
            if let Some(event) = happened(event, &rest) {
                channel.remember(event);
            }
        }
        for (name, rule) in rules(history, &versions(history), now_ms) {
            channels.entry(name).or_default().rule = Some(rule);
        }
        for (name, quality) in qualities(counts) {
            channels.entry(name).or_default().quality = quality;
        }
        let named = |(name, channel): (&str, Channel)| Channel { channel: name.to_owned(), ..channel };
        Self { channels: channels.into_iter().take(MAX_CHANNELS).map(named).collect() }
    }
}

impl Channel {
    /// Takes its state from the latest event, and the time from the earliest of those before it that say the same: every
    /// process tells for itself. Whether it may still be the same.
    fn state_from(&mut self, event: &Event) -> bool {
        let state = &event.facts.status;
        if self.since_ms.is_some() && self.state != *state {
            return false;
        }
        if self.since_ms.is_none() {
            self.state.clone_from(state);
            self.reason.clone_from(&event.facts.code);
        }
        self.since_ms = Some(event.at_ms);
        true
    }

    /// What several processes tell of one thing is one entry, of the time when the first has told it.
    fn remember(&mut self, event: ChannelEvent) {
        let same = |known: &&mut ChannelEvent| {
            let at_ms = event.at_ms;
            known.at_ms.saturating_sub(at_ms) <= SAME_MS && ChannelEvent { at_ms, ..(*known).clone() } == event
        };
        if let Some(known) = self.history.iter_mut().rev().take(4).find(same) {
            known.at_ms = event.at_ms;
        } else if self.history.len() < MAX_HISTORY {
            self.history.push(event);
        }
    }
}

fn happened(event: &Event, rest: &Rest) -> Option<ChannelEvent> {
    let facts = &*event.facts;
    let or = |told: &String, name| if told.is_empty() { rest.text(name) } else { told.clone() };
    let (what, from, to, name) = match facts.kind {
        Kind::ChannelState => (Happening::State, rest.text("push.state.from"), facts.status.clone(), String::new()),
        Kind::Rule => (
            Happening::Rule,
            or(&facts.template, "push.rule.kind"),
            or(&facts.code, "push.rule.result"),
            facts.name.clone(),
        ),
        Kind::DrillReport => {
            let named = rest.text("push.drill.name");
            let name = if named.is_empty() { facts.name.clone() } else { named };
            (Happening::Drill, rest.text("push.drill.fault"), rest.text("push.drill.verdict"), name)
        }
        _ => return None,
    };
    let reason = if facts.kind == Kind::ChannelState { facts.code.clone() } else { rest.text("push.reason") };
    Some(ChannelEvent { at_ms: event.at_ms, what, from, to, reason, by: rest.text("push.by"), name })
}

/// The newest version of the config of each service: all its rules are told when it comes into force.
fn versions(history: &[Event]) -> BTreeMap<&str, String> {
    let mut versions = BTreeMap::new();
    for event in history.iter().filter(|event| event.facts.kind == Kind::Rule && event.facts.code == "applied") {
        let version = Rest::of(event).text("push.config.version");
        if !version.is_empty() {
            versions.entry(event.facts.service.as_str()).or_insert(version);
        }
    }
    versions
}

/// The rule of each channel that is in force.
fn rules<'a>(history: &'a [Event], versions: &BTreeMap<&str, String>, now_ms: u64) -> BTreeMap<&'a str, RuleInForce> {
    // What is latest of a rule says whether it is in force.
    let mut latest: BTreeMap<(&str, &str, &str), &Event> = BTreeMap::new();
    for event in history.iter().filter(|event| event.facts.kind == Kind::Rule && !event.facts.channel.is_empty()) {
        let facts = &event.facts;
        latest.entry((&facts.service, &facts.channel, &facts.name)).or_insert(event);
    }
    let mut found: BTreeMap<&str, (Reverse<usize>, u64, RuleInForce)> = BTreeMap::new();
    for ((service, channel, name), event) in latest {
        let rest = Rest::of(event);
        let until_ms = rest.number("push.until_unix_ms");
        let version = rest.text("push.config.version");
        let gone = versions.get(service).is_some_and(|newest| *newest != version);
        if event.facts.code != "applied" || gone || until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            continue;
        }
        let kind = event.facts.template.clone();
        let order = ["force", "drill", "shed", "limit", "auto", "failover"];
        let place = Reverse(order.iter().position(|known| *known == kind).unwrap_or(order.len()));
        let (by, reason) = (rest.text("push.by"), rest.text("push.reason"));
        let rule = RuleInForce { name: name.to_owned(), kind, by, reason, until_ms, version };
        if found.get(channel).is_none_or(|(known, at_ms, _)| (*known, *at_ms) < (place, event.at_ms)) {
            found.insert(channel, (place, event.at_ms, rule));
        }
    }
    found.into_iter().map(|(channel, (.., rule))| (channel, rule)).collect()
}

fn qualities(counts: &[Count]) -> BTreeMap<&str, Quality> {
    #[derive(Default)]
    struct Sum<'a> {
        sent: u64,
        failed: u64,
        durations: Histogram,
        codes: BTreeMap<(&'a str, &'a str), u64>,
    }
    let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    for count in counts {
        let [channel, status, outcome, code] = count.group.as_slice() else { continue };
        let (sent, failed) = (status == "sent", status == "failed");
        if channel.is_empty() || !(sent || failed) {
            continue;
        }
        let sum = sums.entry(channel).or_default();
        sum.durations.merge(&count.durations);
        if sent {
            sum.sent = sum.sent.saturating_add(count.events);
        } else {
            sum.failed = sum.failed.saturating_add(count.events);
            let seen = sum.codes.entry((code, outcome)).or_default();
            *seen = seen.saturating_add(count.events);
        }
    }
    let quality = |(channel, sum): (&'_ str, Sum<'_>)| {
        let messages = sum.sent.saturating_add(sum.failed);
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let success_ratio = (messages > 0).then(|| sum.sent as f64 / messages as f64);
        Quality { messages, success_ratio, p99_ms: sum.durations.quantile(0.99), codes: codes(channel, &sum.codes) }
    };
    sums.into_iter().map(|(channel, sum)| (channel, quality((channel, sum)))).collect()
}

fn codes(channel: &str, seen: &BTreeMap<(&str, &str), u64>) -> Vec<ChannelCode> {
    // Of several outcomes of a code the most frequent says what it means.
    let mut by_code: BTreeMap<&str, (u64, u64, &str)> = BTreeMap::new();
    for ((code, outcome), n) in seen.iter().filter(|((code, _), _)| !code.is_empty()) {
        let (all, most, of) = by_code.entry(code).or_default();
        *all = all.saturating_add(*n);
        if n > most {
            (*most, *of) = (*n, outcome);
        }
    }
    let code = |(code, (n, _, outcome)): (&str, (u64, u64, &str))| ChannelCode {
        code: code.to_owned(),
        n,
        meaning: meaning(channel, code, outcome),
    };
    let mut codes: Vec<ChannelCode> = by_code.into_iter().map(code).collect();
    codes.sort_by_key(|code| Reverse(code.n));
    codes.truncate(MAX_CODES);
    codes
}
