//! The filter in the real Envoy. Each test starts its own on free ports.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod bad_input;
#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "only a sample is looked at here, and only what a caller sees of it"
)]
#[path = "../cases/vendors.rs"]
mod cases;
#[expect(dead_code, reason = "virtual time is for the others")]
#[path = "../cases/rules.rs"]
mod cases_of_rules;
mod config;
mod drill;
mod endings;
mod export;
mod failover;
mod gauges;
mod holding;
mod rules;
mod scrape;
mod stitching;
mod switching;
mod trace;
mod tracing;
mod tracker;
mod traps;
mod trust;
mod visits;
mod w3c;
