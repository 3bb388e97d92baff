//! Switches that lead back to where they began.
//!
//! Two channels may back each other up: a message is switched once, and never to a channel that an order moves away from.
//! But orders that lead in a circle contradict each other.

use crate::config::validate::Builder;
use crate::plan::{ChannelId, Plan};

pub(super) fn check(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    for (index, rule) in wire.rules.iter() {
        let Some(force) = &rule.force else { continue };
        for (number, target) in force.to.iter() {
            let ends = (builder.plan.channel_by_name(&force.channel), builder.plan.channel_by_name(&target.channel));
            let (Some((from, _)), Some((to, _))) = ends else { continue };
            let way = if from == to { None } else { way(&builder.plan, to, from) };
            if let Some(way) = way {
                let names = way.iter().filter_map(|id| builder.plan.channel(*id)).map(|channel| &*channel.name);
                let circle: Vec<&str> = std::iter::once(force.channel.as_str()).chain(names).collect();
                let what = format!("makes a loop, {}: orders lead back to where they move from", circle.join(" → "));
                builder.faults.add(format!("$.rules[{index}].force.to[{number}]"), what);
            }
        }
    }
}

/// The channels from `from` to `to`, both included, if rules lead there.
fn way(plan: &Plan, from: ChannelId, to: ChannelId) -> Option<Vec<ChannelId>> {
    // Each channel that has been reached, with the place of the one before.
    let mut reached: Vec<(ChannelId, usize)> = vec![(from, 0)];
    let mut next = 0;
    while let Some((channel, _)) = reached.get(next).copied() {
        let Some(channel) = plan.channel(channel) else { break };
        for target in channel.policy.forced().map(|target| target.channel) {
            if !reached.iter().any(|(known, _)| *known == target) {
                reached.push((target, next));
            }
        }
        next += 1;
    }
    let mut place = reached.iter().position(|(channel, _)| *channel == to)?;
    let mut way = Vec::new();
    while let Some((channel, before)) = reached.get(place) {
        way.push(*channel);
        if place == 0 {
            break;
        }
        place = *before;
    }
    way.reverse();
    Some(way)
}
