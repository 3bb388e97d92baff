//! One message with very many events.

use crate::history::{DAY_0_MS, DAY_MS, open, same};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::event::{Event, Facts, Kind, SpanId};
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Id, Store};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn events(numbers: std::ops::Range<u64>) -> Vec<Event> {
    let facts = |kind, status: &str| {
        Arc::new(Facts { kind, status: status.to_owned(), node: "OUT".to_owned(), ..Facts::default() })
    };
    let (enter, failed) = (facts(Kind::Enter, ""), facts(Kind::Status, "failed"));
    numbers
        .map(|number| Event {
            facts: Arc::clone(if number % 2 == 0 { &enter } else { &failed }),
            at_ms: DAY_0_MS + number * 250,
            message_id: "large".to_owned(),
            recipient: format!("{:032x}", number / 2),
            span_id: SpanId::from_bytes(&(number / 2 + 1).to_be_bytes()),
            rest: format!("{{\"n\":{number}}}"),
            ..Event::default()
        })
        .collect()
}

#[tokio::test]
async fn a_message_with_10_000_events_is_kept_in_little_time_however_it_comes() {
    let directory = tempfile::tempdir().expect("directory");
    let store = open(directory.path());
    let plain = Memory::new(Lifecycle::builtin());
    let began = Instant::now();
    let mut batches = vec![events(0..5_000)];
    batches.extend((5_000..10_000).step_by(50).map(|first| events(first - 10..first + 50)));
    for batch in batches {
        let expected = plain.append(batch.clone()).await.expect("appended");
        assert_eq!(store.append(batch).await.expect("appended"), expected);
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    drop(store);
    let store = open(directory.path());
    let found = store.find(&Id::Message("large".to_owned()), 2).await.expect("found");
    let expected = plain.find(&Id::Message("large".to_owned()), 2).await.expect("found");
    assert_eq!(found.iter().map(|message| message.events.len()).collect::<Vec<_>>(), [10_000]);
    assert_eq!(found, expected);
    same(&store, &plain, DAY_0_MS + DAY_MS).await;
}
