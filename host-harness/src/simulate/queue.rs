//! What is to happen, in order of time; what is due at the same moment happens in the order in which it was put down.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::moment::Moment;

/// Events by time and sequence.
pub(super) struct EventQueue<E> {
    heap: BinaryHeap<Reverse<Entry<E>>>,
    sequence: u64,
}

struct Entry<E> {
    due: Moment,
    sequence: u64,
    event: E,
}

impl<E> EventQueue<E> {
    pub(super) fn push(&mut self, due: Moment, event: E) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { due, sequence: self.sequence, event }));
    }

    pub(super) fn pop(&mut self) -> Option<(Moment, E)> {
        self.heap.pop().map(|Reverse(entry)| (entry.due, entry.event))
    }
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<E> Entry<E> {
    const fn key(&self) -> (Moment, u64) {
        (self.due, self.sequence)
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::{EventQueue, Moment};

    #[test]
    fn events_come_by_time_and_at_one_time_by_sequence() {
        let mut queue = EventQueue::default();
        for (due, event) in [(5, 'd'), (1, 'a'), (1, 'b'), (3, 'c')] {
            queue.push(Moment::from_micros(due), event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, event)| event).collect();
        assert_eq!(order, "abcd");
    }
}
