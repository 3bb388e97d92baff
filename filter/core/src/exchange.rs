//! One HTTP exchange, from the first header to the log.
//!
//! The state owns its data, and every step consumes it and gives the next. A step asks the shell only for what it needs
//! ([`Shell`]), since each question is a host call; what is to be done goes out as [`Effects`].

use crate::board::{SharedData, nowhere};
use crate::compose::Answer;
use crate::event::Event;
use crate::headers::Headers;
use crate::hold::{Half, StreamId};
use crate::plan::Direction;
use crate::report::VisitReport;
use crate::time::{Monotonic, WallClock};
use crate::trace::Incoming;
use crate::worker::{Bypass, Worker};
use std::fmt;
use std::time::Duration;

mod answer;
mod candidates;
mod collected;
mod context;
mod course;
mod decide;
mod letter;
mod original;
mod record;
mod relay;
mod request;
mod response;
mod ruling;
mod stitch;
mod telling;
mod tracing;
mod visit;

pub(crate) use record::Untold;
use relay::Relay;
use request::RequestState;
use response::ResponseState;

/// Where an exchange stands.
#[derive(Debug, Default)]
pub enum Exchange {
    /// Nothing is watched: it passes.
    #[default]
    Passing,
    /// The request is coming in.
    Request(Box<RequestState>),
    /// The request is out, or as much of it as counts; the answer is awaited or coming in.
    Response(Box<ResponseState>),
    /// Another channel is asked to take the message, while the request or the answer waits.
    Relaying(Box<Relay>),
    /// The visit has been counted, or we have answered in the upstream's place.
    Ended,
}

/// What is to be done, and whether the request or the answer goes on.
#[derive(Debug, Default, PartialEq)]
pub struct Effects {
    /// In this order.
    pub commands: Vec<Command>,
    /// Whether the headers, or the body so far, of the half that this step is about wait.
    pub flow: Flow,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Give a request header this one value.
    SetRequestHeader(&'static str, String),
    /// Remove every value of a request header.
    RemoveRequestHeader(String),
    /// Give a response header this one value.
    SetResponseHeader(&'static str, String),
    /// Remove every value of a response header.
    RemoveResponseHeader(String),
    /// Answer the request in the upstream's place, or put this in the place of its answer.
    Reply(Box<Reply>),
    /// Send a request of our own. Its answer goes to [`Exchange::call_response`]; if it cannot be sent,
    /// [`Exchange::call_failed`] must be told.
    Call(Box<Call>),
    /// Tell what was understood of a visit, where somebody wants to know.
    Report(Box<VisitReport>),
    /// Leave this where the proxy's own access log can print it.
    LeaveField(&'static str, String),
    /// Tell what somebody may have to know by name.
    Record(Box<Event>),
}

/// An answer of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The command to give `answer`, with what else is told in headers.
    fn command(answer: Answer, told: Vec<(String, String)>) -> Command {
        let Answer { status, mut headers, body } = answer;
        headers.extend(told);
        Command::Reply(Box::new(Self { status, headers, body }))
    }
}

/// A request of our own. It may hold a credential or a recipient: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The Envoy cluster that it goes to.
    pub cluster: String,
    /// Headers, those of the request line among them.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// The longest that it may take.
    pub timeout: Duration,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("cluster", &self.cluster).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Whether the exchange goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    #[default]
    Continue,
    /// It waits until a later step lets it.
    Hold,
}

/// What a step may ask of the outside. Answers are given on demand because each one costs a host call.
pub trait Shell {
    /// The monotonic clock.
    fn now(&mut self) -> Monotonic;
    /// The calendar.
    fn wall_clock(&mut self) -> WallClock;
    /// `response.code_details`.
    fn code_details(&mut self) -> Option<String>;
    /// Up to `len` bytes of the body that the running callback is about, from `start` on.
    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>>;
    /// The shared data of the process.
    fn shared(&mut self) -> &mut dyn SharedData {
        nowhere()
    }
    /// The trace context that the request has left with, as it is known once the exchange is over; nothing if it is not.
    fn went_out_with(&mut self) -> Option<Incoming> {
        None
    }
}

/// The head of a request.
#[derive(Debug)]
pub struct RequestHead<'a> {
    /// The stream, as the host numbers it.
    pub stream: StreamId,
    /// Which way it goes; `None` if the listener does not say.
    pub direction: Option<Direction>,
    /// Whether it came in at a port that the public can reach.
    pub edge: bool,
    /// Its headers.
    pub headers: Headers<'a>,
    /// Whether there is no body.
    pub end_of_stream: bool,
}

/// Headers that tell our own components apart from the public; nobody else may set them.
const OWN_HEADER_PREFIX: &[u8] = b"x-pointsman-";

impl Exchange {
    /// The head of the request is in.
    pub fn begin(worker: &mut Worker, head: &RequestHead<'_>, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects::default();
        if worker.plan.is_empty() {
            return (Self::Passing, effects);
        }
        for name in head.headers.names().filter(|name| name.starts_with(OWN_HEADER_PREFIX)) {
            effects.commands.push(Command::RemoveRequestHeader(String::from_utf8_lossy(name).into_owned()));
        }
        let Some(direction) = head.direction else {
            worker.bypass(Bypass::NoDirection);
            return (Self::Passing, effects);
        };
        let Some(state) = RequestState::begin(worker, direction, head, shell, &mut effects) else {
            worker.bypass(Bypass::NoNode);
            return (Self::Passing, effects);
        };
        let state = decide::decide(Box::new(state), worker, shell, &mut effects);
        if head.end_of_stream { (state.request_over(worker, shell), effects) } else { (state, effects) }
    }

    /// More of the request's body is in: `size` bytes are at hand.
    pub fn request_body(
        self,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
    ) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Request(mut state) = self else { return self.wait(Half::Request, effects) };
        state.body(worker, size, end_of_stream, shell, &mut effects);
        let state = decide::decide(state, worker, shell, &mut effects);
        if end_of_stream { (state.request_over(worker, shell), effects) } else { (state, effects) }
    }

    /// The request ends with trailers. No body callback has said that the body was whole, so a held one is read only now.
    pub fn request_trailers(self, worker: &mut Worker, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Request(mut state) = self else { return self.wait(Half::Request, effects) };
        state.trailers(worker, shell, &mut effects);
        let state = decide::decide(state, worker, shell, &mut effects);
        (state.request_over(worker, shell), effects)
    }

    /// The head of the answer is in.
    pub fn response_headers(
        self,
        worker: &mut Worker,
        headers: &Headers<'_>,
        end_of_stream: bool,
        shell: &mut dyn Shell,
    ) -> (Self, Effects) {
        let mut effects = Effects::default();
        // An answer may come before the request is whole.
        let mut state = match self.request_over(worker, shell) {
            Self::Response(state) => state,
            // Envoy has lost its patience with a request that waits for another channel.
            Self::Relaying(relay) if relay.held() == Half::Request => {
                relay.abandon(worker, shell, &mut effects);
                return (Self::Ended, effects);
            }
            other => return other.wait(Half::Response, effects),
        };
        state.headers(worker, headers, end_of_stream, shell, &mut effects);
        let next = state.advance(worker, end_of_stream, shell, &mut effects);
        (next, effects)
    }

    /// More of the answer's body is in: `size` bytes are at hand.
    pub fn response_body(
        self,
        worker: &mut Worker,
        size: usize,
        end_of_stream: bool,
        shell: &mut dyn Shell,
    ) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Response(mut state) = self else { return self.wait(Half::Response, effects) };
        state.body(worker, size, end_of_stream, shell, &mut effects);
        let next = state.advance(worker, end_of_stream, shell, &mut effects);
        (next, effects)
    }

    /// The answer ends with trailers.
    pub fn response_trailers(self, worker: &mut Worker, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Response(mut state) = self else { return self.wait(Half::Response, effects) };
        state.trailers(worker, shell, &mut effects);
        let next = state.advance(worker, true, shell, &mut effects);
        (next, effects)
    }

    /// The exchange of `stream` is over, however it ended.
    pub fn finish(self, worker: &mut Worker, stream: StreamId, shell: &mut dyn Shell) -> Effects {
        let mut effects = Effects::default();
        match self.request_over(worker, shell) {
            // What the log finds open has not been answered as it should.
            Self::Response(state) => state.abort(worker, shell, &mut effects),
            Self::Relaying(relay) => relay.abandon(worker, shell, &mut effects),
            Self::Passing | Self::Request(_) | Self::Ended => {}
        }
        record::tell_the_rest(stream, worker, shell);
        effects
    }

    /// A request of our own has been answered, with `size` bytes of body; without headers, it has broken off. If the flow
    /// then is [`Flow::Continue`], the half of the stream that [`Self::relayed_half`] told goes on.
    pub fn call_response(
        self,
        worker: &mut Worker,
        headers: Option<&Headers<'_>>,
        size: usize,
        shell: &mut dyn Shell,
    ) -> (Self, Effects) {
        let mut effects = Effects { flow: Flow::Hold, ..Effects::default() };
        let Self::Relaying(relay) = self else { return (self, effects) };
        let next = relay.answered(worker, headers, size, shell, &mut effects);
        (next, effects)
    }

    /// A request of our own could not be sent: it has surely not left.
    pub fn call_failed(self, worker: &mut Worker, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects { flow: Flow::Hold, ..Effects::default() };
        let Self::Relaying(relay) = self else { return (self, effects) };
        let next = relay.refused(worker, shell, &mut effects);
        (next, effects)
    }

    /// The half of the stream that waits for the answer to a request of our own.
    pub const fn relayed_half(&self) -> Option<Half> {
        match self {
            Self::Relaying(relay) => Some(relay.held()),
            _ => None,
        }
    }

    /// Whether the request is watched and not yet counted, so that more callbacks matter.
    pub const fn is_watched(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Response(_) | Self::Relaying(_))
    }

    /// More of a half has come that has no say any more: it waits if it is to be replaced.
    fn wait(self, half: Half, mut effects: Effects) -> (Self, Effects) {
        if self.relayed_half() == Some(half) {
            effects.flow = Flow::Hold;
        }
        (self, effects)
    }

    /// Nothing more of the request will be read.
    fn request_over(self, worker: &mut Worker, shell: &mut dyn Shell) -> Self {
        match self {
            Self::Request(state) => match state.finish(worker, shell) {
                Some(visit) => Self::Response(Box::new(ResponseState::new(visit))),
                None => {
                    worker.bypass(Bypass::NoNode);
                    Self::Passing
                }
            },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
