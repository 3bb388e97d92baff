//! What stands in for the world around an exchange: a request, and a host that answers and counts the questions.

use super::super::*;
use crate::roster::tests::Store;

/// A request before it is sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) direction: Option<Direction>,
    pub(super) edge: bool,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Request {
    /// A `POST` to the service.
    pub(super) fn inbound(path: &str) -> Self {
        Self::new(Some(Direction::Inbound), "push.internal", path)
    }

    /// A `POST` from the service.
    pub(super) fn outbound(host: &str, path: &str) -> Self {
        Self::new(Some(Direction::Outbound), host, path)
    }

    pub(super) fn new(direction: Option<Direction>, host: &str, path: &str) -> Self {
        let headers = [(":method", "POST"), (":authority", host), (":path", path)];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        Self { direction, edge: false, headers }
    }

    pub(super) fn method(mut self, method: &str) -> Self {
        self.headers[0].1 = method.into();
        self
    }

    pub(super) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Comes in at a port that the public can reach.
    pub(super) fn at_edge(mut self) -> Self {
        self.edge = true;
        self
    }
}

/// How often a step has asked for each thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) now: u32,
    pub(super) wall_clock: u32,
    pub(super) code_details: u32,
    pub(super) body: u32,
}

#[derive(Default)]
pub(super) struct FakeShell {
    pub(super) now: Monotonic,
    pub(super) wall_clock: u64,
    pub(super) code_details: Option<String>,
    /// What the running callback is about.
    pub(super) buffer: Vec<u8>,
    pub(super) asked: Asked,
    pub(super) copied: usize,
    pub(super) shared: Store,
    /// What the request's headers are in the end.
    pub(super) out: Option<Incoming>,
}

impl Shell for FakeShell {
    fn now(&mut self) -> Monotonic {
        self.asked.now += 1;
        self.now
    }

    fn wall_clock(&mut self) -> WallClock {
        self.asked.wall_clock += 1;
        WallClock(self.wall_clock)
    }

    fn code_details(&mut self) -> Option<String> {
        self.asked.code_details += 1;
        self.code_details.clone()
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.asked.body += 1;
        let bytes: Vec<u8> = self.buffer.get(start..)?.iter().take(len).copied().collect();
        self.copied += bytes.len();
        Some(bytes)
    }

    fn shared(&mut self) -> &mut dyn SharedData {
        &mut self.shared
    }

    fn went_out_with(&mut self) -> Option<Incoming> {
        self.out
    }
}
