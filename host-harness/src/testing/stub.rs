//! An upstream that answers as a test wants, and keeps what it was sent.

use super::answer::Answer;
use super::error::TestError;
use crate::vendors::Received;
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// An upstream that answers as a test wants, and keeps what it was sent. Clones, and several upstreams of one stub, have one
/// memory.
#[derive(Clone)]
pub struct Stub {
    pub(super) behaviour: Behaviour,
    pub(super) http2: bool,
    pub(super) delay: Duration,
    memory: Arc<Memory>,
}

#[derive(Clone)]
pub(super) enum Behaviour {
    /// Nobody listens.
    Refuse,
    /// In turn; the last one again and again.
    InTurn(Arc<[Answer]>),
    /// As a function says.
    Ask(Arc<dyn Fn(&Received) -> Answer + Send + Sync>),
}

struct Memory {
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Stub {
    /// Answers every request with this status and body.
    pub fn answering(status: u16, body: impl Into<Bytes>) -> Self {
        Self::in_turn([Answer::new(status, body)])
    }

    /// Answers the first request with the first answer, the next with the next, and all that follow with the last one; 404
    /// if there are none.
    pub fn in_turn(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::new(Behaviour::InTurn(answers.into_iter().collect()))
    }

    /// Answers as a function says: with a status, an [`Answer`] or an `http::Response`.
    pub fn with<A: Into<Answer>>(answer: impl Fn(&Received) -> A + Send + Sync + 'static) -> Self {
        Self::new(Behaviour::Ask(Arc::new(move |request| answer(request).into())))
    }

    /// Takes no connection.
    pub fn refusing() -> Self {
        Self::new(Behaviour::Refuse)
    }

    /// Resets the connection, or the HTTP/2 stream, when a request has come whole.
    pub fn resetting() -> Self {
        Self::in_turn([Answer::reset()])
    }

    fn new(behaviour: Behaviour) -> Self {
        let (count, open) = (watch::Sender::default(), watch::Sender::new(true));
        let memory = Arc::new(Memory { received: Mutex::default(), count, open });
        Self { behaviour, http2: false, delay: Duration::ZERO, memory }
    }

    /// Waits so long before each answer, besides what an [`Answer`] waits itself.
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Speaks HTTP/2 with the proxy, in clear text.
    pub const fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Keeps every answer back until [`Stub::release`], so that a test can look at requests that are on their way.
    pub fn held(self) -> Self {
        self.memory.open.send_replace(false);
        self
    }

    /// Lets the answers go that were kept back, and all that follow.
    pub fn release(&self) {
        self.memory.open.send_replace(true);
    }

    /// What it was sent so far, in the order in which the requests were whole.
    pub fn received(&self) -> Vec<Received> {
        self.memory.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many requests, up to ten seconds, and gives all that came.
    ///
    /// # Errors
    /// [`TestError::Waited`].
    pub async fn wait_for_received(&self, count: usize) -> Result<Vec<Received>, TestError> {
        let mut seen = self.memory.count.subscribe();
        let after = super::running::PATIENCE;
        match tokio::time::timeout(after, seen.wait_for(|seen| *seen >= count)).await {
            Ok(_) => Ok(self.received()),
            Err(_) => Err(TestError::Waited {
                what: format!("{count} requests at the stub"),
                seen: format!("{} of them", self.received().len()),
                after,
            }),
        }
    }

    /// Remembers a request and says what to answer.
    pub(super) fn receive(&self, request: Received) -> Answer {
        let answer = match &self.behaviour {
            Behaviour::Ask(answer) => Some(answer(&request)),
            Behaviour::InTurn(_) | Behaviour::Refuse => None,
        };
        let number = {
            let mut received = self.memory.received.lock().unwrap_or_else(PoisonError::into_inner);
            received.push(request);
            received.len()
        };
        self.memory.count.send_replace(number);
        answer.or_else(|| self.turn(number)).unwrap_or_else(|| Answer::from(404))
    }

    /// The answer to the request of this number, from 1.
    fn turn(&self, number: usize) -> Option<Answer> {
        match &self.behaviour {
            Behaviour::InTurn(answers) => answers.get(number - 1).or(answers.last()).cloned(),
            Behaviour::Ask(_) | Behaviour::Refuse => None,
        }
    }

    /// Ready when answers may go.
    pub(super) async fn released(&self) {
        // The sender lives as long as the stub.
        let _ = self.memory.open.subscribe().wait_for(|open| *open).await;
    }
}

impl From<&Self> for Stub {
    fn from(stub: &Self) -> Self {
        stub.clone()
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub").field("http2", &self.http2).field("received", &self.received().len()).finish()
    }
}
