//! Which steps are allowed, and that order and repetition leave no trace in a life.

use super::*;
use crate::time::WallClock;
use proptest::prelude::*;

/// Each step between statuses that are built in: from a line to a column. `=` is no step, `+` is allowed, `!` is not.
const STEPS: &str = "
             submitted sending sent failed delivered read
submitted            =       +    +      +         +    +
sending              !       =    +      +         +    +
sent                 !       +    =      +         +    +
failed               !       +    +      =         !    !
delivered            !       !    !      !         =    +
read                 !       !    !      !         !    =
";

#[test]
fn each_step_between_statuses_that_are_built_in_is_allowed_or_not_as_the_table_says() {
    let lifecycle = Lifecycle::builtin();
    let mut lines = STEPS.trim_matches('\n').lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let names = lines.next().unwrap();
    assert_eq!(names, lifecycle.names());
    let mut not_allowed = 0;
    for (line, from) in lines.by_ref().zip(lifecycle.all()) {
        assert_eq!((line[0], line.len()), (lifecycle.name(from), 1 + names.len()));
        for (mark, to) in line[1..].iter().zip(lifecycle.all()) {
            let found = if from == to {
                "="
            } else if lifecycle.allows(from, to) {
                "+"
            } else {
                "!"
            };
            assert_eq!(found, *mark, "{} -> {}", lifecycle.name(from), lifecycle.name(to));
            not_allowed += usize::from(found == "!");
        }
    }
    assert_eq!((lines.next(), lifecycle.conflicts()), (None, not_allowed));
    assert!(lifecycle.all().all(|status| lifecycle.allows(status, status)));
}

#[test]
fn names_and_ranks_are_those_of_the_document() {
    let lifecycle = with_custom();
    let ranks: Vec<(&str, u8)> =
        lifecycle.all().map(|status| (lifecycle.name(status), lifecycle.rank(status))).collect();
    let expected = [
        ("submitted", 0),
        ("sending", 10),
        ("sent", 10),
        ("failed", 10),
        ("delivered", 20),
        ("read", 30),
        ("suppressed", 10),
        ("clicked", 40),
    ];
    assert_eq!(ranks, expected);
    assert!(lifecycle.all().all(|status| lifecycle.by_name(lifecycle.name(status)) == Some(status)));
    assert_eq!(lifecycle.by_name("opened"), None);
    assert_eq!((lifecycle.name(Status::Custom(2)), lifecycle.rank(Status::Custom(255))), ("unknown", 0));
    assert!(!lifecycle.allows(Status::Submitted, Status::Custom(2)));
}

/// The statuses that are built in, `suppressed` after `submitted`, and `clicked` after `read`.
fn with_custom() -> Lifecycle {
    let mut lifecycle = Lifecycle::builtin();
    lifecycle.add("suppressed", 10).unwrap();
    let clicked = lifecycle.add("clicked", 40).unwrap();
    lifecycle.allow(Status::Read, clicked);
    lifecycle
}

#[test]
fn a_custom_status_follows_what_it_names_and_is_followed_by_what_ranks_higher() {
    let lifecycle = with_custom();
    let (suppressed, clicked) = (Status::Custom(0), Status::Custom(1));
    assert!(lifecycle.allows(Status::Submitted, clicked) && lifecycle.allows(Status::Read, clicked));
    assert!(!lifecycle.allows(Status::Delivered, clicked) && !lifecycle.allows(clicked, Status::Read));
    assert!(lifecycle.allows(suppressed, Status::Delivered) && lifecycle.allows(suppressed, clicked));
    assert!(!lifecycle.allows(suppressed, Status::Sent), "a rank that is not higher");
    let mut lifecycle = Lifecycle::builtin();
    let added: Vec<bool> = (0..=MAX_CUSTOM).map(|number| lifecycle.add(&number.to_string(), 0).is_some()).collect();
    assert_eq!(added.iter().filter(|added| **added).count(), MAX_CUSTOM);
}

fn life(events: &[(Status, u64)]) -> Life {
    let mut life = Life::default();
    for (status, ms) in events {
        life.event(*status, WallClock(ms * 1_000_000));
    }
    life
}

#[test]
fn stories_end_where_they_should() {
    use Status::{Delivered, Failed, Read, Sending, Sent, Submitted};
    type Case = (&'static str, &'static [(Status, u64)], Status, &'static [(Status, Status)]);
    let cases: [Case; 10] = [
        ("as it should be", &[(Submitted, 1), (Sending, 2), (Sent, 3), (Delivered, 4), (Read, 5)], Read, &[]),
        ("the vendor tells of less", &[(Sent, 1), (Read, 3)], Read, &[]),
        ("another channel takes it", &[(Sent, 1), (Failed, 2), (Sending, 3), (Sent, 4)], Sent, &[]),
        ("it fails after all", &[(Sending, 1), (Sent, 2), (Failed, 3)], Failed, &[]),
        ("a report comes late", &[(Sent, 1), (Read, 3), (Delivered, 2)], Read, &[]),
        ("a report is repeated later", &[(Delivered, 1), (Read, 2), (Delivered, 3)], Read, &[]),
        ("it is sent once more", &[(Delivered, 1), (Sent, 2)], Delivered, &[(Delivered, Sent)]),
        ("it had failed", &[(Sent, 1), (Failed, 2), (Delivered, 3)], Delivered, &[(Failed, Delivered)]),
        ("all at once", &[(Read, 1), (Delivered, 1), (Sent, 1), (Sending, 1)], Read, &[]),
        ("no end", &[(Read, 1), (Delivered, 2), (Failed, 3)], Read, &[(Read, Delivered), (Delivered, Failed)]),
    ];
    let lifecycle = Lifecycle::builtin();
    for (name, events, status, conflicts) in cases {
        let life = life(events);
        assert_eq!(life.status(&lifecycle), Some(status), "{name}");
        assert_eq!(life.conflicts(&lifecycle).collect::<Vec<_>>(), conflicts, "{name}");
    }
    assert_eq!(Life::default().status(&lifecycle), None);
}

#[test]
fn what_the_lifecycle_does_not_have_is_kept_and_says_nothing() {
    let known = life(&[(Status::Sent, 1), (Status::Custom(1), 2)]);
    assert_eq!(known.status(&Lifecycle::builtin()), Some(Status::Sent));
    assert_eq!(known.conflicts(&Lifecycle::builtin()).count(), 0);
    assert_eq!(known.status(&with_custom()), Some(Status::Custom(1)));
    assert_eq!(
        life(&[(Status::Custom(10), 1), (Status::Custom(255), 1)]),
        Life::default(),
        "there can be none of these"
    );
}

#[test]
fn a_life_is_as_short_as_it_can_be_and_never_longer_than_its_bound() {
    assert_eq!(Life::default().encode().len(), 4);
    assert_eq!(life(&[(Status::Sent, 1), (Status::Delivered, 2), (Status::Read, 3)]).encode().len(), 22);
    let all = (0..MAX_STATUSES).filter_map(Status::at).flat_map(|status| [(status, 1), (status, 2)]);
    assert_eq!(life(&all.collect::<Vec<_>>()).encode().len(), MAX_LIFE_BYTES);
}

fn events() -> impl Strategy<Value = Vec<(Status, WallClock)>> {
    let status = (0..8_usize).prop_map(|index| Status::at(index).unwrap());
    // Few milliseconds, so that many are at once; and any time at all.
    let time = prop_oneof![4 => (0..12_u64).prop_map(|ms| ms * 1_000_000), 1 => any::<u64>()];
    prop::collection::vec((status, time.prop_map(WallClock)), 0..12)
}

fn lived(events: &[(Status, WallClock)]) -> Life {
    let mut life = Life::default();
    events.iter().for_each(|(status, at)| life.event(*status, *at));
    life
}

/// The same by all events, of which none is forgotten.
fn status_by_all_events(lifecycle: &Lifecycle, events: &[(Status, WallClock)]) -> Option<Status> {
    let key = |(status, at): &&(Status, WallClock)| (lifecycle.rank(*status), at.0 / 1_000_000, *status);
    events.iter().max_by_key(key).map(|(status, _)| *status)
}

proptest! {
    #[test]
    fn any_order_and_any_repetition_of_events_makes_the_same_life(
        (events, shuffled) in events().prop_flat_map(|events| {
            let repeated = prop::sample::subsequence(events.clone(), 0..=events.len());
            let twice = repeated.prop_map({
                let events = events.clone();
                move |repeated| events.iter().copied().chain(repeated).collect::<Vec<_>>()
            });
            (Just(events), twice.prop_shuffle())
        })
    ) {
        let lifecycle = with_custom();
        let (one, other) = (lived(&events), lived(&shuffled));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.status(&lifecycle), other.status(&lifecycle));
        prop_assert!(one.conflicts(&lifecycle).eq(other.conflicts(&lifecycle)));
        prop_assert_eq!(one.encode(), other.encode());
    }

    #[test]
    fn the_status_is_that_of_all_events(events in events()) {
        let lifecycle = with_custom();
        prop_assert_eq!(lived(&events).status(&lifecycle), status_by_all_events(&lifecycle, &events));
    }

    #[test]
    fn no_report_moves_a_status_backwards(events in events()) {
        let lifecycle = with_custom();
        let mut life = Life::default();
        for (count, (status, at)) in events.iter().enumerate() {
            let before = life.status(&lifecycle);
            life.event(*status, *at);
            let after = life.status(&lifecycle);
            prop_assert!(after.map(|after| lifecycle.rank(after)) >= before.map(|before| lifecycle.rank(before)));
            prop_assert!(after == before || after == Some(*status), "nobody told of {:?}", after);
            let was_later = |(_, known): &(Status, WallClock)| known.0 / 1_000_000 > at.0 / 1_000_000;
            let same_rank = before.is_some_and(|before| lifecycle.rank(before) == lifecycle.rank(*status));
            let of_now = events.iter().take(count).filter(|(known, _)| Some(*known) == before);
            if same_rank && of_now.copied().any(|event| was_later(&event)) {
                prop_assert_eq!(before, after, "a late report");
            }
        }
    }

    #[test]
    fn only_steps_that_are_not_allowed_are_conflicts(events in events()) {
        let lifecycle = with_custom();
        let life = lived(&events);
        let seen = |status| events.iter().any(|(known, _)| *known == status);
        for (from, to) in life.conflicts(&lifecycle) {
            prop_assert!(seen(from) && seen(to) && !lifecycle.allows(from, to));
        }
    }

    #[test]
    fn merging_is_in_any_order_in_any_groups_and_as_often_as_you_like(a in events(), b in events(), c in events()) {
        let merged = |lives: &[&Life]| {
            let mut all = Life::default();
            lives.iter().for_each(|life| all.merge(life));
            all
        };
        let together = lived(&[a.clone(), b.clone(), c.clone()].concat());
        let (a, b, c) = (lived(&a), lived(&b), lived(&c));
        prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
        prop_assert_eq!(merged(&[&merged(&[&a, &b]), &c]), merged(&[&a, &merged(&[&b, &c])]));
        prop_assert_eq!(&merged(&[&a, &a]), &a);
        prop_assert_eq!(merged(&[&a, &b, &c]), together);
    }

    #[test]
    fn a_life_comes_back_from_its_bytes(events in events()) {
        let life = lived(&events);
        let bytes = life.encode();
        prop_assert!(bytes.len() <= MAX_LIFE_BYTES);
        prop_assert_eq!(Life::decode(&bytes), Some(life));
    }

    #[test]
    fn bytes_that_no_life_has_made_are_none(events in events(), cut in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = lived(&events).encode();
        prop_assert_eq!(Life::decode(&bytes[..cut.index(bytes.len())]), None);
        let changed = cut.index(bytes.len());
        bytes[changed] = byte;
        if let Some(life) = Life::decode(&bytes) {
            prop_assert_eq!(life.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..=2 * MAX_LIFE_BYTES)) {
        let life = Life::decode(&bytes);
        if let Some(life) = life {
            prop_assert_eq!(life.encode(), bytes);
        }
    }
}
