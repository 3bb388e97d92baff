//! Sorted things of which there are few.
//!
//! The library's ways are made for many, and the filter holds each of them once more for every type: about 8 KB for a sort,
//! and for each map that is collected, since that sorts first.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The map of these pairs; of one key the last.
pub(crate) fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(pairs);
    map
}

/// The set of these.
pub(crate) fn set<T: Ord>(elements: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    let mut set = BTreeSet::new();
    set.extend(elements);
    set
}

/// Sorts by insertion. Equal ones stay in their order.
pub(crate) fn sort<T>(list: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    for end in 1..list.len() {
        let split = list.get(..=end).and_then(<[T]>::split_last);
        let at = split.map_or(end, |(last, sorted)| sorted.partition_point(|known| order(known, last).is_le()));
        for place in (at..end).rev() {
            list.swap(place, place.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_library_does(mut list in prop::collection::vec((0_u8..6, any::<u16>()), 0..40)) {
            let mut expected = list.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort(&mut list, |one, other| one.0.cmp(&other.0));
            prop_assert_eq!(list, expected);
        }
    }

    #[test]
    fn the_last_of_one_key_stays() {
        assert_eq!(map([(2, 'a'), (1, 'b'), (2, 'c')]).into_iter().collect::<Vec<_>>(), [(1, 'b'), (2, 'c')]);
        assert_eq!(set([3, 1, 3]).into_iter().collect::<Vec<_>>(), [1, 3]);
    }
}
