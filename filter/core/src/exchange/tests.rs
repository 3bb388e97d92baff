//! Whole exchanges, step by step as Envoy takes them through the filter.

mod answers;
mod endings;
mod held;
mod observing;
mod property;
mod receipts;
mod records;
mod relays;
mod scenario;
mod stitching;
mod times;
mod trace;
mod visits;
mod world;
