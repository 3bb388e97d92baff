//! The service as its senders and its readers see it: real connections, and stores that are as ill as real ones can be.
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test may end here")]

mod bed;
mod ill;
mod ingest;
mod limits;
mod metrics;
mod program;
mod records;
mod stop;
mod tls;
