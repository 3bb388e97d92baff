//! Whether a channel is well enough to be sent to: quality windows, triggers, probes and the ramp back.
//!
//! A request is judged by its own worker's memory alone. On a tick each worker publishes its counts to the shared data,
//! reads those of the others, and whoever finds that a breaker must move changes the one agreed state by
//! compare-and-swap: so workers never disagree for longer than a tick. Each move begins a new generation with empty
//! windows, and what ends a call of an earlier generation decides nothing.

mod bytes;
mod calls;
mod lease;
mod local;
mod machine;
mod open_time;
mod published;
mod record;
mod settings;
mod state;
mod table;
mod tail;
mod tick;
mod trigger;
mod verdict;
mod window;

pub use calls::{MAX_CALL_AGE, MAX_OPEN_CALLS};
pub use lease::MAX_PROBES;
pub use published::MAX_WORKERS;
pub use settings::{Settings, WHOLE};
pub use state::{Gate, Reason, State};
pub use tail::MAX_TAIL;
pub use trigger::Figures;
pub use verdict::CallEnd;

use crate::hash::hash;
use crate::time::Monotonic;
use calls::{Call, CallId, Calls};
use lease::LeaseId;
use local::Breaker;
use published::Board;
use std::time::Duration;
use table::Table;

/// The most breakers of one worker: one more is not added, and its traffic simply passes.
pub const MAX_BREAKERS: usize = 256;

/// Names a breaker of this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BreakerId(u16);

impl BreakerId {
    /// Its place in the order in which they were added.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A call that was let pass. Its end is told by [`Breakers::record`] or [`Breakers::forget`]; one whose end is never told
/// is taken for lost after [`MAX_CALL_AGE`].
#[derive(Debug)]
#[must_use = "a call whose end is not told counts as hung"]
pub struct Ticket {
    breaker: BreakerId,
    generation: u32,
    started: Monotonic,
    open: Option<CallId>,
    lease: Option<LeaseId>,
}

impl Ticket {
    /// The breaker that let it pass.
    pub const fn breaker(&self) -> BreakerId {
        self.breaker
    }

    /// Whether it finds out if the channel is well again.
    pub const fn is_probe(&self) -> bool {
        self.lease.is_some()
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Admission {
    /// It may go to the channel.
    Pass(Ticket),
    /// It should go elsewhere, because the channel is degraded or was until lately.
    Divert(Reason),
}

/// A move of a breaker that this worker has made for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The breaker.
    pub breaker: BreakerId,
    /// Its state before.
    pub from: State,
    /// Its state after.
    pub to: State,
    /// What was known when it moved.
    pub figures: Figures,
    /// For how long it is open, if it is.
    pub open_for: Option<Duration>,
    /// The generation that begins.
    pub generation: u32,
}

/// The breakers of one worker.
#[derive(Debug)]
pub struct Breakers {
    breakers: Vec<Breaker>,
    /// Places by identity, sorted.
    places: Vec<(u64, u16)>,
    calls: Calls,
    table: Table,
    board: Board,
}

impl Breakers {
    /// No breakers yet. `member` is random, so that the next VM in this thread is another worker.
    pub fn new(member: u64) -> Self {
        let (breakers, places) = (Vec::new(), Vec::new());
        Self { breakers, places, calls: Calls::new(), table: Table::default(), board: Board::new(member) }
    }

    /// Adds the breaker of that name, in the state that others have agreed on as far as this worker has read it. The
    /// name is its identity over workers and changes of the config: added again, it takes the new settings.
    /// `None` once there are [`MAX_BREAKERS`].
    pub fn add(&mut self, name: &str, settings: Settings) -> Option<BreakerId> {
        let identity = hash(&[name.as_bytes()]);
        let place = self.places.binary_search_by_key(&identity, |(known, _)| *known);
        if let Ok(Some((_, known))) = place.map(|place| self.places.get(place).copied()) {
            self.breakers.get_mut(usize::from(known))?.configure(settings);
            return Some(BreakerId(known));
        }
        if self.breakers.len() >= MAX_BREAKERS {
            return None;
        }
        let id = u16::try_from(self.breakers.len()).ok()?;
        self.breakers.push(Breaker::new(name, self.table.record(identity), settings));
        self.places.insert(place.unwrap_or_else(|place| place), (identity, id));
        Some(BreakerId(id))
    }

    /// Every breaker, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = BreakerId> + use<> {
        (0..u16::try_from(self.breakers.len()).unwrap_or(u16::MAX)).map(BreakerId)
    }

    /// The name that it was added by.
    pub fn name(&self, id: BreakerId) -> Option<&str> {
        self.breakers.get(id.index()).map(|breaker| &*breaker.name)
    }

    /// What it says to requests.
    pub fn gate(&self, id: BreakerId) -> Gate {
        self.breakers.get(id.index()).map_or(Gate::Pass, |breaker| breaker.gate)
    }

    /// Its state.
    pub fn state(&self, id: BreakerId) -> State {
        self.breakers.get(id.index()).map_or(State::Healthy, |breaker| breaker.record.state())
    }

    /// Why it is not healthy, also while it is probed and recovers.
    pub fn reason(&self, id: BreakerId) -> Option<Reason> {
        let breaker = self.breakers.get(id.index())?;
        (breaker.record.state() != State::Healthy).then_some(breaker.record.reason)
    }

    /// How long it stays open from `now` on; zero if it is not.
    pub fn open_for(&self, id: BreakerId, now: Monotonic) -> Duration {
        let record = self.breakers.get(id.index()).map(|breaker| &breaker.record);
        let open = record.filter(|record| matches!(record.state(), State::Degraded(_)));
        open.map_or(Duration::ZERO, |record| record.until.since(now))
    }

    /// Judges a request whose message key hashes to `key`.
    pub fn admit(&mut self, id: BreakerId, key: u64, now: Monotonic) -> Admission {
        let judged = self.breakers.get_mut(id.index()).map_or(Ok(None), |breaker| breaker.admit(key, now));
        match judged {
            Ok(lease) => Admission::Pass(self.ticket(id, lease, now)),
            Err(reason) => Admission::Divert(reason),
        }
    }

    /// For a request that goes to the channel whatever the breaker says: it counts, but is no probe.
    pub fn pass(&mut self, id: BreakerId, now: Monotonic) -> Ticket {
        self.ticket(id, None, now)
    }

    fn ticket(&mut self, id: BreakerId, lease: Option<LeaseId>, now: Monotonic) -> Ticket {
        let generation = self.breakers.get(id.index()).map_or(0, |breaker| breaker.record.generation);
        let call = Call { breaker: id, generation, started: now, probe: lease.is_some(), overdue: false };
        Ticket { breaker: id, generation, started: now, open: self.calls.begin(call), lease }
    }

    /// The call has ended.
    pub fn record(&mut self, ticket: Ticket, end: &CallEnd, now: Monotonic) {
        // A call that is no longer in the table was taken for lost, and so counted as slow long ago.
        let overdue = ticket.open.is_some_and(|open| self.calls.end(open).is_none_or(|call| call.overdue));
        if let Some(breaker) = self.breakers.get_mut(ticket.breaker.index()) {
            breaker.record(&ticket, end, overdue, now);
        }
    }

    /// Nothing was sent after all.
    pub fn forget(&mut self, ticket: Ticket) {
        if let Some(open) = ticket.open {
            self.calls.end(open);
        }
        if let (Some(breaker), Some(lease)) = (self.breakers.get_mut(ticket.breaker.index()), ticket.lease) {
            breaker.held.give_back(lease);
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The instant `by` after `at`.
fn later(at: Monotonic, by: Duration) -> Monotonic {
    Monotonic(at.0.saturating_add(nanos(by)))
}
