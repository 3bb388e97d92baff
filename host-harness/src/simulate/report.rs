//! The report for people: one HTML page that needs no other file, and tells what happened at a glance.

mod axis;
mod chart;
mod curves;
mod headline;
mod lanes;
mod page;

use std::time::Duration;

use super::books::Timeline;
use super::filter_view::Switch;
use super::moment::Moment;
use super::summary::{Summary, incidents, merged};
use super::vendor::Spans;
use super::world::World;
use axis::TimeAxis;

/// What all parts of the page are drawn from.
struct Story<'a> {
    world: &'a World,
    summary: &'a Summary,
    axis: TimeAxis,
    /// When something was wrong at any vendor: the same shade in every chart.
    shades: Spans,
    /// When the filter's rules began to move messages.
    events: Vec<Event<'a>>,
}

/// The filter has begun to move messages of one channel to another.
struct Event<'a> {
    first: &'a Switch,
    last: Moment,
    count: u64,
}

impl Event<'_> {
    /// Since the start.
    fn at(&self) -> Duration {
        self.first.at.since(Moment::default())
    }
}

/// Switches from one channel to another that are no further apart are one event, in whichever sidecars they are.
const ONE_EVENT: Duration = Duration::from_secs(10);

fn events(switches: &[Switch]) -> Vec<Event<'_>> {
    let mut events: Vec<Event<'_>> = Vec::new();
    for switch in switches {
        let same = events.iter_mut().rfind(|event| event.first.from == switch.from && event.first.to == switch.to);
        match same {
            Some(event) if switch.at <= event.last.after(ONE_EVENT) => {
                event.last = switch.at;
                event.count += switch.count;
            }
            _ => events.push(Event { first: switch, last: switch.at, count: switch.count }),
        }
    }
    events
}

impl Story<'_> {
    fn timeline(&self) -> &Timeline {
        &self.world.books.timeline
    }
}

/// The page. The same run gives the same bytes.
pub(super) fn render(world: &World, summary: &Summary) -> String {
    let scenario = &world.scenario;
    let all = scenario.channels.iter().enumerate();
    let shades = merged(all.flat_map(|(place, channel)| incidents(world, place, channel)).collect());
    let axis = TimeAxis::new(scenario.start, scenario.duration);
    let events = events(&world.view.switches);
    page::render(&Story { world, summary, axis, shades, events })
}

#[cfg(test)]
mod tests;
