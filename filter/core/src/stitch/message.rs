//! What is remembered of one message.

use crate::roster::{put, take};
use crate::slots::chunk;
use crate::time::{Monotonic, WallClock};
use crate::trace::{Flags, SpanId, TraceId, TraceParent};
use std::time::Duration;

/// Contexts of one message; the oldest gives way to one more.
pub const MAX_CONTEXTS: usize = 4;
/// Different visits that are counted for one message; the one counted longest ago gives way to one more.
pub const MAX_VISITS: usize = 4;

/// What is known of a message that goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recalled {
    /// The contexts with which it came in, each once; at most [`MAX_CONTEXTS`].
    pub contexts: Vec<TraceParent>,
    /// When it came in first.
    pub submitted_at: Option<WallClock>,
}

#[derive(Debug, Default)]
pub(super) struct Message {
    /// The one kept last is the last.
    contexts: Vec<Context>,
    /// Each with its number; the one counted last is the last.
    visits: Vec<(u32, u16)>,
}

#[derive(Debug)]
struct Context {
    parent: TraceParent,
    entered_at: WallClock,
    kept: Monotonic,
}

impl Message {
    /// What is still live of it: a context lives on its own, however often the message is seen again. Nothing is known of
    /// what cannot be read.
    pub(super) fn decode(value: Option<&[u8]>, now: Monotonic, remember: Duration) -> Self {
        let mut message = value.and_then(Self::read).unwrap_or_default();
        message.contexts.retain(|context| now.since(context.kept) < remember);
        message
    }

    fn read(mut value: &[u8]) -> Option<Self> {
        let value = &mut value;
        let [contexts, visits] = chunk(value)?;
        let mut message = Self::default();
        for _ in 0..contexts {
            message.contexts.push(Context::read(value)?);
        }
        for _ in 0..visits {
            message.visits.push((u32::from_le_bytes(chunk(value)?), u16::from_le_bytes(chunk(value)?)));
        }
        Some(message)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.contexts.len() as u8, self.visits.len() as u8];
        for context in &self.contexts {
            bytes.extend(context.parent.trace_id.as_bytes());
            bytes.extend(context.parent.parent_id.as_bytes());
            bytes.push(context.parent.flags.as_byte());
            put(&mut bytes, context.entered_at.0);
            put(&mut bytes, context.kept.0);
        }
        for (visit, count) in &self.visits {
            bytes.extend(visit.to_le_bytes());
            bytes.extend(count.to_le_bytes());
        }
        bytes
    }

    /// The same span again is the same context, which came in when it came in first.
    pub(super) fn keep(&mut self, parent: &TraceParent, mut entered_at: WallClock, now: Monotonic) {
        let is_same =
            |known: &Context| (known.parent.trace_id, known.parent.parent_id) == (parent.trace_id, parent.parent_id);
        let known = self.contexts.iter().position(is_same);
        if let Some(place) = known.or((self.contexts.len() >= MAX_CONTEXTS).then_some(0)) {
            let gone = self.contexts.remove(place);
            entered_at = if known.is_some() { entered_at.min(gone.entered_at) } else { entered_at };
        }
        self.contexts.push(Context { parent: *parent, entered_at, kept: now });
    }

    /// Counts a visit; says how many of its kind there were.
    pub(super) fn count(&mut self, visit: u32) -> u32 {
        let known = self.visits.iter().position(|(known, _)| *known == visit);
        let mut count = 1;
        if let Some(place) = known.or((self.visits.len() >= MAX_VISITS).then_some(0)) {
            let (_, counted) = self.visits.remove(place);
            count = if known.is_some() { counted.saturating_add(1) } else { count };
        }
        self.visits.push((visit, count));
        count.into()
    }

    pub(super) fn recalled(&self) -> Recalled {
        Recalled {
            contexts: self.contexts.iter().map(|context| context.parent).collect(),
            submitted_at: self.contexts.iter().map(|context| context.entered_at).min(),
        }
    }
}

impl Context {
    fn read(value: &mut &[u8]) -> Option<Self> {
        let (trace_id, parent_id) = (TraceId::from_bytes(chunk(value)?)?, SpanId::from_bytes(chunk(value)?)?);
        let [flags] = chunk(value)?;
        let parent = TraceParent { trace_id, parent_id, flags: Flags::from_byte(flags) };
        Some(Self { parent, entered_at: WallClock(take(value)?), kept: Monotonic(take(value)?) })
    }
}
