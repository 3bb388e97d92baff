//! A connection whose peer has to do its part: it is not waited for without end, neither to say what it speaks nor to take
//! what it has asked for. What comes between is bounded by hyper and by the routes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// The first bytes of HTTP/2. Up to the first other byte nobody knows what is spoken, and hyper waits.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection with limits of time.
pub(super) struct Stream<T> {
    inner: T,
    limit: Duration,
    /// Bytes of the preface that have come; `None` once it is known what is spoken.
    preface: Option<usize>,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<T> Stream<T> {
    pub(super) fn new(inner: T, limit: Duration) -> Self {
        let reading = Box::pin(sleep_until(Instant::now() + limit));
        Self { inner, limit, preface: Some(0), reading, writing: None }
    }

    fn came(&mut self, bytes: &[u8]) {
        if let Some(seen) = self.preface {
            let wanted = PREFACE.get(seen..).unwrap_or_default();
            let seen = seen + bytes.len();
            self.preface = (seen < PREFACE.len() && wanted.starts_with(bytes)).then_some(seen);
        }
    }

    /// What is written has to move within the limit.
    fn bounded<R>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if poll.is_ready() {
            self.writing = None;
            return poll;
        }
        let limit = self.limit;
        let writing = self.writing.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        match writing.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        if poll.is_ready() {
            self.came(buf.filled().get(before..).unwrap_or_default());
        } else if self.preface.is_some() && self.reading.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        poll
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.bounded(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.bounded(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.bounded(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.bounded(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    const LIMIT: Duration = Duration::from_secs(5);

    async fn read(said: &[u8], room: usize) -> io::Result<usize> {
        let (mut peer, ours) = duplex(1024);
        peer.write_all(said).await?;
        let mut stream = Stream::new(ours, LIMIT);
        let mut bytes = vec![0; room];
        let read = async {
            while stream.read(&mut bytes).await? > 0 {}
            Ok(0)
        };
        tokio::time::timeout(2 * LIMIT, read).await.unwrap_or(Ok(1))
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_or_only_half_of_what_is_spoken_is_left() {
        for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n"] {
            let kind = read(said, 8).await.map_err(|error| error.kind());
            assert_eq!(kind, Err(io::ErrorKind::TimedOut), "{said:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_it_is_known_what_is_spoken_reading_is_not_bounded_here() {
        for said in [&b"GET /"[..], b"PO", PREFACE] {
            assert_eq!(read(said, 3).await.ok(), Some(1), "{said:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_the_answer_is_left() {
        let (_peer, ours) = duplex(16);
        let mut stream = Stream::new(ours, LIMIT);
        let written = stream.write_all(&[0; 64]).await;
        assert_eq!(written.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }
}
