//! All operations as they stand, as the log tells them.

use super::journal::{Line, Record, Step};
use std::collections::VecDeque;

/// The most operations that are remembered once they are over.
const MAX_OVER: usize = 1_000;

/// An operation, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    pub(super) step: Step,
    /// When it came to that: milliseconds since 1970.
    pub(super) since_ms: u64,
    pub(super) record: Record,
}

impl Standing {
    /// How far it has come at a time: what waits is over in time, whether or not the log says so yet.
    pub(super) fn step_at(&self, now_ms: u64) -> Step {
        let is_over = self.step == Step::Waiting && self.record.expires_ms.is_some_and(|end| end <= now_ms);
        if is_over { Step::Expired } else { self.step }
    }

    fn is_open(&self) -> bool {
        matches!(self.step, Step::Waiting | Step::Running)
    }
}

/// The operations, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Book(VecDeque<Standing>);

impl Book {
    /// Takes a line of the log in.
    pub(super) fn take(&mut self, line: Line) {
        let Line { step, at_ms: since_ms, record, .. } = line;
        let standing = Standing { step, since_ms, record };
        match self.0.iter_mut().find(|known| known.record.id == standing.record.id) {
            Some(known) => *known = standing,
            None => self.0.push_back(standing),
        }
        let over = self.0.iter().filter(|standing| !standing.is_open()).count();
        if over > MAX_OVER
            && let Some(oldest) = self.0.iter().position(|standing| !standing.is_open())
        {
            self.0.remove(oldest);
        }
    }

    pub(super) fn find(&self, id: &str) -> Option<&Standing> {
        self.0.iter().find(|standing| standing.record.id == id)
    }

    pub(super) fn at(&self, step: Step) -> impl Iterator<Item = &Standing> {
        self.0.iter().filter(move |standing| standing.step == step)
    }

    /// The newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = &Standing> {
        self.0.iter().rev()
    }
}
