//! What receipts tell of a message, one after the other and in any order.

use super::{Memory, Tied};
use crate::board::SharedData;
use crate::lifecycle::{Life, Lifecycle, MAX_LIFE_BYTES, Status};
use crate::slots::MAX_VALUE_BYTES;
use crate::time::{Monotonic, WallClock};

const _: () = assert!(MAX_LIFE_BYTES <= MAX_VALUE_BYTES);

/// The time of what a receipt reports without saying when it has happened. The time of its arrival would be none: receipts
/// overtake each other and come again. So these are put together by rank, and within one by the order of the statuses, and any
/// order of arrival ends in the same.
pub const UNTIMED: WallClock = WallClock(1_000_000);

/// What a receipt has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Where the message was, as far as was known.
    pub before: Option<Status>,
    /// Where it is: never lower than before.
    pub after: Option<Status>,
    /// A step from or to the reported status that is not allowed, if the report has brought it up. Two reports that only come
    /// in the wrong order are none: when something has happened is seldom told, so the one may just be late.
    pub conflict: Option<(Status, Status)>,
}

impl Memory {
    /// Adds what a receipt says to what is known of a message: `of` names the channel, the vendor's id and, where the
    /// receipt is of one among several, the recipient, of whom only a keyed hash is kept. The same receipt again changes
    /// nothing.
    ///
    /// What is tied was sent, and before anything is told of it: the vendor's clock may be behind ours.
    pub fn report(
        &self,
        lifecycle: &Lifecycle,
        of: (&str, &str, Option<&str>),
        event: (Status, WallClock),
        tied: Option<&Tied>,
        now: Monotonic,
        shared: &mut dyn SharedData,
    ) -> Reported {
        let (channel, vendor_id, recipient) = of;
        let key = self.slot("life", [channel, vendor_id, recipient.unwrap_or_default()]);
        let mut reported = Reported::default();
        self.lives.update(&key, now, shared, &mut |value| {
            let mut life = value.and_then(Life::decode).unwrap_or_default();
            if tied.is_some() {
                life.event(Status::Sent, WallClock(0));
            }
            let mut next = life.clone();
            next.event(event.0, event.1);
            reported = Reported {
                before: life.status(lifecycle),
                after: next.status(lifecycle),
                conflict: next
                    .conflicts(lifecycle)
                    .find(|step| {
                        let is_news = life.conflicts(lifecycle).all(|known| known != *step);
                        is_news && (step.0 == event.0 || step.1 == event.0) && !lifecycle.allows(step.1, step.0)
                    })
                    // From what was known, whichever of the two is the later one.
                    .map(|step| if step.0 == event.0 { (step.1, step.0) } else { step }),
            };
            Some(next.encode())
        });
        reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::tests::Store;
    use crate::trace::{SpanId, TraceId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const REPORTED: [Status; 5] = [Status::Sending, Status::Sent, Status::Failed, Status::Delivered, Status::Read];

    /// Where reports in this order end, with every conflict that they have brought up.
    fn end(reports: &[usize]) -> (Option<Status>, BTreeSet<(&str, &str)>) {
        let (lifecycle, mut shared) = (Lifecycle::builtin(), Store::default());
        let mut memory = Memory::new(16, Duration::from_secs(600));
        memory.load([7; 16], &mut shared);
        let mut last = None;
        let mut conflicts = BTreeSet::new();
        for status in reports.iter().filter_map(|index| REPORTED.get(*index)) {
            let of = ("oppo", "v-1", Some("a"));
            let reported = memory.report(&lifecycle, of, (*status, UNTIMED), None, Monotonic(1), &mut shared);
            last = reported.after;
            // Which of the two was reported first is all that the order may change.
            conflicts.extend(reported.conflict.is_some().then_some(("failed", "arrived")));
        }
        (last, conflicts)
    }

    /// Where reports in this order end that tell their times, in seconds, and which conflicts are then known.
    fn life(reports: &[(usize, u64)], is_tied: bool) -> (Option<Status>, Vec<(Status, Status)>) {
        let (lifecycle, mut shared) = (Lifecycle::builtin(), Store::default());
        let memory = Memory::new(16, Duration::from_secs(600));
        let sent = Tied {
            message_id: "order-42".to_owned(),
            tenant: None,
            trace: TraceId::from_bytes([1; 16]).unwrap(),
            span: SpanId::from_bytes([1; 8]).unwrap(),
            sent_at: WallClock(0),
        };
        let (of, tied) = (("oppo", "v-1", None), Some(&sent).filter(|_| is_tied));
        let mut last = None;
        for (index, second) in reports {
            let event = (REPORTED[*index], WallClock(second * 1_000_000_000));
            last = memory.report(&lifecycle, of, event, tied, Monotonic(1), &mut shared).after;
        }
        let found = memory.lives.find(&memory.slot("life", ["oppo", "v-1", ""]), Monotonic(1), &mut shared).unwrap();
        let life = Life::decode(&found).unwrap();
        (last, life.conflicts(&lifecycle).collect())
    }

    proptest! {
        #[test]
        fn any_order_and_repetition_of_receipts_ends_in_the_same(
            (one, other) in prop::collection::vec(0..REPORTED.len(), 1..8).prop_flat_map(|reports| {
                let again = prop::collection::vec(prop::sample::select(reports.clone()), 0..8);
                (Just(reports.clone()), (Just(reports).prop_shuffle(), again).prop_map(|(mut order, again)| {
                    order.extend(again);
                    order
                }))
            })
        ) {
            prop_assert_eq!(end(&one), end(&other));
        }

        #[test]
        fn where_receipts_tell_their_times_any_order_and_repetition_leaves_the_same_life(
            (one, other) in prop::collection::vec((0..REPORTED.len(), 1..20_u64), 1..8).prop_flat_map(|reports| {
                let again = prop::collection::vec(prop::sample::select(reports.clone()), 0..8);
                (Just(reports.clone()), (Just(reports).prop_shuffle(), again).prop_map(|(mut order, again)| {
                    order.extend(again);
                    order
                }))
            }),
            is_tied in any::<bool>(),
        ) {
            prop_assert_eq!(life(&one, is_tied), life(&other, is_tied));
        }
    }
}
