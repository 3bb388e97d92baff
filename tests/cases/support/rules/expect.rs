//! What is expected of a case, and whether it was seen.

use super::case::duration;
use super::seen::{Answered, Message, Seen, State};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// States that a channel has for the whole of a time.
    #[serde(default)]
    states: Vec<Holds>,
    /// Changes of state that come at some moment of a time.
    #[serde(default)]
    turns: Vec<Turn>,
    /// Where the messages go that are sent in a time.
    #[serde(default)]
    shares: Vec<Share>,
    /// Requests that reach a vendor in a time.
    #[serde(default)]
    calls: Vec<Calls>,
    /// Records of an event that say what is given.
    #[serde(default)]
    records: Vec<Records>,
    /// Messages of a business that are answered in a way: `[{ business = "news", shed = "100..120" }]`.
    #[serde(default)]
    answers: Vec<Answers>,
    /// Steps by which a channel's share grows.
    #[serde(default)]
    ramps: Vec<Ramp>,
    /// Messages that no recipient has got, though the caller was not told to wait.
    lost: Range,
    /// Messages that a recipient has got more than once.
    doubled: Range,
    /// Every message that is lost has a record that says `unsure`.
    #[serde(default)]
    lost_are_unsure: bool,
    /// Every message that is lost has a record that says so, or that nobody knows.
    #[serde(default)]
    lost_are_told: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Holds {
    channel: String,
    is: State,
    #[serde(deserialize_with = "duration")]
    from: Duration,
    #[serde(deserialize_with = "duration")]
    until: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    channel: String,
    to: State,
    #[serde(default)]
    reason: Option<String>,
    #[serde(deserialize_with = "duration")]
    from: Duration,
    #[serde(deserialize_with = "duration")]
    until: Duration,
    /// How often; at least once if left out.
    #[serde(default)]
    times: Option<Range>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    channel: String,
    #[serde(deserialize_with = "duration")]
    from: Duration,
    #[serde(deserialize_with = "duration")]
    until: Duration,
    #[serde(default)]
    least: f64,
    #[serde(default = "all")]
    most: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ramp {
    channel: String,
    /// Of each step but the last.
    shares: Vec<f64>,
    tolerance: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Calls {
    channel: String,
    #[serde(deserialize_with = "duration")]
    from: Duration,
    #[serde(deserialize_with = "duration")]
    until: Duration,
    number: Range,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Records {
    event: String,
    #[serde(default)]
    with: BTreeMap<String, String>,
    number: Range,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    #[serde(default)]
    business: Option<String>,
    #[serde(default)]
    ok: Option<Range>,
    #[serde(default)]
    failed: Option<Range>,
    #[serde(default)]
    shed: Option<Range>,
}

/// `0`, `3..20` (both included) or `3..`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Range {
    least: usize,
    most: usize,
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
        Ok(match text.split_once("..") {
            None => Self { least: number(&text)?, most: number(&text)? },
            Some((least, "")) => Self { least: number(least)?, most: usize::MAX },
            Some((least, most)) => Self { least: number(least)?, most: number(most)? },
        })
    }
}

impl Range {
    const fn has(self, number: usize) -> bool {
        self.least <= number && number <= self.most
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least, self.most) {
            (least, usize::MAX) => write!(f, "at least {least}"),
            (least, most) if least == most => write!(f, "{least}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// Within which all workers know what one has decided, on a machine that is busy.
const TICK: Duration = Duration::from_millis(350);

const fn all() -> f64 {
    1.0
}

impl Expected {
    /// The channels that it speaks of.
    pub(crate) fn channels(&self) -> impl Iterator<Item = &String> {
        let states = self.states.iter().map(|it| &it.channel).chain(self.turns.iter().map(|it| &it.channel));
        states.chain(self.shares.iter().map(|it| &it.channel)).chain(self.calls.iter().map(|it| &it.channel))
    }

    /// Whether every time lies in the case.
    pub(crate) fn check(&self, length: Duration) -> Result<(), String> {
        let states = self.states.iter().map(|it| (it.from, it.until));
        let turns = self.turns.iter().map(|it| (it.from, it.until));
        let shares = self.shares.iter().map(|it| (it.from, it.until));
        let calls = self.calls.iter().map(|it| (it.from, it.until));
        let mut spans = states.chain(turns).chain(shares).chain(calls);
        match spans.find(|(from, until)| from >= until || *until > length) {
            Some((from, until)) => Err(format!("expect: {from:?} to {until:?} is no time of the case")),
            None => Ok(()),
        }
    }

    /// What was seen otherwise, one line each.
    pub(crate) fn faults(&self, seen: &Seen) -> Vec<String> {
        let mut faults = Vec::new();
        faults.extend(self.states.iter().filter_map(|it| it.fault(seen)));
        faults.extend(self.turns.iter().filter_map(|it| it.fault(seen)));
        faults.extend(self.shares.iter().filter_map(|it| it.fault(seen)));
        faults.extend(self.ramps.iter().flat_map(|it| it.faults(seen)));
        faults.extend(self.calls.iter().filter_map(|it| it.fault(seen)));
        faults.extend(self.records.iter().filter_map(|it| it.fault(seen)));
        faults.extend(self.answers.iter().flat_map(|it| it.faults(seen)));
        faults.extend(seen.leaks.iter().map(|leak| format!("a credential of another channel has reached {leak}")));
        let lost: Vec<&Message> = seen.messages.iter().filter(|message| message.is_lost()).collect();
        let doubled: Vec<&Message> = seen.messages.iter().filter(|message| message.taken.len() > 1).collect();
        faults.extend(count("lost", self.lost, &lost));
        faults.extend(count("doubled", self.doubled, &doubled));
        if self.lost_are_unsure {
            let silent: Vec<&Message> = lost.into_iter().filter(|message| !seen.says_unsure(&message.id)).collect();
            faults.extend(count("lost without a record that says unsure", Range { least: 0, most: 0 }, &silent));
        } else if self.lost_are_told {
            let silent: Vec<&Message> = lost.into_iter().filter(|message| !seen.tells(&message.id)).collect();
            faults.extend(count("lost without a record", Range { least: 0, most: 0 }, &silent));
        }
        faults
    }
}

/// Shows the first ones where the number is wrong.
fn count(what: &str, expected: Range, messages: &[&Message]) -> Option<String> {
    let number = messages.len();
    let first: Vec<String> = messages.iter().take(3).map(ToString::to_string).collect();
    (!expected.has(number)).then(|| format!("{what}: {number}, expected {expected}: {}", first.join("; ")))
}

impl Holds {
    fn fault(&self, seen: &Seen) -> Option<String> {
        let Self { channel, is, from, until } = self;
        let states = seen.states(channel, *from, *until);
        (states.iter().any(|state| state != is))
            .then(|| format!("{channel} from {from:?} to {until:?}: {states:?}, expected {is:?}"))
    }
}

impl Turn {
    fn fault(&self, seen: &Seen) -> Option<String> {
        let of_channel: Vec<_> = seen.turns.iter().filter(|turn| turn.channel == self.channel).collect();
        let times = of_channel.iter().filter(|turn| {
            let reason = self.reason.as_ref().is_none_or(|reason| turn.reason.as_ref() == Some(reason));
            turn.to == self.to && reason && self.from <= turn.at && turn.at <= self.until
        });
        let (times, expected) = (times.count(), self.times.unwrap_or(Range { least: 1, most: usize::MAX }));
        (!expected.has(times)).then(|| format!("{self:?}: {times} times, of {of_channel:?}"))
    }
}

impl Share {
    fn fault(&self, seen: &Seen) -> Option<String> {
        let Self { channel, from, until, least, most } = self;
        let sent: Vec<&Message> = seen.messages.iter().filter(|it| *from <= it.sent && it.sent < *until).collect();
        let there = sent.iter().filter(|it| it.taken.iter().any(|taken| taken == channel)).count();
        let share = ratio(there, sent.len());
        let good = !sent.is_empty() && *least <= share && share <= *most;
        (!good).then(|| {
            format!(
                "{channel} from {from:?} to {until:?}: {there} of {}, expected a share of {least} to {most}",
                sent.len()
            )
        })
    }
}

impl Ramp {
    /// Judges the last recovery, each step from the moment at which every worker surely knows of it.
    fn faults(&self, seen: &Seen) -> Vec<String> {
        let of_channel: Vec<_> = seen.turns.iter().filter(|turn| turn.channel == self.channel).collect();
        let began = of_channel.iter().rposition(|turn| turn.to == State::Probing).map_or(0, |probing| probing + 1);
        let recovery: Vec<Duration> = of_channel.iter().skip(began).map(|turn| turn.at).collect();
        if recovery.len() <= self.shares.len() {
            return vec![format!("{} does not recover in {} steps", self.channel, self.shares.len() + 1)];
        }
        let fault = |(step, share): (&[Duration], &f64)| {
            let (from, until) = (*step.first()? + TICK, *step.last()?);
            let (least, most) = (share - self.tolerance, share + self.tolerance);
            Share { channel: self.channel.clone(), from, until, least, most }.fault(seen)
        };
        recovery.windows(2).zip(&self.shares).filter_map(fault).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousand messages")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

impl Calls {
    fn fault(&self, seen: &Seen) -> Option<String> {
        let Self { channel, from, until, number } = self;
        let calls = seen.calls.iter().filter(|(known, at)| known == channel && from <= at && at < until).count();
        (!number.has(calls))
            .then(|| format!("calls of {channel} from {from:?} to {until:?}: {calls}, expected {number}"))
    }
}

impl Records {
    fn fault(&self, seen: &Seen) -> Option<String> {
        let of_event: Vec<_> =
            seen.records.iter().filter(|record| record["event_name"] == self.event.as_str()).collect();
        let says = |record: &serde_json::Value| {
            self.with.iter().all(|(name, value)| match &record["attributes"][name.as_str()] {
                serde_json::Value::String(text) => text == value,
                other => serde_json::to_string(other).is_ok_and(|text| text == *value),
            })
        };
        let number = of_event.iter().filter(|record| says(record)).count();
        let first: Vec<String> = of_event.iter().take(3).map(ToString::to_string).collect();
        (!self.number.has(number)).then(|| format!("{self:?}: {number}, of {}", first.join("; ")))
    }
}

impl Answers {
    fn faults(&self, seen: &Seen) -> Vec<String> {
        let of = |business: &Option<String>| self.business.is_none() || *business == self.business;
        let messages: Vec<&Message> = seen.messages.iter().filter(|message| of(&message.business)).collect();
        let ways = [(Answered::Ok, self.ok), (Answered::Failed, self.failed), (Answered::Shed, self.shed)];
        let fault = |(way, range): (Answered, Option<Range>)| {
            let (others, number): (Vec<&Message>, usize) = {
                let there: Vec<&Message> =
                    messages.iter().filter(|message| message.answered == Some(way)).copied().collect();
                (there.clone(), there.len())
            };
            let expected = range.filter(|range| !range.has(number))?;
            count(&format!("answers {way:?} for {:?}", self.business), expected, &others)
        };
        ways.into_iter().filter_map(fault).collect()
    }
}
