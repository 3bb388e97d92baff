//! What is kept, and what can be asked: a handful of questions that every engine answers alike.
//!
//! An engine keeps events and knows nothing of pages. What is made of a message's events is common to all ([`crate::fold`]);
//! what has to be counted over millions of them is asked of the engine.

pub mod clickhouse;
pub mod embedded;
pub mod memory;

use crate::event::{Event, Key, Kind};
use crate::fold::Summary;
use crate::histogram::Histogram;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The length of the shortest step of a count.
pub const MINUTE_MS: u64 = 60_000;
/// The most messages that may claim one vendor's id; of more, those with the smallest keys have its receipts.
pub const MAX_CLAIMS: usize = 64;
/// The most events of a message that name nothing but one of its traces; of more, it has the earliest. A trace can be that of
/// very many messages.
pub const MAX_TRACE_EVENTS: usize = 2_000;
/// The most messages on a page of a search.
pub const MAX_PAGE: usize = 1_000;

/// An engine.
#[async_trait]
pub trait Store: Send + Sync {
    /// Keeps the events that it does not have yet. When it returns they are on disk.
    ///
    /// # Errors
    /// [`StoreError`]; then any number of them may be kept, and the same ones may be given again.
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError>;

    /// The messages that an id is of, by key, at most `limit`. To a message belong the events that name it, those under a vendor's id that it
    /// claims ([`Event::claim`]), and those that name nothing but a trace that an event of it has, up to [`MAX_TRACE_EVENTS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError>;

    /// Messages of which one event is as asked.
    ///
    /// # Errors
    /// [`StoreError`], also [`StoreError::TooMuch`].
    async fn search(&self, search: &Search) -> Result<Page, StoreError>;

    /// Events by when they happened and by what they say.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError>;

    /// Messages by when they began and where they are now. Only those that are named and have a status.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError>;

    /// Enter events of visits that no event of the same subject has ended, the oldest first; each visit once, by its first one.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// What has happened to channels and rules, and drills; the latest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// Removes what happened before, as far as that can be done cheaply: whole days. Before it goes it is archived, where the engine
    /// is set up for that.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expire(&self, before_ms: u64) -> Result<(), StoreError>;

    /// How the engine is.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn health(&self) -> Result<Health, StoreError>;
}

/// What an append has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Events that are new.
    pub new: usize,
    /// Events that were there already, or twice in the batch.
    pub repeated: usize,
}

/// How an engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// The time of the newest event; 0 if there is none.
    pub newest_ms: u64,
}

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full, or the other side takes no more; it may be tried again later.
    #[error("the store takes nothing at present: {reason}")]
    Busy {
        /// In words.
        reason: String,
    },
    /// It would take too long.
    #[error("that would look through {events} events, and {most} are allowed: {narrow}")]
    TooMuch {
        /// How many events.
        events: u64,
        /// How many are allowed.
        most: u64,
        /// What to do.
        narrow: &'static str,
    },
    /// It has taken too long.
    #[error("no answer within the time that a query may take")]
    TooLong,
    /// The store cannot be read or written.
    #[error("the store has failed: {reason}")]
    Broken {
        /// In words.
        reason: String,
    },
}

/// From a time to another, which is not in it. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first.
    pub from_ms: u64,
    /// The first that is not in it.
    pub to_ms: u64,
}

impl Range {
    /// Whether it is in it.
    pub const fn has(&self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && at_ms < self.to_ms
    }
}

/// What a message may be known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Id {
    /// Its own id, of whatever tenant.
    Message(String),
    /// A vendor's id, of whatever channel.
    Vendor(String),
    /// Its trace.
    Trace(crate::event::TraceId),
    /// The key of its subject.
    Key(Key),
}

/// A message with its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The key of its subject.
    pub key: Key,
    /// Whose it is.
    pub tenant: String,
    /// Its id; empty if only a vendor's id or a trace is known.
    pub id: String,
    /// Its events, sorted by time, the key of their subject, and identity.
    pub events: Vec<Event>,
    /// What they say together; those that name nothing but a trace have no say in it.
    pub summary: Summary,
}

/// What is wanted of one event. What is not given does not matter; text is compared as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "as in Facts and Event")]
pub struct Filter {
    pub kind: Option<Kind>,
    pub tenant: Option<String>,
    pub service: Option<String>,
    pub node: Option<String>,
    pub channel: Option<String>,
    pub status: Option<String>,
    pub outcome: Option<String>,
    pub code: Option<String>,
    pub business: Option<String>,
    pub template: Option<String>,
    pub text: Option<String>,
    pub on_time: Option<bool>,
    pub drill: Option<bool>,
    /// Whether another channel was asked first.
    pub switched: Option<bool>,
    /// The keyed hash of the recipient.
    pub recipient: Option<String>,
}

impl Filter {
    /// Whether the event is as asked.
    pub fn takes(&self, event: &Event) -> bool {
        self.takes_facts(&event.facts) && self.recipient.as_ref().is_none_or(|wanted| *wanted == event.recipient)
    }

    /// Whether an event with these facts may be as asked: all but the recipient.
    pub fn takes_facts(&self, facts: &crate::event::Facts) -> bool {
        let is = |wanted: &Option<String>, told: &String| wanted.as_ref().is_none_or(|wanted| wanted == told);
        self.kind.is_none_or(|kind| kind == facts.kind)
            && is(&self.tenant, &facts.tenant)
            && is(&self.service, &facts.service)
            && is(&self.node, &facts.node)
            && is(&self.channel, &facts.channel)
            && is(&self.status, &facts.status)
            && is(&self.outcome, &facts.outcome)
            && is(&self.code, &facts.code)
            && is(&self.business, &facts.business)
            && is(&self.template, &facts.template)
            && is(&self.text, &facts.text)
            && self.on_time.is_none_or(|wanted| facts.on_time == Some(wanted))
            && self.drill.is_none_or(|wanted| facts.drill == wanted)
            && self.switched.is_none_or(|wanted| facts.switched_from.is_empty() != wanted)
    }
}

/// Messages that are asked for. Those come first of which the newest event that is as asked is latest; by the second, and within
/// it by key, the greatest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// When the event happened.
    pub range: Range,
    /// What the event says.
    pub filter: Filter,
    /// Where the message is now ([`Summary::status`]).
    pub now: Option<String>,
    /// Whether two visits were both accepted for one recipient of the message.
    pub doubled: Option<bool>,
    /// Where the page before has ended.
    pub after: Option<Cursor>,
    /// How many at most, up to [`MAX_PAGE`].
    pub limit: usize,
}

/// Where a page has ended: the second of the last message's newest event that is as asked, and the message's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Seconds since 1970.
    pub second: u64,
    /// The message.
    pub key: Key,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.second, self.key)
    }
}

impl FromStr for Cursor {
    type Err = crate::event::NotAnId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (second, key) = text.split_once('-').ok_or(crate::event::NotAnId)?;
        Ok(Self { second: second.parse().map_err(|_| crate::event::NotAnId)?, key: key.parse()? })
    }
}

/// Some of the messages that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where to go on, if there may be more. A page can be short of messages and still have one: it has looked at as much as it may.
    pub next: Option<Cursor>,
}

/// What counts are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in Facts")]
pub enum Dimension {
    Kind,
    Node,
    Channel,
    Status,
    Outcome,
    Code,
    Business,
    Text,
}

impl Dimension {
    /// What facts say there.
    pub fn of(self, facts: &crate::event::Facts) -> &str {
        match self {
            Self::Kind => facts.kind.name(),
            Self::Node => &facts.node,
            Self::Channel => &facts.channel,
            Self::Status => &facts.status,
            Self::Outcome => &facts.outcome,
            Self::Code => &facts.code,
            Self::Business => &facts.business,
            Self::Text => &facts.text,
        }
    }
}

/// Which events are counted, and how. Template, service, fate, recipient and whatever else is not a [`Dimension`] is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// When they happened; both ends on a minute.
    pub range: Range,
    /// The length of a step, whole minutes. Steps begin at multiples of it since 1970.
    pub step_ms: u64,
    /// What they are told apart by.
    pub by: Vec<Dimension>,
    /// Only those that say this.
    pub only: Vec<(Dimension, String)>,
}

/// So many events. Ordered by time, then by what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// When the step begins.
    pub at_ms: u64,
    /// What they say, in the order of [`Counts::by`].
    pub group: Vec<String>,
    /// How many.
    pub events: u64,
    /// How many of them were within their objective.
    pub on_time: u64,
    /// How many of them were not.
    pub late: u64,
    /// How long their visits took, of those that tell.
    pub durations: Histogram,
}

/// Messages that began in a step, and are at the same place now. Ordered by time, then by what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Cohort {
    /// When the step begins.
    pub at_ms: u64,
    /// The channel ([`Summary::channel`]).
    pub channel: String,
    /// The business.
    pub business: String,
    /// Where they are.
    pub status: String,
    /// Every status that they have had ([`Summary::reached`]).
    pub reached: u16,
    /// Whether they were sent twice.
    pub doubled: bool,
    /// How many.
    pub messages: u64,
}
