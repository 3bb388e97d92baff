//! A process that appends is killed, again and again.

use crate::history::{BATCHES_END_MS, batch, has, open, same};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::store::Store;
use pointsman_tracker::store::memory::Memory;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

const KILLS: u64 = 60;
const SENDERS: usize = 4;
const DIRECTORY: &str = "POINTSMAN_TEST_DIRECTORY";
const FROM: &str = "POINTSMAN_TEST_FROM";

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_when_the_process_is_killed_and_nothing_is_doubled() {
    let directory = tempfile::tempdir().expect("directory");
    // Of each sender the batches that were acknowledged.
    let mut acknowledged = [0_u64; SENDERS];
    for kill in 0..KILLS {
        run_and_kill(directory.path(), &mut acknowledged, 1 + kill * 7 % 5);
    }
    check(directory.path(), &acknowledged).await;
}

/// Lets a child append, and kills it after so many acknowledgements.
fn run_and_kill(directory: &Path, acknowledged: &mut [u64; SENDERS], after: u64) {
    let from = acknowledged.map(|n| n.to_string()).join(",");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "kill::appends_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(FROM, from)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut seen = 0;
    for line in lines {
        let line = line.expect("a line");
        let Some((sender, n)) = line.strip_prefix("kept ").and_then(|line| line.split_once(' ')) else { continue };
        let (sender, n): (usize, u64) = (sender.parse().expect("a sender"), n.parse().expect("a batch"));
        let place = acknowledged.get_mut(sender).expect("a known sender");
        assert_eq!(*place, n, "a sender goes on where it was");
        *place = n + 1;
        seen += 1;
        if seen == after {
            // What the pipe still has after this counts too: it was acknowledged.
            child.kill().expect("it can be killed");
        }
    }
    assert!(seen >= after, "the child has ended by itself after {seen} batches");
    child.wait().expect("it has ended");
}

async fn check(directory: &Path, acknowledged: &[u64; SENDERS]) {
    let store = open(directory);
    let plain = Memory::new(Lifecycle::builtin());
    for (sender, kept) in (0..).zip(acknowledged) {
        for n in 0..*kept {
            plain.append(batch(sender, n)).await.expect("appended");
        }
        for n in kept.saturating_sub(3)..*kept {
            assert!(has(&store, sender, n).await, "batch {n} of sender {sender} was acknowledged, and is lost");
        }
        // One may have been kept without anybody knowing.
        if has(&store, sender, *kept).await {
            plain.append(batch(sender, *kept)).await.expect("appended");
        }
    }
    same(&store, &plain, BATCHES_END_MS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by the test above, in a process of its own"]
async fn appends_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let from = std::env::var(FROM).expect("where to begin");
    let store: Arc<dyn Store> = Arc::new(open(Path::new(&directory)));
    let mut senders = Vec::new();
    for (sender, from) in (0..).zip(from.split(',')) {
        let (store, from): (_, u64) = (Arc::clone(&store), from.parse().expect("a number"));
        senders.push(tokio::spawn(async move {
            for n in from.. {
                store.append(batch(sender, n)).await.expect("appended");
                let line = format!("kept {sender} {n}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).expect("told");
            }
        }));
    }
    for sender in senders {
        sender.await.expect("it goes on until the end");
    }
}
