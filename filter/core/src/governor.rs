//! What the rules say of a send, here and now: go on, go elsewhere, wait, or rehearse a failure.
//!
//! One for each worker. What it decides by is in its own memory; what other workers have seen comes in on the tick. Kinds
//! of rules are asked in the order force, shed, auto, limit, drill: what a person has ordered goes before what is measured,
//! what is to wait is not moved to the backup first, a limit is that of what goes to the channel, and a drill fails nothing
//! but what would leave.

use crate::breaker::{Admission, BreakerId, Breakers, Gate, Ticket};
use crate::drill::{DrillId, Drills};
use crate::hash::mix;
use crate::limit::{LimitId, Limits, Room};
use crate::plan::{BusinessId, ChannelId, Plan, RouteId};
use crate::policy::{DrillFault, ForceAction, HeldState, List, Over, Policy};
use crate::quota::Quotas;
use crate::time::Monotonic;
use std::collections::BTreeSet;
use std::time::Duration;

mod counts;
mod end;
mod reason;
mod reserve;
pub(crate) mod rules;
mod standing;
mod tick;

pub(crate) use counts::Counts;
pub use counts::{DrillResult, FailoverResult};
pub use end::End;
pub use reason::SwitchReason;
use rules::Expiries;
use standing::Standing;
pub use tick::News;

/// A send that wants to leave.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// The channel that would be asked.
    pub channel: ChannelId,
    /// The operation.
    pub route: RouteId,
    /// A hash of the credential, where it has a breaker of its own.
    pub credential: Option<u64>,
    /// A hash of the message's key.
    pub key: u64,
    /// Of the message; none as long as its body may still tell it.
    pub priority: Option<u8>,
    /// Whose message it is.
    pub business: BusinessId,
    /// Recipients.
    pub messages: u32,
}

/// Leave for one call. It is given back when the call has ended, or if it is not made after all.
#[derive(Debug)]
pub struct Pass {
    channel: ChannelId,
    ticket: Ticket,
    limit: Option<LimitId>,
    struck: Option<DrillId>,
}

/// What is to become of a send.
#[derive(Debug)]
pub enum Decision<'a> {
    /// It leaves.
    Forward(Pass),
    /// It leaves later: a drill makes its channel slow.
    Delay {
        /// Leave.
        pass: Pass,
        /// The drill.
        drill: DrillId,
        /// By how much.
        delay: Duration,
    },
    /// The first channel of the list that takes it gets it.
    Divert {
        /// Why.
        reason: SwitchReason,
        /// Who is asked.
        list: List,
    },
    /// The caller is told to wait.
    Shed {
        /// How long.
        retry_after: Duration,
        /// Whether because the channel is at its limit.
        over_limit: bool,
    },
    /// A drill fails it.
    Strike {
        /// Leave for the call as which the failure counts.
        pass: Pass,
        /// The drill.
        drill: DrillId,
        /// How.
        fault: &'a DrillFault,
    },
}

/// The rules of one worker at work.
#[derive(Debug)]
pub struct Governor {
    breakers: Breakers,
    limits: Limits,
    drills: Drills,
    quotas: Quotas,
    channels: Vec<Option<Standing>>,
    /// What a message of each business must leave free of a limit, per mille of it.
    reserves: Vec<u16>,
    /// Whether any channel has rules.
    has_rules: bool,
    expiries: Expiries,
    /// The names of all gauges that were ever shown.
    shown: BTreeSet<String>,
}

impl Governor {
    /// The rules of `plan`, of a worker that the others know as `member`.
    pub fn new(plan: &Plan, member: u64) -> Self {
        let (mut breakers, mut limits) = (Breakers::new(member), Limits::new(member));
        let channels =
            plan.channels().map(|(_, channel)| Standing::new(plan, channel, &mut breakers, &mut limits)).collect();
        Self {
            breakers,
            limits,
            drills: Drills::default(),
            quotas: Quotas::new(member, plan.channels().map(|(_, channel)| &*channel.name)),
            channels,
            reserves: reserve::of_businesses(plan),
            has_rules: plan.channels().any(|(_, channel)| !channel.policy.is_empty()),
            expiries: Expiries::default(),
            shown: BTreeSet::new(),
        }
    }

    fn standing(&self, channel: ChannelId) -> Option<&Standing> {
        self.channels.get(channel.index())?.as_ref()
    }

    /// Whether any channel has rules.
    pub(crate) const fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// Whether a send of `channel` may meet with anything but leave, so that it is worth waiting for what its body says.
    pub fn interferes(&self, channel: ChannelId) -> bool {
        self.standing(channel).is_some_and(|standing| {
            standing.is_ruled()
                || (standing.diverts && standing.breakers().iter().any(|id| self.breakers.gate(*id) != Gate::Pass))
        })
    }

    /// Whether a failed send of `channel` may be given to another.
    pub(crate) fn fails_over(&self, channel: ChannelId) -> bool {
        self.standing(channel).is_some_and(|standing| standing.fails_over)
    }

    /// What is to become of a send; `None` if its channel is unknown.
    pub fn decide<'a>(&mut self, plan: &'a Plan, ask: &Ask, now: Monotonic) -> Option<Decision<'a>> {
        let policy = &plan.channel(ask.channel)?.policy;
        let breaker = self.breaker(plan, ask)?;
        let standing = self.standing(ask.channel)?;
        let (held, diverts) = (standing.held, standing.diverts);
        match standing.forced.and_then(|index| Some((index, &policy.force.get(index)?.action))) {
            Some((index, ForceAction::Switch(_))) => {
                return Some(Decision::Divert { reason: SwitchReason::Forced, list: List::Force(index) });
            }
            Some((_, ForceAction::Shed { below_priority, retry_after })) if is_below(ask, *below_priority) => {
                return Some(Decision::Shed { retry_after: *retry_after, over_limit: false });
            }
            Some((_, ForceAction::Shed { .. } | ForceAction::Hold(_))) | None => {}
        }
        if let Some(retry_after) = standing.shed(policy, ask.priority, plan.value(ask.business)) {
            return Some(Decision::Shed { retry_after, over_limit: false });
        }
        let admission = match held {
            Some(HeldState::Healthy) => Admission::Pass(self.breakers.pass(breaker, now)),
            Some(HeldState::Degraded) if diverts => {
                return Some(Decision::Divert { reason: SwitchReason::Forced, list: List::Auto });
            }
            Some(HeldState::Degraded) | None => self.breakers.admit(breaker, self.salted(ask), now),
        };
        let ticket = match admission {
            Admission::Pass(ticket) => ticket,
            Admission::Divert(cause) if diverts => {
                let reason = SwitchReason::of(self.breakers.state(breaker), cause);
                return Some(Decision::Divert { reason, list: List::Auto });
            }
            Admission::Divert(_) => self.breakers.pass(breaker, now),
        };
        let limit = self.limit(policy, ask);
        if let Some((limit, rule)) = limit.zip(policy.limit.as_ref()) {
            if !self.take(limit, ask, now) {
                self.breakers.forget(ticket);
                return Some(match &rule.over {
                    Over::Switch(_) => Decision::Divert { reason: SwitchReason::Limit, list: List::Limit },
                    Over::Shed { retry_after } => Decision::Shed { retry_after: *retry_after, over_limit: true },
                });
            }
        }
        let struck = self.struck(plan, policy, ask);
        let pass = Pass { channel: ask.channel, ticket, limit, struck: struck.map(|(drill, _)| drill) };
        Some(match struck {
            None => Decision::Forward(pass),
            Some((drill, DrillFault::Delay(delay))) => Decision::Delay { pass, drill, delay: *delay },
            Some((drill, fault)) => Decision::Strike { pass, drill, fault },
        })
    }

    /// The key by which a channel's ramp chooses: another for each channel, or who is turned away by one would be by the next.
    fn salted(&self, ask: &Ask) -> u64 {
        mix(ask.key ^ self.standing(ask.channel).map_or(0, |standing| standing.salt))
    }

    /// The drill that hits a message which would leave, and how it hits it.
    fn struck<'a>(&mut self, plan: &Plan, policy: &'a Policy, ask: &Ask) -> Option<(DrillId, &'a DrillFault)> {
        if !self.standing(ask.channel)?.drilled || !self.has_backup(policy) {
            return None;
        }
        let (drill, rule) = self.drills.struck(&plan.channel(ask.channel)?.name, ask.key)?;
        let rule = policy.drills.iter().find(|known| known.name == rule.name)?;
        self.drills.note_struck(drill);
        Some((drill, &rule.fault))
    }

    /// Whether any channel that would save a message takes all that come: a drill does no harm where none does.
    fn has_backup(&self, policy: &Policy) -> bool {
        let lists = [List::Auto, List::Failover].into_iter().flat_map(|list| policy.list(list));
        let mut standings = lists.filter_map(|target| self.standing(target.channel));
        standings.any(|own| own.forced.is_none() && self.breakers.gate(own.breaker()) == Gate::Pass)
    }

    /// Leave for a message that another channel could not take, if this one takes messages of others at this moment.
    pub fn admit(&mut self, plan: &Plan, ask: &Ask, now: Monotonic) -> Option<Pass> {
        let policy = &plan.channel(ask.channel)?.policy;
        let breaker = self.breaker(plan, ask)?;
        let standing = self.standing(ask.channel)?;
        let forced = standing.forced.and_then(|index| policy.force.get(index)).map(|force| &force.action);
        let held_healthy = match forced {
            Some(ForceAction::Switch(_) | ForceAction::Hold(HeldState::Degraded)) => return None,
            Some(ForceAction::Shed { below_priority, .. }) if is_below(ask, *below_priority) => return None,
            Some(ForceAction::Hold(HeldState::Healthy)) => true,
            Some(ForceAction::Shed { .. }) | None => false,
        };
        let admission = if held_healthy {
            Admission::Pass(self.breakers.pass(breaker, now))
        } else {
            self.breakers.admit(breaker, self.salted(ask), now)
        };
        let Admission::Pass(ticket) = admission else { return None };
        let limit = self.limit(policy, ask);
        if limit.is_some_and(|limit| !self.take(limit, ask, now)) {
            self.breakers.forget(ticket);
            return None;
        }
        Some(Pass { channel: ask.channel, ticket, limit, struck: None })
    }

    /// Leave for a message that no other channel takes, whatever the state of this one. It counts for a limit, which does
    /// not turn it away: that has been asked before.
    pub fn pass(&mut self, plan: &Plan, ask: &Ask, now: Monotonic) -> Option<Pass> {
        let breaker = self.breaker(plan, ask)?;
        let limit = self.limit(&plan.channel(ask.channel)?.policy, ask);
        let limit = limit.filter(|limit| self.take(*limit, ask, now));
        Some(Pass { channel: ask.channel, ticket: self.any_ticket(breaker, ask, now), limit, struck: None })
    }

    /// Leave by the breaker, or against it. A call that is made anyway may as well be the probe.
    fn any_ticket(&mut self, breaker: BreakerId, ask: &Ask, now: Monotonic) -> Ticket {
        match self.breakers.admit(breaker, self.salted(ask), now) {
            Admission::Pass(ticket) => ticket,
            Admission::Divert(_) => self.breakers.pass(breaker, now),
        }
    }

    fn limit(&mut self, policy: &Policy, ask: &Ask) -> Option<LimitId> {
        self.channels.get_mut(ask.channel.index())?.as_mut()?.limit_of(policy, ask, &mut self.limits)
    }

    fn take(&mut self, limit: LimitId, ask: &Ask, now: Monotonic) -> bool {
        let reserve = self.reserves.get(ask.business.index()).copied().unwrap_or(0);
        matches!(self.limits.take(limit, ask.messages, reserve, now), Room::Taken)
    }

    /// The breaker that a send counts for: its channel's, or one of its own operation or credential.
    fn breaker(&mut self, plan: &Plan, ask: &Ask) -> Option<BreakerId> {
        let standing = self.channels.get_mut(ask.channel.index())?.as_mut()?;
        Some(standing.breaker_of(plan, ask, &mut self.breakers))
    }
}

/// Whether a message is below a priority; without one, every message is. One whose priority is not known yet is not.
fn is_below(ask: &Ask, priority: Option<u8>) -> bool {
    priority.is_none_or(|limit| ask.priority.is_some_and(|own| own < limit))
}
