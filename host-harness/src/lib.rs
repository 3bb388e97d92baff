//! Tools

pub mod demo;
pub mod envoy;
pub mod http;
pub mod rules;
pub mod scrape;
pub mod vendors;
