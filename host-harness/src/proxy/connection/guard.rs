//! Watches what a connection does between requests: a client that sends headers byte by byte is answered with 408 and let
//! go, one that sends nothing for an hour is let go too.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// What a client gets that took too long, as from Envoy.
const TOO_LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 22\r\ncontent-type: text/plain\r\n\
connection: close\r\n\r\nrequest header timeout";

/// What a connection does between requests.
pub(super) struct Guard {
    /// Requests that have begun and not ended.
    open: Cell<usize>,
    requests: Cell<u64>,
    /// Since when bytes of a request are there that are no request yet.
    partial: Cell<Option<Instant>>,
    idle_since: Cell<Instant>,
    draining: Cell<bool>,
    is_http2: Cell<bool>,
    late: Cell<bool>,
}

/// Why a connection ends.
pub(super) enum Verdict {
    /// The headers of a request did not come in time.
    Late,
    /// There was no request for too long.
    Idle,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            open: Cell::new(0),
            requests: Cell::new(0),
            partial: Cell::new(None),
            idle_since: Cell::new(Instant::now()),
            draining: Cell::new(false),
            is_http2: Cell::new(false),
            late: Cell::new(false),
        }
    }
}

/// One request, until its stream has ended.
pub(super) struct Counted(Rc<Guard>);

impl Guard {
    pub(super) fn request(self: &Rc<Self>) -> Counted {
        self.open.set(self.open.get() + 1);
        self.requests.set(self.requests.get() + 1);
        self.partial.set(None);
        Counted(Rc::clone(self))
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(super) fn drain(&self) {
        self.draining.set(true);
    }

    /// Ready when the connection must end.
    pub(super) async fn watch(&self, headers: Option<Duration>, idle: Duration) -> Verdict {
        // Looking now and then is much cheaper than a timer for each request.
        let interval = headers.map_or(idle, |headers| headers.min(idle)) / 4;
        loop {
            tokio::time::sleep(interval).await;
            if self.open.get() > 0 {
                continue;
            }
            let late = |(since, limit): (Instant, Duration)| since.elapsed() >= limit;
            if self.partial.get().zip(headers).is_some_and(late) {
                return Verdict::Late;
            }
            if self.idle_since.get().elapsed() >= idle {
                return Verdict::Idle;
            }
        }
    }

    /// Has the connection answered with 408 and closed when it is polled next.
    pub(super) fn time_out(&self) {
        self.late.set(true);
    }

    fn received(&self, bytes: &[u8]) {
        if self.requests.get() == 0 && bytes.starts_with(b"PRI") {
            self.is_http2.set(true);
        }
        // Frames of HTTP/2 come between requests too; its headers come whole or are hyper's to refuse.
        let is_partial = !self.is_http2.get() || self.requests.get() == 0;
        if self.open.get() == 0 && is_partial && self.partial.get().is_none() {
            self.partial.set(Some(Instant::now()));
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

/// A TCP stream that tells its guard what comes in.
pub(super) struct Guarded {
    stream: TcpStream,
    guard: Rc<Guard>,
}

impl Guarded {
    pub(super) const fn new(stream: TcpStream, guard: Rc<Guard>) -> Self {
        Self { stream, guard }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.guard.late.get() {
            if !self.guard.is_http2.get() {
                // Past hyper: no request is open, so nothing else is being written. Who does not read gets only the close.
                let _ = self.stream.try_write(TOO_LATE);
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.guard.received(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
