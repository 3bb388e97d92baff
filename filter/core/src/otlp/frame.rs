//! A request to the collector: a head that is the same for all requests of a worker, and records as they were encoded.
//!
//! Requests of logs and of traces have the same numbers at every level, so one frame serves both.

use super::attributes::Attributes;
use super::proto::{InstrumentationScope, Resource};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, message};

/// `resource_logs` and `resource_spans` of a request.
const OF_RESOURCE: u32 = 1;
/// `scope_logs` and `scope_spans` of one resource.
const OF_SCOPE: u32 = 2;
/// `log_records` and `spans` of one scope.
const RECORD: u32 = 2;
/// `resource` and `scope`, each in front of what belongs to it.
const OWNER: u32 = 1;

/// Keys and lengths of the levels around the records: at most 1 and 10 bytes each.
const MAX_LEVELS: usize = 22;

/// What stands around the records of every request.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

impl Frame {
    /// The resource, as it stands in each request.
    pub(crate) fn resource(&self) -> &[u8] {
        &self.resource
    }

    /// The frame of what a resource with these attributes tells.
    pub(crate) fn new(resource: Attributes) -> Self {
        let scope =
            InstrumentationScope { name: "pointsman".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        Self { resource: field(OWNER, &Resource { attributes: resource.into_pairs() }), scope: field(OWNER, &scope) }
    }

    /// The body of a request with these records.
    pub(crate) fn request<'a>(&self, records: impl Iterator<Item = &'a [u8]> + Clone) -> Vec<u8> {
        let of_scope = records.clone().map(<[u8]>::len).fold(self.scope.len(), usize::saturating_add);
        let mut head = Vec::with_capacity(MAX_LEVELS);
        begin(OF_SCOPE, of_scope, &mut head);
        let of_resource = self.resource.len().saturating_add(head.len()).saturating_add(of_scope);
        let mut body = Vec::with_capacity(of_resource.saturating_add(MAX_LEVELS));
        begin(OF_RESOURCE, of_resource, &mut body);
        body.extend_from_slice(&self.resource);
        body.extend_from_slice(&head);
        body.extend_from_slice(&self.scope);
        for record in records {
            body.extend_from_slice(record);
        }
        body
    }
}

/// A record as it stands in every request.
pub(super) fn record(record: &impl Message) -> Vec<u8> {
    field(RECORD, record)
}

fn field(tag: u32, of: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message::encoded_len(tag, of));
    message::encode(tag, of, &mut bytes);
    bytes
}

fn begin(tag: u32, length: usize, into: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint(u64::try_from(length).unwrap_or(u64::MAX), into);
}
