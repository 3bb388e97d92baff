//! What is told of rules that come into force and of those whose time is over.

use crate::board::SharedData;
use crate::event::Event;
use crate::hash::hash;
use crate::plan::{Channel, Plan};
use crate::policy::{Manual, Policy};
use crate::slots;
use crate::time::WallClock;
use std::collections::BTreeSet;

/// A rule as a log tells it.
struct Told<'a> {
    channel: &'a Channel,
    kind: &'static str,
    name: &'a str,
    manual: &'a Manual,
}

impl Told<'_> {
    fn event(&self, result: &str) -> Event {
        Event::new(Event::RULE_APPLIED)
            .with("push.rule", self.name)
            .with("push.rule.kind", self.kind)
            .with("push.rule.result", result)
            .with("push.channel", &*self.channel.name)
            .with_some("push.by", self.manual.by.as_deref())
            .with_some("push.reason", self.manual.reason.as_deref())
            .with_some("push.until_unix_ms", self.manual.until.map(|until| until.0 / 1_000_000))
    }
}

fn rules(plan: &Plan) -> impl Iterator<Item = Told<'_>> {
    plan.channels().flat_map(|(_, channel)| {
        let Policy { force, auto, shed, failover, limit, drills } = &channel.policy;
        let told = move |kind, name, manual| Told { channel, kind, name, manual };
        let force = force.iter().map(move |rule| told("force", &*rule.name, &rule.manual));
        let auto = auto.iter().map(move |rule| told("auto", &*rule.name, &rule.manual));
        let shed = shed.iter().map(move |rule| told("shed", &*rule.name, &rule.manual));
        let failover = failover.iter().map(move |rule| told("failover", &*rule.name, &rule.manual));
        let limit = limit.iter().map(move |rule| told("limit", &*rule.name, &rule.manual));
        let drills = drills.iter().map(move |rule| told("drill", &*rule.name, &rule.manual));
        force.chain(auto).chain(shed).chain(failover).chain(limit).chain(drills)
    })
}

/// One event for each rule of a config that has come into force, or was over before it did.
pub(crate) fn applied(plan: &Plan, wall: WallClock) -> Vec<Event> {
    let result = |rule: &Told<'_>| if rule.manual.is_over(wall) { "expired" } else { "applied" };
    rules(plan).map(|rule| rule.event(result(&rule)).with("push.config.version", &*plan.version)).collect()
}

/// Whether nobody in the process has told yet that the config has come into force.
pub(crate) fn is_told_first(plan: &Plan, shared: &mut dyn SharedData) -> bool {
    is_first(hash(&[b"applied", plan.version.as_bytes()]), shared)
}

/// The rules of which this worker knows that they are over.
#[derive(Debug, Default)]
pub(super) struct Expiries {
    known: BTreeSet<u64>,
    /// What was over before this worker looked is no news.
    looked: bool,
}

impl Expiries {
    /// One event for each rule whose time has just come, by the worker that is the first to see it.
    pub(super) fn tick(&mut self, plan: &Plan, wall: WallClock, shared: &mut dyn SharedData) -> Vec<Event> {
        let mut events = Vec::new();
        for rule in rules(plan).filter(|rule| rule.manual.is_over(wall)) {
            let until = rule.manual.until.map_or(0, |until| until.0).to_le_bytes();
            let id = hash(&[rule.kind.as_bytes(), rule.name.as_bytes(), &until]);
            if self.known.insert(id) && self.looked && is_first(id, shared) {
                events.push(rule.event("expired"));
            }
        }
        self.looked = true;
        events
    }
}

fn is_first(id: u64, shared: &mut dyn SharedData) -> bool {
    let key = format!("pointsman/rule/{id:016x}");
    shared.get(&key).is_none() && shared.set(&key, b"expired", slots::ABSENT)
}
