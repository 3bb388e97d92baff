//! Buckets and what is read off them.

use super::*;

#[test]
fn bounds_grow_and_a_length_lies_below_the_bound_of_its_bucket() {
    let bounds: Vec<u64> = bounds().collect();
    assert_eq!(bounds.len(), usize::from(MAX_BUCKET));
    assert!(bounds.is_sorted_by(|one, next| one < next));
    for ms in [0, 1, 2, 19, 20, 999, 1_000, 20_000, 3_600_000] {
        let bucket = usize::from(bucket(ms));
        assert!(ms < bounds[bucket], "{ms}");
        assert!(bucket == 0 || ms >= bounds[bucket - 1], "{ms}");
    }
    assert_eq!(bucket(u64::MAX), MAX_BUCKET);
}

#[test]
fn a_quantile_is_at_most_a_fifth_above_the_truth() {
    let mut histogram = Histogram::default();
    (1..=1_000).for_each(|ms| histogram.add(ms));
    for (share, truth) in [(0.5, 500), (0.99, 990), (1.0, 1_000)] {
        let told = histogram.quantile(share).unwrap_or_default();
        assert!((truth..=truth * 6 / 5 + 1).contains(&told), "{share}: {told}");
    }
    assert_eq!(Histogram::default().quantile(0.5), None);
}
