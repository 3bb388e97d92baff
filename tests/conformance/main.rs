//! The host on its own: every function and status of `docs/abi.md`, the order of callbacks, several workers, guests that are
//! refused, and guests that mean harm.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod bed;
mod hostile;
mod life;
mod refused;
mod table;
mod workers;
