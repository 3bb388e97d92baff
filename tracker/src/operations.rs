//! Switching channels by hand, with a second person where that is needed, and a log of it all.
//!
//! What is changed is a config or an object of a cluster, by the code of `pointsman switch`. One operation is carried out at a
//! time, on a thread of its own, to its end: that a browser has gone away does not stop it halfway. The log ([`Line`]) says what
//! is about to be done before it is done, and all that is known here is what the log tells.

mod book;
mod carry_out;
mod entry;
mod error;
mod in_force;
mod journal;
mod routes;
mod target;
mod wire;
mod wish;

pub use carry_out::Proposal;
pub use entry::Entry;
pub use error::OperationError;
pub use in_force::InForce;
pub use journal::{JournalError, Line, Record, Step, verify};
pub use wire::{Settings, Wire};
pub use wish::{Kind, NoOrder, State, Strike, Wish};

use crate::access::{self, Person};
use crate::answers::patterns::watch::Propose;
use crate::event::Event;
use crate::serve::{App, now_ms};
use axum::Router;
use book::{Book, Standing};
use entry::Targets;
use in_force::Reports;
use journal::Journal;
use pointsman_host::switch::{Crash, Point};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;
use target::Target;
use tokio::runtime::Handle;

/// The most entries that are shown at once.
pub const MAX_SHOWN: usize = 200;

/// How far an operation has come; a test ends it there as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The log says what is about to be done.
    Intended,
    /// A point within the change of a file.
    File(Point),
    /// The change is in place, and the log does not say so yet.
    Performed,
}

/// Told of every moment that is reached.
pub type Reached = Arc<dyn Fn(Moment) -> Result<(), Crash> + Send + Sync>;

/// Changes the rules of filters.
#[derive(Clone)]
pub struct Operations(Arc<Inner>);

/// What one operation after the other works with.
struct Inner {
    settings: Settings,
    target: Target,
    journal: Mutex<Journal>,
    book: Mutex<Book>,
    reached: Reached,
}

/// What an order would come to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Foreseen {
    /// What would become of the rules, as a unified diff.
    pub diff: String,
    /// Whether it needs a second person.
    pub wide: bool,
    /// Why.
    pub why_wide: Option<String>,
}

impl fmt::Debug for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operations").field(&self.0.settings).finish()
    }
}

impl Operations {
    /// Opens the log, and finds out what has become of operations that were interrupted.
    ///
    /// # Errors
    /// [`OperationError`], if the log is broken or cannot be opened, or there is no way to what is to be changed.
    pub async fn open(settings: Settings, now_ms: u64) -> Result<Self, OperationError> {
        Self::open_watched(settings, now_ms, Arc::new(|_| Ok(()))).await
    }

    /// The same, with somebody who is told how far operations come.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn open_watched(settings: Settings, now_ms: u64, reached: Reached) -> Result<Self, OperationError> {
        let target = settings.target().await?;
        let opened = tokio::task::spawn_blocking(move || -> Result<Self, OperationError> {
            let (journal, lines) = Journal::open(&settings.log, target.folder_of_log())?;
            let mut book = Book::default();
            lines.into_iter().for_each(|line| book.take(line));
            let (journal, book) = (Mutex::new(journal), Mutex::new(book));
            Ok(Self(Arc::new(Inner { settings, target, journal, book, reached })))
        });
        let operations = opened.await.map_err(|_| OperationError::Ending)??;
        operations.in_turn(move |_, _| Ok(()), now_ms).await?;
        Ok(operations)
    }

    /// What an order would change. Nothing is written.
    ///
    /// # Errors
    /// [`OperationError`], as the order itself would.
    pub async fn preview(&self, person: Person, wish: Wish, now_ms: u64) -> Result<Foreseen, OperationError> {
        self.beside(move |inner| inner.foresee(&person, &wish, now_ms)).await
    }

    /// Carries an order out, or lets it wait for a second person.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn ask(&self, person: Person, wish: Wish, now_ms: u64) -> Result<Entry, OperationError> {
        self.in_turn(move |inner, journal| inner.ask(journal, person, wish, now_ms), now_ms).await.map(Entry::from)
    }

    /// Agrees to what waits: an approver to what somebody else has asked for, an operator to a proposal.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn approve(&self, person: Person, id: String, now_ms: u64) -> Result<Entry, OperationError> {
        self.in_turn(move |inner, journal| inner.approve(journal, &person, &id, now_ms), now_ms).await.map(Entry::from)
    }

    /// Refuses what waits.
    ///
    /// # Errors
    /// [`OperationError`].
    pub async fn reject(
        &self,
        person: Person,
        id: String,
        reason: String,
        now_ms: u64,
    ) -> Result<Entry, OperationError> {
        let refuse = move |inner: &Inner, journal: &mut Journal| inner.reject(journal, &person, &id, &reason, now_ms);
        self.in_turn(refuse, now_ms).await.map(Entry::from)
    }

    /// Lets something wait for an operator that nobody has asked for: what a failure pattern suggests.
    ///
    /// # Errors
    /// [`OperationError`], also [`OperationError::ProposedAlready`].
    pub async fn suggest(&self, proposal: Proposal, now_ms: u64) -> Result<Entry, OperationError> {
        self.in_turn(move |inner, journal| inner.propose(journal, proposal, now_ms), now_ms).await.map(Entry::from)
    }

    /// The newest operations, with where they are in force by what filters have said: `events` is the history, as
    /// far back as there is one.
    pub fn entries(&self, events: &[Event], limit: usize, now_ms: u64) -> Vec<Entry> {
        let book = self.0.lock_book();
        let all: Vec<&Standing> = book.newest().collect();
        let reports = Reports::of(events, &self.0.settings.services);
        let shown = all.iter().take(limit.min(MAX_SHOWN));
        shown.map(|standing| Entry::of(standing, now_ms, reports.in_force(standing, &all))).collect()
    }

    /// The channels of the config, and where its rules let their messages go.
    async fn targets(&self, person: Person) -> Result<Targets, OperationError> {
        self.beside(move |inner| Ok(Targets::of(&inner.target.loaded(&person.name, &person.groups)?))).await
    }

    /// Does something that writes, when nobody else does, and to its end even if nobody waits for that any more.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner, &mut Journal) -> Result<T, OperationError> + Send + 'static,
        now_ms: u64,
    ) -> Result<T, OperationError> {
        self.beside(move |inner| {
            let mut journal = match inner.journal.try_lock() {
                Ok(journal) => journal,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return Err(OperationError::Busy),
            };
            inner.settle(&mut journal, now_ms)?;
            work(inner, &mut journal)
        })
        .await
    }

    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, OperationError> + Send + 'static,
    ) -> Result<T, OperationError> {
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&inner)).await.map_err(|_| OperationError::Ending)?
    }
}

/// What a failure pattern suggests holds for half an hour once an operator has taken it up.
impl Propose for Operations {
    fn propose(&self, channel: &str, to: &[String], reason: &str) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (channel, to, reason) = (channel.to_owned(), to.to_vec(), reason.to_owned());
        let proposal = Proposal { channel, to, lasting: Duration::from_secs(1_800), reason };
        let operations = self.clone();
        runtime.spawn(async move {
            match operations.suggest(proposal, now_ms()).await {
                Ok(_) | Err(OperationError::ProposedAlready) => {}
                Err(error) => eprintln!("a switch that failures suggest is not put before the operators: {error}"),
            }
        });
    }
}

impl Inner {
    fn lock_book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes below `/api/v1`: `session` and `operations`.
pub fn routes() -> Router<App> {
    access::routes().merge(routes::routes())
}
