//! Where is my message? Keeps what filters record, by OTLP, and answers questions about it.
//!
//! It knows nothing of any proxy: whoever sends the attributes of `docs/records.md` will do.

pub mod access;
pub mod answers;
pub mod api;
mod complain;
pub mod config;
pub mod event;
pub mod fold;
pub mod histogram;
pub mod ingest;
pub mod metrics;
pub mod operations;
pub mod page;
pub mod serve;
pub mod store;
