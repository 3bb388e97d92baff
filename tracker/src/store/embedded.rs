//! The engine that needs no server: a data directory, by `fjall`, a log-structured store.
//!
//! Events of one message stand in one document, under its key, in the day (UTC) in which the first of them happened that came.
//! Everything else leads to documents, or counts. One thread writes; whoever appends waits until the disk has it.

mod archive;
mod base;
mod change;
mod committer;
mod counts;
mod day;
mod dictionary;
mod document;
mod pack;
mod search;
mod settings;
mod tally;
mod upkeep;
mod view;
mod work;
mod writer;

pub use settings::{Settings, Wire};

use self::base::{Base, View};
use self::committer::Committer;
use self::search::Searcher;
use self::writer::{Job, Writer};
use super::{Appended, Cohort, Count, Counts, Health, Id, Message, Page, Range, Search, Store, StoreError};
use crate::event::Event;
use async_trait::async_trait;
use pointsman_core::lifecycle::Lifecycle;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{Semaphore, oneshot};

/// So many callers can wait for the writer before it is told to them at once that it has too much to do.
const MAX_WAITING: usize = 1_024;
/// So many questions are answered at once; further ones wait. The threads that answer are those on which everything else waits
/// for the disk too.
const MAX_READERS: usize = 8;

/// What readers and the writer have in common.
struct Shared {
    settings: Settings,
    lifecycle: Lifecycle,
    base: RwLock<Option<Arc<Base>>>,
}

impl Shared {
    fn base(&self) -> Result<Arc<Base>, StoreError> {
        let base = self.base.read().unwrap_or_else(PoisonError::into_inner);
        base.clone().ok_or_else(|| StoreError::Busy { reason: "the data directory is being opened".to_owned() })
    }

    /// Opens the directory anew, when all who read have ended.
    fn reopen(&self) -> Result<(), StoreError> {
        let old = self.base.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut old) = old {
            let until = Instant::now() + 2 * self.settings.query_time;
            while Arc::get_mut(&mut old).is_none() {
                if Instant::now() > until {
                    *self.base.write().unwrap_or_else(PoisonError::into_inner) = Some(old);
                    return Err(StoreError::Busy { reason: "somebody reads for too long".to_owned() });
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        let new = Base::open(&self.settings)?;
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(new));
        Ok(())
    }
}

/// The embedded engine. One process at a time can have a directory open.
pub struct Embedded {
    shared: Arc<Shared>,
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Semaphore>,
}

impl Embedded {
    /// Opens a data directory, which is made if it is not there. What was not written to the end before is gone; all that was
    /// acknowledged is there.
    ///
    /// # Errors
    /// [`StoreError`], also if another process has the directory open.
    pub fn open(settings: Settings, lifecycle: Lifecycle) -> Result<Self, StoreError> {
        let base = RwLock::new(Some(Arc::new(Base::open(&settings)?)));
        let shared = Arc::new(Shared { settings, lifecycle, base });
        let (jobs, queue) = std::sync::mpsc::sync_channel(MAX_WAITING);
        let committer = Committer::start().map_err(|error| StoreError::Broken { reason: error.to_string() })?;
        let writer = Writer::new(Arc::clone(&shared), committer);
        let thread = std::thread::Builder::new().name("store".to_owned());
        let writer = thread
            .spawn(move || writer.run(&queue))
            .map_err(|error| StoreError::Broken { reason: error.to_string() })?;
        let readers = Arc::new(Semaphore::new(MAX_READERS));
        Ok(Self { shared, jobs: Some(jobs), writer: Some(writer), readers })
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        let gone = || StoreError::Broken { reason: "the writer has ended".to_owned() };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.try_send(job(done)).map_err(|error| match error {
            std::sync::mpsc::TrySendError::Full(_) => StoreError::Busy { reason: "too many wait already".to_owned() },
            std::sync::mpsc::TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View, &Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let broken = |reason: String| StoreError::Broken { reason };
        let place = Arc::clone(&self.readers).acquire_owned().await.map_err(|error| broken(error.to_string()))?;
        let task = tokio::task::spawn_blocking(move || {
            // Whoever has asked may be gone; the place is taken until the reading has ended.
            let _place = place;
            let base = shared.base()?;
            read(&View::until(&base, Instant::now() + shared.settings.query_time), &shared)
        });
        task.await.map_err(|error| broken(error.to_string()))?
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // The writer ends when nobody can ask it for anything.
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            let _ended = writer.join();
        }
    }
}

#[async_trait]
impl Store for Embedded {
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        if events.is_empty() {
            return Ok(Appended::default());
        }
        self.ask(|done| Job::Append { events, done }).await
    }

    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        let id = id.clone();
        self.read(move |view, shared| view.find(&shared.lifecycle, &id, limit)).await
    }

    async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        let search = search.clone();
        self.read(move |view, shared| {
            let (lifecycle, most) = (&shared.lifecycle, shared.settings.max_scan);
            Searcher { view, lifecycle, search: &search, most }.page()
        })
        .await
    }

    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        let counts = counts.clone();
        self.read(move |view, _| counts::counts(view, &counts)).await
    }

    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        self.read(move |view, _| counts::cohorts(view, &range, step_ms)).await
    }

    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(move |view, _| counts::open_visits(view, &range, limit)).await
    }

    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(move |view, _| counts::history(view, &range, limit)).await
    }

    async fn expire(&self, before_ms: u64) -> Result<(), StoreError> {
        self.remove_before(before_ms).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || {
            let base = shared.base()?;
            let disk_bytes = base.database.disk_space().map_err(base::broken)?;
            Ok(Health { disk_bytes, newest_ms: base.newest_ms() })
        });
        task.await.map_err(|error| StoreError::Broken { reason: error.to_string() })?
    }
}

#[cfg(test)]
mod tests;
