//! What is known of a stream beside its headers and bodies: Envoy's attributes.

use std::net::SocketAddr;
use std::time::Duration;

/// Bits of `response.flags`, as in Envoy's `StreamInfo::CoreResponseFlag` (bit = 1 << number).
pub mod flags {
    /// No healthy upstream (`UH`).
    pub const NO_HEALTHY_UPSTREAM: u64 = 1 << 1;
    /// The upstream took too long (`UT`).
    pub const UPSTREAM_REQUEST_TIMEOUT: u64 = 1 << 2;
    /// The upstream reset the stream (`UR`).
    pub const UPSTREAM_REMOTE_RESET: u64 = 1 << 4;
    /// No connection to the upstream (`UF`).
    pub const UPSTREAM_CONNECTION_FAILURE: u64 = 1 << 5;
    /// The upstream closed the connection (`UC`).
    pub const UPSTREAM_CONNECTION_TERMINATION: u64 = 1 << 6;
    /// The upstream takes no more (`UO`).
    pub const UPSTREAM_OVERFLOW: u64 = 1 << 7;
    /// No route (`NR`).
    pub const NO_ROUTE_FOUND: u64 = 1 << 8;
    /// The client left (`DC`).
    pub const DOWNSTREAM_CONNECTION_TERMINATION: u64 = 1 << 14;
    /// The stream was idle for too long (`SI`).
    pub const STREAM_IDLE_TIMEOUT: u64 = 1 << 16;
    /// What the client sent is not HTTP as it should be (`DPE`).
    pub const DOWNSTREAM_PROTOCOL_ERROR: u64 = 1 << 18;
    /// What the upstream sent is not HTTP (`UPE`).
    pub const UPSTREAM_PROTOCOL_ERROR: u64 = 1 << 23;
    /// The route's cluster does not exist (`NC`).
    pub const NO_CLUSTER_FOUND: u64 = 1 << 24;
}

/// Envoy's `traffic_direction` of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TrafficDirection {
    /// Not said.
    #[default]
    Unspecified = 0,
    /// In front of a service.
    Inbound = 1,
    /// In front of the calls that it makes.
    Outbound = 2,
}

/// One end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: Option<SocketAddr>,
}

/// What is known of the upstream of a stream; empty before it is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamInfo {
    /// The endpoint.
    pub address: Option<SocketAddr>,
    /// This side of the connection.
    pub local_address: Option<SocketAddr>,
    /// How often the request was sent.
    pub request_attempt_count: u32,
    /// Why no connection came about.
    pub transport_failure_reason: String,
}

/// The attributes of one stream (Envoy's attributes.rst). The driver keeps them; guests read them by `proxy_get_property`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// Of the listener.
    pub direction: TrafficDirection,
    /// The name of the route's cluster.
    pub cluster_name: String,
    /// The name of the route.
    pub route_name: String,
    /// The name of the virtual host.
    pub virtual_host_name: String,
    /// The client.
    pub source: Peer,
    /// The listener's side of the client's connection.
    pub destination: Peer,
    /// The number of the client's connection.
    pub connection_id: u64,
    /// Whether the client has shown a certificate.
    pub mtls: bool,
    /// The server name that the client asked for.
    pub requested_server_name: String,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// When the request came, since 1970.
    pub start: Duration,
    /// How long the stream took, once it has ended.
    pub duration: Option<Duration>,
    /// From the first byte of the request to the last of the response, as the upstream's share, once both are known.
    pub backend_latency: Option<Duration>,
    /// Bytes of the request's body so far.
    pub request_size: u64,
    /// Bytes of the request's headers, body and trailers so far.
    pub request_total_size: u64,
    /// Bytes of the response's body so far.
    pub response_size: u64,
    /// Bytes of the response's headers, body and trailers so far.
    pub response_total_size: u64,
    /// The response's status, once it is known.
    pub response_code: Option<u16>,
    /// Envoy's word for how the response came about, such as `via_upstream`.
    pub response_code_details: String,
    /// Bits of [`flags`].
    pub response_flags: u64,
    /// The upstream.
    pub upstream: UpstreamInfo,
}
