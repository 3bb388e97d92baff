//! Breakers over several workers: cases that were thought of, and random timelines beside a plain model.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cases;
mod model;
#[path = "../support/shared.rs"]
mod shared;
mod sharing;
mod store;
mod timeline;
mod world;
