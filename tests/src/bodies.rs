//! Bodies that come in pieces, with trailers, or never to an end.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Between the first piece and the rest: longer than a proxy takes to pass the first one on.
const GAP: Duration = Duration::from_millis(200);

/// A body of given frames, of unknown length.
#[derive(Debug, Default)]
pub struct Pieces {
    frames: VecDeque<Frame<Bytes>>,
    unfinished: bool,
    pause: Option<Pin<Box<Sleep>>>,
    paused_after_first: bool,
}

impl Pieces {
    /// The bytes in pieces of `size`.
    pub fn of(bytes: &[u8], size: usize) -> Self {
        let frames = bytes.chunks(size.max(1)).map(|piece| Frame::data(Bytes::copy_from_slice(piece)));
        Self { frames: frames.collect(), ..Self::default() }
    }

    /// With trailers behind the last piece.
    #[must_use]
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.frames.push_back(Frame::trailers(trailers));
        self
    }

    /// With `len` bytes first and the rest a moment later.
    #[must_use]
    pub fn with_first(mut self, len: usize) -> Self {
        let whole = self.frames.pop_front().and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let (first, rest) = whole.split_at(len.min(whole.len()));
        self.frames.push_front(Frame::data(Bytes::copy_from_slice(rest)));
        self.frames.push_front(Frame::data(Bytes::copy_from_slice(first)));
        self.paused_after_first = true;
        self
    }

    /// Never saying that it is over.
    #[must_use]
    pub fn unfinished(mut self) -> Self {
        self.unfinished = true;
        self
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if std::mem::take(&mut self.paused_after_first) {
            self.pause = Some(Box::pin(sleep(GAP)));
        }
        match self.frames.pop_front() {
            // Nothing ever wakes an unfinished body: it ends when its connection is dropped.
            None if self.unfinished => Poll::Pending,
            next => Poll::Ready(next.map(Ok)),
        }
    }
}
