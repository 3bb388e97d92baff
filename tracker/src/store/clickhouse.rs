//! The engine for fleets: ClickHouse.
//!
//! Events lie in one table, by message; what has to be found by something else, or counted, is kept beside it by materialised
//! views (`schema/`). The views count what is inserted, so nothing may be inserted twice: before an insert the repeats are
//! taken out.

mod append;
mod cohorts;
mod counts;
mod error;
mod messages;
mod owners;
mod rows;
mod schema;
mod search;
mod settings;
mod sql;
mod visits;

pub use settings::{Password, Settings, Wire};

use super::{Appended, Cohort, Count, Counts, Health, Id, Message, Page, Range, Search, Store, StoreError};
use crate::event::Event;
use async_trait::async_trait;
use clickhouse::Client;
use pointsman_core::lifecycle::Lifecycle;
use tokio::sync::Mutex;

/// A database on a ClickHouse server.
pub struct ClickHouse {
    client: Client,
    lifecycle: Lifecycle,
    settings: Settings,
    /// One append at a time: between looking for repeats and inserting the rest nobody else may insert.
    turn: Mutex<()>,
}

impl ClickHouse {
    /// Opens the database, and creates it and its tables if they are not there.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the server does not answer, [`StoreError::Broken`] if it refuses or the password cannot be read.
    pub async fn open(settings: Settings, lifecycle: Lifecycle) -> Result<Self, StoreError> {
        let password = settings.password.read()?;
        let seconds = settings.query_time.as_secs_f64().to_string();
        let client = Client::default()
            .with_url(&settings.url)
            .with_user(&settings.user)
            .with_password(password)
            .with_product_info("pointsman-tracker", env!("CARGO_PKG_VERSION"))
            .with_setting("max_execution_time", seconds);
        let store = Self { client, lifecycle, settings, turn: Mutex::new(()) };
        store.prepare().await
    }
}

#[async_trait]
impl Store for ClickHouse {
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        self.append_new(events).await
    }

    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        self.find_by(id, limit).await
    }

    async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        self.search_page(search).await
    }

    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        self.count(counts).await
    }

    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        self.count_messages(range, step_ms).await
    }

    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.visits(range, limit).await
    }

    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.platform(range, limit).await
    }

    async fn expire(&self, before_ms: u64) -> Result<(), StoreError> {
        self.drop_days(before_ms).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.look_at_itself().await
    }
}
