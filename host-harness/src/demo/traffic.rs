//! A steady stream of pushes to the service's inbound listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::push::Push;
use crate::http::{Client, Version};

/// The most pushes that are open at once; beyond, the stream waits.
const MAX_OPEN: usize = 2_000;

/// Longer than the longest timeout on the way, so that the way itself answers.
const PUSH_TIMEOUT: Duration = Duration::from_secs(40);

/// The running stream.
pub(super) struct Traffic {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    tally: Arc<Tally>,
}

/// What became of the pushes, as their caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pushes {
    pub(super) sent: u64,
    /// Those that got no answer, or one that is not 200.
    pub(super) broken: u64,
}

#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    answered: AtomicU64,
}

impl Traffic {
    pub(super) fn start(inbound: SocketAddr, pushes_per_second: u32) -> Self {
        let (stop, stopped) = watch::channel(false);
        let tally = Arc::<Tally>::default();
        let client = Client::new(inbound, Version::Http1).timeout(PUSH_TIMEOUT);
        let pace = Duration::from_secs(1) / pushes_per_second.max(1);
        let task = tokio::spawn(stream(client, pace, stopped, Arc::clone(&tally)));
        Self { stop, task, tally }
    }

    /// Sends no more pushes and waits for those that are open, up to the limit.
    pub(super) async fn stop(&mut self, limit: Duration) -> Pushes {
        // The stream may have ended by itself only with the runtime, and then there is nothing to stop.
        let _ = self.stop.send(true);
        if timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
        let sent = self.tally.sent.load(Ordering::Relaxed);
        let answered = self.tally.answered.load(Ordering::Relaxed);
        Pushes { sent, broken: sent - answered }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn stream(client: Client, pace: Duration, mut stopped: watch::Receiver<bool>, tally: Arc<Tally>) {
    let mut beat = interval(pace);
    // A burst to catch up would be a load peak that nobody asked for.
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut open = JoinSet::new();
    for number in 0.. {
        tokio::select! {
            _ = beat.tick(), if open.len() < MAX_OPEN => {}
            _ = stopped.changed() => break,
        }
        tally.sent.fetch_add(1, Ordering::Relaxed);
        open.spawn(push(client.clone(), number, Arc::clone(&tally)));
        while open.try_join_next().is_some() {}
    }
    while open.join_next().await.is_some() {}
}

async fn push(client: Client, number: u64, tally: Arc<Tally>) {
    let Ok(body) = serde_json::to_vec(&Push::numbered(number)) else {
        return;
    };
    let request =
        Request::post("http://push.internal/push").header("content-type", "application/json").body(Bytes::from(body));
    let Ok(request) = request else { return };
    if client.send(request).await.is_ok_and(|it| it.status == 200) {
        tally.answered.fetch_add(1, Ordering::Relaxed);
    }
}
