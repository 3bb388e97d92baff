//! Which charts there are, and what they show.

use std::collections::BTreeSet;

use super::Story;
use super::chart::{Chart, Kind, Series, Unit};
use crate::simulate::books::Counts;

/// How many colours there are for channels.
const COLOURS: usize = 8;

/// Every chart, in the order in which they tell the story.
pub(super) fn charts(story: &Story<'_>) -> Vec<Chart> {
    let mut charts = vec![fates(story), sends(story)];
    charts.extend(outcomes(story));
    charts.push(on_time(story));
    charts.push(latency(story));
    charts
}

/// The class that gives a channel its colour.
pub(super) fn class(place: usize) -> String {
    format!("c{}", place % COLOURS + 1)
}

fn width(story: &Story<'_>) -> String {
    let seconds = story.timeline().width.as_secs();
    let text = if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") };
    if seconds == 1 { String::new() } else { format!(", mean of {text}") }
}

fn fates(story: &Story<'_>) -> Chart {
    let of = |name: &str, class: &str, count: fn(&Counts) -> u64| Series {
        name: name.to_owned(),
        class: class.to_owned(),
        values: rates(story, |bucket| {
            story.world.books.channels.iter().filter_map(|book| book.buckets.get(bucket)).map(count).sum()
        }),
    };
    Chart {
        title: "What became of the messages",
        note: format!("messages per second, at the time of their submission{}", width(story)),
        kind: Kind::Stack,
        height: 260.0,
        unit: Unit::PerSecond,
        series: vec![
            of("on time", "good", |counts| counts.on_time),
            of("late", "late", |counts| counts.late),
            of("undeliverable", "dull", |counts| counts.undeliverable),
            of("lost", "lost", |counts| counts.lost),
        ],
    }
}

fn sends(story: &Story<'_>) -> Chart {
    Chart {
        title: "Calls that reach each vendor",
        note: format!("calls per second{}", width(story)),
        kind: Kind::Lines,
        height: 230.0,
        unit: Unit::PerSecond,
        series: by_channel(story, |place| {
            rates(story, |bucket| counts(story, place, bucket).map_or(0, |counts| counts.calls))
        }),
    }
}

/// What the filter counts, if it counts anything.
fn outcomes(story: &Story<'_>) -> Option<Chart> {
    let channels = &story.world.view.channels;
    let known: BTreeSet<&str> = channels.iter().flat_map(|view| view.outcomes.keys()).map(String::as_str).collect();
    if known.is_empty() {
        return None;
    }
    // What succeeds is the ground on which the rest stands.
    let order = known.iter().filter(|name| **name == "ok").chain(known.iter().filter(|name| **name != "ok"));
    let series = order.enumerate().map(|(place, outcome)| Series {
        name: (*outcome).to_owned(),
        class: outcome_class(outcome, place),
        values: rates(story, |bucket| {
            let each = channels.iter().filter_map(|view| view.outcomes_by_bucket.get(bucket)?.get(*outcome));
            each.sum()
        }),
    });
    Some(Chart {
        title: "Outcomes as the filter sees them",
        note: format!("sends to recipients per second{}", width(story)),
        kind: Kind::Stack,
        height: 230.0,
        unit: Unit::PerSecond,
        series: series.collect(),
    })
}

fn outcome_class(outcome: &str, place: usize) -> String {
    match outcome {
        "ok" => "good".to_owned(),
        "vendor_unavailable" => "lost".to_owned(),
        "timeout" => "late".to_owned(),
        "invalid_token" => "dull".to_owned(),
        "user_blocked" => "c6".to_owned(),
        "inactive_device" => "c7".to_owned(),
        "quota_app" | "quota_target" => "c4".to_owned(),
        "rate_limited" => "c2".to_owned(),
        "unknown" => "c8".to_owned(),
        _ => class(place),
    }
}

fn on_time(story: &Story<'_>) -> Chart {
    let share = |counts: &Counts| (counts.messages > 0).then(|| counts.on_time as f64 / counts.messages as f64 * 100.0);
    Chart {
        title: "Share of messages accepted on time",
        note: format!(
            "percent of those submitted; on time is within {} of submission",
            crate::simulate::summary::time_text(story.world.scenario.objective)
        ),
        kind: Kind::Lines,
        height: 210.0,
        unit: Unit::Percent,
        series: by_channel(story, |place| {
            (0..story.timeline().len()).map(|bucket| counts(story, place, bucket).and_then(|it| share(&it))).collect()
        }),
    }
}

fn latency(story: &Story<'_>) -> Chart {
    Chart {
        title: "How long the application waits for an answer",
        note: "99th percentile, at the time of the answer; each step up is ten times as long".to_owned(),
        kind: Kind::LogLines,
        height: 210.0,
        unit: Unit::Milliseconds,
        series: by_channel(story, |place| {
            let book = story.world.books.channels.get(place);
            let p99 = book.map(|book| book.p99_us.as_slice()).unwrap_or_default();
            p99.iter().map(|micros| micros.map(|micros| micros as f64 / 1e3)).collect()
        }),
    }
}

fn by_channel(story: &Story<'_>, values: impl Fn(usize) -> Vec<Option<f64>>) -> Vec<Series> {
    let channels = story.world.scenario.channels.iter().enumerate();
    channels
        .map(|(place, channel)| Series { name: channel.name.clone(), class: class(place), values: values(place) })
        .collect()
}

fn counts(story: &Story<'_>, place: usize, bucket: usize) -> Option<Counts> {
    story.world.books.channels.get(place)?.buckets.get(bucket).copied()
}

/// A count of every bucket as a rate per second.
fn rates(story: &Story<'_>, count: impl Fn(usize) -> u64) -> Vec<Option<f64>> {
    let timeline = story.timeline();
    (0..timeline.len()).map(|bucket| Some(count(bucket) as f64 / timeline.seconds(bucket))).collect()
}
