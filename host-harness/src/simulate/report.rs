//! The report for people: one HTML page that needs no other file, and tells what happened at a glance.

mod axis;
mod chart;
mod curves;
mod headline;
mod lanes;
mod page;

use super::books::Timeline;
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
    page::render(&Story { world, summary, axis, shades })
}
