//! A body whose pieces leave one after another, so that no peer reads two at once.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Body, Frame, SizeHint};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// Between two pieces: longer than a proxy on loopback takes to pass one on, on a machine that is busy.
const GAP: Duration = Duration::from_millis(25);

/// What comes after the pieces.
#[derive(Clone, Debug)]
pub enum End {
    /// Nothing.
    Whole,
    /// Trailers.
    Trailers(HeaderMap),
    /// The peer sees the stream break.
    Broken,
    /// The peer waits for ever.
    Never,
}

/// The body.
#[derive(Debug)]
pub struct Paced {
    pieces: VecDeque<Bytes>,
    end: End,
    first: bool,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Paced {
    /// These pieces, then the end.
    pub fn new(pieces: Vec<Bytes>, end: End) -> Self {
        Self { pieces: pieces.into(), end, first: true, pause: None }
    }
}

/// Trailers of a case.
pub(crate) fn trailers(of: &BTreeMap<String, String>) -> HeaderMap {
    let pair = |(name, value): (&String, &String)| {
        let name = HeaderName::try_from(name.as_str()).expect("a name of a trailer");
        (name, HeaderValue::try_from(value.as_str()).expect("a value of a trailer"))
    };
    of.iter().map(pair).collect()
}

impl Body for Paced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(context));
            self.pause = None;
        } else if !std::mem::take(&mut self.first) && !self.is_end_stream() {
            let mut pause = Box::pin(sleep(GAP));
            let waits = pause.as_mut().poll(context);
            self.pause = Some(pause);
            ready!(waits);
        }
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(match std::mem::replace(&mut self.end, End::Whole) {
            End::Whole => None,
            End::Trailers(trailers) => Some(Ok(Frame::trailers(trailers))),
            End::Never => {
                self.end = End::Never;
                return Poll::Pending;
            }
            End::Broken => Some(Err(io::Error::other("broken off"))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && matches!(self.end, End::Whole)
    }

    /// One piece has a known length; several are chunked.
    fn size_hint(&self) -> SizeHint {
        match (&self.end, self.pieces.len()) {
            (End::Whole, 0) => SizeHint::with_exact(0),
            (End::Whole, 1) => SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum()),
            _ => SizeHint::default(),
        }
    }
}
