//! Bytes in, bytes out: for requests that no client library would write.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long [`raw`] reads when the peer neither answers nor closes.
pub const RAW_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes that [`raw`] returns.
pub const RAW_MAX_BYTES: usize = 1 << 20;

/// Writes the bytes to a new connection and returns what comes back until the peer closes, [`RAW_MAX_BYTES`] are
/// there or [`RAW_TIMEOUT`] has passed. A reset ends the reading as a close does.
///
/// # Errors
/// When no connection is made.
pub async fn raw(addr: SocketAddr, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let stream = TcpStream::connect(addr).await?;
    let mut received = Vec::new();
    // What has come before the limit is the answer, so a timeout is no error here.
    let _ = tokio::time::timeout(RAW_TIMEOUT, exchange(stream, bytes, &mut received)).await;
    Ok(received)
}

async fn exchange(mut stream: TcpStream, bytes: &[u8], received: &mut Vec<u8>) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    let mut stream = stream.take(RAW_MAX_BYTES as u64);
    while stream.read_buf(received).await? > 0 {}
    Ok(())
}
