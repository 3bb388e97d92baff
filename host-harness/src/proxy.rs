//! A native proxy: listeners in front, the filter in each worker, clusters behind. Several run in one process and know
//! nothing of each other.
//!
//! A control thread owns the listeners, the admin endpoint and reloads. Each worker thread has its own filter, connections
//! and pools, so that no lock and no other thread is in the way of a request.

mod access_log;
mod admin;
pub mod config;
mod connection;
mod control;
mod error;
mod exchange;
pub mod exposition;
mod frames;
mod guest;
mod handle;
mod headers;
mod listeners;
mod local;
mod pools;
mod routing;
mod site;
mod surroundings;
mod thread;
pub mod tracing;
mod upstream;
mod watch;

pub use config::ProxyConfig;
pub use error::ProxyError;
pub use handle::{ProxyHandle, start};
pub use surroundings::{NewRandom, StandardError, Surroundings};
pub use watch::{Reloaded, follow};
