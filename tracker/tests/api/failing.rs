//! A store that answers a few questions and then no more.

use async_trait::async_trait;
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::event::Event;
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{
    Appended, Cohort, Count, Counts, Health, Id, Message, Page, Range, Search, Store, StoreError,
};
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store that answers a few questions and then no more.
pub(crate) struct Failing {
    left: AtomicUsize,
    store: Memory,
    how: Option<fn() -> StoreError>,
}

impl Failing {
    /// Answers so many questions, then fails so.
    pub(crate) async fn after(left: usize, events: Vec<Event>, how: fn() -> StoreError) -> Self {
        let store = Memory::new(Lifecycle::builtin());
        store.append(events).await.expect("kept");
        Self { left: AtomicUsize::new(left), store, how: Some(how) }
    }

    /// Never answers.
    pub(crate) fn silent() -> Self {
        Self { left: AtomicUsize::new(0), store: Memory::new(Lifecycle::builtin()), how: None }
    }

    async fn may(&self) -> Result<(), StoreError> {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match (left, self.how) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(how)) => Err(how()),
            (Err(_), None) => pending().await,
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.may().await?;
        self.store.append(events).await
    }

    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.may().await?;
        self.store.find(id, limit).await
    }

    async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        self.may().await?;
        self.store.search(search).await
    }

    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        self.may().await?;
        self.store.counts(counts).await
    }

    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        self.may().await?;
        self.store.cohorts(range, step_ms).await
    }

    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.may().await?;
        self.store.open_visits(range, limit).await
    }

    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.may().await?;
        self.store.history(range, limit).await
    }

    async fn expire(&self, before_ms: u64) -> Result<(), StoreError> {
        self.may().await?;
        self.store.expire(before_ms).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.may().await?;
        self.store.health().await
    }
}
