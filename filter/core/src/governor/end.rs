//! What the rules learn from a call that has ended, or that was not made.

use super::{Governor, Pass};
use crate::breaker::CallEnd;
use crate::classify::Verdict;
use crate::drill::{DrillId, StruckEnd};
use crate::plan::{ChannelId, Plan};
use crate::time::{Monotonic, WallClock};

/// How a call has ended.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// What the answer meant.
    pub verdict: &'a Verdict,
    /// Whether it met its objective.
    pub on_time: bool,
}

impl Governor {
    /// A call has ended.
    pub fn end(&mut self, plan: &Plan, pass: Pass, end: &End<'_>, now: Monotonic, wall: &mut dyn FnMut() -> WallClock) {
        let Pass { channel, ticket, limit, struck } = pass;
        if let Some(limit) = limit {
            self.limits.release(limit);
        }
        let Verdict { call, fate, retry_after, quota, .. } = end.verdict;
        let retry_at = retry_after.map(|wait| wall().after(wait));
        let call_end = CallEnd { class: *call, fate: *fate, on_time: end.on_time, retry_at, drill: struck.is_some() };
        self.breakers.record(ticket, &call_end, now);
        let Some(name) = plan.channel(channel).map(|channel| &*channel.name) else { return };
        if let Some(quota) = quota {
            self.quotas.note(name, *quota, now, wall());
        }
        if struck.is_none() && self.drills_are_on() {
            self.drills.note_backup(name, call.is_of_channel());
        }
    }

    /// A call was not made.
    pub fn forget(&mut self, pass: Pass) {
        if let Some(limit) = pass.limit {
            self.limits.release(limit);
        }
        self.breakers.forget(pass.ticket);
    }

    /// Messages of `channel` were given to another.
    pub(crate) fn switched(&mut self, plan: &Plan, channel: ChannelId, now: Monotonic) {
        let Some(name) = plan.channel(channel).map(|channel| &*channel.name) else { return };
        let drills: Vec<DrillId> = self.drills.active(name).map(|(id, _)| id).collect();
        for id in drills {
            self.drills.note_switched(id, now);
        }
    }

    /// The message of a call that a drill has struck has ended.
    pub(crate) fn struck_over(&mut self, drill: DrillId, end: StruckEnd) {
        self.drills.note_end(drill, end);
    }

    /// Whether one more message of `channel` may be given to others after a failure.
    pub(crate) fn may_relay(&self, channel: ChannelId, max_concurrent: u16) -> bool {
        self.standing(channel).is_some_and(|standing| standing.relays < max_concurrent.into())
    }

    /// One is.
    pub(crate) fn relay_begins(&mut self, channel: ChannelId) {
        if let Some(Some(standing)) = self.channels.get_mut(channel.index()) {
            standing.relays = standing.relays.saturating_add(1);
        }
    }

    /// It is over.
    pub(crate) fn relay_ends(&mut self, channel: ChannelId) {
        if let Some(Some(standing)) = self.channels.get_mut(channel.index()) {
            standing.relays = standing.relays.saturating_sub(1);
        }
    }

    fn drills_are_on(&self) -> bool {
        self.channels.iter().flatten().any(|standing| standing.drilled)
    }
}
