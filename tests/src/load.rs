//! A steady stream of pushes in which every one is on record, so that a test can say which were lost, when and where.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Longer than any answer takes that a load waits for.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How often a condition on the record is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What makes the request of the message with this id.
pub type MakePush = fn(&str) -> Request<Bytes>;

/// A push to the stand-in gateway (`lc`): JSON with the message id in the body.
pub fn gateway_push(id: &str) -> Request<Bytes> {
    let body = format!(r#"{{"message_id":"{id}","to":"user-{id}","title":"t","body":"b"}}"#);
    post("lc.internal", "/push", body)
}

/// A template message to the stand-in of WeChat, with the message id in the body.
pub fn wechat_push(id: &str) -> Request<Bytes> {
    let body = format!(r#"{{"touser":"user-{id}","template_id":"t","client_msg_id":"{id}","data":{{}}}}"#);
    post("api.weixin.qq.com", "/cgi-bin/message/template/send?access_token=stand-in", body)
}

fn post(host: &str, path: &str, body: String) -> Request<Bytes> {
    let request = Request::post(path).header("host", host).header("content-type", "application/json");
    request.body(body.into()).expect("a request of fixed parts")
}

/// One push and what became of it.
#[derive(Clone, Debug)]
pub struct Push {
    /// The message id, unique within the test's process.
    pub id: String,
    /// The connection that it went over. Envoy keeps a connection in one worker.
    pub connection: u32,
    /// When it was sent.
    pub began: Instant,
    /// When its answer was whole, or the failure was seen.
    pub ended: Instant,
    /// The answer's status; `None` if the connection broke or no answer came in time.
    pub status: Option<StatusCode>,
}

impl Push {
    /// Whether it was answered with 200.
    pub fn is_ok(&self) -> bool {
        self.status == Some(StatusCode::OK)
    }
}

/// How much, how often, and over which connections.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    addr: SocketAddr,
    every: Duration,
    kept: usize,
    fresh: usize,
    make: MakePush,
}

impl Load {
    /// To this listener, with no sender yet. Each sender has one push under way at a time and begins the next one no
    /// sooner than `every` after the last.
    pub fn new(addr: SocketAddr, every: Duration, make: MakePush) -> Self {
        Self { addr, every, kept: 0, fresh: 0, make }
    }

    /// Adds senders that keep their connection for as long as it lasts.
    #[must_use]
    pub fn kept(self, senders: usize) -> Self {
        Self { kept: self.kept + senders, ..self }
    }

    /// Adds senders that make a connection for every push.
    #[must_use]
    pub fn fresh(self, senders: usize) -> Self {
        Self { fresh: self.fresh + senders, ..self }
    }

    /// Starts all senders.
    pub fn start(self) -> Running {
        let record: Arc<Mutex<Vec<Push>>> = Arc::default();
        let (stop, stopped) = watch::channel(false);
        let mut senders = JoinSet::new();
        for index in 0..self.kept + self.fresh {
            let sender =
                Sender { load: self, keeps: index < self.kept, record: Arc::clone(&record), stopped: stopped.clone() };
            senders.spawn(sender.run());
        }
        Running { record, stop, senders }
    }
}

/// A load under way.
pub struct Running {
    record: Arc<Mutex<Vec<Push>>>,
    stop: watch::Sender<bool>,
    senders: JoinSet<()>,
}

impl Running {
    /// The pushes that have ended so far.
    pub fn so_far(&self) -> Vec<Push> {
        locked(&self.record).clone()
    }

    /// Waits until the pushes that have ended are enough; fails after [`crate::PATIENCE`].
    pub async fn until(&self, what: &str, enough: impl Fn(&[Push]) -> bool) {
        let waited = timeout(crate::PATIENCE, async {
            while !enough(&locked(&self.record)) {
                tokio::time::sleep(POLL).await;
            }
        });
        assert!(waited.await.is_ok(), "the load has waited for {what}, after {} pushes", self.so_far().len());
    }

    /// Lets every push that is under way end, and returns all of them.
    pub async fn stop(mut self) -> Vec<Push> {
        let _ = self.stop.send(true);
        while self.senders.join_next().await.is_some() {}
        self.so_far()
    }
}

struct Sender {
    load: Load,
    keeps: bool,
    record: Arc<Mutex<Vec<Push>>>,
    stopped: watch::Receiver<bool>,
}

impl Sender {
    async fn run(self) {
        let mut pace = interval(self.load.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut kept: Option<Connection> = None;
        while !*self.stopped.borrow() {
            pace.tick().await;
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => Connection::open(self.load.addr).await,
            };
            let push = connection.push(self.load.make).await;
            let lasts = self.keeps && push.status.is_some() && connection.is_open();
            locked(&self.record).push(push);
            kept = lasts.then_some(connection);
        }
    }
}

/// One connection in HTTP/1.1.
pub struct Connection {
    number: u32,
    pushes: u32,
    /// `None` if it could not be made.
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// Connects. That it could not be made shows at the first push, as for any client.
    pub async fn open(addr: SocketAddr) -> Self {
        static NUMBERS: AtomicU32 = AtomicU32::new(0);
        Self { number: NUMBERS.fetch_add(1, Ordering::Relaxed), pushes: 0, sender: connect(addr).await.ok() }
    }

    /// Whether it can carry another push, as far as is known.
    pub fn is_open(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }

    /// Sends the next push and waits for its whole answer.
    pub async fn push(&mut self, make: MakePush) -> Push {
        self.pushes += 1;
        let id = format!("push-{}-{}", self.number, self.pushes);
        let began = Instant::now();
        let status = self.send(make(&id)).await;
        Push { id, connection: self.number, began, ended: Instant::now(), status }
    }

    /// Sends a request, waits for the whole answer and returns its status; `None` if it does not come.
    pub async fn send(&mut self, request: Request<Bytes>) -> Option<StatusCode> {
        timeout(ANSWER_LIMIT, self.exchange(request)).await.ok()?
    }

    async fn exchange(&mut self, request: Request<Bytes>) -> Option<StatusCode> {
        let sender = self.sender.as_mut()?;
        let answer = async {
            sender.ready().await?;
            let response = sender.send_request(request.map(Full::new)).await?;
            let status = response.status();
            response.into_body().collect().await?;
            Ok::<_, hyper::Error>(status)
        };
        answer.await.ok()
    }
}

/// Pushes that wait for their answers for as long as it takes. Dropping this closes their connections.
#[derive(Default)]
pub struct Waiting(JoinSet<Option<StatusCode>>);

impl Waiting {
    /// Sends a request on each of as many new connections.
    pub fn send(addr: SocketAddr, requests: impl IntoIterator<Item = Request<Bytes>>) -> Self {
        let mut waiting = Self::default();
        for request in requests {
            waiting.0.spawn(async move { Connection::open(addr).await.exchange(request).await });
        }
        waiting
    }

    /// Sends one more on a connection that is there.
    pub fn add(&mut self, mut connection: Connection, request: Request<Bytes>) {
        self.0.spawn(async move { connection.exchange(request).await });
    }

    /// Waits for all answers and returns their statuses.
    pub async fn answers(self) -> Vec<Option<StatusCode>> {
        self.0.join_all().await
    }
}

async fn connect(addr: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

fn locked(record: &Mutex<Vec<Push>>) -> std::sync::MutexGuard<'_, Vec<Push>> {
    record.lock().expect("no sender panics with the lock")
}
