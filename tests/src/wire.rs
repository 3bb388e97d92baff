//! HTTP/1.1 by hand, for what no client library would write, and for what it would not show.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::PATIENCE;

/// One connection.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireAnswer {
    /// The status line.
    pub status: String,
    /// The header lines, in order.
    pub headers: Vec<Vec<u8>>,
    /// The body, without the framing of chunks.
    pub body: Vec<u8>,
}

impl Wire {
    /// Connects. What is written leaves at once.
    pub async fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("a connection");
        stream.set_nodelay(true).expect("an open socket");
        Self { stream, received: Vec::new() }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the peer reads");
    }

    /// Writes each byte as a chunk of its own, in a segment of its own as far as the kernel goes along, and the last
    /// chunk.
    pub async fn write_byte_chunks(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']).await;
            tokio::task::yield_now().await;
        }
        self.write(b"0\r\n\r\n").await;
    }

    /// Waits until `bytes` have come somewhere in the answer.
    pub async fn wait_for(&mut self, bytes: &[u8]) {
        while !self.received.windows(bytes.len()).any(|window| window == bytes) {
            assert!(self.read().await > 0, "closed before {:?} came", bytes.escape_ascii().to_string());
        }
    }

    /// Reads until the peer closes.
    pub async fn answer(mut self) -> WireAnswer {
        while self.read().await > 0 {}
        parse(&self.received)
    }

    /// Reads something; 0 if the peer has closed or reset.
    async fn read(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        read.expect("the peer answers or closes in time").unwrap_or_default()
    }

    /// Closes with a TCP reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().expect("an open socket");
    }
}

fn parse(answer: &[u8]) -> WireAnswer {
    let (head, body) = split(answer, b"\r\n\r\n").expect("a whole head");
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec());
    let status = lines.next().unwrap_or_default();
    let headers: Vec<Vec<u8>> = lines.collect();
    let chunked = headers.iter().any(|line| line.as_slice() == b"transfer-encoding: chunked");
    WireAnswer {
        status: String::from_utf8_lossy(&status).into_owned(),
        body: if chunked { dechunk(body) } else { body.to_vec() },
        headers,
    }
}

/// As much as has come.
fn dechunk(mut framed: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some((size, rest)) = split(framed, b"\r\n") {
        let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk's size").min(rest.len());
        body.extend_from_slice(&rest[..size]);
        framed = rest.get(size + 2..).unwrap_or_default();
    }
    body
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let position = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..position], &bytes[position + at.len()..]))
}
