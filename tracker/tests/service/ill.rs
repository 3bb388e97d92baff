//! A store that can be as ill as real ones are at times.

use async_trait::async_trait;
use pointsman_tracker::event::Event;
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{
    Appended, Cohort, Count, Counts, Health, Id, Message, Page, Range, Search, Store, StoreError,
};
use std::sync::Mutex;
use tokio::sync::watch;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Well,
    /// It takes nothing.
    Busy,
    /// It cannot be used.
    Broken,
    /// It does not answer until it is well again.
    Silent,
    /// It has a fault.
    Panics,
}

pub(crate) struct Ill {
    inner: Memory,
    mood: watch::Sender<Mood>,
    /// How many events came at once.
    pub(crate) batches: Mutex<Vec<usize>>,
}

impl Ill {
    pub(crate) fn new(inner: Memory) -> Self {
        Self { inner, mood: watch::Sender::new(Mood::Well), batches: Mutex::default() }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    async fn feel(&self) -> Result<(), StoreError> {
        let mood = *self.mood.borrow();
        match mood {
            Mood::Well => Ok(()),
            Mood::Busy => Err(StoreError::Busy { reason: "the disk is full".to_owned() }),
            Mood::Broken => Err(StoreError::Broken { reason: "a secret of the disk".to_owned() }),
            Mood::Panics => panic!("a fault of the store"),
            Mood::Silent => {
                let _ = self.mood.subscribe().wait_for(|mood| *mood != Mood::Silent).await;
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Store for Ill {
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.batches.lock().unwrap().push(events.len());
        self.feel().await?;
        self.inner.append(events).await
    }

    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.feel().await?;
        self.inner.find(id, limit).await
    }

    async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        self.feel().await?;
        self.inner.search(search).await
    }

    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        self.feel().await?;
        self.inner.counts(counts).await
    }

    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        self.feel().await?;
        self.inner.cohorts(range, step_ms).await
    }

    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.feel().await?;
        self.inner.open_visits(range, limit).await
    }

    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.feel().await?;
        self.inner.history(range, limit).await
    }

    async fn expire(&self, before_ms: u64) -> Result<(), StoreError> {
        self.feel().await?;
        self.inner.expire(before_ms).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.feel().await?;
        self.inner.health().await
    }
}
