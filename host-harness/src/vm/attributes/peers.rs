//! Attributes of connections and of those at their ends.

use super::Value;
use crate::filter::{StreamInfo, UpstreamInfo};
use std::net::SocketAddr;

/// One end of the client's connection.
pub(super) fn peer(address: Option<SocketAddr>, name: &[u8]) -> Option<Value<'static>> {
    match name {
        b"address" => Some(Value::owned(address?.to_string())),
        b"port" => Some(Value::Signed(address?.port().into())),
        _ => None,
    }
}

/// The client's connection.
pub(super) fn connection<'a>(info: &'a StreamInfo, name: &[u8]) -> Option<Value<'a>> {
    match name {
        b"id" => Some(Value::Unsigned(info.connection_id)),
        b"mtls" => Some(Value::Truth(info.mtls)),
        b"requested_server_name" => Some(Value::text(&info.requested_server_name)),
        // The proxy never ends a connection for a reason that it could name here.
        b"termination_details" => None,
        _ => None,
    }
}

/// The upstream, once one was chosen.
pub(super) fn upstream<'a>(upstream: &'a UpstreamInfo, name: &[u8]) -> Option<Value<'a>> {
    let chosen = upstream.address.is_some() || upstream.request_attempt_count > 0;
    match name {
        b"local_address" => Some(Value::owned(upstream.local_address?.to_string())),
        b"transport_failure_reason" => {
            let known = chosen || !upstream.transport_failure_reason.is_empty();
            known.then(|| Value::text(&upstream.transport_failure_reason))
        }
        b"request_attempt_count" => Some(Value::Unsigned(upstream.request_attempt_count.into())),
        _ => peer(upstream.address, name),
    }
}
