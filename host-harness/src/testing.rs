//! A proxy with a filter, for tests of any proxy-wasm filter: real sockets and real workers in the process of the test,
//! with stubs for upstreams. A test says what stands around the filter, sends, and looks at what client, upstream and
//! operator see.
//!
//! ```no_run
//! use pointsman_host::testing::{Filter, Proxy, Request, Stub, TestError};
//!
//! # async fn test() -> Result<(), TestError> {
//! let service = Stub::answering(200, "hello");
//! let filter = Filter::from_file("target/wasm32-wasip1/release/my_filter.wasm").configuration(r#"{"limit":1}"#);
//! let proxy = Proxy::with_filter(filter).upstream("service", &service).workers(2).start().await?;
//!
//! let response = proxy.send(Request::get("/greeting").body("")?).await?;
//! assert_eq!(response.text(), "hello");
//! assert_eq!(service.received()[0].header("x-my-filter"), Some("was here"));
//! proxy.wait_for_metric("my_requests_total", &[("path", "/greeting")], 1.0).await?;
//! assert!(proxy.log().iter().all(|line| line.message != "something is wrong"));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is shared between two proxies, so that tests may run at the same time. What the filter does of its own accord
//! (counts that it hands over by a timer, calls) is waited for with the `wait_for` functions, which give up in the end and
//! say what they saw last; so no test needs to sleep.

mod answer;
mod clock;
mod error;
mod filter;
mod log;
mod plan;
mod proxy;
mod random;
mod running;
mod served;
mod stub;

pub use answer::Answer;
pub use clock::StoppedClock;
pub use error::TestError;
pub use filter::Filter;
pub use proxy::Proxy;
pub use running::{Running, Stopped};
pub use stub::Stub;

pub use crate::abi::LogLevel;
pub use crate::filter::{FailurePolicy, Limits, TrafficDirection, WorkerStats};
pub use crate::http::{Response, Version};
pub use crate::process::{Clock, LogLine};
pub use crate::scrape::Scrape;
pub use crate::vendors::Received;
pub use crate::vm::{Engine, EngineOptions};
pub use ::http::Request;
