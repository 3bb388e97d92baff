//! The library for tests, as the author of a filter uses it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod guest;
mod pointsman;
mod scenario;
mod stub;

use pointsman_host::testing::{Filter, Proxy, StoppedClock, TestError};
use std::sync::Arc;
use std::time::Duration;

/// A proxy whose modules are compiled once for all tests.
fn proxy(filter: Filter) -> Proxy {
    Proxy::with_filter(filter).module_cache(env!("CARGO_TARGET_TMPDIR"))
}

/// The words of an error, as a failed test prints them.
fn words(error: &TestError) -> String {
    format!("{error:?}")
}

/// A clock that stands at some moment of 2026.
fn stopped_clock() -> Arc<StoppedClock> {
    Arc::new(StoppedClock::at(Duration::from_secs(1_780_000_000)))
}
