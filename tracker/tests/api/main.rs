//! Tests of the tracker: questions and answers as a client sees them.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod alerts;
mod document;
mod failing;
mod messages;
mod numbers;
mod search;
mod strict;
mod world;
