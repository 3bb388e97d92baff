//! A vendor: how long it takes, what it refuses, and what is wrong with it now.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt as _;

use super::moment::Moment;
use super::scenario::{Channel, Failure, Mode, Phase, Trouble};
use super::seed::{Random, Seed};

/// Hits that are no further apart are taken for one trouble.
const GAP: Duration = Duration::from_secs(5);

/// How long a connection that is refused takes to be known as such.
const REFUSED_AFTER: Duration = Duration::from_millis(1);

const DAY_S: u64 = 86_400;

/// A vendor at work.
pub(super) struct Vendor {
    channel: Channel,
    phases: Rc<[Phase]>,
    random: Random,
    /// The start of the run, since local midnight.
    start: Duration,
    today: Count,
    this_second: Count,
    /// When each phase has made calls fail.
    hits: Vec<Spans>,
}

/// Times, from and to, in rising order.
pub(super) type Spans = Vec<(Duration, Duration)>;

/// Recipients accepted in one day or asked for in one second, by its number.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    period: u64,
    recipients: u64,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// When that is known, from the arrival of the call.
    pub(super) after: Duration,
    pub(super) fate: Fate,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// There is no connection.
    NoConnection,
    /// Nothing ever comes back, and nothing was sent.
    NoAnswer,
    /// A page of a proxy before the vendor.
    Page(u16),
    /// The vendor refuses the call as a whole.
    Refused(String),
    /// The vendor accepts the call, except for the first so many recipients, who have themselves to blame.
    Answered { refused: Option<(String, usize)> },
}

impl Vendor {
    pub(super) fn new(channel: &Channel, start: Duration, seed: Seed) -> Self {
        let random = seed.stream(&format!("vendor {}", channel.name));
        let phases: Rc<[Phase]> = channel.phases.clone().into();
        let hits = vec![Spans::new(); phases.len()];
        Self {
            channel: channel.clone(),
            phases,
            random,
            start,
            today: Count::default(),
            this_second: Count::default(),
            hits,
        }
    }

    /// Decides on a call that arrives now.
    pub(super) fn call(&mut self, now: Moment, recipients: usize) -> Decision {
        let asked = self.this_second.add(now.seconds(), recipients as u64);
        let phases = Rc::clone(&self.phases);
        let current = || phases.iter().enumerate().filter(|(_, phase)| is_on(phase, now));
        let mut factor = 1.0;
        for (_, phase) in current() {
            if let Trouble::BrownOut { latency_factor, .. } = &phase.trouble {
                factor *= latency_factor;
            }
        }
        let after = self.channel.latency.sample(factor, &mut self.random);
        for (place, phase) in current() {
            if let Some(mode) = self.trouble(phase, now, asked) {
                self.hit(place, now);
                return fails(&mode, after);
            }
        }
        let refused = self.refused(recipients);
        let accepted = recipients - refused.as_ref().map_or(0, |(_, refused)| *refused);
        let day = (self.start + now.since(Moment::default())).as_secs() / DAY_S;
        self.today.add(day, accepted as u64);
        Decision { after, fate: Fate::Answered { refused } }
    }

    fn hit(&mut self, phase: usize, now: Moment) {
        let at = now.since(Moment::default());
        let Some(spans) = self.hits.get_mut(phase) else { return };
        match spans.last_mut() {
            Some((_, to)) if at <= *to + GAP => *to = at,
            _ => spans.push((at, at)),
        }
    }

    /// When a phase has made calls fail.
    pub(super) fn hits(&self, phase: usize) -> &[(Duration, Duration)] {
        self.hits.get(phase).map_or(&[], Vec::as_slice)
    }

    /// How the call fails for this trouble, if it does.
    fn trouble(&mut self, phase: &Phase, now: Moment, asked: u64) -> Option<Mode> {
        let into = now.since(phase.start.into());
        match &phase.trouble {
            Trouble::Outage(failure) | Trouble::BrownOut { failure, .. } => self.befalls(failure, failure.share),
            Trouble::Quota { limit, code } => {
                let day = (self.start + now.since(Moment::default())).as_secs() / DAY_S;
                (self.today.in_period(day) >= *limit).then(|| Mode::Code(code.clone()))
            }
            Trouble::RateLimit { per_second, code } => (asked > *per_second).then(|| Mode::Code(code.clone())),
            Trouble::Flapping { period, down, failure } => {
                let part = into.as_secs_f64() / period.as_secs_f64();
                if part.fract() < *down { self.befalls(failure, failure.share) } else { None }
            }
            Trouble::Recovery { to, failure } => {
                let lasts = phase.end.map_or(0.0, |end| (end - phase.start).as_secs_f64()).max(f64::MIN_POSITIVE);
                let part = (into.as_secs_f64() / lasts).min(1.0);
                self.befalls(failure, failure.share + (to - failure.share) * part)
            }
        }
    }

    fn befalls(&mut self, failure: &Failure, share: f64) -> Option<Mode> {
        let drawn: f64 = self.random.random();
        (drawn < share).then(|| failure.mode.clone())
    }

    /// The code of those recipients who are refused for their own sake, and their number.
    fn refused(&mut self, recipients: usize) -> Option<(String, usize)> {
        let total: f64 = self.channel.refuses.iter().map(|refused| refused.share).sum();
        if total <= 0.0 {
            return None;
        }
        let refused = (0..recipients).filter(|_| self.random.random::<f64>() < total).count();
        if refused == 0 {
            return None;
        }
        let mut drawn = self.random.random::<f64>() * total;
        let code = self.channel.refuses.iter().find(|refused| {
            drawn -= refused.share;
            drawn <= 0.0
        });
        code.or(self.channel.refuses.last()).map(|found| (found.code.clone(), refused))
    }
}

impl Count {
    /// Counts, and gives the period's count.
    fn add(&mut self, period: u64, recipients: u64) -> u64 {
        self.recipients = self.in_period(period) + recipients;
        self.period = period;
        self.recipients
    }

    const fn in_period(&self, period: u64) -> u64 {
        if self.period == period { self.recipients } else { 0 }
    }
}

fn is_on(phase: &Phase, now: Moment) -> bool {
    now >= phase.start.into() && phase.end.is_none_or(|end| now < end.into())
}

fn fails(mode: &Mode, after: Duration) -> Decision {
    let (after, fate) = match mode {
        Mode::Refused => (REFUSED_AFTER, Fate::NoConnection),
        Mode::NoAnswer => (Duration::MAX, Fate::NoAnswer),
        Mode::Status(status) => (after, Fate::Page(*status)),
        Mode::Code(code) => (after, Fate::Refused(code.clone())),
    };
    Decision { after, fate }
}

#[cfg(test)]
mod tests {
    use super::{Decision, Fate, Vendor};
    use crate::simulate::moment::Moment;
    use crate::simulate::scenario::Scenario;
    use crate::simulate::seed::Seed;
    use std::time::Duration;

    fn vendor(start: &str, rest: &str) -> Vendor {
        let text = format!("duration = \"1h\"\nstart = \"{start}\"\ntraffic.rate = 1\n[channels.oppo]\n{rest}");
        let scenario = Scenario::parse(&text).unwrap();
        Vendor::new(&scenario.channels[0], scenario.start, Seed(1))
    }

    fn at(seconds: f64) -> Moment {
        Moment::from_micros((seconds * 1e6) as u64)
    }

    fn share_of(vendor: &mut Vendor, from: f64, to: f64, is: impl Fn(&Decision) -> bool) -> f64 {
        let calls = 2_000;
        let step = (to - from) / f64::from(calls);
        let hits = (0..calls).filter(|call| is(&vendor.call(at(from + step * f64::from(*call)), 1))).count();
        hits as f64 / f64::from(calls)
    }

    fn ok(decision: &Decision) -> bool {
        decision.fate == Fate::Answered { refused: None }
    }

    #[test]
    fn an_outage_lasts_from_its_start_to_its_end() {
        let mut vendor = vendor(
            "09:00",
            "phases = [{ kind = \"outage\", start = \"10s\", duration = \"5s\", fails_with = \"refused\" }]",
        );
        assert!(ok(&vendor.call(at(9.99), 1)));
        assert_eq!(vendor.call(at(10.0), 1).fate, Fate::NoConnection);
        assert_eq!(vendor.call(at(14.99), 1).after, Duration::from_millis(1));
        assert!(ok(&vendor.call(at(15.0), 1)));
    }

    #[test]
    fn a_brown_out_stretches_answers_and_fails_a_share() {
        let phases = "latency = \"100ms\"\nphases = [{ kind = \"brown_out\", latency_factor = 10, share = \"20%\", \
                      fails_with = { status = 502 } }]";
        let mut vendor = vendor("09:00", phases);
        assert_eq!(vendor.call(at(1.0), 1).after, Duration::from_secs(1));
        let failed = share_of(&mut vendor, 2.0, 3.0, |decision| decision.fate == Fate::Page(502));
        assert!((failed - 0.2).abs() < 0.03, "{failed} failed");
    }

    #[test]
    fn a_quota_lasts_until_local_midnight() {
        let mut vendor = vendor("23:59:50", "phases = [{ kind = \"quota\", limit = 2, code = \"33\" }]");
        let fates: Vec<bool> = [0.0, 1.0, 2.0, 9.9, 10.0].iter().map(|time| ok(&vendor.call(at(*time), 1))).collect();
        assert_eq!(fates, [true, true, false, false, true]);
        assert_eq!(vendor.call(at(10.1), 1).fate, Fate::Answered { refused: None });
        assert_eq!(vendor.call(at(10.2), 1).fate, Fate::Refused("33".to_owned()));
    }

    #[test]
    fn a_rate_limit_counts_recipients_in_a_second() {
        let mut vendor = vendor("09:00", "phases = [{ kind = \"rate_limit\", per_second = 3, code = \"-2\" }]");
        let fates =
            [(0.1, 2), (0.2, 1), (0.9, 1), (1.0, 3)].map(|(time, recipients)| ok(&vendor.call(at(time), recipients)));
        assert_eq!(fates, [true, true, false, true]);
    }

    #[test]
    fn flapping_is_down_for_its_share_of_each_period() {
        let phases = "phases = [{ kind = \"flapping\", period = \"10s\", down = \"30%\", fails_with = \"no_answer\" }]";
        let mut vendor = vendor("09:00", phases);
        let fates = [0.0, 2.9, 3.1, 9.9, 10.1].map(|time| ok(&vendor.call(at(time), 1)));
        assert_eq!(fates, [false, false, true, true, false]);
    }

    #[test]
    fn a_recovery_goes_in_a_straight_line() {
        let phases = "phases = [{ kind = \"recovery\", duration = \"100s\", share = \"80%\" }]";
        let mut vendor = vendor("09:00", phases);
        for (from, expected) in [(0.0, 0.8), (50.0, 0.4), (99.0, 0.0)] {
            let failed = share_of(&mut vendor, from, from + 0.5, |decision| !ok(decision));
            assert!((failed - expected).abs() < 0.05, "{failed} failed at {from}");
        }
    }

    #[test]
    fn some_recipients_are_refused_on_a_good_day() {
        let mut vendor = vendor("09:00", "refuses = [{ code = \"10000\", share = \"10%\" }]");
        let refused = share_of(&mut vendor, 0.0, 1.0, |decision| {
            decision.fate == Fate::Answered { refused: Some(("10000".to_owned(), 1)) }
        });
        assert!((refused - 0.1).abs() < 0.03, "{refused} refused");
    }
}
