//! The thread that brings commits to the disk, one after another, while the writer works out the next one.
//!
//! No more than one commit is on its way while another one is worked out, so that all that is not on disk yet is still in the writer's
//! memory. Once one has failed, all that follow fail too, until the writer has opened the directory anew.

use super::base::broken;
use super::writer::again;
use crate::store::{Appended, StoreError};
use fjall::{OwnedWriteBatch, PersistMode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Who waits for a commit, and what they are told once it is on disk.
pub(super) type Callers = Vec<(oneshot::Sender<Result<Appended, StoreError>>, Appended)>;

/// What the thread is given.
enum Flight {
    /// A commit; without a batch nothing is new, and its callers wait only for those before.
    Commit(Option<OwnedWriteBatch>, Callers),
    /// Whoever wants to know that nothing is on its way, and whether something has failed, which is forgotten then.
    Fence(SyncSender<Option<StoreError>>),
}

/// The way to the thread; dropping it waits until everything is on disk.
pub(super) struct Committer {
    flights: Option<SyncSender<Flight>>,
    has_failed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start() -> std::io::Result<Self> {
        // Without room in between: whoever hands a commit over knows that the one before has ended.
        let (flights, queue) = sync_channel(0);
        let has_failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&has_failed);
        let thread = std::thread::Builder::new().name("store-disk".to_owned()).spawn(move || run(&queue, &flag))?;
        Ok(Self { flights: Some(flights), has_failed, thread: Some(thread) })
    }

    /// Whether a commit has failed since the last fence, as far as that is known already.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Hands a commit over, once the one before has ended. Its callers are told.
    pub(super) fn commit(&self, batch: Option<OwnedWriteBatch>, callers: Callers) {
        self.send(Flight::Commit(batch, callers));
    }

    /// Waits until nothing is on its way; what has failed since the last time.
    pub(super) fn fence(&self) -> Option<StoreError> {
        let (done, answer) = sync_channel(1);
        self.send(Flight::Fence(done));
        answer.recv().unwrap_or_else(|_| Some(gone()))
    }

    /// A thread that is gone leaves callers without an answer, which they take for a failure.
    fn send(&self, flight: Flight) {
        if let Some(flights) = &self.flights {
            let _gone = flights.send(flight);
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        drop(self.flights.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

fn run(queue: &Receiver<Flight>, has_failed: &AtomicBool) {
    let mut failed: Option<StoreError> = None;
    while let Ok(flight) = queue.recv() {
        match flight {
            Flight::Commit(batch, callers) => {
                if let (None, Some(batch)) = (&failed, batch) {
                    failed = batch.durability(Some(PersistMode::SyncData)).commit().map_err(broken).err();
                    has_failed.store(failed.is_some(), Ordering::Release);
                }
                for (done, appended) in callers {
                    // Whoever has asked may be gone.
                    let _gone = done.send(failed.as_ref().map_or(Ok(appended), |error| Err(again(error))));
                }
            }
            Flight::Fence(done) => {
                has_failed.store(false, Ordering::Release);
                let _gone = done.send(failed.take());
            }
        }
    }
}

fn gone() -> StoreError {
    StoreError::Broken { reason: "the thread that writes has ended".to_owned() }
}
