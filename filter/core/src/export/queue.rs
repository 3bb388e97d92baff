//! The records of one signal, oldest first, and what has become of the first of them.

use super::{MAX_BUFFER_BYTES, MAX_REQUEST_BYTES, MAX_TRIES};
use crate::time::Monotonic;
use std::collections::VecDeque;

/// A record as it was encoded.
#[derive(Debug)]
pub(super) struct Record {
    bytes: Vec<u8>,
    /// It waits for others no longer.
    due: Monotonic,
}

/// Records stay here until it is sure that they need not be sent again.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: State,
    /// Younger than those of the state.
    waiting: VecDeque<Record>,
    /// Of all records.
    bytes: usize,
    /// Requests that have failed since the collector last gave an answer of its own.
    failures: u32,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing is asked of the collector.
    #[default]
    Idle,
    /// A request is under way.
    Asked { batch: Batch, call: Option<u32>, until: Monotonic },
    /// Nothing is sent until then.
    BackOff { batch: Batch, until: Monotonic },
}

/// Records that have been sent `tries` times, each time without an answer that decides.
#[derive(Debug, Default)]
struct Batch {
    records: VecDeque<Record>,
    tries: u32,
}

impl Queue {
    /// Takes a record, which is to go by `due`. Says how many had to give way, the new one among them if nothing else can.
    pub(super) fn push(&mut self, bytes: Vec<u8>, due: Monotonic, max_records: usize) -> u64 {
        if bytes.len() > MAX_REQUEST_BYTES {
            return 1;
        }
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.waiting.push_back(Record { bytes, due });
        self.make_room(max_records)
    }

    /// Lets the oldest records that are not under way give way until no more are kept than may be. Says how many.
    fn make_room(&mut self, max_records: usize) -> u64 {
        let mut dropped = 0;
        while self.len() > max_records || self.bytes > MAX_BUFFER_BYTES {
            let Some(oldest) = self.take_oldest() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes.len());
            dropped += 1;
        }
        dropped
    }

    /// Takes all records out, those of a request under way among them: its answer will not be heard.
    pub(super) fn leave(&mut self) -> VecDeque<Record> {
        let left = std::mem::take(self);
        match left.state {
            State::Idle => left.waiting,
            State::Asked { batch: Batch { mut records, .. }, .. }
            | State::BackOff { batch: Batch { mut records, .. }, .. } => {
                records.extend(left.waiting);
                records
            }
        }
    }

    /// Takes records that are older than its own. Says how many had to give way.
    pub(super) fn take_over(&mut self, older: VecDeque<Record>, max_records: usize) -> u64 {
        for record in older.into_iter().rev() {
            self.bytes = self.bytes.saturating_add(record.bytes.len());
            self.waiting.push_front(record);
        }
        self.make_room(max_records)
    }

    fn len(&self) -> usize {
        let begun = match &self.state {
            State::Idle => 0,
            State::Asked { batch, .. } | State::BackOff { batch, .. } => batch.records.len(),
        };
        begun.saturating_add(self.waiting.len())
    }

    /// Takes the oldest record that is not under way.
    fn take_oldest(&mut self) -> Option<Record> {
        let tried = match &mut self.state {
            State::BackOff { batch, .. } => batch.records.pop_front(),
            State::Idle | State::Asked { .. } => None,
        };
        tried.or_else(|| self.waiting.pop_front())
    }

    /// Begins a request that is lost if it has not ended at `until`, if it is time for one: with these records.
    pub(super) fn begin(
        &mut self,
        now: Monotonic,
        until: Monotonic,
        max_batch: usize,
    ) -> Option<impl Iterator<Item = &[u8]> + Clone> {
        let tried = match &mut self.state {
            State::Asked { .. } => return None,
            State::BackOff { until, .. } if now < *until => return None,
            State::BackOff { batch, .. } => Some(std::mem::take(batch)).filter(|batch| !batch.records.is_empty()),
            State::Idle => None,
        };
        self.state = State::Idle;
        let mut batch = match tried {
            Some(batch) => batch,
            None => Batch { records: self.waiting.drain(..self.due(now, max_batch)?).collect(), tries: 0 },
        };
        batch.tries = batch.tries.saturating_add(1);
        self.state = State::Asked { batch, call: None, until };
        let State::Asked { batch, .. } = &self.state else { return None };
        Some(batch.records.iter().map(|record| &*record.bytes))
    }

    /// How many of the records that wait are to go now.
    fn due(&self, now: Monotonic, max_batch: usize) -> Option<usize> {
        let oldest = self.waiting.front()?;
        let mut bytes = 0_usize;
        let fits = |record: &&Record| {
            bytes = bytes.saturating_add(record.bytes.len());
            bytes <= MAX_REQUEST_BYTES
        };
        let fitting = self.waiting.iter().take(max_batch).take_while(fits).count();
        let is_full = fitting == max_batch || fitting < self.waiting.len();
        (is_full || oldest.due <= now).then_some(fitting)
    }

    /// The host's number of the request under way.
    pub(super) fn sent(&mut self, number: u32) {
        if let State::Asked { call, .. } = &mut self.state {
            *call = Some(number);
        }
    }

    /// Whether the request under way has that number.
    pub(super) fn is_called(&self, number: u32) -> bool {
        matches!(self.state, State::Asked { call: Some(call), .. } if call == number)
    }

    /// Whether the request under way was lost.
    pub(super) fn is_overdue(&self, now: Monotonic) -> bool {
        matches!(self.state, State::Asked { until, .. } if until <= now)
    }

    /// The collector has decided about the request under way. Says how many records it had; they are no longer kept.
    pub(super) fn done(&mut self) -> u64 {
        self.failures = 0;
        self.end().map_or(0, |batch| self.forget(&batch))
    }

    /// How many requests have failed in a row.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    /// The request under way has failed: nothing is sent until then. Says how many records were sent too often and are no
    /// longer kept.
    pub(super) fn back_off(&mut self, until: Monotonic) -> u64 {
        let Some(batch) = self.end() else { return 0 };
        self.failures = self.failures.saturating_add(1);
        let (batch, given_up) = match batch.tries {
            ..MAX_TRIES => (batch, 0),
            _ => (Batch::default(), self.forget(&batch)),
        };
        self.state = State::BackOff { batch, until };
        given_up
    }

    /// Ends the request under way, if there is one.
    fn end(&mut self) -> Option<Batch> {
        let State::Asked { batch, .. } = &mut self.state else { return None };
        let batch = std::mem::take(batch);
        self.state = State::Idle;
        Some(batch)
    }

    fn forget(&mut self, batch: &Batch) -> u64 {
        for record in &batch.records {
            self.bytes = self.bytes.saturating_sub(record.bytes.len());
        }
        u64::try_from(batch.records.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
impl Queue {
    /// Whether nothing keeps a request from being made.
    pub(super) fn is_waiting_over(&self, now: Monotonic) -> bool {
        matches!(self.state, State::BackOff { until, .. } if until <= now)
    }

    /// How many records are kept, and their bytes, counted one by one.
    pub(super) fn kept(&self) -> (usize, usize) {
        let begun = match &self.state {
            State::Idle => None,
            State::Asked { batch, .. } | State::BackOff { batch, .. } => Some(&batch.records),
        };
        let bytes = self.waiting.iter().chain(begun.into_iter().flatten()).map(|record| record.bytes.len()).sum();
        assert_eq!(bytes, self.bytes);
        (self.len(), bytes)
    }
}
