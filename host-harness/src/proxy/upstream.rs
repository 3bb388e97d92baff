//! Upstream clusters: their endpoints and limits, which all workers share, and each worker's connections to them.

mod cluster;
mod connect;
mod credential;
mod failure;
mod pool;
mod tls;

pub(super) use cluster::{Cluster, Directory};
pub(super) use failure::Failure;
pub(super) use pool::{Lease, Pool, Reply};
