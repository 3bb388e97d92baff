//! Answers to what a step of an exchange asks.

use crate::host::{self, Buffer};
use pointsman_core::exchange::Shell;
use pointsman_core::plan::Direction;
use pointsman_core::time::{Monotonic, WallClock};

/// The host as a step sees it, with the body that the running callback is about.
pub(crate) struct HostShell(pub(crate) Buffer);

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
        host::buffer(self.0, start, len).ok()
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
