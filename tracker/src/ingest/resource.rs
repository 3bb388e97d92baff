//! What records come from.

use super::protobuf::{Field, Fields, MISTYPED, Malformed};
use super::record::cut;
use super::rest::Rest;
use super::value::{Value, pair};

/// The most bytes of what it says beside service and tenant.
const MAX_BYTES: usize = 2 << 10;

/// What records come from.
#[derive(Debug, Default)]
pub(super) struct Resource {
    pub(super) service: String,
    pub(super) tenant: String,
    /// All else that it says: a JSON object, or empty.
    pub(super) rest: String,
}

impl Resource {
    /// Of a `ResourceLogs` or `ResourceSpans`, wherever in it its resource stands.
    pub(super) fn of(owner: &[u8]) -> Result<Self, Malformed> {
        let mut resource = Self::default();
        let mut rest = Rest::default();
        for field in Fields::of(owner) {
            let message = match field? {
                (1, Field::Bytes(message)) => message,
                (1, _) => return Err(MISTYPED),
                _ => continue,
            };
            for field in Fields::of(message) {
                let attribute = match field? {
                    (1, Field::Bytes(attribute)) => attribute,
                    (1, _) => return Err(MISTYPED),
                    _ => continue,
                };
                match pair(attribute)? {
                    ("service.name", Value::Text(name)) => cut(name).clone_into(&mut resource.service),
                    ("push.tenant", Value::Text(tenant)) => cut(tenant).clone_into(&mut resource.tenant),
                    (name, value) => rest.value(name, value),
                }
            }
        }
        rest.sort();
        let share = (8 << 10) * 16 / MAX_BYTES;
        resource.rest = rest.render(None, share)?;
        Ok(resource)
    }
}
