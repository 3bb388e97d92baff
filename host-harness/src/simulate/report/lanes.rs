//! What was wrong at which vendor, what the filter made of it, and when it acted: a lane for each channel.

use std::fmt::Write as _;

use super::Story;
use super::axis::{LEFT, WIDTH};
use super::chart::escape;
use crate::simulate::filter_view::StateChange;
use crate::simulate::moment::Moment;
use crate::simulate::scenario::{Channel, Trouble};
use crate::simulate::summary::thousands;

const HEIGHT: f64 = 26.0;
const TOP: f64 = 4.0;
const BOTTOM: f64 = 24.0;

/// How wide a letter of a phase's name is, about.
const LETTER: f64 = 6.6;

/// The lanes of all channels that have something to show; empty if none has.
pub(super) fn render(story: &Story<'_>) -> String {
    let mut lanes = Vec::new();
    for (place, channel) in story.world.scenario.channels.iter().enumerate() {
        if !channel.phases.is_empty() {
            lanes.push((escape(&channel.name), phases(story, place, channel)));
        }
        let view = story.world.view.channels.get(place);
        let states = view.map(|view| view.states.as_slice()).unwrap_or_default();
        for sidecar in 0..story.world.view.sidecars() {
            let changes: Vec<&StateChange> = states.iter().filter(|change| change.sidecar == sidecar).collect();
            if changes.iter().any(|change| change.state != crate::simulate::filter_view::HEALTHY) {
                lanes.push((format!("sidecar {}", sidecar + 1), bands(story, &changes)));
            }
        }
        let switches = switches(story, channel);
        if !switches.is_empty() {
            lanes.push(("switched".to_owned(), switches));
        }
    }
    if lanes.is_empty() { String::new() } else { draw(story, &lanes) }
}

fn draw(story: &Story<'_>, lanes: &[(String, String)]) -> String {
    let floor = TOP + HEIGHT * lanes.len() as f64;
    let mut svg = String::new();
    for (x, label) in story.axis.ticks() {
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{floor:.1}"/><text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#,
            floor + 17.0
        );
    }
    for (index, (name, content)) in lanes.iter().enumerate() {
        let y = TOP + HEIGHT * index as f64;
        let _ = write!(
            svg,
            r#"<g transform="translate(0 {y:.1})"><text class="tick" x="{:.1}" y="17" text-anchor="end">{}</text>{content}</g>"#,
            LEFT - 8.0,
            name,
        );
    }
    let title = "Trouble at the vendors";
    let note = "when it was planned (outlined) and when it was felt (filled); shaded in every chart below";
    format!(
        "<figure><figcaption><h2>{title}</h2><span>{note}</span></figcaption>\n\
         <svg class=\"lanes\" viewBox=\"0 0 {WIDTH} {:.0}\" role=\"img\" aria-label=\"{title}\">{svg}</svg></figure>\n",
        floor + BOTTOM
    )
}

fn phases(story: &Story<'_>, place: usize, channel: &Channel) -> String {
    let mut lane = String::new();
    for (index, phase) in channel.phases.iter().enumerate() {
        let (from, to) = phase.span(story.world.scenario.duration);
        let (left, right) = (story.axis.x(from), story.axis.x(to));
        let _ = write!(
            lane,
            r#"<rect class="planned" x="{left:.1}" y="3" width="{:.1}" height="20" rx="3"/>"#,
            (right - left).max(1.0)
        );
        let hits = story.world.vendor(place).map(|vendor| vendor.hits(index)).unwrap_or_default();
        let as_planned = [(from, to)];
        let felt = match phase.trouble {
            Trouble::Quota { .. } | Trouble::RateLimit { .. } | Trouble::Flapping { .. } => hits,
            _ => &as_planned,
        };
        for (from, to) in felt {
            let (left, right) = (story.axis.x(*from), story.axis.x(*to));
            let width = (right - left).max(1.5);
            let _ = write!(lane, r#"<rect class="felt" x="{left:.1}" y="3" width="{width:.1}" height="20" rx="3"/>"#);
        }
        lane += &name(&phase.name, left, right);
    }
    lane
}

/// A phase's name within its box, or behind it if it is too narrow.
fn name(name: &str, left: f64, right: f64) -> String {
    let width = name.chars().count() as f64 * LETTER;
    let (x, class) = if width + 12.0 <= right - left { (left + 7.0, "phase") } else { (right + 5.0, "phase outside") };
    format!(r#"<text class="{class}" x="{x:.1}" y="17">{}</text>"#, escape(name))
}

/// The states of a channel in one sidecar, from each change to the next.
fn bands(story: &Story<'_>, changes: &[&StateChange]) -> String {
    let mut lane = String::new();
    let since = |at: Moment| at.since(Moment::default());
    for (index, change) in changes.iter().enumerate() {
        let until = changes.get(index + 1).map_or(story.world.scenario.duration, |next| since(next.at));
        let (left, right) = (story.axis.x(since(change.at)), story.axis.x(until));
        let state = escape(&change.state);
        let _ = write!(
            lane,
            r#"<rect class="state {}" x="{left:.1}" y="5" width="{:.1}" height="16"><title>{state}</title></rect>"#,
            state_class(&change.state),
            (right - left).max(1.0)
        );
        if (state.chars().count() as f64) * LETTER + 12.0 <= right - left {
            let _ = write!(lane, r#"<text class="phase" x="{:.1}" y="17">{state}</text>"#, left + 6.0);
        }
    }
    lane
}

/// Known states have colours of their own; what comes in brackets behind them is a detail.
fn state_class(state: &str) -> &'static str {
    match state.split(['(', '_', ' ']).next().unwrap_or_default() {
        "healthy" => "s-healthy",
        "degraded" => "s-degraded",
        "probing" => "s-probing",
        "recovering" => "s-recovering",
        _ => "s-other",
    }
}

/// A mark where messages of a channel begin to go to another.
fn switches(story: &Story<'_>, channel: &Channel) -> String {
    let mut lane = String::new();
    for event in story.events.iter().filter(|event| event.first.from == channel.name) {
        let x = story.axis.x(event.at());
        let (to, reason) = (escape(&event.first.to), escape(&event.first.reason));
        let count = thousands(event.count);
        let _ = write!(
            lane,
            r#"<path class="event" d="M{x:.1} 4l7 9l-7 9l-7 -9z"><title>{count} to {to}: {reason}</title></path><text class="phase outside" x="{:.1}" y="17">to {to} ({count})</text>"#,
            x + 11.0,
        );
    }
    lane
}
