//! What a config gives to Prometheus and Grafana: alerts and dashboards for its own nodes and channels.

pub mod alerts;
pub mod catalogue;
pub mod dashboards;
pub mod watched;

pub use watched::Watched;
