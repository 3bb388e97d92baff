//! The trace context that leaves, as its receiver sees it.

mod conformance;
mod continued;
mod started;
