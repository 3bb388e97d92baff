//! Upstreams behind TLS.

use crate::support::{config, get, run};
use anyhow::Result;
use pointsman_host::proxy::config::{Protocol, Source, TlsConfig};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An upstream for `vendor.test` that answers over HTTP/1.1, and its certificate as PEM.
async fn upstream() -> Result<(SocketAddr, String)> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["vendor.test".to_owned()])?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut buffer = [0; 1024];
                while stream.read(&mut buffer).await? > 0 {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await?;
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    Ok((address, cert.pem()))
}

#[tokio::test]
async fn an_upstream_whose_authority_is_known_is_spoken_to_in_secret() -> Result<()> {
    let (address, pem) = upstream().await?;
    for protocol in [Protocol::Http1, Protocol::Auto] {
        let mut config = config(address)?;
        let ca = Some(Source::Inline(pem.clone().into()));
        config.clusters[0].tls = Some(TlsConfig { sni: Some("vendor.test".to_owned()), ca });
        config.clusters[0].protocol = protocol;
        let proxy = run(config).await?;
        for _ in 0..2 {
            let response = get(&proxy, "/").await?;
            assert_eq!((response.status.as_u16(), &response.text()[..]), (200, "secret"), "{protocol:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_cannot_prove_its_name_gets_nothing() -> Result<()> {
    let (address, pem) = upstream().await?;
    let ca = Some(Source::Inline(pem.into()));
    for tls in [
        TlsConfig { sni: Some("vendor.test".to_owned()), ca: None },
        TlsConfig { sni: Some("other.test".to_owned()), ca },
    ] {
        let mut config = config(address)?;
        config.clusters[0].tls = Some(tls);
        let response = get(&run(config).await?, "/").await?;
        assert_eq!(response.status, 503);
        assert!(response.text().ends_with("remote connection failure"), "{}", response.text());
    }
    Ok(())
}

#[tokio::test]
async fn authorities_that_a_file_names_anew_are_trusted_after_a_reload() -> Result<()> {
    let ((address, pem), (_, other)) = (upstream().await?, upstream().await?);
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, other)?;
    let mut config = config(address)?;
    let ca = Some(Source::File(file.clone()));
    config.clusters[0].tls = Some(TlsConfig { sni: Some("vendor.test".to_owned()), ca });
    let proxy = run(config.clone()).await?;
    assert_eq!(get(&proxy, "/").await?.status, 503);
    std::fs::write(&file, pem)?;
    proxy.reload(config).await?;
    assert_eq!(get(&proxy, "/").await?.status, 200);
    Ok(())
}
