//! Whole exchanges, step by step as Envoy takes them through the filter.

mod endings;
mod held;
mod property;
mod scenario;
mod trace;
mod visits;
mod world;
