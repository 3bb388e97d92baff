//! One HTTP exchange, from the first header to the log.
//!
//! The state owns its data, and every step consumes it and gives the next. A step asks the shell only for what it needs
//! ([`Shell`]), since each question is a host call; what is to be done goes out as [`Effects`].

use crate::headers::Headers;
use crate::hold::StreamId;
use crate::plan::Direction;
use crate::report::VisitReport;
use crate::time::{Monotonic, WallClock};
use crate::worker::{Bypass, Worker};

mod answer;
mod collected;
mod context;
mod request;
mod response;
mod visit;

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
    /// The visit has been counted.
    Ended,
}

/// What is to be done, and whether the request or the answer goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// In this order.
    pub commands: Vec<Command>,
    /// Whether the headers, or the body so far, of the half that this step is about wait.
    pub flow: Flow,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give a request header this one value.
    SetRequestHeader(&'static str, String),
    /// Remove every value of a request header.
    RemoveRequestHeader(String),
    /// Give a response header this one value.
    SetResponseHeader(&'static str, String),
    /// Remove every value of a response header.
    RemoveResponseHeader(String),
    /// Tell what was understood of a visit, where somebody wants to know.
    Report(Box<VisitReport>),
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
        let state = Self::Request(Box::new(state));
        if head.end_of_stream { (state.request_over(worker), effects) } else { (state, effects) }
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
        let Self::Request(mut state) = self else { return (self, effects) };
        state.body(worker, size, end_of_stream, shell, &mut effects);
        let state = Self::Request(state);
        if end_of_stream { (state.request_over(worker), effects) } else { (state, effects) }
    }

    /// The request ends with trailers. No body callback has said that the body was whole, so a held one is read only now.
    pub fn request_trailers(self, worker: &mut Worker, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Request(mut state) = self else { return (self, effects) };
        state.trailers(worker, shell, &mut effects);
        (Self::Request(state).request_over(worker), effects)
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
        let Self::Response(mut state) = self.request_over(worker) else { return (Self::Ended, effects) };
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
        let Self::Response(mut state) = self else { return (self, effects) };
        state.body(worker, size, end_of_stream, shell, &mut effects);
        let next = state.advance(worker, end_of_stream, shell, &mut effects);
        (next, effects)
    }

    /// The answer ends with trailers.
    pub fn response_trailers(self, worker: &mut Worker, shell: &mut dyn Shell) -> (Self, Effects) {
        let mut effects = Effects::default();
        let Self::Response(mut state) = self else { return (self, effects) };
        state.trailers(worker, shell, &mut effects);
        let next = state.advance(worker, true, shell, &mut effects);
        (next, effects)
    }

    /// The exchange is over, however it ended.
    pub fn finish(self, worker: &mut Worker, shell: &mut dyn Shell) -> Effects {
        let mut effects = Effects::default();
        if let Self::Response(state) = self.request_over(worker) {
            // What the log finds open has not been answered as it should.
            state.abort(worker, shell, &mut effects);
        }
        effects
    }

    /// Whether the request is watched and not yet counted, so that more callbacks matter.
    pub const fn is_watched(&self) -> bool {
        matches!(self, Self::Request(_) | Self::Response(_))
    }

    /// Nothing more of the request will be read.
    fn request_over(self, worker: &mut Worker) -> Self {
        match self {
            Self::Request(state) => match state.finish(worker) {
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
