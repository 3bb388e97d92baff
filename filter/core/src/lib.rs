//! Every decision of the Pointsman filter, and nothing else.
//!
//! This crate has no host, reads no clock and draws no random number: what happened and what time it is come in as
//! arguments, and what is to be done goes out as data. It does not panic.
#![deny(clippy::indexing_slicing, clippy::string_slice, clippy::unreachable)]

pub mod adapter;
pub mod board;
pub mod breaker;
pub mod classify;
pub mod compose;
pub mod config;
pub mod document;
pub mod drill;
mod encoding;
pub mod event;
pub mod exchange;
pub mod export;
pub mod extract;
mod few;
pub mod governor;
pub mod hash;
pub mod headers;
pub mod hold;
pub mod json;
mod labels;
pub mod lifecycle;
pub mod limit;
pub mod metrics;
pub mod observe;
pub mod open;
pub mod otlp;
pub mod outcome;
pub mod path;
pub mod plan;
pub mod policy;
pub mod quota;
pub mod receipt;
pub mod redact;
pub mod report;
mod roster;
pub mod slots;
pub mod source;
pub mod stitch;
pub mod time;
pub mod trace;
pub mod transport;
mod typed;
pub mod worker;
