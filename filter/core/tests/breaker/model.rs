//! A breaker as plainly as it can be written: every call is kept, every count is counted anew.

use pointsman_core::breaker::{CallEnd, Gate, Reason, Settings, State};
use pointsman_core::outcome::{Fate, OutcomeClass};
use std::collections::BTreeMap;

/// What counts against a channel: the place in every array of four.
type Kind = usize;
const REASONS: [Reason; 4] = [Reason::ConsecutiveFailures, Reason::RateLimited, Reason::Quota, Reason::ConfigFault];
/// A worker that is silent for longer is not believed; windows in the timelines are no longer than this.
pub(crate) const SILENT_NS: u64 = 5_000_000_000;

/// What all have agreed on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Agreed {
    pub(crate) generation: u32,
    pub(crate) state: State,
    reason: Reason,
    attempts: u32,
    since: u64,
    until: u64,
    /// When it runs out, and whose it is.
    pub(crate) leases: Vec<(u64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: u64,
    call: bool,
    slow: bool,
    on_time: bool,
    bad: Option<Kind>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    calls: u32,
    slow: u32,
    on_time: u32,
    bad: [u32; 4],
}

/// Why a probe failed; of several the first in this order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Bad(Kind),
    Slow,
    Late,
}

/// What a worker has told on its last tick.
#[derive(Clone, Debug)]
struct Told {
    at: u64,
    generation: u32,
    short: Counts,
    long: Counts,
    failures: Vec<(u64, Kind)>,
    last_good: Option<u64>,
    passed: u32,
    fault: Option<Fault>,
    hints: [Option<u64>; 4],
    wanting: bool,
}

#[derive(Clone, Debug)]
struct Lease {
    id: u32,
    expires: u64,
    used: bool,
    done: bool,
}

/// A call that was let pass.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    id: u64,
    started: u64,
    generation: u32,
    lease: Option<u32>,
}

/// One worker's view.
pub(crate) struct Local {
    member: u64,
    settings: Settings,
    pub(crate) view: Agreed,
    events: Vec<Event>,
    failures: Vec<(u64, Kind)>,
    last_good: Option<u64>,
    passed: u32,
    fault: Option<Fault>,
    hints: [Option<u64>; 4],
    leases: Vec<Lease>,
    leases_made: u32,
    turned_away: u32,
    open: Vec<(Call, bool)>,
    calls_made: u64,
}

/// What a tick should do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) generation: u32,
    /// The bounds of the open time in nanoseconds.
    pub(crate) open: Option<(u64, u64)>,
}

/// What is shared.
pub(crate) struct Model {
    pub(crate) agreed: Agreed,
    told: BTreeMap<u64, Told>,
}

impl Agreed {
    pub(crate) fn new() -> Self {
        let (state, reason) = (State::Healthy, Reason::FailureRatio);
        Self { generation: 0, state, reason, attempts: 0, since: 0, until: 0, leases: Vec::new() }
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    duration.as_nanos() as u64
}

fn commonest(counts: [u32; 4], failure: Reason) -> Reason {
    let most = (0..4).rev().max_by_key(|kind| counts[*kind]).unwrap();
    if most == 0 { failure } else { REASONS[most] }
}

fn kind(end: &CallEnd) -> Option<Kind> {
    match end.class {
        OutcomeClass::VendorUnavailable | OutcomeClass::Timeout => Some(0),
        OutcomeClass::Unknown if end.fate == Fate::NotSent => Some(0),
        OutcomeClass::RateLimited => Some(1),
        OutcomeClass::QuotaApp => Some(2),
        OutcomeClass::Auth | OutcomeClass::Permission => Some(3),
        _ => None,
    }
}

impl Counts {
    fn of(events: &[Event], length: u64, now: u64) -> Self {
        let width = length / 10;
        let mut counts = Self::default();
        for event in events.iter().filter(|event| event.at / width + 10 > now / width) {
            counts.calls += u32::from(event.call);
            counts.slow += u32::from(event.slow);
            counts.on_time += u32::from(event.on_time);
            event.bad.into_iter().for_each(|kind| counts.bad[kind] += 1);
        }
        counts
    }

    fn plus(mut self, other: &Self) -> Self {
        self.calls += other.calls;
        self.slow += other.slow;
        self.on_time += other.on_time;
        (0..4).for_each(|kind| self.bad[kind] += other.bad[kind]);
        self
    }

    fn all_bad(&self) -> u32 {
        self.bad.iter().sum()
    }

    fn judged(&self) -> u32 {
        self.calls.max(self.all_bad())
    }
}

impl Local {
    pub(crate) fn new(member: u64, settings: Settings, agreed: &Agreed) -> Self {
        Self {
            member,
            settings,
            view: agreed.clone(),
            events: Vec::new(),
            failures: Vec::new(),
            last_good: None,
            passed: 0,
            fault: None,
            hints: [None; 4],
            leases: Vec::new(),
            leases_made: 0,
            turned_away: 0,
            open: Vec::new(),
            calls_made: 0,
        }
    }

    pub(crate) fn gate(&self) -> Gate {
        match self.view.state {
            State::Healthy => Gate::Pass,
            State::Degraded(_) => Gate::Divert,
            State::Probing => Gate::Probe,
            State::Recovering { step } => {
                Gate::Ramp(self.settings.ramp.get(usize::from(step)).copied().unwrap_or(10_000))
            }
        }
    }

    pub(crate) fn admit(&mut self, key: u64, now: u64) -> Result<Call, Reason> {
        let lease = match self.gate() {
            Gate::Pass => None,
            Gate::Ramp(share) if key % 10_000 < u64::from(share) => None,
            Gate::Probe if self.leases.iter().any(|lease| lease.is_free(now)) => {
                let lease = self.leases.iter_mut().find(|lease| lease.is_free(now)).unwrap();
                lease.used = true;
                Some(lease.id)
            }
            _ => {
                self.turned_away += 1;
                return Err(self.view.reason);
            }
        };
        Ok(self.begin(lease, now))
    }

    pub(crate) fn begin(&mut self, lease: Option<u32>, now: u64) -> Call {
        self.calls_made += 1;
        let call = Call { id: self.calls_made, started: now, generation: self.view.generation, lease };
        self.open.push((call.clone(), false));
        call
    }

    /// Takes the call out of those that are open; whether it had been counted as slow.
    fn close(&mut self, call: &Call) -> bool {
        let place = self.open.iter().position(|(open, _)| open.id == call.id).unwrap();
        self.open.remove(place).1
    }

    pub(crate) fn forget(&mut self, call: &Call) {
        self.close(call);
        self.leases.iter_mut().filter(|lease| Some(lease.id) == call.lease).for_each(|lease| lease.used = false);
    }

    pub(crate) fn end(&mut self, call: &Call, end: &CallEnd, now: u64) {
        let overdue = self.close(call);
        self.leases.iter_mut().filter(|lease| Some(lease.id) == call.lease).for_each(|lease| lease.done = true);
        if call.generation != self.view.generation {
            return;
        }
        let slow = now - call.started > nanos(self.settings.slow_after);
        let bad = kind(end);
        self.events.push(Event { at: now, call: !overdue, slow: slow && !overdue, on_time: end.on_time, bad });
        let unsure = end.class == OutcomeClass::Unknown;
        match bad {
            Some(kind) => {
                self.failures.push((now, kind));
                self.hints[kind] = self.hints[kind].max(end.retry_at.map(|at| at.0));
            }
            None if unsure => {}
            None => {
                self.failures.clear();
                self.last_good = Some(now);
            }
        }
        if call.lease.is_some() {
            let fault = match bad {
                Some(kind) => Some(Fault::Bad(kind)),
                None if (slow || overdue) && self.settings.slow_ratio.is_some() => Some(Fault::Slow),
                None if !end.on_time && self.settings.on_time_ratio.is_some() => Some(Fault::Late),
                None => None,
            };
            self.passed += u32::from(fault.is_none() && !unsure);
            self.fault = self.fault.into_iter().chain(fault).min();
        }
    }

    fn adopt(&mut self, agreed: &Agreed) {
        let moved = (agreed.state, agreed.reason, agreed.since) != (self.view.state, self.view.reason, self.view.since);
        if agreed.generation > self.view.generation || agreed.generation == self.view.generation && moved {
            *self = Self {
                turned_away: self.turned_away,
                open: std::mem::take(&mut self.open),
                calls_made: self.calls_made,
                leases_made: self.leases_made,
                ..Self::new(self.member, self.settings.clone(), agreed)
            };
        } else if agreed.generation == self.view.generation {
            self.view = agreed.clone();
        }
    }

    fn count_hung(&mut self, now: u64) {
        for (call, overdue) in &mut self.open {
            if !*overdue && now - call.started > nanos(self.settings.slow_after) {
                *overdue = true;
                if call.generation == self.view.generation {
                    self.events.push(Event { at: now, call: true, slow: true, on_time: false, bad: None });
                    if call.lease.is_some() && self.settings.slow_ratio.is_some() {
                        self.fault = self.fault.into_iter().chain([Fault::Slow]).min();
                    }
                }
            }
        }
    }

    /// The latest failures, as many as it looks for.
    fn row(&self) -> Vec<(u64, Kind)> {
        let most = self.settings.consecutive_failures.unwrap_or(0) as usize;
        self.failures[self.failures.len().saturating_sub(most)..].to_vec()
    }

    fn tell(&self, now: u64) -> Told {
        Told {
            at: now,
            generation: self.view.generation,
            short: Counts::of(&self.events, nanos(self.settings.window), now),
            long: Counts::of(&self.events, nanos(self.settings.long_window), now),
            failures: self.row(),
            last_good: self.last_good,
            passed: self.passed,
            fault: self.fault,
            hints: self.hints,
            wanting: self.turned_away > 0,
        }
    }
}

impl Lease {
    fn is_free(&self, now: u64) -> bool {
        !self.used && !self.done && self.expires > now
    }
}

impl Told {
    /// Whether it is worth telling.
    fn is_news(&self) -> bool {
        let nothing = self.long == Counts::default() && self.failures.is_empty();
        !nothing || self.wanting || self.passed > 0 || self.fault.is_some()
    }
}

mod tick;
