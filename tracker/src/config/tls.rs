//! The section `tls`.

use serde::Deserialize;
use std::path::PathBuf;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    certificate: PathBuf,
    key: PathBuf,
}

/// Where the certificate and its key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that have signed it.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Wire {
    /// Whether the files can be used is seen when the program starts: they may be elsewhere where the config is checked.
    pub(super) fn validate(self) -> TlsFiles {
        TlsFiles { certificate: self.certificate, key: self.key }
    }
}
