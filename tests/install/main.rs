//! What an operator installs: manifests, policies, alerts and dashboards, each judged by the tool that will read it.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod alerts;
mod dashboards;
mod istio;
mod monitoring;
mod objects;
mod permissions;
mod schema;
mod sidecar;
