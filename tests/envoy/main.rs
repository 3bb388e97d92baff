//! The filter in the real Envoy. Each test starts its own on free ports.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod config;
mod endings;
mod gauges;
mod holding;
mod scrape;
mod trace;
mod traps;
mod trust;
mod visits;
