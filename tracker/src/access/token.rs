//! Bearer tokens: random, shown once, and kept as a hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::hint::black_box;
use std::str::FromStr;
use thiserror::Error;

/// By which a token is known when it lies about somewhere.
const PREFIX: &str = "pmt_";

/// The operating system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the operating system gives no random numbers")]
pub struct NoRandom;

/// It is no SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is not 64 hexadecimal digits")]
pub struct NotAHash;

/// The SHA-256 of a token. What is random in all of its 256 bits needs no salt and no slow hash.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// That of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether both are one, in a time that does not tell where they differ.
    pub fn is_same(&self, other: &Self) -> bool {
        let differ = self.0.iter().zip(&other.0).fold(0, |differ, (one, other)| black_box(differ | (one ^ other)));
        black_box(differ) == 0
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hash tells nothing, and is nobody's business all the same.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

impl FromStr for TokenHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAHash);
        }
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NotAHash)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotAHash)?;
        }
        Ok(Self(bytes))
    }
}

/// A token for somebody, and what the config needs of it.
pub struct NewToken {
    /// The token: for its owner, and for nobody else.
    pub token: String,
    /// Its hash: for the config.
    pub hash: TokenHash,
}

/// Makes a token of 256 random bits.
///
/// # Errors
/// [`NoRandom`].
pub fn new_token() -> Result<NewToken, NoRandom> {
    let token = format!("{PREFIX}{}", random_text()?);
    let hash = TokenHash::of(&token);
    Ok(NewToken { token, hash })
}

/// 64 random bits in hexadecimal digits.
pub(crate) fn random_id() -> Result<String, NoRandom> {
    let bytes = random()?;
    Ok(bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// 256 random bits as text.
pub(super) fn random_text() -> Result<String, NoRandom> {
    Ok(URL_SAFE_NO_PAD.encode(random()?))
}

/// 256 random bits.
pub(super) fn random() -> Result<[u8; 32], NoRandom> {
    let mut bytes = [0; 32];
    rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_known_by_its_hash_and_no_two_are_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one.token.starts_with("pmt_") && one.token.len() == 4 + 43, "{}", one.token.len());
        assert!(TokenHash::of(&one.token).is_same(&one.hash) && !one.hash.is_same(&other.hash));
        assert_eq!(one.hash.to_string().parse(), Ok(one.hash));
        let nearly = TokenHash({
            let mut bytes = *one.hash.bytes();
            bytes[31] ^= 1;
            bytes
        });
        assert!(!one.hash.is_same(&nearly));
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        let short = "a".repeat(63);
        for text in ["", &short, &format!("{short}g"), &format!("+{short}"), &"é".repeat(32)] {
            assert_eq!(text.parse::<TokenHash>(), Err(NotAHash), "{text}");
        }
    }
}
