//! Names derived under a secret: one function gives every sidecar the same trace id for a message, and every record a
//! hash of its recipient that only holders of the secret can compute. `docs/hash.md` defines it for other programs.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::hex;
use super::ids::TraceId;
use super::recipient::Recipient;

/// The shortest secret that is accepted, in bytes. Phone numbers are few enough to be tried one by one, so the secret
/// is all that protects them.
pub const MIN_SECRET_BYTES: usize = 16;

const TRACE_KIND: &str = "trace";
const KEY_ID_INPUT: &[u8] = b"key-id";

/// Why a secret was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It could be guessed.
    #[error("the secret has {bytes} bytes, at least {MIN_SECRET_BYTES} are needed")]
    TooShort {
        /// Its length.
        bytes: usize,
    },
}

/// The secret in the form in which it is used: HMAC-SHA-256 with both pads absorbed, so that a short input costs two
/// compressions. It cannot be turned back into the secret, but whoever has it can hash, so it is never shown.
#[derive(Clone)]
pub struct Key {
    mac: Hmac<Sha256>,
    id: KeyId,
}

/// Names a key without giving it away: records carry it, so that readers know which of two keys they need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 4]);

/// Stands for a recipient of one tenant in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipientHash([u8; 16]);

impl Key {
    /// Takes the secret's bytes as they are; nothing is decoded or trimmed.
    ///
    /// # Errors
    /// If there are fewer than [`MIN_SECRET_BYTES`].
    pub fn new(secret: &[u8]) -> Result<Self, InvalidSecret> {
        let too_short = InvalidSecret::TooShort { bytes: secret.len() };
        if secret.len() < MIN_SECRET_BYTES {
            return Err(too_short);
        }
        let mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| too_short)?;
        let id = KeyId(first_bytes(mac.clone().chain_update(KEY_ID_INPUT)));
        Ok(Self { mac, id })
    }

    /// A key of random bytes, for names that nobody outside of this process needs.
    pub(crate) fn of_process(random: [u8; 16]) -> Self {
        let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
        for (byte, random) in block.iter_mut().zip(random) {
            *byte = random;
        }
        Self { mac: Hmac::<Sha256>::new(&block), id: KeyId([0; 4]) }
    }

    /// The name of this key.
    pub const fn key_id(&self) -> KeyId {
        self.id
    }

    /// The hash of one recipient, the same wherever this key is in use.
    pub fn recipient_hash(&self, tenant: &str, recipient: Recipient<'_>) -> RecipientHash {
        RecipientHash(self.derive(tenant, recipient.kind(), &recipient.normalised()))
    }

    /// The trace id of a message, the same wherever this key is in use.
    pub fn trace_id(&self, tenant: &str, message_id: &str) -> TraceId {
        TraceId::never_zero(self.derive(tenant, TRACE_KIND, message_id))
    }

    /// The name under which something of this process is kept. No two lists of parts share an input.
    pub(crate) fn slot(&self, kind: &str, parts: [&str; 3]) -> [u8; 16] {
        let mut mac = self.mac.clone().chain_update(kind);
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        first_bytes(mac)
    }

    /// Zero bytes end the first two fields, so those of a tenant are left out: no two triples share an input.
    fn derive(&self, tenant: &str, kind: &str, value: &str) -> [u8; 16] {
        let mut mac = self.mac.clone();
        for part in tenant.split('\0') {
            mac.update(part.as_bytes());
        }
        mac.update(&[0]);
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        first_bytes(mac)
    }
}

fn first_bytes<const N: usize>(mac: Hmac<Sha256>) -> [u8; N] {
    let mut first = [0; N];
    for (byte, whole) in first.iter_mut().zip(mac.finalize().into_bytes()) {
        *byte = whole;
    }
    first
}

/// Shows the id of the key and nothing else.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("id", &format_args!("{}", self.id)).finish_non_exhaustive()
    }
}

impl KeyId {
    /// The id as bytes.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

/// Eight lower-case hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::format::<8>(&self.0, f)
    }
}

impl RecipientHash {
    /// The hash as bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 lower-case hexadecimal digits.
impl fmt::Display for RecipientHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::format::<32>(&self.0, f)
    }
}

impl fmt::Debug for RecipientHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::recipient::CountryCode;
    use super::*;

    /// Other programs are built from the page, so the page is the test data.
    const PAGE: &str = include_str!("../../../../docs/hash.md");

    fn key(secret: &str) -> Key {
        Key::new(secret.as_bytes()).unwrap()
    }

    /// The rows of the page's tables that have `N` columns and begin with a secret.
    fn rows<const N: usize>() -> Vec<[&'static str; N]> {
        PAGE.lines()
            .filter_map(|line| {
                let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').collect();
                let cells = cells.iter().map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
                <[&str; N]>::try_from(cells).ok()
            })
            .filter(|row| row.first().is_some_and(|secret| secret.len() >= MIN_SECRET_BYTES))
            .collect()
    }

    fn recipient<'a>(kind: &str, given: &'a str) -> Recipient<'a> {
        match kind {
            "phone" => Recipient::Phone { number: given, country: CountryCode::default() },
            "email" => Recipient::Email(given),
            "token" => Recipient::Token(given),
            _ => panic!("no such kind: {kind}"),
        }
    }

    #[test]
    fn the_vectors_of_the_page_hold() {
        let vectors = rows::<6>();
        assert_eq!(vectors.len(), 17);
        for [secret, tenant, kind, given, hashed, expected] in vectors {
            if kind == "trace" {
                assert_eq!(hashed, given);
                assert_eq!(key(secret).trace_id(tenant, given).to_string(), expected, "{given}");
            } else {
                assert_eq!(recipient(kind, given).normalised(), hashed);
                let hash = key(secret).recipient_hash(tenant, recipient(kind, given));
                assert_eq!(hash.to_string(), expected, "{given}");
            }
        }
    }

    #[test]
    fn the_key_ids_of_the_page_hold() {
        let vectors = rows::<2>();
        assert_eq!(vectors.len(), 3);
        for [secret, expected] in vectors {
            assert_eq!(key(secret).key_id().to_string(), expected, "{secret}");
        }
    }

    #[test]
    fn tenant_kind_and_value_cannot_run_into_one_another() {
        let key = key("pointsman-test-secret-1");
        let inputs = [
            ("a", "b"),
            ("ab", ""),
            ("", "ab"),
            ("a", "\0b"),
            ("a", "b\0"),
            ("a\0token\0b", "c"),
            ("a", "b\0token\0c"),
        ];
        let hashes: BTreeSet<_> =
            inputs.iter().map(|(tenant, value)| key.recipient_hash(tenant, Recipient::Token(value))).collect();
        assert_eq!(hashes.len(), inputs.len());
        assert_eq!(key.trace_id("a\0b", "c"), key.trace_id("ab", "c"));
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(Key::new(&[b'x'; 15]).unwrap_err(), InvalidSecret::TooShort { bytes: 15 });
        assert_eq!(Key::new(b"").unwrap_err(), InvalidSecret::TooShort { bytes: 0 });
        assert!(Key::new(&[b'x'; 16]).is_ok());
        assert!(Key::new(&[b'x'; 1000]).is_ok());
    }

    #[test]
    fn a_key_shows_its_id_and_no_more() {
        assert_eq!(format!("{:?}", key("pointsman-test-secret-1")), "Key { id: 3dc1d5a8, .. }");
    }
}
