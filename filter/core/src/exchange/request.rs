//! The request's way in: which node, what it says, which trace.

use super::context::{Arrived, Id};
use super::visit::Visit;
use super::{Effects, Flow, MAX_READS, RequestHead, Shell};
use crate::extract::{BodyKind, Facts};
use crate::hold::StreamId;
use crate::json::Scan;
use crate::plan::{Direction, RouteId, Target, host_of};
use crate::time::Monotonic;
use crate::trace::TraceParent;
use crate::worker::{Bypass, Release, Worker};

/// A request that is coming in.
#[derive(Debug)]
pub struct RequestState {
    stream: StreamId,
    choice: Choice,
    body: Body,
    trace: Trace,
    /// The context that was written.
    context: Option<TraceParent>,
    content: Content,
    entered: Monotonic,
}

/// The node, as far as it is known.
#[derive(Debug)]
enum Choice {
    Decided(Box<Visit>, BodyKind),
    /// The body must tell which of these it is; each has read the head for itself.
    Among(Vec<Candidate>),
}

#[derive(Debug)]
struct Candidate {
    route: RouteId,
    facts: Facts,
    kind: BodyKind,
    /// Whether the body can still change whether it fits.
    open: bool,
}

/// What has been read of the body.
#[derive(Debug)]
enum Body {
    /// Nothing in it is wanted, or nothing more.
    Unread,
    /// Pieces are copied as they pass.
    Passing { bytes: Vec<u8>, reads: u16 },
    /// The request waits; Envoy keeps the pieces, if any have come.
    Held { pieces: bool },
    /// As much as will be read.
    Read { bytes: Vec<u8>, whole: bool },
}

/// Where the trace stands.
#[derive(Debug)]
enum Trace {
    /// It was dealt with at the headers.
    Settled,
    /// It waits for the held body.
    Waiting(Arrived),
}

/// What the headers say of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Plain,
    Encoded,
}

impl RequestState {
    /// Finds the node and reads the head; `None` if no node is visited.
    pub(super) fn begin(
        worker: &mut Worker,
        direction: Direction,
        head: &RequestHead<'_>,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) -> Option<Self> {
        let mut candidates = candidates(worker, direction, head);
        let first = candidates.first()?;
        let entered = shell.now();
        let choice = if first.open {
            Choice::Among(candidates)
        } else {
            let Candidate { route, facts, kind, .. } = candidates.swap_remove(0);
            Choice::Decided(Box::new(Visit::enter(worker, route, facts, entered)?), kind)
        };
        let content = if is_encoded(head) { Content::Encoded } else { Content::Plain };
        let mut state = Self {
            stream: head.stream,
            choice,
            body: Body::Unread,
            trace: Trace::Settled,
            context: None,
            content,
            entered,
        };
        state.open_body(worker, head);
        state.trace(worker, head, effects);
        Some(state)
    }

    fn open_body(&mut self, worker: &mut Worker, head: &RequestHead<'_>) {
        let wanted = match &self.choice {
            Choice::Decided(_, kind) => *kind != BodyKind::Unwanted,
            Choice::Among(_) => true,
        };
        if head.end_of_stream || !wanted {
            return;
        }
        if self.content == Content::Encoded {
            worker.bypass(Bypass::BodyEncoded);
            return;
        }
        self.body = Body::Passing { bytes: Vec::new(), reads: 0 };
    }

    /// Deals with the trace, or holds the request until the body tells the message's id.
    fn trace(&mut self, worker: &mut Worker, head: &RequestHead<'_>, effects: &mut Effects) {
        let arrived = Arrived::read(&head.headers, head.edge);
        if let Some(context) = arrived.continued() {
            self.context = Some(arrived.go_on(context, worker, effects));
            return;
        }
        let body_may_tell = matches!(self.body, Body::Passing { .. }) && self.body_may_identify(worker);
        if !body_may_tell {
            self.start_trace(&arrived, false, worker, effects);
        } else if worker.plan.settings.hold_request && worker.holds.allowed() {
            worker.holds.hold(self.stream, self.entered);
            self.body = Body::Held { pieces: false };
            self.trace = Trace::Waiting(arrived);
            effects.flow = Flow::Hold;
        } else {
            self.start_trace(&arrived, true, worker, effects);
        }
    }

    /// Whether the message's key, which the trace id is derived from, may still be told by the body.
    fn body_may_identify(&self, worker: &Worker) -> bool {
        let identifies = |route: RouteId, facts: &Facts| {
            worker.plan.route(route).is_some_and(|route| route.reader.body_may_identify(facts))
        };
        match &self.choice {
            Choice::Decided(visit, _) => identifies(visit.route, &visit.facts),
            Choice::Among(candidates) => {
                candidates.iter().any(|candidate| identifies(candidate.route, &candidate.facts))
            }
        }
    }

    fn start_trace(&mut self, arrived: &Arrived, too_late: bool, worker: &mut Worker, effects: &mut Effects) {
        let (facts, route) = match &self.choice {
            Choice::Decided(visit, _) => (&visit.facts, visit.route),
            Choice::Among(candidates) => match candidates.first() {
                Some(candidate) => (&candidate.facts, candidate.route),
                None => return,
            },
        };
        let promised = worker.plan.route(route).is_some_and(|route| route.id_promised);
        let id = match (too_late, facts.message_ids.is_empty() && promised) {
            (true, _) => Id::TooLate,
            (false, true) => Id::Promised,
            (false, false) => Id::Known,
        };
        self.context = arrived.start(facts, id, worker, effects);
    }

    /// More of the body is at hand.
    pub(super) fn body(
        &mut self,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let max = worker.plan.settings.max_body_bytes;
        if let Body::Held { pieces } = self.body {
            if worker.holds.is_held(self.stream) {
                self.held_body(worker, size, end_of_stream, shell, effects);
                return;
            }
            // The tick has let it go: the id comes too late, but the rest of what the body says does not, unless its
            // beginning has gone by with the headers.
            self.release_trace(worker);
            self.body = if pieces {
                worker.bypass(Bypass::BodyUnreadable);
                Body::Unread
            } else {
                Body::Passing { bytes: Vec::new(), reads: 0 }
            };
        }
        let Body::Passing { bytes, reads } = &mut self.body else { return };
        if size == 0 {
            return;
        }
        let room = max.saturating_sub(bytes.len());
        bytes.extend(shell.body(0, size.min(room)).unwrap_or_default());
        *reads = reads.saturating_add(1);
        let over = if size > room {
            Some(Bypass::BodyTooLarge)
        } else if *reads >= MAX_READS && !end_of_stream {
            Some(Bypass::BodyInPieces)
        } else {
            None
        };
        if let Some(reason) = over {
            worker.bypass(reason);
            self.body = Body::Read { bytes: std::mem::take(bytes), whole: false };
        }
    }

    /// Trailers end the body, of which a held request has read nothing yet. The buffer gives no more than there is.
    pub(super) fn trailers(&mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        if matches!(self.body, Body::Held { .. }) && worker.holds.is_held(self.stream) {
            let all = worker.plan.settings.max_body_bytes;
            self.held_body(worker, all, true, shell, effects);
        }
    }

    fn held_body(
        &mut self,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let max = worker.plan.settings.max_body_bytes;
        let too_large = size > max;
        if !end_of_stream && !too_large {
            self.body = Body::Held { pieces: size > 0 };
            effects.flow = Flow::Hold;
            return;
        }
        worker.holds.forget(self.stream);
        if too_large {
            worker.released(Release::BodyTooLarge);
            worker.bypass(Bypass::BodyTooLarge);
        }
        let bytes = shell.body(0, size.min(max)).unwrap_or_default();
        self.body = Body::Read { bytes, whole: !too_large };
        self.read_body(worker);
        if let Trace::Waiting(arrived) = std::mem::replace(&mut self.trace, Trace::Settled) {
            let unread = too_large && self.body_may_identify(worker);
            self.start_trace(&arrived, unread, worker, effects);
        }
    }

    /// The headers have left without the trace that waited, or never will.
    fn release_trace(&mut self, worker: &mut Worker) {
        if let Trace::Waiting(arrived) = std::mem::replace(&mut self.trace, Trace::Settled) {
            // The header map is gone; what would be done to it is dropped, and only the count stays.
            self.start_trace(&arrived, true, worker, &mut Effects::default());
        }
    }

    /// Reads what was collected, and decides the node if that was open.
    fn read_body(&mut self, worker: &mut Worker) {
        let (bytes, whole) = match std::mem::replace(&mut self.body, Body::Unread) {
            Body::Read { bytes, whole } => (bytes, whole),
            Body::Passing { bytes, .. } => (bytes, true),
            other @ (Body::Unread | Body::Held { .. }) => {
                self.body = other;
                return;
            }
        };
        let keep = worker.keeps_recipients();
        let scan = match &mut self.choice {
            Choice::Decided(visit, kind) => {
                let reader = worker.plan.route(visit.route).map(|route| &route.reader);
                reader.map(|reader| reader.body(*kind, &bytes, keep, &mut visit.facts))
            }
            Choice::Among(candidates) => {
                let scan = read_among(worker, candidates, &bytes);
                self.decide(worker);
                scan
            }
        };
        if whole && !bytes.is_empty() && scan.is_some_and(|scan| scan != Scan::Complete) {
            worker.bypass(Bypass::BodyUnreadable);
        }
    }

    /// Keeps the first candidate that fits, now that all has been read.
    fn decide(&mut self, worker: &mut Worker) {
        let Choice::Among(candidates) = &mut self.choice else { return };
        let fits = candidates.iter().position(|candidate| {
            let when = worker.plan.route(candidate.route).map_or(0, |route| route.when);
            candidate.facts.conditions & when == when
        });
        let chosen = fits.map(|index| candidates.swap_remove(index));
        candidates.clear();
        if let Some(Candidate { route, facts, kind, .. }) = chosen {
            if let Some(visit) = Visit::enter(worker, route, facts, self.entered) {
                self.choice = Choice::Decided(Box::new(visit), kind);
            }
        }
    }

    /// Nothing more will be read; `None` if the body has ruled out every node.
    pub(super) fn finish(mut self, worker: &mut Worker) -> Option<Box<Visit>> {
        worker.holds.forget(self.stream);
        self.read_body(worker);
        self.decide(worker);
        self.release_trace(worker);
        let Choice::Decided(mut visit, _) = self.choice else { return None };
        visit.context = self.context;
        visit.settle(worker);
        Some(visit)
    }
}

fn is_encoded(head: &RequestHead<'_>) -> bool {
    head.headers.get("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}

/// The routes that the head allows, up to and including the first that needs nothing more to be certain.
fn candidates(worker: &Worker, direction: Direction, head: &RequestHead<'_>) -> Vec<Candidate> {
    let authority = head.headers.get_str(":authority").unwrap_or_default();
    let whole_path = head.headers.get_str(":path").unwrap_or_default();
    let (path, query) = match whole_path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (whole_path, None),
    };
    let host = host_of(authority);
    let target = Target { host: &host, method: head.headers.get_str(":method").unwrap_or_default(), path };
    let content_type = head.headers.get("content-type");
    let keep = worker.keeps_recipients();
    let mut found = Vec::new();
    for (id, route, captures) in worker.plan.candidates(direction, target) {
        let mut facts = Facts::default();
        route.reader.head(&head.headers, query, &captures, head.edge, keep, &mut facts);
        let missing = route.when & !facts.conditions;
        let body_can_tell = if head.end_of_stream { 0 } else { route.reader.condition_bits().1 };
        if missing & !body_can_tell != 0 {
            continue;
        }
        let open = missing != 0;
        found.push(Candidate { route: id, facts, kind: route.reader.body_kind(content_type), open });
        if !open {
            break;
        }
    }
    found
}

/// Lets every candidate read the body for itself; the worst of what they saw tells whether it could be read.
fn read_among(worker: &Worker, candidates: &mut [Candidate], bytes: &[u8]) -> Option<Scan> {
    let keep = worker.keeps_recipients();
    let mut worst = None;
    for candidate in candidates {
        let Some(route) = worker.plan.route(candidate.route) else { continue };
        let scan = route.reader.body(candidate.kind, bytes, keep, &mut candidate.facts);
        worst = worst.filter(|worst| *worst != Scan::Complete).or(Some(scan));
    }
    worst
}
