//! How long a vendor takes to answer.

use std::time::Duration;

use rand_distr::{Distribution as _, LogNormal};

use super::seed::Random;

/// The 99th percentile of the standard normal distribution.
const Z_99: f64 = 2.326_347_874_040_841;

/// A distribution of times.
#[derive(Clone, Copy, Debug)]
pub(super) enum Latency {
    Constant(Duration),
    /// Evenly from the first to the second.
    Uniform(Duration, Duration),
    /// Most answers are quick and a few take very long, as on real networks.
    LogNormal(LogNormal<f64>),
}

impl Latency {
    /// The lognormal distribution with these percentiles; `None` unless 0 < p50 < p99.
    pub(super) fn by_percentiles(p50: Duration, p99: Duration) -> Option<Self> {
        if p50.is_zero() || p99 <= p50 {
            return None;
        }
        let mu = p50.as_secs_f64().ln();
        let sigma = (p99.as_secs_f64().ln() - mu) / Z_99;
        LogNormal::new(mu, sigma).ok().map(Self::LogNormal)
    }

    /// One time, `factor` times as long as usual; to the microsecond.
    pub(super) fn sample(&self, factor: f64, random: &mut Random) -> Duration {
        let seconds = match self {
            Self::Constant(time) => time.as_secs_f64(),
            Self::Uniform(least, most) => {
                let share: f64 = rand::RngExt::random(random);
                least.as_secs_f64() + share * (most.as_secs_f64() - least.as_secs_f64())
            }
            Self::LogNormal(distribution) => distribution.sample(random),
        };
        Duration::try_from_secs_f64((seconds * factor * 1e6).round() / 1e6).unwrap_or(Duration::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::Latency;
    use crate::simulate::seed::Seed;
    use std::time::Duration;

    #[test]
    fn a_lognormal_has_the_percentiles_it_was_made_from() {
        let latency = Latency::by_percentiles(Duration::from_millis(80), Duration::from_millis(400)).unwrap();
        let mut random = Seed(1).stream("test");
        let mut times: Vec<_> = (0..20_000).map(|_| latency.sample(1.0, &mut random).as_millis()).collect();
        times.sort_unstable();
        assert!((77..84).contains(&times[10_000]), "p50 is {}", times[10_000]);
        assert!((360..440).contains(&times[19_800]), "p99 is {}", times[19_800]);
    }

    #[test]
    fn a_factor_stretches_and_a_range_is_kept() {
        let mut random = Seed(1).stream("test");
        let constant = Latency::Constant(Duration::from_millis(30));
        assert_eq!(constant.sample(10.0, &mut random), Duration::from_millis(300));
        let uniform = Latency::Uniform(Duration::from_millis(10), Duration::from_millis(20));
        assert!((0..100).all(|_| (10..=20).contains(&uniform.sample(1.0, &mut random).as_millis())));
    }
}
