//! The body of a request: read, unpacked as it comes, and bounded in bytes and in time.

use super::answer::Refusal;
use axum::body::Body;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes are reserved in pieces of this size: what a small request costs at least.
const PIECE: usize = 16 << 10;
/// Packed bytes that are unpacked before others have their turn: 4 MiB at most come of them.
const AT_ONCE: usize = 4 << 10;

/// Room for the bytes of all requests that are not answered yet.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pieces: Arc<Semaphore>,
    /// The most bytes of one request.
    most: usize,
}

/// What a request has of the room, until it is dropped.
#[derive(Debug)]
pub(super) struct Reserved {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new(bytes: usize, most: usize) -> Self {
        Self { pieces: Arc::new(Semaphore::new((bytes / PIECE).max(1))), most }
    }

    /// None of it yet.
    pub(super) const fn none(self) -> Reserved {
        Reserved { room: self, permit: None }
    }

    /// Whether one request may have so many bytes.
    fn bounds(&self, bytes: usize) -> Result<(), Refusal> {
        if bytes <= self.most {
            return Ok(());
        }
        let reason = format!("the request has more than {} bytes, before or after it is unpacked", self.most);
        Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason))
    }

    /// The whole body, unpacked.
    pub(super) async fn read(self, body: Body, gzip: bool, within: Duration) -> Result<(Bytes, Reserved), Refusal> {
        let reading = async {
            let mut unpacked = Unpacked { bytes: Vec::new(), reserved: self.none(), refusal: None };
            unpacked.reserved.up_to(1)?;
            if gzip { unpacked.gzip(body).await } else { unpacked.plain(body).await }
        };
        tokio::time::timeout(within, reading).await.unwrap_or_else(|_| {
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body does not come within the time that it may take"))
        })
    }
}

impl Reserved {
    /// Room for other bytes of the same request, none yet.
    pub(super) fn beside(&self) -> Self {
        self.room.clone().none()
    }

    /// Has room for so many bytes.
    pub(super) fn up_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.room.bounds(bytes)?;
        let have = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = u32::try_from(bytes.div_ceil(PIECE).saturating_sub(have)).unwrap_or(u32::MAX);
        if missing == 0 {
            return Ok(());
        }
        let full = |_| {
            let reason = "too many bytes of other requests wait for the store";
            Refusal::later(StatusCode::TOO_MANY_REQUESTS, reason, Duration::from_secs(1))
        };
        let more = Arc::clone(&self.room.pieces).try_acquire_many_owned(missing).map_err(full)?;
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        Ok(())
    }
}

/// What has been read so far.
struct Unpacked {
    bytes: Vec<u8>,
    reserved: Reserved,
    /// Why it goes no further; an error of [`Write`] could not say so.
    refusal: Option<Refusal>,
}

impl Unpacked {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.reserved.up_to(self.bytes.len() + bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    async fn plain(mut self, mut body: Body) -> Result<(Bytes, Reserved), Refusal> {
        // What says how long it is may be refused at once, but has no room before it comes: it may never come.
        let length = body.size_hint().exact().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
        self.reserved.room.bounds(length)?;
        while let Some(bytes) = next(&mut body).await? {
            if self.bytes.is_empty() && bytes.len() == length {
                self.reserved.up_to(length)?;
                return Ok((bytes, self.reserved));
            }
            self.put(&bytes)?;
        }
        Ok((self.bytes.into(), self.reserved))
    }

    async fn gzip(self, mut body: Body) -> Result<(Bytes, Reserved), Refusal> {
        let most = self.reserved.room.most;
        let mut decoder = MultiGzDecoder::new(self);
        let mut packed = 0;
        while let Some(bytes) = next(&mut body).await? {
            packed += bytes.len();
            if packed > most {
                decoder.get_mut().reserved.up_to(packed)?;
            }
            for part in bytes.chunks(AT_ONCE) {
                let written = decoder.write_all(part);
                written.map_err(|error| decoder.get_mut().told(&error))?;
                tokio::task::yield_now().await;
            }
        }
        decoder.try_finish().map_err(|error| decoder.get_mut().told(&error))?;
        let ended = decoder.finish().map_err(|error| undecodable(&error))?;
        Ok((ended.bytes.into(), ended.reserved))
    }

    fn told(&mut self, error: &io::Error) -> Refusal {
        self.refusal.take().unwrap_or_else(|| undecodable(error))
    }
}

impl Write for Unpacked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(refusal) => {
                self.refusal = Some(refusal);
                Err(io::ErrorKind::OutOfMemory.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn undecodable(error: &io::Error) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, format!("the body is no gzip: {error}"))
}

/// The next bytes that come; nothing at the end.
async fn next(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        let Some(frame) = body.frame().await else { return Ok(None) };
        let frame = frame.map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body has broken off"))?;
        // Trailers say nothing here.
        if let Ok(bytes) = frame.into_data()
            && !bytes.is_empty()
        {
            return Ok(Some(bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::body::{Frame, SizeHint};
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// Says how long it is, and never comes.
    struct Silent(u64);

    impl hyper::body::Body for Silent {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_only_announced_takes_no_room_from_what_comes() {
        let (room, within) = (Room::new(10 * PIECE, 8 * PIECE), Duration::from_secs(30));
        let read = |body| room.clone().read(body, false, within);
        let silent: Vec<_> = (0..4).map(|_| tokio::spawn(read(Body::new(Silent(8 * PIECE as u64))))).collect();
        tokio::task::yield_now().await;
        let (bytes, reserved) = read(Body::from(vec![7; 5 * PIECE])).await.unwrap();
        assert_eq!((bytes.len(), room.pieces.available_permits()), (5 * PIECE, 1));
        drop(reserved);
        for silent in silent {
            assert_eq!(silent.await.unwrap().unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
        }
        let refused = read(Body::new(Silent(8 * PIECE as u64 + 1))).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE, "and is refused before it comes");
    }
}
