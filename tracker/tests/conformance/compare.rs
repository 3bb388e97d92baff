//! The same batches and the same questions to two engines, and the first difference in plain words.

use crate::history::History;
use crate::lifecycle;
use crate::messages::{DAY_0_MS, DAY_MS, DAYS};
use crate::questions::{Answer, Question};
use pointsman_tracker::event::{Event, Facts, Kind};
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Counts, Dimension, Id, Range, Store};
use std::fmt::Debug;
use std::sync::Arc;

/// An engine under test, and what has to live as long as it: a folder, a server.
pub(crate) struct Engine<T> {
    pub(crate) store: Arc<dyn Store>,
    #[expect(dead_code, reason = "it only has to live")]
    pub(crate) holds: T,
}

/// Fails at the first question that an engine answers otherwise than the plain one, with one history a seed. So many questions
/// are asked half way, and as many at its end.
pub(crate) async fn conforms<T>(make: impl AsyncFn() -> Engine<T>, seeds: std::ops::Range<u64>, questions: usize) {
    for seed in seeds {
        let mut history = History::new(seed, 60);
        let events = history.events();
        let (plain, engine) = (Memory::new(lifecycle()), make().await);
        let half = history.batches.len() / 2;
        for (n, batch) in std::mem::take(&mut history.batches).into_iter().enumerate() {
            if n == half {
                ask_all((seed, questions), &mut history, &events, &plain, &*engine.store).await;
            }
            let (expected, got) = (plain.append(batch.clone()).await, engine.store.append(batch).await);
            let (expected, got) = (expected.expect("the plain engine fails never"), got.expect("the batch is taken"));
            assert_eq!(got, expected, "batch {n} of seed {seed}");
        }
        ask_all((seed, questions), &mut history, &events, &plain, &*engine.store).await;
    }
}

async fn ask_all(
    (seed, questions): (u64, usize),
    history: &mut History,
    events: &[Event],
    plain: &Memory,
    engine: &dyn Store,
) {
    for n in 0..questions {
        let question = Question::new(&mut history.chance, events);
        same(&format!("seed {seed}, question {n}"), &question, plain, engine).await;
    }
}

async fn same(place: &str, question: &Question, plain: &Memory, engine: &dyn Store) {
    let expected = question.ask(plain).await.expect("the plain engine fails never");
    let got = match question.ask(engine).await {
        Ok(answer) => answer,
        Err(error) => panic!("{place}: {error:?}\nof {question:?}"),
    };
    let difference = match (&expected, &got) {
        (Answer::Messages(expected), Answer::Messages(got)) => difference(expected, got),
        (Answer::Counts(expected), Answer::Counts(got)) => difference(expected, got),
        (Answer::Cohorts(expected), Answer::Cohorts(got)) => difference(expected, got),
        (Answer::Events(expected), Answer::Events(got)) => difference(expected, got),
        _ => (expected != got).then(|| format!("{expected:?} is expected, and got {got:?}")),
    };
    if let Some(difference) = difference {
        panic!("{place}: {difference}\nof {question:#?}");
    }
}

/// The first place at which two lists differ.
fn difference<T: Debug + PartialEq>(expected: &[T], got: &[T]) -> Option<String> {
    let at = expected.iter().zip(got).position(|(expected, got)| expected != got);
    let at = at.or_else(|| (expected.len() != got.len()).then(|| expected.len().min(got.len())))?;
    let lengths = format!("{} are expected, and got {}", expected.len(), got.len());
    Some(format!("{lengths}; number {at}\nexpected: {:#?}\ngot: {:#?}", expected.get(at), got.get(at)))
}

/// Days that are over can be taken out, and everything of the days after stays as it was.
pub(crate) async fn forgets_whole_days<T>(make: impl AsyncFn() -> Engine<T>, questions: usize) {
    let mut history = History::by_day(11, 12);
    let events = history.events();
    let (plain, engine) = (Memory::new(lifecycle()), make().await);
    for batch in std::mem::take(&mut history.batches) {
        plain.append(batch.clone()).await.expect("the plain engine fails never");
        engine.store.append(batch).await.expect("the batch is taken");
    }
    for day in 1..=DAYS {
        for store in [&plain as &dyn Store, &*engine.store] {
            store.expire(DAY_0_MS + day * DAY_MS).await.expect("days are taken out");
        }
        ask_all((11, questions), &mut history, &events, &plain, &*engine.store).await;
    }
    let all = Range { from_ms: 0, to_ms: DAY_0_MS + 10 * DAY_MS };
    let left = Question::OpenVisits(all, 10).ask(&*engine.store).await.expect("an answer");
    assert_eq!(left, Answer::Events(Vec::new()), "nothing is left");
}

/// Several senders at once, each with the same events in another order: each event is kept once, and counted once.
pub(crate) async fn keeps_what_many_send_at_once<T>(make: impl AsyncFn() -> Engine<T>) {
    let engine = make().await;
    let facts = Facts { kind: Kind::Status, channel: "fcm".to_owned(), status: "sent".to_owned(), ..Facts::default() };
    let facts = Arc::new(facts);
    let event = |n: u64| Event {
        facts: Arc::clone(&facts),
        at_ms: DAY_0_MS + n * 1_000,
        message_id: format!("message {}", n % 10),
        recipient: format!("{n}"),
        ..Event::default()
    };
    let senders = (0..4_usize).map(|sender| {
        let mut events: Vec<Event> = (0..200).map(event).collect();
        events.rotate_left(sender * 50);
        let store = Arc::clone(&engine.store);
        tokio::spawn(async move {
            let mut new = 0;
            for batch in events.chunks(20) {
                new += store.append(batch.to_vec()).await.expect("the batch is taken").new;
            }
            new
        })
    });
    let mut new = 0;
    for sender in senders.collect::<Vec<_>>() {
        new += sender.await.expect("the sender comes to its end");
    }
    assert_eq!(new, 200, "each event was new once");
    let range = Range { from_ms: DAY_0_MS, to_ms: DAY_0_MS + DAY_MS };
    let counts = Counts { range, step_ms: DAY_MS, by: vec![Dimension::Status], only: Vec::new() };
    let counted = engine.store.counts(&counts).await.expect("an answer");
    assert_eq!(counted.iter().map(|count| count.events).sum::<u64>(), 200);
    let found = engine.store.find(&Id::Message("message 3".to_owned()), 10).await.expect("an answer");
    assert_eq!(found.iter().map(|message| message.events.len()).sum::<usize>(), 20);
}
