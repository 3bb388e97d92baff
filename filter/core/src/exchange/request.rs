//! The request's way in: which node, what it says, which trace.

use super::candidates::{Candidate, candidates, read, read_among};
use super::collected::Collected;
use super::context::Trace;
use super::original::Original;
use super::record;
use super::ruling::{Ruling, Say};
use super::stitch::{self, Known};
use super::tracing::Pending;
use super::visit::{Line, Visit};
use super::{Command, Effects, Flow, RequestHead, Shell};
use crate::extract::Facts;
use crate::hold::StreamId;
use crate::json::Scan;
use crate::plan::Direction;
use crate::time::Monotonic;
use crate::trace::TraceParent;
use crate::worker::{Bypass, Release, Worker};

/// By which a caller asks Envoy to send a request again. Source: Envoy's router filter, "HTTP headers (consumed)".
const RETRY_HEADERS: [&str; 6] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
];

/// A request that is coming in.
#[derive(Debug)]
pub struct RequestState {
    pub(super) stream: StreamId,
    pub(super) choice: Choice,
    pub(super) body: Body,
    pub(super) pending: Pending,
    /// The trace that it goes on with.
    pub(super) trace: Option<Trace>,
    /// The context that came in, if it goes on.
    pub(super) came: Option<TraceParent>,
    /// What was known of the message when its trace began.
    pub(super) known: Option<Known>,
    pub(super) direction: Direction,
    /// What its span tells of the request line, where spans are told.
    pub(super) line: Option<Box<Line>>,
    content: Content,
    pub(super) entered: Monotonic,
    /// Path and query, where the visit will be reported.
    path: Option<String>,
    /// Whether the body was not read, or was not what the route reads.
    unread: bool,
    pub(super) ruling: Ruling,
    /// The request's head, where another channel may have to take its message.
    pub(super) original: Option<Original>,
    /// Its body, once it has been read.
    kept: Option<Collected>,
    pub(super) has_body: bool,
    /// Whether its end has come.
    pub(super) ended: bool,
    /// What the beginning of a body has told that is not waited for any longer.
    pub(super) told: Option<Box<Facts>>,
}

/// The node, as far as it is known.
#[derive(Debug)]
pub(super) enum Choice {
    Decided(Box<Visit>),
    /// The body must tell which of these it is; each has read the head for itself.
    Among(Vec<Candidate>),
}

/// What has been read of the body.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing in it is wanted, or nothing more.
    Unread,
    /// Pieces are copied as they pass.
    Passing(Collected),
    /// The request waits for this much of it.
    Held(Wait),
}

/// How much of the body a held request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// All of it: it is announced to be short enough. Envoy keeps the pieces, if any have come.
    Whole { pieces: bool },
    /// Its first piece. Were a second one to be waited for, both might be more than Envoy's buffer may have, and Envoy
    /// would answer 413 before the filter has seen it.
    FirstPiece(Release),
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
            let Candidate { route, facts, .. } = candidates.swap_remove(0);
            Choice::Decided(Box::new(Visit::enter(worker, head.stream, route, facts, entered)?))
        };
        let content = if is_encoded(head) { Content::Encoded } else { Content::Plain };
        let mut state = Self {
            stream: head.stream,
            choice,
            body: Body::Unread,
            pending: Pending::Settled,
            trace: None,
            came: None,
            known: None,
            direction,
            line: worker.tells_spans().then(|| Box::new(Line::of(&head.headers))),
            content,
            entered,
            path: worker.log_visits.then(|| head.headers.get_str(":path").unwrap_or_default().to_owned()),
            unread: true,
            ruling: Ruling::Over,
            original: None,
            kept: None,
            has_body: !head.end_of_stream,
            ended: head.end_of_stream,
            told: None,
        };
        let say = state.look_at_rules(worker);
        if say >= Say::After {
            effects.commands.extend(without_retries(head));
            state.original = Some(Original::of(&head.headers));
        }
        state.open_body(worker, head);
        state.begin_trace(worker, head, shell, effects);
        state.wait_for_rules(say, worker, head, effects);
        Some(state)
    }

    fn open_body(&mut self, worker: &mut Worker, head: &RequestHead<'_>) {
        let wanted = match &self.choice {
            Choice::Decided(visit) => worker.plan.route(visit.route).is_some_and(|route| route.reader.reads_body()),
            Choice::Among(candidates) => candidates.iter().any(|candidate| candidate.reads_body),
        };
        if head.end_of_stream || !(wanted || self.original.is_some()) {
            return;
        }
        if self.content == Content::Encoded {
            worker.bypass(Bypass::BodyEncoded);
            return;
        }
        self.body = Body::Passing(Collected::new(worker));
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
        self.ended = end_of_stream;
        if let Body::Held(wait) = self.body {
            if worker.holds.is_held(self.stream) {
                self.held_body(wait, worker, size, end_of_stream, shell, effects);
                return;
            }
            // The tick has let it go: the id comes too late, but the rest of what the body says does not, unless its
            // beginning has gone by with the headers.
            self.release_trace(worker, shell);
            self.body = if wait == (Wait::Whole { pieces: true }) {
                worker.bypass(Bypass::BodyUnreadable);
                Body::Unread
            } else {
                Body::Passing(Collected::new(worker))
            };
        }
        if let Body::Passing(collected) = &mut self.body {
            collected.add(worker, size, end_of_stream, shell);
        }
    }

    /// Trailers end the body, of which a held request has read nothing yet. The buffer gives no more than there is.
    pub(super) fn trailers(&mut self, worker: &mut Worker, shell: &mut dyn Shell, effects: &mut Effects) {
        self.ended = true;
        let Body::Held(wait) = self.body else { return };
        if worker.holds.is_held(self.stream) {
            let all = worker.plan.settings.max_body_bytes;
            self.held_body(wait, worker, all, true, shell, effects);
        }
    }

    fn held_body(
        &mut self,
        wait: Wait,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
        effects: &mut Effects,
    ) {
        let too_large = size > worker.plan.settings.max_body_bytes;
        let release = match wait {
            _ if end_of_stream && !too_large => None,
            Wait::Whole { .. } if too_large => Some(Release::BodyTooLarge),
            Wait::FirstPiece(reason) if size > 0 => Some(reason),
            Wait::FirstPiece(_) => return effects.flow = Flow::Hold,
            Wait::Whole { pieces } => {
                self.body = Body::Held(Wait::Whole { pieces: pieces || size > 0 });
                return effects.flow = Flow::Hold;
            }
        };
        worker.holds.forget(self.stream);
        let mut collected = Collected::new(worker);
        collected.add(worker, size, end_of_stream, shell);
        if self.ruling == Ruling::WhenIn {
            self.ruling = Ruling::Now { whole: release.is_none() };
        }
        match release {
            None => {
                self.body = Body::Passing(collected);
                self.read_body(worker);
                self.start_waiting(None, worker, shell, effects);
            }
            Some(reason) => {
                worker.released(reason);
                let told = self.peek(worker, collected.bytes());
                self.told = Some(Box::new(told.clone()));
                self.body = Body::Passing(collected);
                self.start_waiting(Some(told), worker, shell, effects);
            }
        }
    }

    /// What the beginning of the body tells, for the trace only: the rest will be read with it when it is in.
    fn peek(&self, worker: &Worker, beginning: &[u8]) -> Facts {
        let (facts, route) = match &self.choice {
            Choice::Decided(visit) => (&visit.facts, visit.route),
            Choice::Among(candidates) => match candidates.first() {
                Some(candidate) => (&candidate.facts, candidate.route),
                None => return Facts::default(),
            },
        };
        let mut facts = facts.clone();
        if let Some(route) = worker.plan.route(route) {
            route.reader.body(beginning, false, false, &mut facts);
        }
        facts
    }

    /// Reads what was collected, and decides the node if that was open.
    fn read_body(&mut self, worker: &mut Worker) {
        let body = std::mem::replace(&mut self.body, Body::Unread);
        let Body::Passing(collected) = body else { return };
        let scan = match &mut self.choice {
            Choice::Decided(visit) => read(worker, &collected, visit.route, &mut visit.facts),
            Choice::Among(candidates) => read_among(worker, candidates, &collected),
        };
        // Where our own bound has cut it, its beginning counts.
        let readable =
            matches!((scan, collected.is_whole()), (None | Some(Scan::Complete), _) | (Some(Scan::Cut), false));
        self.unread = !readable || collected.bytes().is_empty();
        if !readable && collected.is_whole() && !collected.bytes().is_empty() {
            worker.bypass(Bypass::BodyUnreadable);
        }
        self.kept = self.original.is_some().then_some(collected);
        self.decide(worker);
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
        if let Some(Candidate { route, facts, .. }) = chosen {
            if let Some(visit) = Visit::enter(worker, self.stream, route, facts, self.entered) {
                self.choice = Choice::Decided(Box::new(visit));
            }
        }
    }

    /// Nothing more will be read; `None` if the body has ruled out every node.
    pub(super) fn finish(mut self, worker: &mut Worker, shell: &mut dyn Shell) -> Option<Box<Visit>> {
        let waits = worker.holds.waits(self.stream);
        worker.holds.forget(self.stream);
        self.read_body(worker);
        self.decide(worker);
        self.release_trace(worker, shell);
        let ruling = self.ruling;
        let mut visit = self.into_visit(worker)?;
        visit.settle(worker);
        // What waits has not gone anywhere.
        if !waits {
            stitch::settle(&mut visit, worker, shell);
            record::of_departure(&visit, worker, shell);
        }
        // Headers that have left can't be changed any more: the send is only counted.
        visit.waits = waits;
        if ruling != Ruling::Over && !waits {
            let entered = visit.entered;
            visit.pass_anyway(worker, entered);
        }
        Some(visit)
    }

    /// The visit with all that is known of its request; `None` if no node is visited.
    pub(super) fn into_visit(self, worker: &mut Worker) -> Option<Box<Visit>> {
        let Choice::Decided(mut visit) = self.choice else { return None };
        visit.direction = Some(self.direction);
        visit.trace = self.trace;
        visit.came = self.came;
        visit.known = self.known;
        visit.line = self.line;
        visit.path = self.path;
        visit.unread = self.unread;
        let original = self.original.filter(|_| self.ended);
        visit.original = original.and_then(|original| original.with_body(self.has_body, self.kept)).map(Box::new);
        visit.identify(worker);
        Some(visit)
    }
}

/// A retry by the proxy below us would be a second send of which nobody knows.
fn without_retries(head: &RequestHead<'_>) -> impl Iterator<Item = Command> {
    let asks = |name: &&[u8]| RETRY_HEADERS.iter().any(|known| known.as_bytes() == *name);
    let names = head.headers.names().filter(asks);
    names.map(|name| Command::RemoveRequestHeader(String::from_utf8_lossy(name).into_owned()))
}

/// What may be waited for, by what the head announces.
pub(super) fn wait(worker: &Worker, head: &RequestHead<'_>) -> Wait {
    let announced: Option<u64> = head.headers.get_str("content-length").and_then(|length| length.parse().ok());
    match announced.map(usize::try_from) {
        None => Wait::FirstPiece(Release::LengthUnknown),
        Some(Ok(length)) if length <= worker.plan.settings.max_body_bytes => Wait::Whole { pieces: false },
        Some(_) => Wait::FirstPiece(Release::BodyTooLarge),
    }
}

fn is_encoded(head: &RequestHead<'_>) -> bool {
    head.headers.get("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
}
