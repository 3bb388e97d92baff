//! The words of the proxy-wasm ABI 0.2.1: status codes, kinds of maps and buffers, the wire form of header maps.
//!
//! Source: proxy-wasm/spec, abi-versions/v0.2.1, and what Envoy does where the text leaves room.

mod headers;
mod kinds;
mod pairs;
mod status;

pub use headers::Headers;
pub use kinds::{BufferKind, LogLevel, MapKind, MetricKind, PeerKind, StreamKind};
pub use pairs::{MAX_PAIRS, MAX_PAIRS_BYTES, decode_pairs, encode_pairs};
pub use status::Status;
