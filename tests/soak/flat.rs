//! Whether a series of figures is flat once the first third, the warm-up, is over.

/// How much more the last third may reach than the middle one.
const MAX_GROWTH: f64 = 1.1;

/// The greatest figure of the middle third and of the last; `None` for fewer than three figures.
pub(crate) fn peaks(figures: &[u64]) -> Option<(u64, u64)> {
    let third = figures.len() / 3;
    let (middle, last) = figures.get(third..)?.split_at_checked(third)?;
    Some((*middle.iter().max()?, *last.iter().max()?))
}

/// Whether the last third stays within the middle one's peak, with a tenth and `slack` of room.
pub(crate) fn is_flat(figures: &[u64], slack: u64) -> bool {
    peaks(figures).is_some_and(|(middle, last)| last as f64 <= middle as f64 * MAX_GROWTH + slack as f64)
}

/// How much a figure rises from one to the next over the second half, by least squares.
pub(crate) fn slope(figures: &[u64]) -> f64 {
    let half = figures.get(figures.len() / 2..).unwrap_or_default();
    let count = half.len() as f64;
    let (mean_x, mean_y) = ((count - 1.0) / 2.0, half.iter().sum::<u64>() as f64 / count);
    let (mut covariance, mut variance) = (0.0, 0.0);
    for (x, y) in half.iter().enumerate().map(|(x, y)| (x as f64 - mean_x, *y as f64 - mean_y)) {
        covariance += x * y;
        variance += x * x;
    }
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_is_no_growth() {
        let figures = [10, 50, 90, 100, 98, 100, 99, 105, 109];
        assert_eq!(peaks(&figures), Some((100, 109)));
        assert!(is_flat(&figures, 0));
    }

    #[test]
    fn what_goes_on_growing_is_not_flat() {
        let figures: Vec<u64> = (0..90).collect();
        assert!(!is_flat(&figures, 0));
        assert!((slope(&figures) - 1.0).abs() < 1e-9);
        assert!(slope(&[7; 10]).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_known_of_too_few() {
        assert_eq!(peaks(&[1, 2]), None);
        assert!(!is_flat(&[], 0));
    }
}
