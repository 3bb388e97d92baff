//! Who is cut off first when a limit is near: businesses by priority, then by value.

use crate::few;
use crate::plan::Plan;

/// What the least of all businesses must leave free of a limit, per mille of it.
const MOST: u16 = 300;

/// What a message of each business must leave free, in the order of [`Plan::businesses`]: nothing for the highest, the
/// most for the lowest, and in equal steps between.
pub(super) fn of_businesses(plan: &Plan) -> Vec<u16> {
    let ranks: Vec<(u8, u32)> =
        plan.businesses().map(|(_, business)| (business.priority.unwrap_or(0), business.value)).collect();
    let mut order = ranks.clone();
    few::sort(&mut order, Ord::cmp);
    order.dedup();
    let steps = u16::try_from(order.len().saturating_sub(1)).unwrap_or(u16::MAX).max(1);
    let reserve = |rank: &(u8, u32)| {
        let place = order.iter().rev().position(|known| known == rank).unwrap_or(0);
        let place = u16::try_from(place).unwrap_or(u16::MAX).min(steps);
        u16::try_from(u32::from(MOST) * u32::from(place) / u32::from(steps)).unwrap_or(MOST)
    };
    ranks.iter().map(reserve).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_highest_leaves_nothing_and_the_lowest_the_most() {
        let plan = config::load(
            r#"{"service": "push", "businesses": [
                {"name": "order", "priority": 9}, {"name": "promo", "priority": 1, "value": 5},
                {"name": "news", "priority": 1, "value": 2}]}"#,
        )
        .unwrap();
        // The first two are for messages of no business and of one that is not listed.
        assert_eq!(of_businesses(&plan), [300, 300, 0, 100, 200]);
    }
}
