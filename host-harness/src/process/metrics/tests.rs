//! Metrics: what each kind takes, what names share, where histograms put a value.

use super::{BucketSetting, DEFAULT_BUCKETS, Distribution, Metric, MetricError, Metrics, Reading};
use crate::abi::MetricKind::{self, Counter, Gauge, Histogram};
use std::sync::Arc;

const BAD: Result<u64, MetricError> = Err(MetricError::BadArgument);

/// A host call on a metric.
type Call<'a> = &'a dyn Fn(&Metric) -> Result<(), MetricError>;

/// Runs calls on a new metric; each gives what the metric says after it.
fn check(kind: MetricKind, calls: &[(Call<'_>, Result<u64, MetricError>)]) {
    let metric = Metrics::default().define(kind, "m");
    for (index, (call, expected)) in calls.iter().enumerate() {
        assert_eq!(call(&metric).and_then(|()| metric.get()), *expected, "{kind:?}, call {index}");
    }
}

/// A call for [`check`].
fn add(offset: i64) -> impl Fn(&Metric) -> Result<(), MetricError> {
    move |metric| metric.increment(offset)
}

/// A call for [`check`].
fn record(value: u64) -> impl Fn(&Metric) -> Result<(), MetricError> {
    move |metric| {
        metric.record(value);
        Ok(())
    }
}

#[test]
fn each_kind_takes_the_calls_that_envoy_lets_it_take() {
    check(Counter, &[(&add(2), Ok(2)), (&add(0), BAD), (&add(-1), BAD), (&record(5), Ok(7)), (&record(0), Ok(7))]);
    check(
        Gauge,
        &[
            (&add(2), Ok(2)),
            (&add(0), Ok(2)),
            (&add(-1), Ok(1)),
            (&record(9), Ok(9)),
            (&add(i64::MIN), Ok((1 << 63) + 9)),
        ],
    );
    check(Histogram, &[(&add(1), BAD), (&add(-1), BAD), (&record(1), BAD)]);
}

#[test]
fn a_gauge_below_zero_wraps_around_and_comes_back() {
    check(Gauge, &[(&add(-1), Ok(u64::MAX)), (&add(1), Ok(0))]);
}

#[test]
fn one_name_is_one_metric_for_each_kind() {
    let metrics = Metrics::default();
    let first = metrics.define(Counter, "m");
    first.record(3);
    assert!(Arc::ptr_eq(&first, &metrics.define(Counter, "m")));
    assert!(metrics.find(Gauge, "m").is_none());
    metrics.define(Gauge, "m").record(4);
    metrics.define(Counter, "a=.=b;.;m");
    let expected = [("a=.=b;.;m", Reading::Counter(0)), ("m", Reading::Counter(3)), ("m", Reading::Gauge(4))];
    assert_eq!(metrics.readings(), expected.map(|(name, reading)| (name.to_owned(), reading)));
}

/// The bounds and counts of the buckets that hold something.
fn filled(metric: &Metric) -> (Vec<(f64, u64)>, u64, u64) {
    let Reading::Histogram(Distribution { buckets, above, sum }) = metric.read() else { panic!("no histogram") };
    (buckets.into_iter().filter(|(_, count)| *count > 0).collect(), above, sum)
}

#[test]
fn a_value_lies_in_the_first_bucket_whose_bound_it_does_not_exceed() {
    let metric = Metrics::default().define(Histogram, "m");
    [0, 1, 1, 2, 5, 3_600_001, 3_700_000].into_iter().for_each(|value| metric.record(value));
    assert_eq!(filled(&metric), (vec![(0.5, 1), (1.0, 2), (5.0, 2), (3_600_000.0, 1)], 1, 7_300_010));
    assert_eq!(metric.read(), metric.read());
}

#[test]
fn the_sum_stays_at_the_largest_number() {
    let metric = Metrics::default().define(Histogram, "m");
    [u64::MAX, 1].into_iter().for_each(|value| metric.record(value));
    assert_eq!(filled(&metric), (vec![(1.0, 1)], 1, u64::MAX));
}

#[test]
fn the_first_setting_that_fits_gives_the_buckets() {
    let setting = |prefix: &str, bounds: &[f64]| BucketSetting { prefix: prefix.to_owned(), bounds: bounds.to_vec() };
    let metrics = Metrics::with_buckets(vec![setting("a_", &[3.0, 1.0, f64::NAN, 3.0]), setting("a", &[7.0])]);
    let bounds = |name| match metrics.define(Histogram, name).read() {
        Reading::Histogram(histogram) => histogram.buckets.into_iter().map(|(bound, _)| bound).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(bounds("a_b"), [1.0, 3.0]);
    assert_eq!(bounds("ab"), [7.0]);
    assert_eq!(bounds("b"), DEFAULT_BUCKETS);
}

#[test]
fn what_is_too_much_works_but_is_not_listed() {
    let metrics = Metrics::default();
    for number in 0..Metrics::MAX_METRICS {
        metrics.define(Counter, &number.to_string());
    }
    let more = metrics.define(Counter, "more");
    more.record(1);
    assert_eq!((more.get(), metrics.unlisted(), metrics.readings().len()), (Ok(1), 1, Metrics::MAX_METRICS));
    assert!(Arc::ptr_eq(&metrics.define(Counter, "7"), &metrics.define(Counter, "7")));
}

#[test]
fn the_bytes_of_names_are_bounded() {
    let metrics = Metrics::default();
    metrics.define(Counter, &"x".repeat(Metrics::MAX_NAME_BYTES + 1));
    assert_eq!((metrics.unlisted(), metrics.readings().len()), (1, 0));
}
