//! What is known of one message: when it was first and last said to be where.

use super::{IN_PROGRESS, Lifecycle, MAX_STATUSES, Status};
use crate::few;
use crate::time::WallClock;
use std::time::Duration;

/// The longest that a [`Life`] is in bytes.
pub const MAX_LIFE_BYTES: usize = 2 * MASK_BYTES + 2 * MAX_STATUSES * TIME_BYTES;
/// A bit for each status.
const MASK_BYTES: usize = 2;
/// Milliseconds since 1970, up to the end of [`WallClock`].
const TIME_BYTES: usize = 6;

/// What is known of one message, or of one recipient of it. Events and other lives may be added in any order, and any of them
/// again: the same ones make the same life.
///
/// It has no bound but the number of statuses. Times are kept to the millisecond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life([Option<Seen>; MAX_STATUSES]);

/// The first and the last time of a status, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    first_ms: u64,
    last_ms: u64,
}

impl Life {
    /// The message was in `status` at `at`, which is when it happened, and not when it was told.
    pub fn event(&mut self, status: Status, at: WallClock) {
        let ms = crate::time::as_millis(Duration::from_nanos(at.0));
        self.note(status.index(), Seen { first_ms: ms, last_ms: ms });
    }

    /// Whether it was ever in that status.
    pub fn has(&self, status: Status) -> bool {
        self.0.get(status.index()).is_some_and(Option::is_some)
    }

    /// Adds what another one knows.
    pub fn merge(&mut self, other: &Self) {
        for (index, seen) in other.0.iter().enumerate() {
            if let Some(seen) = seen {
                self.note(index, *seen);
            }
        }
    }

    fn note(&mut self, index: usize, seen: Seen) {
        let Some(known) = self.0.get_mut(index) else { return };
        *known = Some(known.map_or(seen, |known| Seen {
            first_ms: known.first_ms.min(seen.first_ms),
            last_ms: known.last_ms.max(seen.last_ms),
        }));
    }

    /// The statuses seen that `lifecycle` has.
    fn seen<'a>(&'a self, lifecycle: &'a Lifecycle) -> impl Iterator<Item = (Status, Seen)> + 'a {
        let seen = self.0.iter().enumerate().filter_map(|(index, seen)| Some((Status::at(index)?, (*seen)?)));
        seen.filter(|(status, _)| lifecycle.stage(*status).is_some())
    }

    /// Where the message is: the status of the highest rank, of several the latest, of several at once the last one in the
    /// order of the definition. `None` if nothing is known.
    pub fn status(&self, lifecycle: &Lifecycle) -> Option<Status> {
        let mut best: Option<(u8, u64, Status)> = None;
        for (status, seen) in self.seen(lifecycle) {
            best = best.max(Some((lifecycle.rank(status), seen.last_ms, status)));
        }
        best.map(|(.., status)| status)
    }

    /// The steps that are not allowed, in the order in which they happened: each with the statuses before and after it.
    ///
    /// Of a status that is repeated only the first time counts, unless the message is still in progress.
    pub fn conflicts<'a>(&self, lifecycle: &'a Lifecycle) -> impl Iterator<Item = (Status, Status)> + use<'a> {
        let mut steps: Vec<(u64, u8, Status)> = Vec::new();
        for (status, seen) in self.seen(lifecycle) {
            let rank = lifecycle.rank(status);
            steps.push((seen.first_ms, rank, status));
            if rank == IN_PROGRESS && seen.last_ms > seen.first_ms {
                steps.push((seen.last_ms, rank, status));
            }
        }
        few::sort(&mut steps, Ord::cmp);
        let mut steps = steps.into_iter().map(|(.., status)| status);
        let mut before = steps.next();
        steps
            .filter_map(move |to| before.replace(to).map(|from| (from, to)))
            .filter(|(from, to)| !lifecycle.allows(*from, *to))
    }

    /// The life in bytes, at most [`MAX_LIFE_BYTES`]: two masks with a bit for each status, those seen and those seen more
    /// than once; the first times; the last times of those seen more than once. Numbers are little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let (mut once, mut more) = (0_u16, 0_u16);
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (bit, seen) in bits().zip(&self.0) {
            let Some(seen) = seen else { continue };
            once |= bit;
            first.extend(seen.first_ms.to_le_bytes().into_iter().take(TIME_BYTES));
            if seen.last_ms > seen.first_ms {
                more |= bit;
                last.extend(seen.last_ms.to_le_bytes().into_iter().take(TIME_BYTES));
            }
        }
        let mut bytes = once.to_le_bytes().to_vec();
        bytes.extend(more.to_le_bytes());
        bytes.append(&mut first);
        bytes.append(&mut last);
        bytes
    }

    /// The life of these bytes; `None` if no [`Life::encode`] made them.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (once, rest) = bytes.split_first_chunk().map(|(mask, rest)| (u16::from_le_bytes(*mask), rest))?;
        let (more, rest) = rest.split_first_chunk().map(|(mask, rest)| (u16::from_le_bytes(*mask), rest))?;
        let mut times = rest.chunks(TIME_BYTES);
        let mut life = Self::default();
        for (_, seen) in bits().zip(&mut life.0).filter(|(bit, _)| once & bit != 0) {
            let first_ms = time(times.next()?)?;
            *seen = Some(Seen { first_ms, last_ms: first_ms });
        }
        for (_, seen) in bits().zip(&mut life.0).filter(|(bit, _)| more & bit != 0) {
            let seen = seen.as_mut()?;
            seen.last_ms = time(times.next()?).filter(|last_ms| *last_ms > seen.first_ms)?;
        }
        times.next().is_none().then_some(life)
    }
}

fn time(bytes: &[u8]) -> Option<u64> {
    let [b0, b1, b2, b3, b4, b5] = <[u8; TIME_BYTES]>::try_from(bytes).ok()?;
    Some(u64::from_le_bytes([b0, b1, b2, b3, b4, b5, 0, 0]))
}

/// The bit of each status.
fn bits() -> impl Iterator<Item = u16> {
    (0..MAX_STATUSES).map(|index| 1_u16 << index)
}
