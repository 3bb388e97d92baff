//! The clients: those that expect an answer to every push, those whose vendor has faults, those that go away, and the one
//! that makes the filter trap.
//!
//! A trap takes the other streams of its worker with it, as in Envoy. So it waits until no push is under way of which an
//! answer is expected, and lets them go on once the filter answers again.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http::{Request, StatusCode};
use pointsman_tests::load::{Connection, MakePush, gateway_push, wechat_push};
use pointsman_tests::pushes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Clients of each kind, and how often each of them pushes.
const STEADY: usize = 8;
const FAULTY: usize = 4;
const LEAVING: usize = 2;
const PACE: Duration = Duration::from_millis(25);

/// When a client whose vendor has a fault gives up.
const FAULTY_LIMIT: Duration = Duration::from_millis(300);

/// When a client goes away in the middle of its push.
const LEAVING_LIMIT: Duration = Duration::from_millis(3);

/// Steady clients make a new connection after as many pushes.
const PUSHES_PER_CONNECTION: u32 = 200;

/// Traps at once, so that every worker has one.
const TRAPS: u64 = 8;

/// Probes in a row that must succeed after traps, and how long that may take.
const PROBES: u32 = 16;
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);

/// All clients of one proxy.
#[derive(Debug)]
pub(crate) struct Clients {
    addr: SocketAddr,
    /// Held for reading by a push of which an answer is expected, for writing while the filter traps.
    calm: RwLock<()>,
    sent: AtomicU64,
    lost: AtomicU64,
    faulty: AtomicU64,
    aborted: AtomicU64,
    traps: AtomicU64,
    first_loss: Mutex<String>,
}

/// What has been sent and what became of it.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Pushes that nothing was wrong with.
    pub(crate) sent: u64,
    /// Those of them that were not answered with 200.
    pub(crate) lost: u64,
    /// What became of the first of those.
    pub(crate) first_loss: String,
    /// Pushes to a vendor with faults.
    pub(crate) faulty: u64,
    /// Pushes whose client went away.
    pub(crate) aborted: u64,
    /// Pushes at which the filter traps.
    pub(crate) traps: u64,
}

impl Clients {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            calm: RwLock::new(()),
            sent: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            faulty: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
            traps: AtomicU64::new(0),
            first_loss: Mutex::default(),
        }
    }

    /// Starts all of them but the trap; they never end by themselves.
    pub(crate) fn start(self: &Arc<Self>, tasks: &mut JoinSet<Result<()>>) {
        for number in 0..STEADY {
            let make: MakePush = if number % 2 == 0 { gateway_push } else { |id| pushes::oppo(id) };
            tasks.spawn(Arc::clone(self).steady(make));
        }
        for _ in 0..FAULTY {
            tasks.spawn(Arc::clone(self).faulty());
        }
        for _ in 0..LEAVING {
            tasks.spawn(Arc::clone(self).leaving());
        }
    }

    pub(crate) fn tally(&self) -> Tally {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tally {
            sent: of(&self.sent),
            lost: of(&self.lost),
            first_loss: self.first_loss.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            faulty: of(&self.faulty),
            aborted: of(&self.aborted),
            traps: of(&self.traps),
        }
    }

    async fn steady(self: Arc<Self>, make: MakePush) -> Result<()> {
        let mut pace = pace();
        loop {
            let mut connection = Connection::open(self.addr).await;
            for _ in 0..PUSHES_PER_CONNECTION {
                pace.tick().await;
                let calm = self.calm.read().await;
                // The proxy may have closed it since the last push, say with a VM.
                if !connection.is_open() {
                    break;
                }
                let push = connection.push(make).await;
                drop(calm);
                self.sent.fetch_add(1, Ordering::Relaxed);
                if !push.is_ok() {
                    self.lose(format!("{} after {:?}: {:?}", push.id, push.ended - push.began, push.status));
                    break;
                }
            }
        }
    }

    fn lose(&self, what: String) {
        if self.lost.fetch_add(1, Ordering::Relaxed) == 0 {
            *self.first_loss.lock().unwrap_or_else(PoisonError::into_inner) = what;
        }
    }

    async fn faulty(self: Arc<Self>) -> Result<()> {
        let mut pace = pace();
        loop {
            let mut connection = Connection::open(self.addr).await;
            while connection.is_open() {
                pace.tick().await;
                self.faulty.fetch_add(1, Ordering::Relaxed);
                if timeout(FAULTY_LIMIT, connection.push(wechat_push)).await.is_err() {
                    break;
                }
            }
        }
    }

    /// Goes away in the head of the request, in its body, and while it waits for the answer.
    async fn leaving(self: Arc<Self>) -> Result<()> {
        let request = "POST /push HTTP/1.1\r\nhost: lc.internal\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n\
                       {\"message_id\":\"left\"";
        let mut pace = pace();
        for number in 0_usize.. {
            pace.tick().await;
            self.aborted.fetch_add(1, Ordering::Relaxed);
            if number % 3 == 2 {
                let push = async { Connection::open(self.addr).await.push(wechat_push).await };
                // That it does not end in time is what is wanted.
                let _ = timeout(LEAVING_LIMIT, push).await;
                continue;
            }
            let end = if number % 3 == 0 { 40 } else { request.len() };
            let mut stream = TcpStream::connect(self.addr).await?;
            stream.write_all(&request.as_bytes()[..end]).await?;
            stream.set_zero_linger()?;
        }
        Ok(())
    }

    /// Makes the filter trap in every worker, and returns once it answers again.
    pub(crate) async fn trap(&self) -> Result<()> {
        let _calm = self.calm.write().await;
        let mut trapping = JoinSet::new();
        for _ in 0..TRAPS {
            self.traps.fetch_add(1, Ordering::Relaxed);
            let addr = self.addr;
            trapping.spawn(async move { Connection::open(addr).await.send(trapped()).await });
        }
        while let Some(status) = trapping.join_next().await {
            ensure!(status? != Some(StatusCode::OK), "a push passed at which the filter was to trap");
        }
        let deadline = Instant::now() + RECOVERY_LIMIT;
        let mut well = 0;
        while well < PROBES {
            let push = Connection::open(self.addr).await.push(gateway_push).await;
            well = if push.is_ok() { well + 1 } else { 0 };
            ensure!(Instant::now() < deadline, "the filter does not answer after traps: {push:?}");
        }
        Ok(())
    }
}

fn trapped() -> Request<Bytes> {
    let mut request = gateway_push("trap");
    request.headers_mut().insert("x-test-trap", http::HeaderValue::from_static("1"));
    request
}

fn pace() -> tokio::time::Interval {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, lost, faulty, aborted, traps, .. } = self;
        write!(
            f,
            "{sent} pushes, {lost} of them lost; besides {faulty} to a vendor with faults, {aborted} whose client went away, \
             {traps} at which the filter was to trap"
        )
    }
}
