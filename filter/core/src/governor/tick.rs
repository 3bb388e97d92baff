//! What happens to the rules as time passes.

use super::{Governor, Standing};
use crate::board::SharedData;
use crate::breaker::{State, Transition};
use crate::drill::{DrillReport, DrillRule};
use crate::event::Event;
use crate::metrics::name;
use crate::plan::{ChannelId, Plan};
use crate::policy::{ForceAction, HeldState, Policy, Target};
use crate::time::{Monotonic, WallClock, as_millis};
use rand_core::Rng;
use std::collections::BTreeMap;

/// What a tick has brought.
#[derive(Debug, Default)]
pub struct News {
    /// What is to be told.
    pub events: Vec<Event>,
    /// Whether the state of any channel looks other than before, whoever has changed it.
    pub changed: bool,
}

impl Governor {
    /// Takes over what other workers have agreed on, and what the rules say by the calendar.
    pub(crate) fn load(&mut self, plan: &Plan, now: Monotonic, wall: WallClock, shared: &mut dyn SharedData) {
        self.breakers.load(shared);
        self.drills.set(drills(plan), wall);
        self.stand(plan, now, wall);
    }

    /// Exchanges what was counted with the other workers, and lets the rules move on.
    pub(crate) fn tick(
        &mut self,
        plan: &Plan,
        now: Monotonic,
        wall: WallClock,
        rng: &mut dyn Rng,
        shared: &mut dyn SharedData,
    ) -> News {
        let before = self.states();
        let transitions = self.breakers.tick(now, wall, rng, shared);
        self.limits.tick(now, shared);
        self.quotas.tick(now, shared);
        for (index, (_, channel)) in plan.channels().enumerate() {
            let healthy = self.state_of(index) == State::Healthy;
            self.drills.note_state(&channel.name, healthy, now);
        }
        let mut events: Vec<Event> = transitions.iter().map(|transition| self.told(transition)).collect();
        events.extend(self.drills.tick(now, wall, shared).iter().map(report));
        self.stand(plan, now, wall);
        events.extend(self.expiries.tick(plan, wall, shared));
        News { events, changed: before != self.states() }
    }

    /// A move of a breaker, with what was known when it moved.
    fn told(&self, transition: &Transition) -> Event {
        let Transition { breaker, from, to, figures, open_for, generation } = transition;
        let reason = match to {
            State::Degraded(reason) => Some(reason.as_str()),
            _ => None,
        };
        let name = self.breakers.name(*breaker).unwrap_or_default();
        let (channel, part) = name.split_once('/').map_or((name, None), |(channel, part)| (channel, Some(part)));
        Event::new(Event::CHANNEL_STATE)
            .with("push.channel", channel)
            .with_some("push.channel.part", part)
            .with("push.state.from", from.as_str())
            .with("push.state", to.as_str())
            .with_some("push.reason", reason)
            .with("push.calls", figures.calls)
            .with("push.failures", figures.failures)
            .with("push.slow", figures.slow)
            .with("push.on_time", figures.on_time)
            .with("push.throttled", figures.throttled)
            .with("push.quota", figures.quota)
            .with("push.config_faults", figures.config_faults)
            .with("push.drill.failures", figures.drills)
            .with("push.consecutive_failures", figures.consecutive)
            .with("push.window_ms", as_millis(figures.window))
            .with_some("push.open_for_ms", open_for.map(as_millis))
            .with("push.generation", *generation)
    }

    /// Works out which rules are in force.
    fn stand(&mut self, plan: &Plan, now: Monotonic, wall: WallClock) {
        for (index, (_, channel)) in plan.channels().enumerate() {
            let healthy = self.state_of(index) == State::Healthy;
            let used = self.quotas.used(&channel.name, now).map(|used| f64::from(used.get()) / 1_000.0);
            let drilled = self.drills.active(&channel.name).next().is_some();
            let Some(Some(standing)) = self.channels.get_mut(index) else { continue };
            let Policy { force, auto, shed, limit, .. } = &channel.policy;
            standing.age();
            standing.forced = force.iter().position(|force| !force.manual.is_over(wall));
            standing.held = match standing.forced.and_then(|index| force.get(index)).map(|force| &force.action) {
                Some(ForceAction::Hold(state)) => Some(*state),
                _ => None,
            };
            let degraded = standing.held.map_or(!healthy, |held| held == HeldState::Degraded);
            standing.drilled = drilled;
            standing.limited = limit.as_ref().is_some_and(|rule| !rule.manual.is_over(wall));
            standing.diverts = auto.as_ref().is_some_and(|rule| !rule.to.is_empty() && !rule.manual.is_over(wall));
            let in_force = shed.iter().enumerate().filter(|(_, rule)| {
                let near = rule.quota_ratio.zip(used).is_some_and(|(limit, used)| used >= limit.get());
                !rule.manual.is_over(wall) && ((rule.while_degraded && degraded) || near)
            });
            standing.shedding = in_force.map(|(index, _)| index).collect();
        }
    }

    /// The state of a channel: the worst of its breakers.
    fn state_of(&self, index: usize) -> State {
        let states = self.channels.get(index).into_iter().flatten().flat_map(Standing::breakers);
        let rank = |state: &State| match state {
            State::Healthy => 0_u8,
            State::Recovering { .. } => 1,
            State::Probing => 2,
            State::Degraded(_) => 3,
        };
        states.map(|breaker| self.breakers.state(*breaker)).max_by_key(rank).unwrap_or(State::Healthy)
    }

    fn states(&self) -> Vec<State> {
        (0..self.channels.len()).map(|index| self.state_of(index)).collect()
    }

    /// Gauges that are the same in every worker, by encoded name.
    pub(crate) fn agreed_gauges(&mut self, plan: &Plan, now: Monotonic) -> BTreeMap<String, u64> {
        // Of what is no longer known, the host would go on showing the last word.
        let mut gauges: BTreeMap<String, u64> = self.shown.iter().map(|name| (name.clone(), 0)).collect();
        for (index, (_, channel)) in plan.channels().enumerate() {
            let held = self.channels.get(index).into_iter().flatten().find_map(|standing| standing.held);
            let current = match held {
                Some(HeldState::Healthy) => "healthy",
                Some(HeldState::Degraded) => "degraded",
                None => self.state_of(index).as_str(),
            };
            for state in State::LABELS {
                let name = name("pointsman_channel_state", &[("channel", &channel.name), ("state", state)]);
                gauges.insert(name, u64::from(current == state));
            }
        }
        gauges.extend(self.quotas.gauges(now));
        let active = self.drills.gauges().into_iter();
        gauges.extend(active.map(|(channel, count)| (name("pointsman_drills_active", &[("channel", channel)]), count)));
        self.shown.extend(gauges.keys().cloned());
        gauges
    }

    /// Messages of this worker that other channels are being asked to take.
    pub(crate) fn relays(&self) -> u64 {
        self.channels.iter().flatten().map(|standing| u64::from(standing.relays)).sum()
    }
}

fn report(report: &DrillReport) -> Event {
    let attributes = match serde_json::to_value(report) {
        Ok(serde_json::Value::Object(attributes)) => attributes,
        _ => serde_json::Map::new(),
    };
    Event { name: Event::DRILL_REPORT, attributes }
}

fn drills(plan: &Plan) -> Vec<DrillRule> {
    let of_channel = |(_, channel): (ChannelId, &crate::plan::Channel)| {
        let backups = |target: &Target| plan.channel(target.channel).map(|channel| channel.name.clone());
        let names: Vec<Box<str>> = channel.policy.targets().filter_map(backups).collect();
        let rules = channel.policy.drills.iter();
        let rules: Vec<DrillRule> =
            rules.filter_map(|drill| DrillRule::of(&channel.name, names.clone(), drill)).collect();
        rules
    };
    plan.channels().flat_map(of_channel).collect()
}
