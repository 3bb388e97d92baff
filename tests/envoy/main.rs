//! The filter in the real Envoy. Each test starts its own on free ports.

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
