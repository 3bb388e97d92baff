//! One stand-in at work: a request comes in, a fault may hit it, the answer goes out and into the books.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

use super::api::{Answer, Api, Verdict};
use super::body;
use super::fault::{Effect, Fault, Refusal, ResetAt};
use super::ledger::{Entry, Ledger};
use super::received::Received;
use crate::http::{Body, Connection, MAX_BODY_BYTES, full};

/// What a vendor posts about messages that it has handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose it is: the name of the stand-in.
    pub vendor: &'static str,
    /// In the vendor's own words.
    pub body: Bytes,
}

/// One vendor's stand-in.
pub(super) struct StandIn {
    pub(super) api: &'static dyn Api,
    pub(super) ledger: Arc<Ledger>,
    fault: Mutex<Option<Active>>,
    /// What `authorization` must be, if that was said.
    credential: Mutex<Option<String>>,
    /// Where its receipts go, if that was said.
    receipts: Mutex<Option<mpsc::Sender<Receipt>>>,
    /// Whether connections are taken.
    pub(super) open: watch::Sender<bool>,
    /// Whether it is so that none is, and that none is left.
    pub(super) refuses: watch::Sender<bool>,
    number: AtomicU64,
}

/// A fault in force and the calls that it has seen.
struct Active {
    fault: Fault,
    calls: u64,
}

/// A fault that hits the call at hand.
struct Hit {
    effect: Effect,
    delay: Duration,
    accepts: bool,
}

/// A request that gets no answer; the server closes the connection or the stream.
#[derive(Debug, Error)]
pub(super) enum NoAnswer {
    #[error("a fault broke the exchange off")]
    Reset,
    #[error("the request broke off")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StandIn {
    pub(super) fn new(api: &'static dyn Api) -> Self {
        Self {
            api,
            ledger: Arc::default(),
            fault: Mutex::new(None),
            credential: Mutex::new(None),
            receipts: Mutex::new(None),
            open: watch::Sender::new(true),
            refuses: watch::Sender::new(false),
            number: AtomicU64::new(1),
        }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.active().as_ref().map(|active| active.fault.clone())
    }

    pub(super) fn set_fault(&self, fault: Option<Fault>) {
        let open = fault.as_ref().is_none_or(|fault| *fault.effect() != Effect::Refused);
        *self.active() = fault.map(|fault| Active { fault, calls: 0 });
        self.open.send_replace(open);
    }

    pub(super) fn require_credential(&self, authorization: &str) {
        *self.credential.lock().unwrap_or_else(PoisonError::into_inner) = Some(authorization.to_owned());
    }

    pub(super) fn report_to(&self, receipts: mpsc::Sender<Receipt>) {
        *self.receipts.lock().unwrap_or_else(PoisonError::into_inner) = Some(receipts);
    }

    /// Hands on the receipt of what `answer` accepts. Where nobody takes it in time it is lost, as it is with vendors.
    fn report(&self, answer: &Answer) {
        let receipts = self.receipts.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(receipts) = receipts.as_ref().filter(|_| !answer.deliveries.is_empty()) else { return };
        if let Some(receipt) = self.api.receipt(answer) {
            let _ = receipts.try_send(Receipt { vendor: self.api.name(), body: receipt.to_string().into() });
        }
    }

    /// Whether a request may send; a credential that is another's is counted.
    fn may_send(&self, request: &Received) -> bool {
        let credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(own) = credential else { return true };
        if request.has_foreign_credential(&own) {
            self.ledger.foreign_credential();
        }
        request.header_values("authorization") == [own.as_bytes()]
    }

    fn active(&self) -> MutexGuard<'_, Option<Active>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_hit(&self) -> Option<Hit> {
        let mut active = self.active();
        let active = active.as_mut()?;
        if *active.fault.effect() == Effect::Refused {
            return None;
        }
        active.calls += 1;
        active.fault.hits(active.calls).then(|| Hit {
            effect: active.fault.effect().clone(),
            delay: Duration::from_millis(active.fault.delay_ms(active.calls)),
            accepts: active.fault.accepts(),
        })
    }

    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, NoAnswer> {
        let (head, mut body) = request.into_parts();
        let connection = head.extensions.get::<Connection>().cloned();
        // A reset of the whole connection would take the other streams of HTTP/2 with it.
        let connection = connection.filter(|_| head.version < Version::HTTP_2);
        let send = self.api.is_send(&head);
        let hit = if send { self.next_hit() } else { None };
        let entry = self.ledger.open(send, hit.as_ref().map(|hit| hit.effect.kind()));
        if let Some(Hit { effect: Effect::Reset(ResetAt::Request), delay, .. }) = hit {
            // The first bytes only: a reset that waits for the end would not be mid-request.
            let _ = body.frame().await;
            tokio::time::sleep(delay).await;
            return Err(reset(connection.as_ref()));
        }
        let Some((bytes, trailers)) = collect(body).await? else {
            let verdict = Verdict::refused("413", 1);
            return Ok(written(entry, &Answer::send(StatusCode::PAYLOAD_TOO_LARGE, verdict)));
        };
        let received = Received::new(head, bytes, trailers);
        self.respond(&received, hit, entry, connection).await
    }

    async fn respond(
        &self,
        received: &Received,
        hit: Option<Hit>,
        mut entry: Entry,
        connection: Option<Connection>,
    ) -> Result<Response<Body>, NoAnswer> {
        self.ledger.keep(received.clone());
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let refusal = hit.as_ref().and_then(Hit::refusal);
        let answer = match self.may_send(received) || !entry.is_send() {
            true => self.api.answer(received, refusal, number),
            false => self.api.unauthorized(),
        };
        entry.expect(answer.recipients());
        // A vendor decides when it has read the request; what happens to its answer is another matter.
        if hit.as_ref().is_none_or(|hit| hit.accepts) {
            self.ledger.accept(&answer.deliveries, self.api.removes_repeats());
        }
        let Some(hit) = hit else {
            self.report(&answer);
            return Ok(written(entry, &answer));
        };
        tokio::time::sleep(hit.delay).await;
        if hit.accepts {
            self.report(&answer);
        }
        Ok(match hit.effect {
            Effect::Delay | Effect::Refused => written(entry, &answer),
            Effect::Error(refusal) => written(entry, &with_retry(answer, &refusal)),
            Effect::Html => written(entry, &Answer::bad_gateway(answer.recipients())),
            Effect::Cut => written(entry, &body::cut(answer)),
            Effect::Gzip => written(entry, &body::gzip(answer)),
            Effect::Trailers => body::trailers(written(entry, &answer)),
            Effect::Endless { interval_ms } => {
                body::endless(response(&answer), Duration::from_millis(interval_ms), entry)
            }
            Effect::Reset(ResetAt::Read) => return Err(reset(connection.as_ref())),
            Effect::Reset(_) => body::broken(response(&answer), connection, entry),
            Effect::Hang => std::future::pending().await,
        })
    }
}

impl Hit {
    fn refusal(&self) -> Option<&Refusal> {
        match &self.effect {
            Effect::Error(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// The whole body, or nothing if it is longer than [`MAX_BODY_BYTES`].
async fn collect(body: Incoming) -> Result<Option<(Bytes, Option<http::HeaderMap>)>, NoAnswer> {
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(collected) => {
            let trailers = collected.trailers().cloned();
            Ok(Some((collected.to_bytes(), trailers)))
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Ok(None),
        Err(error) => Err(NoAnswer::Request(error)),
    }
}

fn reset(connection: Option<&Connection>) -> NoAnswer {
    if let Some(connection) = connection {
        connection.reset_on_close();
    }
    NoAnswer::Reset
}

fn with_retry(answer: Answer, refusal: &Refusal) -> Answer {
    match refusal.retry_after_s {
        Some(seconds) => answer.header("retry-after", &seconds.to_string()),
        None => answer,
    }
}

/// Books the answer and makes it a response.
fn written(entry: Entry, answer: &Answer) -> Response<Body> {
    entry.answered(answer);
    response(answer)
}

fn response(answer: &Answer) -> Response<Body> {
    let mut response = Response::new(full(answer.body.clone()));
    *response.status_mut() = answer.status;
    for (name, value) in &answer.headers {
        response.headers_mut().insert(*name, value.clone());
    }
    response
}
