//! Orders given by hand.

use super::target::targets;
use super::values::Values;
use super::{Head, channel, policy, shed};
use crate::config::validate::Builder;
use crate::config::wire::{ActionWire, ForceWire, StateWire};
use crate::policy::{Force, ForceAction, HeldState, Target};

pub(super) fn force(builder: &mut Builder<'_>, head: &Head<'_>, wire: &ForceWire) {
    let at = format!("{}.force", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    let to = targets(builder, id, &wire.to, &format!("{at}.to"));
    let has_auto = policy(builder, id).is_some_and(|policy| policy.auto.is_some());
    if let (ActionWire::Shed, Some(below)) = (wire.action, wire.below_priority) {
        shed::check_priority(builder, below, &at);
    }
    let action = action(wire, to, has_auto, &mut Values { at, faults: builder.faults });
    let force = Force { name: head.name.into(), manual: head.manual.clone(), action };
    if let Some(policy) = policy(builder, id) {
        policy.force.push(force);
    }
}

fn action(wire: &ForceWire, to: Vec<Target>, has_auto: bool, values: &mut Values<'_>) -> ForceAction {
    let is = |action| wire.action == action;
    values.only("to", !wire.to.is_empty(), is(ActionWire::Switch), "`switch`");
    values.only("state", wire.state.is_some(), is(ActionWire::Hold), "`hold`");
    values.only("below_priority", wire.below_priority.is_some(), is(ActionWire::Shed), "`shed`");
    values.only("retry_after", wire.retry_after.is_some(), is(ActionWire::Shed), "`shed`");
    match wire.action {
        ActionWire::Switch => {
            if wire.to.is_empty() {
                values.fault("to", "is missing: name the channels that take the messages");
            }
            ForceAction::Switch(to)
        }
        ActionWire::Shed => {
            ForceAction::Shed { below_priority: wire.below_priority, retry_after: values.retry_after(wire.retry_after) }
        }
        ActionWire::Hold => {
            if !has_auto {
                values.fault("action", "holds a state that moves no message: the channel needs an `auto` rule");
            }
            if wire.state.is_none() {
                values.fault("state", "is missing: `healthy` or `degraded`");
            }
            ForceAction::Hold(match wire.state {
                Some(StateWire::Degraded) => HeldState::Degraded,
                Some(StateWire::Healthy) | None => HeldState::Healthy,
            })
        }
    }
}
