//! When messages are submitted, and what they are.

use std::time::Duration;

use rand::RngExt as _;
use rand_distr::{Distribution as _, Exp1};

use super::moment::Moment;
use super::scenario::{Channel, Scenario, Traffic};
use super::seed::{Random, Seed};

/// The stream of messages of a run.
pub(super) struct Arrivals {
    traffic: Traffic,
    /// Since local midnight.
    start: Duration,
    end: Moment,
    /// No moment has more messages per second.
    peak: f64,
    channels: Choice,
    recipients: Vec<(u32, u32)>,
    businesses: Choice,
    random: Random,
    number: u64,
}

/// A message to be submitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Moment,
    pub(super) number: u64,
    pub(super) channel: usize,
    pub(super) business: usize,
    pub(super) recipients: u32,
    pub(super) salt: u64,
}

/// Places with shares.
struct Choice {
    /// The sums of the shares up to each place.
    sums: Vec<f64>,
}

impl Arrivals {
    pub(super) fn new(scenario: &Scenario, seed: Seed) -> Self {
        let traffic = scenario.traffic.clone();
        let edges = traffic.bursts.iter().flat_map(|burst| [burst.start, burst.start + burst.duration]);
        let bursts = edges.chain([Duration::ZERO]).map(|edge| burst_factor(&traffic, edge)).fold(0.0, f64::max);
        let peak = traffic.rate * traffic.shape.peak() * bursts;
        Self {
            start: scenario.start,
            end: scenario.duration.into(),
            peak,
            channels: Choice::new(scenario.channels.iter().map(|channel| channel.share)),
            recipients: scenario.channels.iter().map(|channel: &Channel| channel.recipients).collect(),
            businesses: Choice::new(traffic.businesses.iter().map(|business| business.share)),
            random: seed.stream("traffic"),
            number: 0,
            traffic,
        }
    }

    /// Messages per second at a moment.
    fn rate(&self, at: Moment) -> f64 {
        let since = at.since(Moment::default());
        self.traffic.rate * self.traffic.shape.at(self.start + since) * burst_factor(&self.traffic, since)
    }

    /// The first message after a moment; `None` when the run is over.
    ///
    /// A Poisson process of a changing rate: candidates come at the peak rate, and each is kept with the share that the
    /// rate of its moment has in the peak.
    pub(super) fn next(&mut self, after: Moment) -> Option<Arrival> {
        let mut at = after;
        if self.peak <= 0.0 {
            return None;
        }
        loop {
            let wait: f64 = Exp1.sample(&mut self.random);
            at = at.after(Duration::try_from_secs_f64(wait / self.peak).ok()?);
            if at >= self.end {
                return None;
            }
            if self.random.random::<f64>() * self.peak < self.rate(at) {
                return Some(self.message(at));
            }
        }
    }

    fn message(&mut self, at: Moment) -> Arrival {
        let number = self.number;
        self.number += 1;
        let channel = self.channels.pick(self.random.random());
        let (least, most) = self.recipients.get(channel).copied().unwrap_or((1, 1));
        let recipients = if least < most { self.random.random_range(least..=most) } else { least };
        let business = self.businesses.pick(self.random.random());
        Arrival { at, number, channel, business, recipients, salt: self.random.random() }
    }
}

/// By how much the bursts of a moment change the rate. It changes only where a burst begins or ends.
fn burst_factor(traffic: &Traffic, since_start: Duration) -> f64 {
    let on =
        traffic.bursts.iter().filter(|burst| since_start >= burst.start && since_start < burst.start + burst.duration);
    on.map(|burst| burst.factor).product()
}

impl Choice {
    fn new(shares: impl Iterator<Item = f64>) -> Self {
        let sums = shares.scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    /// The place for a number from 0 to 1.
    fn pick(&self, drawn: f64) -> usize {
        let total = self.sums.last().copied().unwrap_or(0.0);
        let place = self.sums.partition_point(|sum| *sum <= drawn * total);
        place.min(self.sums.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{Arrivals, Choice, Moment};
    use crate::simulate::scenario::Scenario;
    use crate::simulate::seed::Seed;

    fn arrivals(traffic: &str) -> Arrivals {
        let text = format!(
            "duration = \"100s\"\n[traffic]\n{traffic}\n[channels.oppo]\nshare = 3\nrecipients = {{ min = 1, max = 3 }}\n\
             [channels.apns]\nshare = 1\n"
        );
        Arrivals::new(&Scenario::parse(&text).unwrap(), Seed(1))
    }

    #[test]
    fn there_are_as_many_messages_as_rate_and_bursts_say() {
        let mut arrivals = arrivals("rate = 100\nbursts = [{ start = \"50s\", duration = \"10s\", factor = 5 }]");
        let (mut now, mut all, mut burst, mut oppo) = (Moment::default(), 0, 0, 0);
        while let Some(arrival) = arrivals.next(now) {
            now = arrival.at;
            all += 1;
            burst += usize::from((50..60).contains(&now.seconds()));
            oppo += usize::from(arrival.channel == 1);
            assert!((1..=3).contains(&arrival.recipients));
        }
        assert!((13_600..14_400).contains(&all), "{all} messages");
        assert!((4_800..5_200).contains(&burst), "{burst} in the burst");
        assert!((oppo as f64 / f64::from(all) - 0.75).abs() < 0.02, "{oppo} of {all} to oppo");
    }

    #[test]
    fn a_place_without_a_share_is_never_picked() {
        let choice = Choice::new([0.0, 1.0, 0.0, 3.0, 0.0].into_iter());
        let picked = [0.0, 0.24, 0.25, 0.999].map(|drawn| choice.pick(drawn));
        assert_eq!(picked, [1, 1, 3, 3]);
    }
}
