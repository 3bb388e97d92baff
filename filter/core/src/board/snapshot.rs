//! One worker's gauges as bytes. Other plugins may share the store, so every value is checked before it is believed.

use crate::time::Monotonic;
use std::collections::BTreeMap;

/// Name and version of the format.
const MAGIC: &[u8; 4] = b"pmb1";

/// What a worker says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) owner: u64,
    /// When it last wrote; `None` if it has left.
    pub(super) heartbeat: Option<Monotonic>,
    pub(super) gauges: BTreeMap<String, u64>,
}

impl Snapshot {
    /// The last word of a worker: its gauges exist but nobody counts.
    pub(super) fn retired(self) -> Self {
        Self { heartbeat: None, ..self }
    }

    /// Magic, owner, heartbeat, then length, name and value of each gauge, then a checksum; numbers little-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.owner.to_le_bytes());
        bytes.extend(self.heartbeat.map_or(u64::MAX, |heartbeat| heartbeat.0).to_le_bytes());
        for (name, value) in &self.gauges {
            let Ok(len) = u16::try_from(name.len()) else { continue };
            bytes.extend(len.to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        if checksum(content) != u32::from_le_bytes(*sum) {
            return None;
        }
        let rest = content.strip_prefix(MAGIC)?;
        let (owner, rest) = rest.split_first_chunk::<8>()?;
        let (heartbeat, mut rest) = rest.split_first_chunk::<8>()?;
        let heartbeat = u64::from_le_bytes(*heartbeat);
        let mut gauges = BTreeMap::new();
        while !rest.is_empty() {
            let (len, after) = rest.split_first_chunk::<2>()?;
            let (name, after) = after.split_at_checked(u16::from_le_bytes(*len).into())?;
            let (value, after) = after.split_first_chunk::<8>()?;
            gauges.insert(std::str::from_utf8(name).ok()?.to_owned(), u64::from_le_bytes(*value));
            rest = after;
        }
        let heartbeat = (heartbeat != u64::MAX).then_some(Monotonic(heartbeat));
        Some(Self { owner: u64::from_le_bytes(*owner), heartbeat, gauges })
    }
}

/// FNV-1a: against chance, not against malice; who can write here can also trap the VM.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
