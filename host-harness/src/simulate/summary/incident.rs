//! How long the filter took to see trouble, to move messages away, and to come back.

use std::time::Duration;

use crate::simulate::moment::Moment;
use crate::simulate::scenario::{Channel, Phase};
use crate::simulate::world::World;

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
    let incidents = incidents(&channel.phases, world.scenario.duration);
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

/// Phases that touch or overlap are one incident.
fn incidents(phases: &[Phase], duration: Duration) -> Vec<(Duration, Duration)> {
    let mut spans: Vec<_> =
        phases.iter().map(|phase| (phase.start, phase.end.unwrap_or(duration).min(duration))).collect();
    spans.retain(|(start, end)| start < end);
    spans.sort();
    let mut incidents: Vec<(Duration, Duration)> = Vec::new();
    for (start, end) in spans {
        match incidents.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => incidents.push((start, end)),
        }
    }
    incidents
}

#[cfg(test)]
mod tests {
    use super::incidents;
    use crate::simulate::scenario::Scenario;
    use std::time::Duration;

    #[test]
    fn phases_that_touch_are_one_incident() {
        let text = "duration = \"100s\"\ntraffic.rate = 1\n[channels.oppo]\nphases = [\n\
                    { kind = \"outage\", start = \"40s\", duration = \"10s\" },\n\
                    { kind = \"recovery\", start = \"50s\", duration = \"10s\" },\n\
                    { kind = \"outage\", start = \"90s\" }, { kind = \"outage\", start = \"5s\", duration = \"5s\" } ]";
        let scenario = Scenario::parse(text).unwrap();
        let seconds = |(from, to): (Duration, Duration)| (from.as_secs(), to.as_secs());
        let found: Vec<_> =
            incidents(&scenario.channels[0].phases, scenario.duration).into_iter().map(seconds).collect();
        assert_eq!(found, [(5, 10), (40, 60), (90, 100)]);
    }
}
