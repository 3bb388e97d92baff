//! Answers to what a step of an exchange asks.

use crate::host::{self, Buffer, Map};
use pointsman_core::board::SharedData;
use pointsman_core::exchange::Shell;
use pointsman_core::headers::Headers;
use pointsman_core::plan::Direction;
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::{self, B3, Incoming};

/// The host as a step sees it.
pub(crate) struct HostShell {
    /// The body that the running callback is about.
    buffer: Buffer,
    shared: HostSharedData,
}

impl HostShell {
    pub(crate) const fn new(buffer: Buffer) -> Self {
        Self { buffer, shared: HostSharedData }
    }
}

/// The shared data of the process.
pub(crate) struct HostSharedData;

impl SharedData for HostSharedData {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        host::shared_data(key).ok()
    }

    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
        host::set_shared_data(key, value, version).is_ok()
    }
}

impl Shell for HostShell {
    fn now(&mut self) -> Monotonic {
        now()
    }

    fn wall_clock(&mut self) -> WallClock {
        wall_clock()
    }

    fn code_details(&mut self) -> Option<String> {
        let details = host::property("response\0code_details").ok()?;
        String::from_utf8(details).ok()
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        host::buffer(self.buffer, start, len).ok()
    }

    fn shared(&mut self) -> &mut dyn SharedData {
        &mut self.shared
    }

    fn went_out_with(&mut self) -> Option<Incoming> {
        let map = host::header_map(Map::Request).ok().filter(|map| !map.is_empty())?;
        let headers = Headers::parse(&map);
        Some(match (trace::incoming(headers.all("traceparent")), B3::read(&headers)) {
            (Incoming::None, B3::Context(context) | B3::Undecided(context)) => Incoming::Valid(context),
            (incoming, _) => incoming,
        })
    }
}

/// The monotonic clock. Envoy always has one.
pub(crate) fn now() -> Monotonic {
    Monotonic(host::monotonic_ns().unwrap_or_default())
}

/// The calendar.
pub(crate) fn wall_clock() -> WallClock {
    WallClock(host::wall_clock_ns().unwrap_or_default())
}

/// Which listener the stream came in by.
pub(crate) fn direction() -> Option<Direction> {
    match integer("xds\0listener_direction")? {
        1 => Some(Direction::Inbound),
        2 => Some(Direction::Outbound),
        _ => None,
    }
}

/// The local port of the client's connection.
pub(crate) fn local_port() -> Option<u16> {
    integer("destination\0port").and_then(|port| u16::try_from(port).ok())
}

fn integer(path: &str) -> Option<i64> {
    let bytes = host::property(path).ok()?;
    bytes.try_into().ok().map(i64::from_le_bytes)
}
