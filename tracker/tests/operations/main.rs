//! Operations as a browser or a script meets them, and as a crash leaves them.
#![expect(clippy::expect_used, reason = "a test that cannot be set up has failed")]

mod access;
mod approval;
mod bed;
mod crash;
mod in_force;
mod single;
