//! Bodies that come in pieces, with trailers, or never to an end.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A body of given frames, of unknown length.
#[derive(Debug, Default)]
pub struct Pieces {
    frames: VecDeque<Frame<Bytes>>,
    unfinished: bool,
}

impl Pieces {
    /// The bytes in pieces of `size`.
    pub fn of(bytes: &[u8], size: usize) -> Self {
        let frames = bytes.chunks(size.max(1)).map(|piece| Frame::data(Bytes::copy_from_slice(piece)));
        Self { frames: frames.collect(), unfinished: false }
    }

    /// With trailers behind the last piece.
    #[must_use]
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.frames.push_back(Frame::trailers(trailers));
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

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.frames.pop_front() {
            // Nothing ever wakes an unfinished body: it ends when its connection is dropped.
            None if self.unfinished => Poll::Pending,
            next => Poll::Ready(next.map(Ok)),
        }
    }
}
