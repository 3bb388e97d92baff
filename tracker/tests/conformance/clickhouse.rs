//! What only ClickHouse can get wrong: keys that its tables make themselves, answers that get lost, limits, passwords.

use crate::chdb::Server;
use crate::history::History;
use crate::lifecycle;
use crate::messages::{DAY_0_MS, DAY_MS, DAYS};
use pointsman_tracker::event::Event;
use pointsman_tracker::store::clickhouse::{ClickHouse, Password, Settings};
use pointsman_tracker::store::{Counts, Filter, Range, Search, Store as _, StoreError};

async fn open(settings: Settings) -> ClickHouse {
    ClickHouse::open(settings, lifecycle()).await.expect("the database is opened")
}

const fn all() -> Range {
    Range { from_ms: 0, to_ms: DAY_0_MS + (DAYS + 4) * DAY_MS }
}

async fn counted(store: &ClickHouse) -> u64 {
    let counts = Counts { range: all(), step_ms: DAY_MS, by: Vec::new(), only: Vec::new() };
    store.counts(&counts).await.expect("an answer").iter().map(|count| count.events).sum()
}

fn events_of_messages() -> Vec<Event> {
    let events = History::new(21, 40).events();
    events.into_iter().filter(|event| !event.facts.kind.is_history()).collect()
}

#[tokio::test]
async fn who_inserts_without_the_tracker_gets_the_same_keys_and_identities() {
    let server = Server::start();
    let store = open(server.settings()).await;
    let new = store.append(History::new(3, 60).events()).await.expect("the batch is taken").new;
    let client = ::clickhouse::Client::default().with_url(server.settings().url).with_database("pointsman");
    let run = async |sql: &str| client.query_raw(sql).execute().await.expect("the statement is taken");
    run("CREATE TABLE made AS events").await;
    let others = client.query_raw(
        "SELECT name FROM system.columns WHERE database = 'pointsman' AND table = 'events'
            AND name NOT IN ('key', 'identity', 'subject')",
    );
    let others = others.fetch_all::<String>().await.expect("columns").join(", ");
    run(&format!("INSERT INTO made ({others}) SELECT {others} FROM events")).await;
    let same = "SELECT count() FROM made WHERE (key, identity, subject, at, rest) IN (
        SELECT key, identity, subject, at, rest FROM events)";
    let same: u64 = client.query_raw(same).fetch_one().await.expect("a number");
    assert_eq!(usize::try_from(same).expect("a small number"), new);
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_counted_once() {
    let server = Server::start_with(None, 2);
    let store = open(server.settings()).await;
    let events = events_of_messages();
    let first = store.append(events.clone()).await.expect("the third try is answered");
    let again = store.append(events).await.expect("the batch is taken");
    assert_eq!((again.new, again.repeated), (0, first.new + first.repeated));
    assert_eq!(counted(&store).await, first.new as u64);
}

#[tokio::test]
async fn a_database_that_is_opened_again_has_what_it_had() {
    let server = Server::start();
    let first = open(server.settings()).await.append(events_of_messages()).await.expect("the batch is taken");
    let shorter = Settings { retention_days: 3_000, ..server.settings() };
    let store = open(shorter).await;
    assert_eq!(counted(&store).await, first.new as u64);
    assert!(store.health().await.expect("an answer").disk_bytes > 0);
}

#[tokio::test]
async fn what_would_look_through_too_much_is_refused() {
    let server = Server::start();
    let store = open(Settings { max_scan: 20, ..server.settings() }).await;
    store.append(events_of_messages()).await.expect("the batch is taken");
    let (filter, range) = (Filter::default(), all());
    let search = Search { range, filter, now: None, doubled: None, after: None, limit: 1_000 };
    let refused = store.search(&search).await.err();
    assert!(matches!(refused, Some(StoreError::TooMuch { most: 20, events: 21.., .. })), "{refused:?}");
    let refused = store.cohorts(range, DAY_MS).await.err();
    assert!(matches!(refused, Some(StoreError::TooMuch { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_has_gone_is_busy_and_a_wrong_password_is_a_fault() {
    let server = Server::start_with(Some("right horse"), 0);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let with = |password: &str| {
        let file = folder.path().join("password");
        std::fs::write(&file, password).expect("it can be written");
        Settings { password: Password::File(file), ..server.settings() }
    };
    let refused = ClickHouse::open(with("wrong horse"), lifecycle()).await.err();
    let Some(StoreError::Broken { reason }) = refused else { panic!("{refused:?}") };
    assert!(reason.contains("516") && !reason.contains("horse"), "{reason}");
    let store = open(with("right horse\n")).await;
    drop(server);
    let gone = store.append(events_of_messages()).await.err();
    assert!(matches!(gone, Some(StoreError::Busy { .. })), "{gone:?}");
}
