//! A vendor's own name for a message.

use crate::roster::{put, take};
use crate::slots::chunk;
use crate::time::WallClock;
use crate::trace::{SpanId, TraceId};

/// A message id or a tenant that is longer is not tied, in bytes.
pub const MAX_TIED_BYTES: usize = 96;

/// What is known of the message that a vendor has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tied {
    /// The message's own id. One of more than [`MAX_TIED_BYTES`] is not tied.
    pub message_id: String,
    /// Its tenant, if that is not the config's own.
    pub tenant: Option<String>,
    /// The trace of the send.
    pub trace: TraceId,
    /// The span of the send.
    pub span: SpanId,
    /// When the vendor had taken it.
    pub sent_at: WallClock,
}

impl Tied {
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(MAX_TIED_BYTES);
        bytes.extend(self.trace.as_bytes());
        bytes.extend(self.span.as_bytes());
        put(&mut bytes, self.sent_at.0);
        bytes.push(u8::try_from(self.message_id.len()).ok()?);
        bytes.extend(self.message_id.bytes());
        bytes.extend(self.tenant.iter().flat_map(|tenant| [0].into_iter().chain(tenant.bytes())));
        let tenant = self.tenant.as_deref().unwrap_or_default();
        (self.message_id.len() <= MAX_TIED_BYTES && tenant.len() <= MAX_TIED_BYTES).then_some(bytes)
    }

    pub(super) fn decode(mut value: &[u8]) -> Option<Self> {
        let value = &mut value;
        let (trace, span) = (TraceId::from_bytes(chunk(value)?)?, SpanId::from_bytes(chunk(value)?)?);
        let sent_at = WallClock(take(value)?);
        let [length] = chunk(value)?;
        let (message_id, tenant) = value.split_at_checked(length.into())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let tenant = match tenant.split_first() {
            Some((_, tenant)) => Some(text(tenant)?),
            None => None,
        };
        Some(Self { message_id: text(message_id)?, tenant, trace, span, sent_at })
    }
}
