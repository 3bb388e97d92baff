//! The library for tests, as the author of a filter uses it.

mod guest;
mod pointsman;
mod scenario;
mod stub;

use pointsman_host::testing::{Filter, Proxy};
use std::sync::Arc;

/// A proxy whose modules are compiled once for all tests.
fn proxy(filter: Filter) -> Proxy {
    Proxy::with_filter(filter).module_cache(env!("CARGO_TARGET_TMPDIR"))
}

/// The words of an error, as a failed test prints them.
fn words(error: &pointsman_host::testing::TestError) -> String {
    format!("{error:?}")
}

/// A clock that stands at some moment of 2026.
fn stopped_clock() -> Arc<pointsman_host::testing::StoppedClock> {
    Arc::new(pointsman_host::testing::StoppedClock::at(std::time::Duration::from_secs(1_780_000_000)))
}
