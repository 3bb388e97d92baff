//! Takes a body: its events go to the store batch by batch, and it is done when all of them are on disk.

use super::Ingest;
use super::answer::{Encoding, Refusal};
use super::body::Reserved;
use super::decode::{BATCH_EVENTS, Decoded, Decoder, Signal, Times};
use super::facts::Cache;
use super::json::to_protobuf;
use super::protobuf::Malformed;
use crate::metrics::{Fate, Metrics};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use http::StatusCode;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;

/// The most events of all requests that are not on disk yet.
pub(super) const MAX_EVENTS: usize = 32 * BATCH_EVENTS;
/// A body up to this size is read where it is; for a larger one others would have to wait.
const SMALL: usize = 32 << 10;
/// No record is shorter, or it is one of a few.
const SHORT_RECORD: usize = 32;
/// Caches that are kept for the next request.
const CACHES: usize = 4;

impl Ingest {
    /// How many records were not taken because they are too old.
    pub(super) async fn take(
        self: &Arc<Self>,
        signal: Signal,
        encoding: Encoding,
        (body, reserved): (Bytes, Reserved),
        (store, metrics): (&Arc<dyn Store>, &Metrics),
        times: Times,
    ) -> Result<usize, Refusal> {
        let (body, _reserved) = match encoding {
            Encoding::Protobuf => (body, reserved),
            Encoding::Json => {
                // What is JSON goes, and gives back its room, as soon as it has been read.
                let length = body.len();
                let read = move || {
                    let made = to_protobuf(signal, &body, reserved.beside());
                    drop((body, reserved));
                    made
                };
                let (made, room) = aside(length, read).await??;
                (Bytes::from(made), room)
            }
        };
        let mut decoder = Decoder::new(signal, body);
        let mut expired = 0;
        loop {
            let (left, decoded, permit) = self.decode(decoder, times).await?;
            decoder = left;
            expired += decoded.expired;
            metrics.records(Fate::Expired, decoded.expired);
            let is_end = decoded.is_end;
            if !decoded.events.is_empty() {
                self.append(decoded, permit, (store, metrics)).await?;
            }
            if is_end {
                return Ok(expired);
            }
        }
    }

    /// The next events, when there is room for them.
    async fn decode(
        self: &Arc<Self>,
        mut decoder: Decoder,
        times: Times,
    ) -> Result<(Decoder, Decoded, OwnedSemaphorePermit), Refusal> {
        let most = BATCH_EVENTS.min(decoder.left() / SHORT_RECORD + 1);
        let waiting = Arc::clone(&self.events).acquire_many_owned(u32::try_from(most).unwrap_or(u32::MAX));
        let Ok(Ok(mut permit)) = tokio::time::timeout(self.settings.append_timeout, waiting).await else {
            let reason = "too many events of other requests wait for the store";
            return Err(Refusal::later(StatusCode::TOO_MANY_REQUESTS, reason, Duration::from_secs(1)));
        };
        let ingest = Arc::clone(self);
        let work = move || {
            let mut cache = ingest.cache();
            let decoded = decoder.next(&mut cache, times);
            ingest.give_back(cache);
            (decoder, decoded)
        };
        let (decoder, decoded) = aside(most * SHORT_RECORD, work).await?;
        let decoded = decoded.map_err(|error: Malformed| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        drop(permit.split(most.saturating_sub(decoded.events.len())));
        Ok((decoder, decoded, permit))
    }

    async fn append(
        &self,
        decoded: Decoded,
        permit: OwnedSemaphorePermit,
        (store, metrics): (&Arc<dyn Store>, &Metrics),
    ) -> Result<(), Refusal> {
        let count = decoded.events.len();
        let waiting = Waiting::new(metrics.clone(), count);
        metrics.conflicts(&decoded.events);
        let began = Instant::now();
        let store = Arc::clone(store);
        // Whoever asked may be gone while the store still has the events: they keep their room until it has done with them.
        let appending = tokio::spawn(async move {
            let _held = (permit, waiting);
            store.append(decoded.events).await
        });
        let appended = tokio::time::timeout(self.settings.append_timeout, appending).await;
        metrics.appended(began.elapsed());
        let reason = match appended.map(|ended| ended.map_err(gone)) {
            Ok(Err(fault)) => return Err(fault),
            Ok(Ok(Ok(appended))) => {
                metrics.records(Fate::New, appended.new);
                metrics.records(Fate::Repeated, appended.repeated);
                return Ok(());
            }
            Ok(Ok(Err(error @ StoreError::Busy { .. }))) => error.to_string(),
            Ok(Ok(Err(error))) => {
                self.trouble.complain(format_args!("events are not taken: {error}"));
                "the store has failed".to_owned()
            }
            Err(_) => "the store does not answer in time".to_owned(),
        };
        metrics.records(Fate::Refused, count);
        Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, reason, Duration::from_secs(2)))
    }

    fn cache(&self) -> Cache {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, cache: Cache) {
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        if caches.len() < CACHES {
            caches.push(cache);
        }
    }
}

/// Events that are not on disk yet, as they are counted; whatever becomes of the request.
struct Waiting(Metrics, i64);

impl Waiting {
    fn new(metrics: Metrics, count: usize) -> Self {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        metrics.in_flight(count);
        Self(metrics, count)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.in_flight(-self.1);
    }
}

/// Does what takes its time on a thread where nobody has to wait for it.
async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    if bytes <= SMALL {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(gone)
}

/// What was to be waited for has not come to its end.
fn gone(_: JoinError) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the program has a fault, and this request has met it")
}
