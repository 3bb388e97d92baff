//! One sentence that says what happened.

use std::time::Duration;

use super::Story;
use super::chart::escape;
use crate::simulate::books::Counts;
use crate::simulate::summary::{Figure, incidents, percent, thousands, time_text};

/// What one vendor did in its troubles.
struct Trouble<'a> {
    channel: &'a str,
    /// Recipients of calls that came to nothing, and all.
    failed: u64,
    asked: u64,
    late: u64,
    lasted: Duration,
}

/// The sentence, as HTML.
pub(super) fn headline(story: &Story<'_>) -> String {
    let mut troubles = troubles(story);
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.failed + trouble.late));
    let first = match troubles.as_slice() {
        [] => "No vendor was in trouble".to_owned(),
        [one] => one.sentence(),
        [worst, _] => format!("{}; 1 more vendor was in trouble", worst.sentence()),
        many => together(many, story.world.scenario.channels.len()),
    };
    format!("{first}. {}.", consequence(story))
}

fn troubles<'a>(story: &'a Story<'_>) -> Vec<Trouble<'a>> {
    let channels = story.world.scenario.channels.iter().enumerate();
    let found = channels.filter_map(|(place, channel)| {
        let spans = incidents(story.world, place, channel);
        let mut counts = Counts::default();
        for (bucket, of_bucket) in story.world.books.channels.get(place)?.buckets.iter().enumerate() {
            let start = story.timeline().start(bucket);
            let end = start + story.timeline().width;
            if spans.iter().any(|(from, to)| *from < end && *to > start) {
                counts.merge(of_bucket);
            }
        }
        let failed = counts.refused + counts.failed;
        let lasted = spans.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
        (!spans.is_empty()).then(|| Trouble {
            channel: &channel.name,
            failed,
            asked: failed + counts.accepted,
            late: counts.late,
            lasted,
        })
    });
    found.collect()
}

/// Of many troubles only the sum is worth a sentence.
fn together(troubles: &[Trouble<'_>], vendors: usize) -> String {
    let failed = thousands(troubles.iter().map(|trouble| trouble.failed).sum());
    let asked = thousands(troubles.iter().map(|trouble| trouble.asked).sum());
    let who = if troubles.len() == vendors {
        format!("All {vendors} vendors were in trouble and")
    } else {
        format!("{} of {vendors} vendors were in trouble and", troubles.len())
    };
    format!("{who} failed <b>{failed}</b> of {asked} sends meanwhile")
}

impl Trouble<'_> {
    fn sentence(&self) -> String {
        let (channel, lasted) = (escape(self.channel), time_text(whole_seconds(self.lasted)));
        let slow = self.late > self.failed;
        let (number, what) = if slow {
            (self.late, format!("was late with <b>{}</b> messages", thousands(self.late)))
        } else {
            let (failed, asked) = (thousands(self.failed), thousands(self.asked));
            (self.failed, format!("failed <b>{failed}</b> of {asked} sends"))
        };
        match number {
            0 => format!("<b>{channel}</b> was in trouble for {lasted} and no one noticed"),
            _ => format!("<b>{channel}</b> {what} in {lasted} of trouble"),
        }
    }
}

fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().max(1))
}

fn consequence(story: &Story<'_>) -> String {
    let total = &story.summary.total;
    let count = |name: &str| match total.get(name) {
        Some(Figure::Count { count, .. }) => *count,
        _ => 0,
    };
    let share = |name: &str| total.get(name).and_then(Figure::share).unwrap_or(0.0);
    let mut parts = vec![match count("lost") {
        0 => "No message was lost".to_owned(),
        lost => format!("<b>{}</b> of all messages were lost ({})", percent(share("lost")), thousands(lost)),
    }];
    if count("late") > 0 {
        parts.push(format!("{} came late", percent(share("late"))));
    }
    if count("duplicated") > 0 {
        parts.push(format!("{} came twice", thousands(count("duplicated"))));
    }
    parts.push(format!("{} were switched to another channel", thousands(count("switched"))));
    parts.join(", ")
}
