//! A body that one task of a worker writes and hyper reads: a queue within one thread, without locks. Whoever writes sees
//! how much waits and whether the reader has gone.

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, SizeHint};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The writer broke the body off.
#[derive(Debug, thiserror::Error)]
#[error("the body was broken off")]
pub(super) struct Aborted;

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Frame<Bytes>>,
    waiting_bytes: usize,
    end: Option<End>,
    /// Whether the reader was given the time to send what it has before it hears of a break.
    flushed: bool,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Aborted,
}

/// The end that writes. Dropping it breaks the body off, unless it was ended.
pub(super) struct FrameWriter(Rc<RefCell<Queue>>);

/// The end that hyper reads.
pub(super) struct FrameReader(Option<Rc<RefCell<Queue>>>);

/// A body to be written.
pub(super) fn channel() -> (FrameWriter, FrameReader) {
    let queue = Rc::default();
    (FrameWriter(Rc::clone(&queue)), FrameReader(Some(queue)))
}

/// A body of these bytes; empty ones are none at all.
pub(super) fn whole(bytes: Bytes) -> FrameReader {
    if bytes.is_empty() {
        return FrameReader(None);
    }
    let (writer, reader) = channel();
    writer.data(bytes);
    writer.end();
    reader
}

/// No body.
pub(super) const fn empty() -> FrameReader {
    FrameReader(None)
}

impl FrameWriter {
    /// Adds a piece; an empty one says nothing.
    pub(super) fn data(&self, bytes: Bytes) {
        let mut queue = self.0.borrow_mut();
        if bytes.is_empty() || queue.reader_gone {
            return;
        }
        queue.waiting_bytes += bytes.len();
        queue.pieces.push_back(Frame::data(bytes));
        wake(queue.reader.take());
    }

    /// Adds trailers and ends the body.
    pub(super) fn trailers(&self, trailers: HeaderMap) {
        self.0.borrow_mut().pieces.push_back(Frame::trailers(trailers));
        self.end();
    }

    /// Ends the body.
    pub(super) fn end(&self) {
        self.finish(End::Whole);
    }

    fn finish(&self, end: End) {
        let mut queue = self.0.borrow_mut();
        queue.end.get_or_insert(end);
        wake(queue.reader.take());
    }

    /// How many bytes wait to be read.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.0.borrow().waiting_bytes
    }

    /// Whether the reader has gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.0.borrow().reader_gone
    }

    /// Has the task woken when the reader takes a piece or goes.
    pub(super) fn wake_on_change(&self, cx: &Context<'_>) {
        let mut queue = self.0.borrow_mut();
        match &mut queue.writer {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        self.finish(End::Aborted);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Body for FrameReader {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let Some(queue) = &self.0 else { return Poll::Ready(None) };
        let mut queue = queue.borrow_mut();
        if let Some(frame) = queue.pieces.pop_front() {
            let taken = frame.data_ref().map_or(0, Bytes::len);
            queue.waiting_bytes = queue.waiting_bytes.saturating_sub(taken);
            wake(queue.writer.take());
            return Poll::Ready(Some(Ok(frame)));
        }
        match queue.end {
            Some(End::Whole) => return Poll::Ready(None),
            Some(End::Aborted) if queue.flushed => return Poll::Ready(Some(Err(Aborted))),
            // An error makes hyper drop what it has not sent yet, the headers among it; it sends while it waits.
            Some(End::Aborted) => {
                queue.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            None => {}
        }
        match &mut queue.reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|queue| {
            let queue = queue.borrow();
            queue.pieces.is_empty() && queue.end == Some(End::Whole)
        })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            None => SizeHint::with_exact(0),
            Some(_) => SizeHint::default(),
        }
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            let mut queue = queue.borrow_mut();
            queue.reader_gone = true;
            queue.pieces.clear();
            queue.waiting_bytes = 0;
            wake(queue.writer.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{channel, empty, whole};
    use bytes::Bytes;
    use http::HeaderMap;
    use http_body_util::BodyExt;
    use hyper::body::Body;
    use std::future::poll_fn;
    use std::pin::Pin;
    use std::task::Poll;

    #[tokio::test]
    async fn what_is_written_is_read_in_order_and_ends() {
        let (writer, reader) = channel();
        writer.data(Bytes::from_static(b"one "));
        writer.data(Bytes::from_static(b"two"));
        assert_eq!(writer.waiting_bytes(), 7);
        writer.trailers(HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]));
        let read = reader.collect().await.unwrap();
        assert_eq!(read.trailers().unwrap().len(), 1);
        assert_eq!(read.to_bytes(), "one two");
        assert!(writer.is_abandoned());
    }

    #[tokio::test]
    async fn a_writer_that_goes_early_breaks_the_body_off() {
        let (writer, mut reader) = channel();
        writer.data(Bytes::from_static(b"half"));
        drop(writer);
        let half = reader.frame().await.unwrap().unwrap();
        assert_eq!(half.into_data().unwrap(), "half");
        let waits = poll_fn(|cx| Poll::Ready(Pin::new(&mut reader).poll_frame(cx).is_pending())).await;
        assert!(waits, "the peer gets the half first");
        assert!(reader.frame().await.unwrap().is_err());
    }

    #[test]
    fn nothing_is_known_to_be_nothing() {
        assert!(empty().is_end_stream() && whole(Bytes::new()).is_end_stream());
        assert!(!whole(Bytes::from_static(b"x")).is_end_stream());
    }
}
