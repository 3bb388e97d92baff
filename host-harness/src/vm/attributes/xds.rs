//! Attributes that come from the configuration: route, cluster, listener, node.

use super::Value;
use crate::filter::StreamInfo;

/// Field 1 of Envoy's `Node`, with a length.
const NODE_ID_TAG: u8 = 0x0a;

pub(super) fn get(info: &StreamInfo, name: &[u8], rest: Option<&[u8]>) -> Option<Vec<u8>> {
    if name == b"node" {
        return node(info, rest);
    }
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
fn node(info: &StreamInfo, field: Option<&[u8]>) -> Option<Vec<u8>> {
    let id = info.node_id.as_bytes();
    match field {
        Some(b"id") => Some(id.to_vec()),
        Some(b"cluster" | b"user_agent_name") => Some(Vec::new()),
        Some(_) => None,
        None if id.is_empty() => Some(Vec::new()),
        None => {
            let mut message = vec![NODE_ID_TAG];
            push_varint(&mut message, id.len());
            message.extend_from_slice(id);
            Some(message)
        }
    }
}

fn push_varint(message: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        message.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
