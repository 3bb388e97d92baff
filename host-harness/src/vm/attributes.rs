//! Properties as guests read them: Envoy's attributes of a stream, the names of plugin and VM, and what guests have set.
//!
//! A path has parts, separated by zero bytes. Text is given as it is; whole numbers, durations and moments as 8 bytes, least
//! first (time in nanoseconds); a truth value as one byte; a map as pairs.

mod peers;
mod request;
mod response;
mod xds;

use super::{Context, StreamContext, VmState};
use crate::abi::{Headers, Status, encode_pairs};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// The groups of attributes.
const GROUPS: [&[u8]; 8] =
    [b"request", b"response", b"connection", b"source", b"destination", b"upstream", b"xds", b"filter_state"];

/// What an attribute holds.
enum Value<'a> {
    Text(Cow<'a, [u8]>),
    Signed(i64),
    Unsigned(u64),
    Truth(bool),
    /// A length of time, or a moment since 1970.
    Time(Duration),
    /// A map of headers; without one, an empty one.
    Map(Option<&'a Headers>),
}

impl<'a> Value<'a> {
    fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }

    fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text.into_bytes()))
    }

    /// A number of bytes or the like, which Envoy gives with a sign.
    fn count(count: u64) -> Self {
        Self::Signed(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn encode(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Signed(number) => number.to_le_bytes().to_vec(),
            Self::Unsigned(number) => number.to_le_bytes().to_vec(),
            Self::Truth(truth) => vec![u8::from(truth)],
            Self::Time(time) => i64::try_from(time.as_nanos()).unwrap_or(i64::MAX).to_le_bytes().to_vec(),
            Self::Map(headers) => encode_map(headers),
        }
    }
}

/// The value at a path, in the form in which guests read it.
///
/// # Errors
/// [`Status::NotFound`]: there is none now. [`Status::SerializationFailure`]: the path names a group and not a value.
pub(super) fn get(state: &mut VmState, path: &[u8]) -> Result<Vec<u8>, Status> {
    let (first, rest) = split(path);
    if path.is_empty() {
        return Err(Status::SerializationFailure);
    }
    if let Some(name) = plugin_name(state, first) {
        return if rest.is_none() { Ok(name.into_bytes()) } else { Err(Status::NotFound) };
    }
    if let (b"xds", Some(rest)) = (first, rest)
        && let (b"node", field) = split(rest)
    {
        let plugin = state.root().map(|(_, root)| Arc::clone(&root.plugin));
        return plugin.and_then(|plugin| xds::node(&plugin.node, field)).ok_or(Status::NotFound);
    }
    let Some(Context::Stream(stream)) = state.context() else {
        return Err(if first == b"xds" && rest.is_none() { Status::SerializationFailure } else { Status::NotFound });
    };
    match rest {
        None if GROUPS.contains(&first) => Err(Status::SerializationFailure),
        None => whole(stream, first).ok_or(Status::NotFound),
        Some(rest) => in_group(stream, first, rest).ok_or(Status::NotFound),
    }
}

/// The first part of a path and what follows it, if anything does.
fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    let rest = path.get(end + 1..).filter(|rest| !rest.is_empty());
    (path.get(..end).unwrap_or_default(), rest)
}

fn plugin_name(state: &mut VmState, name: &[u8]) -> Option<String> {
    let vm_id = state.plugin.vm_id.clone();
    let plugin = state.root().map(|(_, root)| &root.plugin);
    match name {
        b"plugin_name" => Some(plugin?.name.clone()),
        b"plugin_root_id" => Some(plugin?.root_id.clone()),
        b"plugin_vm_id" => Some(vm_id),
        _ => None,
    }
}

/// A value whose path has one part.
fn whole(stream: &StreamContext, name: &[u8]) -> Option<Vec<u8>> {
    match name {
        b"connection_id" => Some(Value::Unsigned(stream.info.connection_id).encode()),
        // Nothing here keeps dynamic metadata, so the message is empty.
        b"metadata" => Some(Vec::new()),
        _ => stream.properties.get(name).cloned(),
    }
}

fn in_group(stream: &StreamContext, group: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let (name, rest) = split(path);
    let value = match group {
        b"request" => request::get(stream, name),
        b"response" => response::get(stream, name),
        b"connection" => peers::connection(&stream.info, name),
        b"source" => peers::peer(stream.info.source.address, name),
        b"destination" => peers::peer(stream.info.destination.address, name),
        b"upstream" => peers::upstream(&stream.info.upstream, name),
        b"xds" => return xds::get(&stream.info, name, rest),
        b"filter_state" => filter_state(stream, name),
        _ => None,
    }?;
    match (value, rest) {
        (value, None) => Some(value.encode()),
        (Value::Map(headers), Some(name)) => joined(headers?, &name.to_ascii_lowercase()),
        (_, Some(_)) => None,
    }
}

/// What a guest has set stands in Envoy's filter state under `wasm.` and its path.
fn filter_state<'a>(stream: &'a StreamContext, key: &[u8]) -> Option<Value<'a>> {
    let value = stream.properties.get(key.strip_prefix(b"wasm.")?)?;
    Some(Value::Text(Cow::Borrowed(value)))
}

/// The bytes of headers that can be read.
fn bytes(headers: Option<&Headers>) -> u64 {
    headers.map_or(0, |headers| headers.byte_size() as u64)
}

/// All values of a name, with commas between them.
fn joined(headers: &Headers, name: &[u8]) -> Option<Vec<u8>> {
    let mut values = headers.iter().filter(|(of, _)| *of == name).map(|(_, value)| value);
    let first = values.next()?.to_vec();
    Some(values.fold(first, |mut joined, value| {
        joined.push(b',');
        joined.extend_from_slice(value);
        joined
    }))
}

/// A map in which every name stands once.
fn encode_map(headers: Option<&Headers>) -> Vec<u8> {
    let mut distinct = Headers::new();
    for (name, _) in headers.into_iter().flat_map(Headers::iter) {
        if let (None, Some(value)) = (distinct.get(name), headers.and_then(|headers| joined(headers, name))) {
            distinct.push(name, value);
        }
    }
    encode_pairs(distinct.iter())
}
