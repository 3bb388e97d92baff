//! Attributes that come from the configuration: route, cluster, listener, node.

use super::Value;
use crate::filter::{Node, StreamInfo};

/// Fields 1 and 2 of Envoy's `Node`, with a length.
const NODE_ID_TAG: u8 = 0x0a;
const NODE_CLUSTER_TAG: u8 = 0x12;

pub(super) fn get(info: &StreamInfo, name: &[u8], rest: Option<&[u8]>) -> Option<Vec<u8>> {
    let value = match name {
        b"cluster_name" => Some(&info.cluster_name).filter(|cluster| !cluster.is_empty()).map(|c| Value::text(c)),
        b"route_name" => has_route(info).then(|| Value::text(&info.route_name)),
        b"virtual_host_name" => has_route(info).then(|| Value::text(&info.virtual_host_name)),
        // Messages without a field: there is no metadata here.
        b"cluster_metadata" => Some(Value::text("")).filter(|_| !info.cluster_name.is_empty()),
        b"route_metadata" | b"virtual_host_metadata" => has_route(info).then(|| Value::text("")),
        b"listener_metadata" | b"filter_chain_name" => Some(Value::text("")),
        b"listener_direction" => Some(Value::Signed(info.direction as i64)),
        _ => None,
    }?;
    rest.is_none().then(|| value.encode())
}

/// A route may have no name of its own, but it has a cluster or a virtual host.
fn has_route(info: &StreamInfo) -> bool {
    [&info.cluster_name, &info.route_name, &info.virtual_host_name].iter().any(|name| !name.is_empty())
}

/// The node as a message, or one of its fields.
pub(super) fn node(node: &Node, field: Option<&[u8]>) -> Option<Vec<u8>> {
    match field {
        Some(b"id") => Some(node.id.clone().into_bytes()),
        Some(b"cluster") => Some(node.cluster.clone().into_bytes()),
        Some(b"user_agent_name") => Some(Vec::new()),
        Some(_) => None,
        None => {
            let mut message = Vec::new();
            push_text(&mut message, NODE_ID_TAG, &node.id);
            push_text(&mut message, NODE_CLUSTER_TAG, &node.cluster);
            Some(message)
        }
    }
}

fn push_text(message: &mut Vec<u8>, tag: u8, text: &str) {
    if !text.is_empty() {
        message.push(tag);
        push_varint(message, text.len());
        message.extend_from_slice(text.as_bytes());
    }
}

fn push_varint(message: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
