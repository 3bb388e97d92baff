//! Days that go, the files that are left of them, and what comes a day late.

use crate::history::{DAY_0_MS, DAY_MS, batch, same};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::event::{Event, Facts, Kind};
use pointsman_tracker::store::embedded::{Embedded, Settings};
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Id, Store};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

fn status(id: &str, status: &str, at_ms: u64) -> Event {
    let facts = Facts { kind: Kind::Status, status: status.to_owned(), channel: "oppo".to_owned(), ..Facts::default() };
    Event { facts: facts.into(), message_id: id.to_owned(), at_ms, ..Event::default() }
}

fn columns(path: &Path) -> (BTreeSet<(i64, String, String)>, usize) {
    let reader = SerializedFileReader::new(File::open(path).expect("file")).expect("a Parquet file");
    let names: Vec<String> =
        reader.metadata().file_metadata().schema_descr().columns().iter().map(|one| one.name().to_owned()).collect();
    let place = |name: &str| names.iter().position(|one| one == name).expect("a column");
    let (at, id, status) = (place("at_ms"), place("message_id"), place("status"));
    let mut rows = BTreeSet::new();
    let mut count = 0;
    for row in reader.get_row_iter(None).expect("rows") {
        let row = row.expect("row");
        let text = |place| row.get_string(place).expect("text").clone();
        rows.insert((row.get_long(at).expect("number"), text(id), text(status)));
        count += 1;
    }
    (rows, count)
}

#[tokio::test]
async fn a_day_that_goes_is_left_as_a_file_with_each_of_its_events_once() {
    let (directory, archive) = (tempfile::tempdir().expect("directory"), tempfile::tempdir().expect("directory"));
    let archive = archive.path().join("old");
    let settings = Settings { archive: Some(archive.clone()), ..Settings::in_directory(directory.path()) };
    let store = Embedded::open(settings, Lifecycle::builtin()).expect("store");
    let day = |days: u64| DAY_0_MS + days * DAY_MS;
    let old = [("a", "submitted", day(0) + 5), ("a", "sent", day(0) + 9), ("b", "submitted", day(1) - 1)];
    let new = [("c", "submitted", day(1))];
    for (id, name, at_ms) in old.into_iter().chain(new).chain(old) {
        store.append(vec![status(id, name, at_ms)]).await.expect("appended");
    }
    store.expire(day(1) - 1).await.expect("nothing is over yet");
    assert!(!archive.exists());
    store.expire(day(1)).await.expect("the first day goes");
    let (rows, count) = columns(&archive.join("events-2026-11-20.parquet"));
    let expected = old.map(|(id, name, at_ms)| (at_ms as i64, id.to_owned(), name.to_owned()));
    assert_eq!((rows, count), (BTreeSet::from(expected), 3));
    let find = async |id: &str| store.find(&Id::Message(id.to_owned()), 10).await.expect("found").len();
    assert_eq!([find("a").await, find("b").await, find("c").await], [0, 0, 1]);

    // One that comes after its day has gone gets another file.
    store.append(vec![status("d", "submitted", day(0))]).await.expect("appended");
    store.expire(day(1)).await.expect("it goes again");
    let (rows, count) = columns(&archive.join("events-2026-11-20-2.parquet"));
    assert_eq!((rows, count), (BTreeSet::from([(day(0) as i64, "d".to_owned(), "submitted".to_owned())]), 1));
    let files = std::fs::read_dir(&archive).expect("files").count();
    assert_eq!(files, 2, "nothing that is half written is left");
}

#[tokio::test]
async fn what_goes_is_gone_from_the_disk_and_after_a_start_too() {
    let directory = tempfile::tempdir().expect("directory");
    let settings = Settings::in_directory(directory.path());
    let size = |path: &Path| {
        let folders = std::fs::read_dir(path.join("keyspaces")).expect("folders");
        folders.count()
    };
    let store = Embedded::open(settings.clone(), Lifecycle::builtin()).expect("store");
    for n in 0..300 {
        store.append(batch(0, n)).await.expect("appended");
    }
    let before = size(directory.path());
    store.expire(DAY_0_MS + 2 * DAY_MS).await.expect("two days go");
    drop(store);
    let store = Embedded::open(settings, Lifecycle::builtin()).expect("store");
    assert_eq!(size(directory.path()), before - 6, "three folders of each day");
    let gone = store.find(&Id::Message(format!("{:032x}", 5)), 10).await.expect("found");
    assert!(gone.is_empty());
    let plain = Memory::new(Lifecycle::builtin());
    let late = vec![status("late", "sent", DAY_0_MS + 3 * DAY_MS)];
    assert_eq!(store.append(late.clone()).await.expect("appended").new, 1);
    assert_eq!(plain.append(late).await.expect("appended").new, 1);
    let id = Id::Message("late".to_owned());
    assert_eq!(store.find(&id, 1).await.expect("found"), plain.find(&id, 1).await.expect("found"));
}

#[tokio::test]
async fn what_comes_a_day_late_stands_with_the_rest_of_its_message_and_is_counted_in_its_own_minute() {
    let directory = tempfile::tempdir().expect("directory");
    let store = crate::history::open(directory.path());
    let plain = Memory::new(Lifecycle::builtin());
    let noon = DAY_0_MS + DAY_MS / 2;
    let batches = [
        vec![status("a", "sent", noon), status("b", "submitted", noon)],
        vec![status("b", "delivered", noon + DAY_MS), status("a", "submitted", noon - DAY_MS)],
        vec![status("a", "submitted", noon - DAY_MS), status("c", "failed", noon - DAY_MS)],
        vec![status("b", "sent", noon + 1), status("c", "read", noon + 3 * DAY_MS)],
    ];
    for events in batches {
        let expected = plain.append(events.clone()).await.expect("appended");
        assert_eq!(store.append(events).await.expect("appended"), expected);
        same(&store, &plain, DAY_0_MS + 9 * DAY_MS).await;
    }
}
