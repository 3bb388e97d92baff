//! The embedded engine where it hurts: killed while it writes, on a full disk, with days that go, and with messages that are large.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod days;
mod full;
mod history;
mod kill;
mod large;
