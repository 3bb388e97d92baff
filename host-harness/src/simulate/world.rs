//! Everything there is in a rehearsal, moved from event to event: nothing here reads a clock or waits.

mod answers;
mod application;
mod setup;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::arrivals::{Arrival, Arrivals};
use super::books::Books;
use super::calls::{Calls, CallsError};
use super::driver::{Asked, Driver};
use super::filter_view::FilterView;
use super::message::Message;
use super::moment::{Moment, VirtualClock};
use super::queue::EventQueue;
use super::scenario::Scenario;
use super::vendor::Vendor;
use crate::filter::{CallId, CallResult, StreamId};
pub(super) use setup::{Collector, Guest, Silent};

/// How long the filter has, once all messages are done, to put its last counts into its metrics.
const SETTLE: Duration = Duration::from_secs(3);

/// How often the filter's metrics are looked at.
const SAMPLE: Duration = Duration::from_secs(1);

/// The whole of a rehearsal.
pub(super) struct World {
    pub(super) scenario: Scenario,
    clock: VirtualClock,
    now: Moment,
    events: EventQueue<Event>,
    arrivals: Arrivals,
    /// The workers of all sidecars, sidecar by sidecar.
    drivers: Vec<Driver>,
    /// The timers of root contexts: worker and root context to the timer's generation and period.
    timers: HashMap<(usize, u32), (u32, Option<Duration>)>,
    vendors: Vec<Vendor>,
    calls: Vec<Calls>,
    clusters: Vec<Rc<str>>,
    messages: HashMap<u64, Message>,
    collector: Option<Collector>,
    call_results: HashMap<(usize, CallId), CallResult>,
    /// Whether there are no further messages.
    submitted_all: bool,
    pub(super) books: Books,
    pub(super) view: FilterView,
    /// Exchanges, for the measure of speed.
    pub(super) exchanges: u64,
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A message is submitted.
    Arrive(Arrival),
    /// A message is sent again.
    Retry(u64),
    /// What comes back to an exchange is due.
    Answer(usize, StreamId),
    /// The application has waited long enough.
    Leave(usize, StreamId),
    /// What comes back to a guest's call is due.
    CallAnswer(usize, CallId),
    /// A root context's timer, of this generation, has run out.
    Tick(usize, u32, u32),
    /// Look at the filter's metrics.
    Sample,
}

impl World {
    /// Runs to the end. `progress` is told the virtual time now and then.
    pub(super) fn run(&mut self, mut progress: impl FnMut(Duration)) -> Result<(), CallsError> {
        self.next_arrival();
        self.events.push(Moment::default().after(SAMPLE), Event::Sample);
        let mut settled = None;
        while let Some((due, event)) = self.events.pop() {
            if settled.is_none() && self.submitted_all && self.messages.is_empty() {
                settled = Some(self.now.max(self.scenario.duration.into()).after(SETTLE));
            }
            if settled.is_some_and(|settled| due > settled) {
                break;
            }
            self.now = due;
            self.clock.set(due);
            if matches!(event, Event::Sample) {
                progress(due.since(Moment::default()));
            }
            self.handle(event)?;
        }
        self.view.sample(&self.books.timeline, self.now);
        self.books.close();
        Ok(())
    }

    /// The vendor of a channel, by its place in the scenario.
    pub(super) fn vendor(&self, place: usize) -> Option<&Vendor> {
        self.vendors.get(place)
    }

    /// How often the filter has failed in any worker.
    pub(super) fn traps(&self) -> u64 {
        self.drivers.iter().map(Driver::traps).sum()
    }

    fn handle(&mut self, event: Event) -> Result<(), CallsError> {
        match event {
            Event::Arrive(arrival) => {
                self.next_arrival();
                self.submit(arrival)
            }
            Event::Retry(message) => self.send(message),
            Event::Answer(worker, stream) => self.answer(worker, stream),
            Event::Leave(worker, stream) => self.leave(worker, stream),
            Event::CallAnswer(worker, call) => {
                if let (Some(result), Some(driver)) =
                    (self.call_results.remove(&(worker, call)), self.drivers.get_mut(worker))
                {
                    driver.call_finished(call, result);
                }
                self.obey(worker)
            }
            Event::Tick(worker, root_context, generation) => self.tick(worker, root_context, generation),
            Event::Sample => {
                self.view.sample(&self.books.timeline, self.now);
                self.events.push(self.now.after(SAMPLE), Event::Sample);
                Ok(())
            }
        }
    }

    fn next_arrival(&mut self) {
        match self.arrivals.next(self.now) {
            Some(arrival) => self.events.push(arrival.at, Event::Arrive(arrival)),
            None => self.submitted_all = true,
        }
    }

    fn tick(&mut self, worker: usize, root_context: u32, generation: u32) -> Result<(), CallsError> {
        let Some((current, Some(period))) = self.timers.get(&(worker, root_context)).copied() else { return Ok(()) };
        if current != generation {
            return Ok(());
        }
        // Armed before the call: what the guest asks for in it comes after.
        self.events.push(self.now.after(period), Event::Tick(worker, root_context, generation));
        if let Some(driver) = self.drivers.get_mut(worker) {
            driver.tick(root_context);
        }
        self.obey(worker)
    }

    fn set_timer(&mut self, worker: usize, root_context: u32, period: Option<Duration>) {
        let timer = self.timers.entry((worker, root_context)).or_default();
        timer.0 += 1;
        timer.1 = period.filter(|period| !period.is_zero());
        if let (generation, Some(period)) = *timer {
            self.events.push(self.now.after(period), Event::Tick(worker, root_context, generation));
        }
    }

    /// Does what a worker's filter has asked for, until it asks for nothing more.
    fn obey(&mut self, worker: usize) -> Result<(), CallsError> {
        loop {
            let asked = self.drivers.get_mut(worker).map(Driver::asked).unwrap_or_default();
            if asked.is_empty() {
                return Ok(());
            }
            for asked in asked {
                match asked {
                    Asked::Forwarded(stream) => self.forwarded(worker, stream)?,
                    Asked::Answered(stream) => self.answered(worker, stream),
                    Asked::Call(call, request) => self.guest_call(worker, call, request),
                    Asked::Tick(root_context, period) => self.set_timer(worker, root_context, period),
                }
            }
        }
    }
}
