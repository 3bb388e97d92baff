//! Every engine answers every question as the plain one does: after histories that are made at random, with all that is nasty in them.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod chdb;
mod clickhouse;
mod compare;
mod history;
mod kafka;
mod messages;
mod questions;
mod words;

use chdb::Server;
use compare::{Engine, conforms, forgets_whole_days, keeps_what_many_send_at_once};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::store::embedded::{Embedded, Settings};
use pointsman_tracker::store::memory::Memory;
use std::sync::Arc;
use tempfile::TempDir;

/// The statuses of all histories: two of a config's own, above and below those that are built in.
fn lifecycle() -> Lifecycle {
    let mut lifecycle = Lifecycle::builtin();
    lifecycle.add("clicked", 40);
    lifecycle.add("parked", 5);
    lifecycle
}

/// The plain engine, as if it were one under test: shows that the same history gives the same answers, whatever the engine.
fn memory() -> Engine<()> {
    Engine { store: Arc::new(Memory::new(lifecycle())), holds: () }
}

fn embedded() -> Engine<TempDir> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = Embedded::open(Settings::in_directory(folder.path()), lifecycle()).expect("the folder is opened");
    Engine { store: Arc::new(store), holds: folder }
}

#[tokio::test]
async fn the_plain_engine_agrees_with_itself() {
    conforms(async || memory(), 1..4, 250).await;
    forgets_whole_days(async || memory(), 100).await;
    keeps_what_many_send_at_once(async || memory()).await;
}

#[tokio::test]
async fn clickhouse_answers_as_the_plain_engine_does() {
    conforms(async || Server::start().engine().await, 1..3, 120).await;
}

#[tokio::test]
async fn clickhouse_forgets_whole_days_and_keeps_what_many_send_at_once() {
    forgets_whole_days(async || Server::start().engine().await, 15).await;
    keeps_what_many_send_at_once(async || Server::start().engine().await).await;
}

#[tokio::test]
async fn the_embedded_engine_answers_as_the_plain_engine_does() {
    conforms(async || embedded(), 1..7, 250).await;
}

#[tokio::test]
async fn the_embedded_engine_forgets_whole_days_and_keeps_what_many_send_at_once() {
    forgets_whole_days(async || embedded(), 100).await;
    keeps_what_many_send_at_once(async || embedded()).await;
}
