//! The load: batches as fast as they are taken.

use crate::generate::{Generator, Known};
use crate::server::{Asker, Server};
use anyhow::{Result, bail};
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// What is sent, and how.
pub(crate) struct Load {
    /// How many events.
    pub(crate) events: u64,
    /// Records of a request.
    pub(crate) batch: usize,
    /// Requests at once.
    pub(crate) connections: usize,
    /// The time that is behind the first event.
    pub(crate) spread: Duration,
}

/// What was taken.
pub(crate) struct Taken {
    /// How many events.
    pub(crate) events: u64,
    /// Bytes of the requests' bodies.
    pub(crate) body_bytes: u64,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Processor time of the tracker meanwhile.
    pub(crate) cpu: Duration,
    /// How often it has asked for patience.
    pub(crate) refusals: u64,
    /// Some of the messages.
    pub(crate) known: Vec<Known>,
    /// The time of the first event and of the last.
    pub(crate) range_ms: (u64, u64),
}

impl Load {
    /// Sends it all.
    pub(crate) async fn run(&self, server: &Server) -> Result<Taken> {
        let to_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        let from_ms = to_ms - u64::try_from(self.spread.as_millis())?;
        let (bodies, waiting) = mpsc::channel::<Bytes>(self.connections * 2);
        let batches = self.events / self.batch as u64;
        let (batch, events) = (self.batch, batches * self.batch as u64);
        let generator = std::thread::spawn(move || {
            let mut generator = Generator::new(rand::rng(), from_ms, to_ms, events);
            for _ in 0..batches {
                if bodies.blocking_send(generator.batch(batch).into()).is_err() {
                    break;
                }
            }
            generator.known
        });
        let (began, cpu) = (Instant::now(), server.cpu()?);
        let sender = Arc::new(Sender {
            waiting: Mutex::new(waiting),
            asker: server.asker.clone(),
            sent: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            batch: self.batch as u64,
            began,
        });
        let mut all = JoinSet::new();
        for _ in 0..self.connections {
            all.spawn(Arc::clone(&sender).send_all());
        }
        while let Some(done) = all.join_next().await {
            done??;
        }
        let took = began.elapsed();
        let cpu = server.cpu()?.saturating_sub(cpu);
        let Ok(known) = generator.join() else { bail!("the generator has failed") };
        Ok(Taken {
            events,
            body_bytes: sender.bytes.load(Ordering::Relaxed),
            took,
            cpu,
            refusals: sender.refusals.load(Ordering::Relaxed),
            known,
            range_ms: (from_ms, to_ms),
        })
    }
}

struct Sender {
    waiting: Mutex<mpsc::Receiver<Bytes>>,
    asker: Asker,
    sent: AtomicU64,
    bytes: AtomicU64,
    refusals: AtomicU64,
    batch: u64,
    began: Instant,
}

impl Sender {
    /// One request after the other, each until it is taken.
    async fn send_all(self: Arc<Self>) -> Result<()> {
        loop {
            let Some(body) = self.waiting.lock().await.recv().await else { return Ok(()) };
            loop {
                match self.asker.post(body.clone()).await? {
                    StatusCode::OK => break,
                    StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                        self.refusals.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                    other => bail!("the tracker has answered {other}"),
                }
            }
            self.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
            let sent = self.sent.fetch_add(self.batch, Ordering::Relaxed) + self.batch;
            if sent % 1_000_000 < self.batch {
                eprintln!("{} million events in {:.1} s", sent / 1_000_000, self.began.elapsed().as_secs_f64());
            }
        }
    }
}
