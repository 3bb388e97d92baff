//! Calls that have not ended, so that one that hangs counts as slow when its time is over and not when it ends.

use super::BreakerId;
use crate::time::Monotonic;
use std::time::Duration;

/// More open calls than this are counted when they end, but not while they hang.
pub const MAX_OPEN_CALLS: usize = 16_384;
/// A call whose end nobody told for so long is taken for lost.
pub const MAX_CALL_AGE: Duration = Duration::from_secs(600);

const FIRST_ROOM: usize = 1_024;

/// Names an open call; a place that is used again has another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CallId {
    place: u32,
    number: u32,
}

/// One open call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) breaker: BreakerId,
    pub(super) generation: u32,
    pub(super) started: Monotonic,
    pub(super) probe: bool,
    /// It has been counted as slow.
    pub(super) overdue: bool,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    number: u32,
    call: Option<Call>,
}

/// The open calls of one worker.
#[derive(Debug)]
pub(super) struct Calls {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Calls {
    pub(super) fn new() -> Self {
        Self { places: Vec::with_capacity(FIRST_ROOM), free: Vec::with_capacity(FIRST_ROOM) }
    }

    /// A call begins; `None` if there is no room, which is made on the tick and never here.
    pub(super) fn begin(&mut self, call: Call) -> Option<CallId> {
        if let Some(index) = self.free.pop() {
            let place = self.places.get_mut(usize::try_from(index).ok()?)?;
            place.call = Some(call);
            return Some(CallId { place: index, number: place.number });
        }
        if self.places.len() >= self.places.capacity().min(MAX_OPEN_CALLS) {
            return None;
        }
        let index = u32::try_from(self.places.len()).ok()?;
        self.places.push(Place { number: 0, call: Some(call) });
        Some(CallId { place: index, number: 0 })
    }

    /// A call ends; `None` if it was taken for lost.
    pub(super) fn end(&mut self, id: CallId) -> Option<Call> {
        let place = self.places.get_mut(usize::try_from(id.place).ok()?)?;
        if place.number != id.number {
            return None;
        }
        let call = place.call.take()?;
        place.number = place.number.wrapping_add(1);
        self.free.push(id.place);
        Some(call)
    }

    /// Makes room for as many calls again, and forgets those that are lost.
    pub(super) fn tidy(&mut self, now: Monotonic) {
        for (index, place) in (0_u32..).zip(&mut self.places) {
            if place.call.is_some_and(|call| now.since(call.started) > MAX_CALL_AGE) {
                place.call = None;
                place.number = place.number.wrapping_add(1);
                self.free.push(index);
            }
        }
        let open = self.places.len().saturating_sub(self.free.len());
        let wanted = open.saturating_mul(2).min(MAX_OPEN_CALLS);
        if wanted > self.places.capacity() {
            self.places.reserve(wanted.saturating_sub(self.places.len()));
        }
        // Every place can become free, and must then find room without an allocation.
        self.free.reserve(self.places.capacity().saturating_sub(self.free.len()));
    }

    /// The calls that have not been counted as slow.
    pub(super) fn waiting(&mut self) -> impl Iterator<Item = &mut Call> {
        self.places.iter_mut().filter_map(|place| place.call.as_mut()).filter(|call| !call.overdue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started: u64) -> Call {
        let breaker = BreakerId(0);
        Call { breaker, generation: 0, started: Monotonic(started), probe: false, overdue: false }
    }

    #[test]
    fn a_place_that_is_used_again_is_another_call() {
        let mut calls = Calls::new();
        let first = calls.begin(call(0)).unwrap();
        calls.tidy(Monotonic(MAX_CALL_AGE.as_nanos() as u64 + 1));
        let second = calls.begin(call(9)).unwrap();
        assert_eq!(second.place, first.place);
        assert!(calls.end(first).is_none(), "lost, and its place has gone to another");
        assert_eq!(calls.end(second).map(|call| call.started), Some(Monotonic(9)));
        assert!(calls.end(second).is_none());
    }

    #[test]
    fn room_is_made_on_the_tick_up_to_the_bound() {
        let mut calls = Calls::new();
        let mut open = Vec::new();
        for _ in 0..20 {
            open.extend(std::iter::from_fn(|| calls.begin(call(0))));
            calls.tidy(Monotonic(0));
        }
        assert_eq!(open.len(), MAX_OPEN_CALLS);
        assert_eq!(calls.begin(call(0)), None);
        calls.end(open[7]);
        assert!(calls.begin(call(0)).is_some());
    }
}
