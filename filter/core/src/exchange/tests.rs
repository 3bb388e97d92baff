//! Whole exchanges, step by step as Envoy takes them through the filter.

mod answers;
mod endings;
mod held;
mod property;
mod receipts;
mod relays;
mod scenario;
mod trace;
mod visits;
mod world;
