//! TLS, with HTTP/1.1 and HTTP/2.

use crate::bed::{Bed, SOON, Wish};
use pointsman_tracker::serve::{Settings, Tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Writes a certificate of `tracker.internal` with its key, and gives it back.
fn write(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["tracker.internal".to_owned()]).expect("a certificate");
    std::fs::write(folder.join("cert.pem"), cert.pem()).expect("a file");
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).expect("a file");
    cert.der().clone()
}

fn load(folder: &Path) -> Result<Tls, pointsman_tracker::serve::TlsError> {
    Tls::load(&folder.join("cert.pem"), &folder.join("key.pem"))
}

fn connector(trusted: CertificateDer<'static>, protocol: &str) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn it_speaks_tls_and_nothing_else_on_that_port() {
    let folder = TempDir::new().expect("a folder");
    let trusted = write(folder.path());
    let server = Settings { tls: Some(load(folder.path()).expect("TLS")), ..Settings::default() };
    let bed = Bed::start(Wish { server, ..Wish::default() }).await;
    let name = ServerName::try_from("tracker.internal").expect("a name");
    for (protocol, said, answer) in [
        ("http/1.1", &b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"[..], &b"HTTP/1.1 200 OK"[..]),
        // The preface and empty settings, which are answered by settings.
        ("h2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", b"\0\0"),
    ] {
        let stream = TcpStream::connect(bed.addr).await.expect("a connection");
        let connector = connector(trusted.clone(), protocol);
        let mut stream = connector.connect(name.clone(), stream).await.expect("an agreement");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        stream.write_all(said).await.expect("it is written");
        let mut start = vec![0; answer.len()];
        tokio::time::timeout(SOON, stream.read_exact(&mut start)).await.expect("in time").expect("an answer");
        assert_eq!(start, answer, "{protocol}");
    }
    let plain = pointsman_host::http::raw(bed.addr, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("an end");
    assert!(!plain.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&plain));
}

#[tokio::test]
async fn who_does_not_agree_on_tls_in_time_is_left() {
    let folder = TempDir::new().expect("a folder");
    write(folder.path());
    let tls = Some(load(folder.path()).expect("TLS"));
    let server = Settings { tls, header_timeout: Duration::from_millis(100), ..Settings::default() };
    let bed = Bed::start(Wish { server, ..Wish::default() }).await;
    let mut stream = TcpStream::connect(bed.addr).await.expect("a connection");
    let read = tokio::time::timeout(SOON, stream.read(&mut [0; 8])).await.expect("it closes");
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let folder = TempDir::new().expect("a folder");
    let told = |folder: &TempDir| load(folder.path()).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told(&folder).contains("cert.pem has no certificate"), "{}", told(&folder));
    write(folder.path());
    std::fs::write(folder.path().join("key.pem"), "no key").expect("a file");
    assert!(told(&folder).contains("key.pem has no private key"), "{}", told(&folder));
    let other = TempDir::new().expect("a folder");
    write(other.path());
    std::fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).expect("a copy");
    assert!(told(&folder).contains("the certificate and the key cannot be used"), "{}", told(&folder));
}
