//! A proxy-wasm host that behaves as Envoy does, a small proxy and a simulator around it, and what else the `pointsman`
//! program does.

pub mod abi;
pub mod catalogue;
pub mod demo;
pub mod drill_report;
pub mod envoy;
pub mod explain;
pub mod filter;
pub mod guarded;
pub mod http;
pub mod oplog;
pub mod otlp;
pub mod process;
pub mod proxy;
pub mod rules;
pub mod scrape;
pub mod sidecar;
pub mod simulate;
pub mod switch;
pub mod testing;
pub mod vendors;
pub mod vm;
