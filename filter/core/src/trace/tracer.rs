//! Whose the context on the wire is: ours, or that of the proxy's own tracer.
//!
//! A tracer of the proxy writes its context over whatever a filter has written, and nothing tells a filter so before the
//! request has left. So it is looked at afterwards, when the log shows the request's headers as they went out.

use super::TraceParent;
use crate::plan::{Direction, TraceMode};

/// So many exchanges in a row are looked at before the wire counts as ours.
const PROOF: u32 = 8;
/// Then one of so many, since a tracer can be switched on at any time, and each look costs a host call.
const EVERY: u32 = 64;

/// What one worker knows of the listeners.
#[derive(Debug)]
pub struct Tracers {
    inbound: Tracer,
    outbound: Tracer,
}

impl Tracers {
    /// Nothing is known yet.
    pub const fn new(mode: TraceMode) -> Self {
        Self { inbound: Tracer::new(mode), outbound: Tracer::new(mode) }
    }

    /// Those of one direction.
    pub const fn of(&mut self, direction: Direction) -> &mut Tracer {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    /// Whether anything is ever worth a look.
    pub const fn may_look(&self) -> bool {
        self.inbound.may_look()
    }
}

/// What is known of one listener.
#[derive(Debug)]
pub struct Tracer {
    mode: TraceMode,
    /// Whether the proxy's tracer has been seen to write.
    observing: bool,
    /// Exchanges since the wire was last seen not to be ours.
    exchanges: u32,
}

impl Tracer {
    /// One that knows nothing yet.
    pub const fn new(mode: TraceMode) -> Self {
        Self { mode, observing: false, exchanges: 0 }
    }

    /// Whether contexts are to be written.
    pub const fn writes(&self) -> bool {
        match self.mode {
            TraceMode::Own => true,
            TraceMode::Observe => false,
            TraceMode::Auto => !self.observing,
        }
    }

    /// Whether anything is ever worth a look.
    pub const fn may_look(&self) -> bool {
        !matches!(self.mode, TraceMode::Own)
    }

    /// Whether what the exchange at hand went out with is worth a look.
    pub fn looks(&mut self) -> bool {
        match self.mode {
            TraceMode::Own => false,
            TraceMode::Observe => true,
            TraceMode::Auto => {
                self.exchanges = self.exchanges.saturating_add(1);
                let is_due = self.exchanges <= PROOF || self.exchanges == PROOF.saturating_add(EVERY);
                if self.exchanges > PROOF && is_due {
                    self.exchanges = PROOF;
                }
                self.observing || is_due
            }
        }
    }

    /// A request went out with `out`: we had written `written`, and it came in with `came`. Returns what the proxy's tracer has
    /// written.
    pub fn saw(
        &mut self,
        written: Option<&TraceParent>,
        came: Option<&TraceParent>,
        out: Option<&TraceParent>,
    ) -> Option<TraceParent> {
        // Flags say nothing of who has written: some proxies clear those that they do not know.
        let is = |one: &TraceParent, other: Option<&TraceParent>| {
            other.is_some_and(|other| (one.trace_id, one.parent_id) == (other.trace_id, other.parent_id))
        };
        let theirs = out.filter(|out| !is(out, written) && !is(out, came));
        if self.mode == TraceMode::Auto && self.observing == theirs.is_none() {
            self.observing = theirs.is_some();
            self.exchanges = 0;
        }
        theirs.copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(last: char) -> TraceParent {
        TraceParent::parse(format!("00-4bf92f3577b34da6a3ce929d0e0e473{last}-00f067aa0ba902b7-01").as_bytes()).unwrap()
    }

    #[test]
    fn by_itself_it_finds_out_whose_the_wire_is_and_that_it_is_ours_again() {
        let (ours, theirs) = (context('1'), context('2'));
        let mut tracer = Tracer::new(TraceMode::Auto);
        assert!(tracer.writes() && tracer.looks());
        assert_eq!(tracer.saw(Some(&ours), None, Some(&ours)), None);
        assert!(tracer.writes());
        assert_eq!(tracer.saw(Some(&ours), None, Some(&theirs)), Some(theirs));
        assert!(!tracer.writes() && tracer.looks());
        assert_eq!(tracer.saw(None, Some(&ours), Some(&theirs)), Some(theirs));
        assert_eq!(tracer.saw(None, Some(&ours), Some(&ours)), None, "it passed as it came");
        assert!(tracer.writes());
    }

    #[test]
    fn what_has_proven_to_be_ours_is_looked_at_now_and_then() {
        let mut tracer = Tracer::new(TraceMode::Auto);
        let looks = (0..8 + 64 * 3).filter(|_| tracer.looks()).count();
        assert_eq!(looks, 8 + 3);
    }

    #[test]
    fn a_mode_that_is_ordered_stays() {
        let (mut own, mut observe) = (Tracer::new(TraceMode::Own), Tracer::new(TraceMode::Observe));
        for tracer in [&mut own, &mut observe] {
            tracer.saw(Some(&context('1')), None, Some(&context('2')));
            tracer.saw(Some(&context('1')), None, None);
        }
        assert!(own.writes() && !own.looks());
        assert!(!observe.writes() && observe.looks());
    }
}
