//! How one channel stands: its breakers and its limit, and which of its rules are in force as of the last tick.

use super::Ask;
use crate::breaker::{BreakerId, Breakers, Settings};
use crate::hash::hash;
use crate::limit::{LimitId, Limits};
use crate::plan::{Channel, Plan, RouteId};
use crate::policy::{HeldState, Per, Policy, Shed};
use std::collections::BTreeMap;
use std::time::Duration;

/// Operations or credentials of one channel that have a breaker of their own; those beyond share the channel's.
pub(super) const MAX_PARTS: usize = 64;

/// A part that was not used for so many ticks, ten minutes, says nothing of its channel.
const FORGOTTEN_AFTER_TICKS: u32 = 2_400;

/// How a channel stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its own breaker, and those of its parts that are in use.
    active: Vec<BreakerId>,
    breaker: BreakerId,
    parts: Parts,
    /// Makes its ramp choose other messages than those of other channels.
    pub(super) salt: u64,
    limit: Option<LimitId>,
    /// Of each credential, where each has a limit of its own.
    limits: BTreeMap<u64, LimitId>,
    /// Whether the `limit` rule is in force.
    pub(super) limited: bool,
    /// Whether the `auto` rule is in force and names others.
    pub(super) diverts: bool,
    /// The state that an order holds it in.
    pub(super) held: Option<HeldState>,
    /// The place of the `force` rule in force.
    pub(super) forced: Option<usize>,
    /// Whether a drill is under way.
    pub(super) drilled: bool,
    /// Whether a `shed` rule is in force, by its place.
    pub(super) shedding: Vec<usize>,
    /// Whether there is a `failover` rule.
    pub(super) fails_over: bool,
    /// Messages that another channel is being asked to take.
    pub(super) relays: u32,
}

/// What has a breaker of its own.
#[derive(Debug)]
enum Parts {
    None,
    Operations { prefix: Box<str>, settings: Settings, known: BTreeMap<RouteId, Part> },
    Credentials { prefix: Box<str>, settings: Settings, known: BTreeMap<u64, Part> },
}

/// An operation, or a credential.
#[derive(Clone, Copy, Debug)]
struct Part {
    breaker: BreakerId,
    /// Since the last tick.
    used: bool,
    /// Ticks since it was used.
    idle: u32,
}

impl Standing {
    /// A channel of which nothing is known; `None` if there are too many breakers, and it is left alone.
    pub(super) fn new(plan: &Plan, channel: &Channel, breakers: &mut Breakers, limits: &mut Limits) -> Option<Self> {
        let auto = channel.policy.auto.as_ref();
        let settings = auto.map_or_else(|| shown(plan, channel), |auto| auto.settings.clone());
        let breaker = breakers.add(&channel.name, settings.clone())?;
        let prefix: Box<str> = format!("{}/", channel.name).into();
        let parts = match auto.map(|auto| &auto.per) {
            None | Some(Per::Channel) => Parts::None,
            Some(Per::Operation) => Parts::Operations { prefix, settings, known: BTreeMap::new() },
            Some(Per::Credential) => Parts::Credentials { prefix, settings, known: BTreeMap::new() },
        };
        let limit = channel.policy.limit.as_ref();
        Some(Self {
            active: vec![breaker],
            salt: hash(&[channel.name.as_bytes()]),
            breaker,
            parts,
            limit: limit.and_then(|rule| limits.add(&channel.name, rule.messages_per_second, rule.calls_at_once)),
            limits: BTreeMap::new(),
            limited: false,
            diverts: false,
            held: None,
            forced: None,
            drilled: false,
            shedding: Vec::new(),
            fails_over: channel.policy.failover.is_some(),
            relays: 0,
        })
    }

    /// Whether any rule but a breaker has a say.
    pub(super) fn is_ruled(&self) -> bool {
        self.forced.is_some() || self.drilled || self.limit().is_some() || !self.shedding.is_empty()
    }

    /// The limit in force.
    fn limit(&self) -> Option<LimitId> {
        self.limit.filter(|_| self.limited)
    }

    /// The limit in force for a send: that of its credential where each has one, made at its first send, else the
    /// channel's, which those share that are too many.
    pub(super) fn limit_of(&mut self, policy: &Policy, ask: &Ask, limits: &mut Limits) -> Option<LimitId> {
        let whole = self.limit()?;
        let rule = policy.limit.as_ref().filter(|rule| rule.per_credential);
        let Some((rule, credential)) = rule.zip(ask.credential) else { return Some(whole) };
        if let Some(known) = self.limits.get(&credential) {
            return Some(*known);
        }
        if self.limits.len() >= MAX_PARTS {
            return Some(whole);
        }
        let name = format!("{:016x}/{credential:016x}", self.salt);
        let own = limits.add(&name, rule.messages_per_second, rule.calls_at_once).unwrap_or(whole);
        self.limits.insert(credential, own);
        Some(own)
    }

    /// The breaker of the channel as a whole.
    pub(super) const fn breaker(&self) -> BreakerId {
        self.breaker
    }

    /// The channel's own breaker and those of its parts that are in use.
    pub(super) fn breakers(&self) -> &[BreakerId] {
        &self.active
    }

    /// A tick has passed. A part that nobody uses any more, such as a credential that was replaced, says nothing of the
    /// channel.
    pub(super) fn age(&mut self) {
        self.active.truncate(1);
        let parts: &mut dyn Iterator<Item = &mut Part> = match &mut self.parts {
            Parts::None => return,
            Parts::Operations { known, .. } => &mut known.values_mut(),
            Parts::Credentials { known, .. } => &mut known.values_mut(),
        };
        for part in parts {
            part.idle = if std::mem::take(&mut part.used) { 0 } else { part.idle.saturating_add(1) };
            if part.idle < FORGOTTEN_AFTER_TICKS {
                self.active.push(part.breaker);
            }
        }
    }

    /// The breaker that a send counts for, made at the first send of its operation or credential.
    pub(super) fn breaker_of(&mut self, plan: &Plan, ask: &Ask, breakers: &mut Breakers) -> BreakerId {
        let own = match &mut self.parts {
            Parts::None => None,
            Parts::Operations { prefix, settings, known } => {
                let name = || format!("{prefix}{}", operation(plan, ask.route));
                part(known, ask.route, breakers, settings, name)
            }
            Parts::Credentials { prefix, settings, known } => ask.credential.and_then(|credential| {
                part(known, credential, breakers, settings, || format!("{prefix}{credential:016x}"))
            }),
        };
        match own {
            Some(own) => {
                if !self.active.contains(&own) {
                    self.active.push(own);
                }
                own
            }
            None => self.breaker,
        }
    }

    /// How long a message has to wait by the `shed` rules that are in force.
    pub(super) fn shed(&self, policy: &Policy, priority: Option<u8>, value: u32) -> Option<Duration> {
        let priority = priority?;
        let mut rules = self.shedding.iter().filter_map(|index| policy.shed.get(*index));
        rules.find(|rule| hits(rule, priority, value)).map(|rule| rule.retry_after)
    }
}

/// The name of an operation, the same in every worker and config: its path.
fn operation(plan: &Plan, route: RouteId) -> String {
    let path = plan.route(route).and_then(|route| route.path.as_ref());
    path.map(|path| path.show("", &|_| false)).unwrap_or_default()
}

fn hits(rule: &Shed, priority: u8, value: u32) -> bool {
    priority < rule.below_priority
        || (priority == rule.below_priority && rule.below_value.is_some_and(|limit| value < limit))
}

fn part<K: Ord>(
    known: &mut BTreeMap<K, Part>,
    key: K,
    breakers: &mut Breakers,
    settings: &Settings,
    name: impl FnOnce() -> String,
) -> Option<BreakerId> {
    if let Some(part) = known.get_mut(&key) {
        part.used = true;
        return Some(part.breaker);
    }
    if known.len() >= MAX_PARTS {
        return None;
    }
    let id = breakers.add(&name(), settings.clone())?;
    known.insert(key, Part { breaker: id, used: true, idle: 0 });
    Some(id)
}

/// The settings of a channel without a rule: its breaker only shows how it is.
fn shown(plan: &Plan, channel: &Channel) -> Settings {
    let limit = plan.node(channel.node).map(|node| node.objective.limit);
    Settings { slow_after: limit.unwrap_or(Settings::default().slow_after), ..Settings::default() }
}
