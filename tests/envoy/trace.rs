//! The trace context that leaves, as its receiver sees it.

mod continued;
mod started;
