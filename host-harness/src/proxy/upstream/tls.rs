//! TLS towards a cluster, with rustls and ring.

use crate::proxy::config::{Protocol, Source, TlsConfig};
use bytes::Bytes;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Why a cluster's TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum TlsError {
    /// The file of authorities cannot be read.
    #[error("the authorities in ca_file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// It holds no authority.
    #[error("ca_file holds no certificate in PEM")]
    Empty,
    /// It holds something else.
    #[error("ca_file holds a certificate that is none: {0}")]
    Certificate(String),
    /// The library refused the settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Encrypts connections to one cluster.
#[derive(Clone)]
pub(super) struct Connector {
    connector: TlsConnector,
    /// The file of authorities as it was read.
    ca: Option<Bytes>,
    sni: Option<String>,
}

impl Connector {
    pub(super) fn new(config: &TlsConfig, protocol: Protocol) -> Result<Self, TlsError> {
        let ca = config.ca.as_ref().map(Source::read).transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut client = client.with_root_certificates(authorities(ca.as_deref())?).with_no_client_auth();
        let http1 = b"http/1.1".to_vec();
        client.alpn_protocols = match protocol {
            Protocol::Http1 => vec![http1],
            Protocol::Http2 => vec![b"h2".to_vec()],
            Protocol::Auto | Protocol::Downstream => vec![b"h2".to_vec(), http1],
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(client)), ca, sni: config.sni.clone() })
    }

    /// Whether a file of authorities, read anew, is as it was. One that cannot be read is not.
    pub(super) fn is_current(&self, config: &TlsConfig) -> bool {
        match (&config.ca, &self.ca) {
            (Some(source), Some(ca)) => source.read().is_ok_and(|now| now == *ca),
            (now, ca) => now.is_none() && ca.is_none(),
        }
    }

    /// Encrypts a connection; the name is `host` unless the config says another.
    pub(super) async fn connect(&self, tcp: TcpStream, host: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let name = self.sni.as_deref().unwrap_or(host);
        let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
        self.connector.connect(name, tcp).await
    }
}

fn authorities(ca: Option<&[u8]>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    for certificate in CertificateDer::pem_slice_iter(ca) {
        let certificate = certificate.map_err(|error| TlsError::Certificate(error.to_string()))?;
        roots.add(certificate).map_err(|error| TlsError::Certificate(error.to_string()))?;
    }
    if roots.is_empty() { Err(TlsError::Empty) } else { Ok(roots) }
}
