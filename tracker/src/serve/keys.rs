//! Plain recipients as the hashes under which they stand in records (`docs/hash.md`).

use pointsman_core::trace::{CountryCode, InvalidSecret, Key, Recipient};
use std::fmt;

/// The secrets with which recipients are hashed. While a secret is changed two of them are valid.
#[derive(Clone, Default)]
pub struct RecipientKeys {
    keys: Vec<Key>,
    country: CountryCode,
}

impl RecipientKeys {
    /// Takes the secrets' bytes as they are.
    ///
    /// # Errors
    /// If one is too short.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, country: CountryCode) -> Result<Self, InvalidSecret> {
        Ok(Self { keys: secrets.into_iter().map(Key::new).collect::<Result<_, _>>()?, country })
    }

    /// All hashes that a plain recipient may stand under: of each secret, as a phone number, an address and a token.
    ///
    pub fn hashes(&self, tenant: &str, plain: &str) -> Vec<String> {
        let kinds = [
            Recipient::Token(plain),
            Recipient::Phone { number: plain, country: self.country },
            Recipient::Email(plain),
        ];
        let hash = |key: &Key| kinds.map(|recipient| key.recipient_hash(tenant, recipient).to_string());
        self.keys.iter().flat_map(hash).collect()
    }
}

/// Tells how many secrets there are, and nothing else of them.
impl fmt::Debug for RecipientKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecipientKeys({})", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secrets: &[&str]) -> RecipientKeys {
        RecipientKeys::new(secrets.iter().map(|secret| secret.as_bytes()), CountryCode::default()).expect("secrets")
    }

    #[test]
    fn a_phone_number_has_the_hash_that_the_filter_gives_it() {
        let hashes = keys(&["pointsman-test-secret-1"]).hashes("acme", "138 0013 8000");
        assert!(hashes.contains(&"45d85bec7c6bd5c3077f706d62320792".to_owned()), "{hashes:?}");
    }

    #[test]
    fn both_secrets_of_a_rotation_are_tried() {
        let hashes = keys(&["pointsman-test-secret-1", "pointsman-test-secret-2"]).hashes("acme", "+8613800138000");
        for expected in ["45d85bec7c6bd5c3077f706d62320792", "3d3f4516d10a39292f259124519030fd"] {
            assert!(hashes.contains(&expected.to_owned()), "{hashes:?}");
        }
        assert_eq!(hashes.len(), 6);
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        assert_eq!(format!("{:?}", keys(&["pointsman-test-secret-1"])), "RecipientKeys(1)");
        assert!(RecipientKeys::new([&b"short"[..]], CountryCode::default()).is_err());
    }
}
