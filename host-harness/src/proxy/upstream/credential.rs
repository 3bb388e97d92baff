//! The credential of a cluster: a header that its requests carry, whoever wrote them, as Envoy's `credential_injector`.

use crate::proxy::config::CredentialConfig;
use http::{HeaderName, HeaderValue};
use std::io;
use std::sync::{PoisonError, RwLock};

/// Why a cluster's credential cannot be had. What was read is never told.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum CredentialError {
    /// The file is there, but cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It holds what no header may hold.
    #[error("holds no header's value: one line of visible characters")]
    Value,
}

/// What stands in the file of a credential; `None` as long as there is nothing in it.
pub(super) type Secret = Option<HeaderValue>;

/// A cluster's credential, which may change while the cluster is in use.
pub(super) struct Credential {
    header: HeaderName,
    secret: RwLock<Secret>,
}

impl Credential {
    pub(super) fn new(config: &CredentialConfig, secret: Secret) -> Option<Self> {
        let header = HeaderName::from_bytes(config.header.as_bytes()).ok()?;
        Some(Self { header, secret: RwLock::new(secret) })
    }

    /// Takes another secret.
    pub(super) fn set(&self, secret: Secret) {
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
    }

    /// The header of a request, if there is a secret.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner);
        secret.as_ref().map(|secret| (self.header.clone(), secret.clone()))
    }
}

/// Reads the secret that a config names. It is not logged, and HTTP/2 never puts it into a table that others could probe.
///
/// # Errors
/// [`CredentialError`]; a file that is not there is none.
pub(super) fn read(config: &CredentialConfig) -> Result<Secret, CredentialError> {
    let bytes = match config.value.read() {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let line = bytes.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let mut secret = HeaderValue::from_bytes(line).map_err(|_| CredentialError::Value)?;
    secret.set_sensitive(true);
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use super::{CredentialError, read};
    use crate::proxy::config::{CredentialConfig, Source};

    fn secret(text: &'static str) -> Result<Option<String>, CredentialError> {
        let value = Source::Inline(text.as_bytes().into());
        let secret = read(&CredentialConfig { header: "authorization".to_owned(), value })?;
        Ok(secret.map(|secret| secret.to_str().unwrap().to_owned()))
    }

    #[test]
    fn a_secret_is_one_line_and_nothing_is_none() {
        assert_eq!(secret("Bearer abc\n").unwrap().as_deref(), Some("Bearer abc"));
        assert_eq!(secret(" \n").unwrap(), None);
        let refused = secret("Bearer abc\nhost: x").unwrap_err().to_string();
        assert!(!refused.contains("abc"), "{refused}");
        let value = Source::File("/nowhere/at/all".into());
        let missing = CredentialConfig { header: "authorization".to_owned(), value };
        assert!(read(&missing).unwrap().is_none());
    }
}
