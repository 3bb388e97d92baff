//! The native proxy: listeners, routes, clusters and workers around a filter.

pub mod exposition;
pub mod tracing;
