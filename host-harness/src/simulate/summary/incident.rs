//! How long the filter took to see trouble, to move messages away, and to come back.

use std::time::Duration;

use crate::simulate::moment::Moment;
use crate::simulate::scenario::{Channel, Trouble};
use crate::simulate::vendor::Spans;
use crate::simulate::world::World;

/// What a limit refuses for a shorter time, because a second had more messages than others, is no trouble.
const NOTICEABLE: Duration = Duration::from_secs(5);

/// The longest that each took, over all incidents and sidecars; `None` if it never happened in one of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) to_detect: Option<Duration>,
    pub(super) to_switch: Option<Duration>,
    pub(super) to_recover: Option<Duration>,
}

impl Times {
    /// The longest of each, `None` if one is `None`, or if there are none at all.
    pub(super) fn worst(all: &[Self]) -> Self {
        let worst = |part: fn(&Self) -> Option<Duration>| {
            all.iter().map(part).collect::<Option<Vec<Duration>>>()?.into_iter().max()
        };
        Self {
            to_detect: worst(|times| times.to_detect),
            to_switch: worst(|times| times.to_switch),
            to_recover: worst(|times| times.to_recover),
        }
    }
}

/// The times of a channel; `None` if it had no trouble.
pub(super) fn times(world: &World, place: usize, channel: &Channel) -> Option<Times> {
    let incidents = incidents(world, place, channel);
    let end: Moment = world.scenario.duration.into();
    let each = incidents.iter().enumerate().map(|(index, (from, to))| {
        let next = incidents.get(index + 1).map_or(end, |(next, _)| (*next).into());
        let seen_until = (*to).into();
        // Trouble that outlasts the run has no recovery to speak of.
        let recovers = *to < world.scenario.duration;
        Times {
            to_detect: world.view.until_health_is(place, false, *from, seen_until),
            to_switch: world.view.until_switched(&channel.name, *from, seen_until),
            to_recover: recovers.then(|| world.view.until_health_is(place, true, *to, next)).flatten(),
        }
    });
    let each: Vec<Times> = each.collect();
    if each.is_empty() { None } else { Some(Times::worst(&each)) }
}

/// The times of trouble of a channel: as planned, or as it came where that depends on the traffic.
fn spans(world: &World, place: usize, channel: &Channel) -> Spans {
    let mut spans = Spans::new();
    for (index, phase) in channel.phases.iter().enumerate() {
        match (&phase.trouble, world.vendor(place)) {
            // It lasts until midnight, even if nobody asks the vendor any more.
            (Trouble::Quota { .. }, Some(vendor)) => {
                let limit = phase.span(world.scenario.duration).1;
                let until_midnight = |from: Duration| world.scenario.midnight_after(from).min(limit);
                spans.extend(vendor.hits(index).iter().map(|(from, _)| (*from, until_midnight(*from))));
            }
            (Trouble::RateLimit { .. }, Some(vendor)) => {
                spans.extend(vendor.hits(index).iter().filter(|(from, to)| to.saturating_sub(*from) >= NOTICEABLE));
            }
            _ => spans.push(phase.span(world.scenario.duration)),
        }
    }
    spans
}

/// Times that touch or overlap are one.
pub(in crate::simulate) fn merged(mut spans: Spans) -> Spans {
    spans.retain(|(start, end)| start < end);
    spans.sort();
    let mut merged = Spans::new();
    for (start, end) in spans {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// The times of trouble of a channel, those that touch as one.
pub(in crate::simulate) fn incidents(world: &World, place: usize, channel: &Channel) -> Spans {
    merged(spans(world, place, channel))
}

#[cfg(test)]
mod tests {
    use super::merged;
    use std::time::Duration;

    #[test]
    fn times_that_touch_are_one() {
        let seconds = |(from, to): (u64, u64)| (Duration::from_secs(from), Duration::from_secs(to));
        let spans = [(40, 50), (90, 100), (50, 60), (5, 5), (42, 44)].map(seconds).to_vec();
        assert_eq!(merged(spans), [(40, 60), (90, 100)].map(seconds));
    }
}
