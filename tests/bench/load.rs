//! The load: a fixed number of connections, each with one push at a time. It must cost little, since one CPU drives all
//! variants at once; hence bare sockets, and a reader that knows only what Envoy writes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::push::{ANSWER, Push};

/// Longer than any answer takes.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than the head and body of any answer.
const ANSWER_MAX_BYTES: usize = 4096;

/// Message ids of one connection are apart from those of another by this much.
const IDS_PER_CONNECTION: u64 = 1_000_000_000;

/// All connections to one sidecar.
#[derive(Debug)]
pub(crate) struct Load(Vec<Connection>);

impl Load {
    /// Connects.
    pub(crate) async fn connect(addr: SocketAddr, connections: usize) -> Result<Self> {
        let mut open = Vec::with_capacity(connections);
        for number in 1..=connections as u64 {
            open.push(Connection::open(addr, Push::new(number * IDS_PER_CONNECTION)).await?);
        }
        Ok(Self(open))
    }
}

/// Pushes through all loads at once for `length`, until every push has its answer; the number of pushes of each.
///
/// # Errors
/// If any push failed.
pub(crate) async fn run(loads: &mut [Load], length: Duration) -> Result<Vec<u64>> {
    let deadline = Instant::now() + length;
    let mut running = JoinSet::new();
    for (index, load) in loads.iter_mut().enumerate() {
        for connection in load.0.drain(..) {
            running.spawn(async move { (index, connection.until(deadline).await) });
        }
    }
    let mut pushes = vec![0; loads.len()];
    while let Some(ended) = running.join_next().await {
        let (index, ended) = ended?;
        let (connection, done) = ended?;
        if let (Some(load), Some(pushes)) = (loads.get_mut(index), pushes.get_mut(index)) {
            load.0.push(connection);
            *pushes += done;
        }
    }
    Ok(pushes)
}

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    push: Push,
    received: Box<[u8; ANSWER_MAX_BYTES]>,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr, push: Push) -> Result<Self> {
        let stream = TcpStream::connect(addr).await.context("cannot connect to the sidecar")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, push, received: Box::new([0; ANSWER_MAX_BYTES]) })
    }

    /// The message id of the last push.
    pub(crate) fn message_id(&self) -> String {
        self.push.message_id()
    }

    async fn until(mut self, deadline: Instant) -> Result<(Self, u64)> {
        let mut done = 0;
        let pushing = async {
            while Instant::now() < deadline {
                self.exchange().await?;
                done += 1;
            }
            Ok::<_, anyhow::Error>(())
        };
        let limit = deadline.saturating_duration_since(Instant::now()) + ANSWER_TIMEOUT;
        timeout(limit, pushing).await.context("a push was not answered")??;
        Ok((self, done))
    }

    /// Sends one push and returns the head of its answer, which must be a success in every respect.
    pub(crate) async fn exchange(&mut self) -> Result<&str> {
        self.stream.write_all(self.push.next()).await.context("a push could not be sent")?;
        let mut len = 0;
        loop {
            let room = self.received.get_mut(len..).filter(|room| !room.is_empty());
            let read = self.stream.read(room.context("an answer is too long")?).await.context("a push was reset")?;
            ensure!(read > 0, "the sidecar has closed a connection");
            len += read;
            if let Some(head) = whole(&self.received[..len])? {
                return Ok(std::str::from_utf8(&self.received[..head])?);
            }
        }
    }
}

/// The length of the head if the answer is whole.
fn whole(received: &[u8]) -> Result<Option<usize>> {
    let Some(head) = received.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let (head, body) = received.split_at(head + 4);
    if !head.starts_with(b"HTTP/1.1 200 ") {
        bail!("a push was answered with: {}", String::from_utf8_lossy(received));
    }
    if body.len() < ANSWER.len() {
        return Ok(None);
    }
    ensure!(body == ANSWER.as_bytes(), "an answer has another body: {}", String::from_utf8_lossy(body));
    Ok(Some(head.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let head = "HTTP/1.1 200 OK\r\nserver: envoy\r\n\r\n";
        let answer = format!("{head}{ANSWER}");
        for len in 0..answer.len() {
            assert_eq!(whole(&answer.as_bytes()[..len]).unwrap(), None, "{len}");
        }
        assert_eq!(whole(answer.as_bytes()).unwrap(), Some(head.len()));
    }

    #[test]
    fn anything_but_the_answer_is_a_failure() {
        for head in ["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"] {
            assert!(whole(format!("{head}{ANSWER}").as_bytes()).is_err(), "{head}");
        }
        let other = "x".repeat(ANSWER.len());
        assert!(whole(format!("HTTP/1.1 200 OK\r\n\r\n{other}").as_bytes()).is_err());
    }
}
