//! TLS by rustls, with files that may be replaced while the program runs.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often it is looked whether the files are others.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate with its key.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    config: Arc<ServerConfig>,
    written: Written,
    looked: Instant,
}

/// When the files were written, and how long they are.
type Written = [Option<(SystemTime, u64)>; 2];

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has nothing of what it should have.
    #[error("{} has no {wanted} in PEM that can be read: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What it should have.
        wanted: &'static str,
        /// Why not.
        source: pem::Error,
    },
    /// Key and certificate do not belong together, or are of a kind that is not known.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let written = written(certificate, key);
        let current = Current { config: config(certificate, key)?, written, looked: Instant::now() };
        Ok(Self { certificate: certificate.to_owned(), key: key.to_owned(), current: Mutex::new(current) })
    }

    /// For the next connection: with the files as they are now, or, where those cannot be used, as they were. It tells of that
    /// by `complain`, once for each time that they were written.
    pub(super) fn acceptor(&self, complain: impl FnOnce(&TlsError)) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() >= LOOK_EVERY {
            current.looked = Instant::now();
            let written = written(&self.certificate, &self.key);
            if written != current.written {
                current.written = written;
                match config(&self.certificate, &self.key) {
                    Ok(config) => current.config = config,
                    Err(error) => complain(&error),
                }
            }
        }
        TlsAcceptor::from(Arc::clone(&current.config))
    }
}

fn written(certificate: &Path, key: &Path) -> Written {
    [certificate, key].map(|path| path.metadata().and_then(|file| Ok((file.modified()?, file.len()))).ok())
}

fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| TlsError::File { path: certificate.to_owned(), wanted: "certificate", source })?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::File {
        path: key.to_owned(),
        wanted: "private key",
        source,
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn write(folder: &Path) {
        let made = rcgen::generate_simple_self_signed(vec!["tracker.internal".to_owned()]).unwrap();
        fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    /// As if the time had come to look again.
    fn look(tls: &Tls) -> (Arc<ServerConfig>, usize) {
        let mut complaints = 0;
        tls.current.lock().unwrap().looked = Instant::now().checked_sub(LOOK_EVERY).unwrap();
        let acceptor = tls.acceptor(|_| complaints += 1);
        (Arc::clone(acceptor.config()), complaints)
    }

    #[test]
    fn files_that_were_replaced_are_taken_up_if_they_can_be_used() {
        let folder = tempfile::TempDir::new().unwrap();
        write(folder.path());
        let tls = Tls::load(&folder.path().join("cert.pem"), &folder.path().join("key.pem")).unwrap();
        let first = look(&tls).0;
        assert!(Arc::ptr_eq(&first, &look(&tls).0), "nothing has changed");
        fs::write(folder.path().join("cert.pem"), "half a file").unwrap();
        let (same, complaints) = look(&tls);
        assert!(Arc::ptr_eq(&first, &same) && complaints == 1);
        assert_eq!(look(&tls).1, 0, "it complains once");
        write(folder.path());
        let (second, complaints) = look(&tls);
        assert!(!Arc::ptr_eq(&first, &second) && complaints == 0);
    }
}
