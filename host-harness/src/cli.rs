//! One module per group of subcommands.

pub(crate) mod adapters;
pub(crate) mod alerts;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod dashboards;
pub(crate) mod demo;
pub(crate) mod drill;
pub(crate) mod explain;
pub(crate) mod follow;
pub(crate) mod otlp_sink;
pub(crate) mod records;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod switch;
