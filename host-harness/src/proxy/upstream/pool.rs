//! One worker's connections to one cluster. A request is sent once: only one that never left this machine, because the
//! connection closed before it was written, is given another connection.

use super::cluster::{Cluster, Gauge, InUse};
use super::connect::{Connection, Sender, connect};
use super::failure::Failure;
use crate::proxy::config::Protocol;
use crate::proxy::frames::FrameReader;
use crate::proxy::headers::Outgoing;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::{http1, http2};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// How often a request that never left is given another connection.
const MAX_ATTEMPTS: usize = 4;

/// One worker's connections to one cluster.
pub(in crate::proxy) struct Pool {
    cluster: Arc<Cluster>,
    hosts: RefCell<Vec<Host>>,
    next: Cell<usize>,
    /// HTTP/1 connections of this pool.
    own: Gauge,
    freed: Notify,
}

/// The connections to one endpoint.
struct Host {
    address: SocketAddr,
    idle: Vec<Idle>,
    http2: Option<Shared>,
    connecting: Option<Rc<Attempt>>,
    /// What ALPN has chosen, once it is known.
    speaks_http2: Option<bool>,
}

struct Idle {
    sender: http1::SendRequest<FrameReader>,
    local: Option<SocketAddr>,
    since: Instant,
}

#[derive(Clone)]
struct Shared {
    sender: http2::SendRequest<FrameReader>,
    local: Option<SocketAddr>,
}

/// A connection that several requests wait for.
#[derive(Default)]
struct Attempt {
    failure: RefCell<Option<Failure>>,
    done: Cell<bool>,
    changed: Notify,
}

/// A connection's place in its pool. One that waits for a place is told when it goes, even if it never got connected.
struct Slot {
    pool: Rc<Pool>,
    _own: Option<InUse>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.freed.notify_one();
    }
}

/// A response whose body is still to be read.
pub(in crate::proxy) struct Reply {
    pub(in crate::proxy) response: Response<Incoming>,
    pub(in crate::proxy) address: SocketAddr,
    pub(in crate::proxy) local: Option<SocketAddr>,
    /// To be kept until the body has been read, so that the connection goes back and the request counts as active.
    pub(in crate::proxy) lease: Lease,
}

/// A request's hold on a cluster.
pub(in crate::proxy) struct Lease {
    _request: Active,
    pool: Rc<Pool>,
    connection: Option<(SocketAddr, http1::SendRequest<FrameReader>, Option<SocketAddr>)>,
}

/// One request at the cluster.
struct Active {
    _counted: InUse,
    shown: prometheus_client::metrics::gauge::Gauge,
}

impl Active {
    fn new(cluster: &Cluster) -> Result<Self, Failure> {
        let counted = cluster.requests.take(cluster.config.max_requests).ok_or(Failure::Overflow)?;
        cluster.metrics.rq.inc();
        cluster.metrics.rq_active.inc();
        Ok(Self { _counted: counted, shown: cluster.metrics.rq_active.clone() })
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.shown.dec();
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((address, sender, local)) = self.connection.take() {
            self.pool.put_back(address, sender, local);
        }
    }
}

impl Pool {
    pub(in crate::proxy) fn new(cluster: Arc<Cluster>) -> Rc<Self> {
        Rc::new(Self {
            cluster,
            hosts: RefCell::default(),
            next: Cell::new(0),
            own: Gauge::default(),
            freed: Notify::new(),
        })
    }

    pub(in crate::proxy) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Sends a request and waits for the headers of its response. `downstream_http2` is what the client speaks.
    pub(in crate::proxy) async fn send(
        self: Rc<Self>,
        mut request: Outgoing,
        downstream_http2: bool,
    ) -> Result<Reply, Failure> {
        // Requests of clients and calls of the filter come by here alike.
        if let Some((name, value)) = self.cluster.credential() {
            request.overwrite(name, value);
        }
        let result = self.send_uncounted(request, downstream_http2).await;
        let metrics = &self.cluster.metrics;
        match &result {
            Ok(reply) => metrics.answered(reply.response.status().as_u16()),
            Err(Failure::Overflow) => metrics.rq_pending_overflow.inc(),
            Err(Failure::Connect { .. } | Failure::ConnectTimeout) => metrics.cx_connect_fail.inc(),
            Err(_) => {}
        }
        result
    }

    async fn send_uncounted(self: &Rc<Self>, mut request: Outgoing, downstream_http2: bool) -> Result<Reply, Failure> {
        let active = Active::new(&self.cluster)?;
        let mut last = Failure::Terminated;
        for _ in 0..MAX_ATTEMPTS {
            let address = self.choose().await?;
            match self.connection(address, downstream_http2).await? {
                Connection { sender: Sender::Http1(mut sender), local } => {
                    match sender.try_send_request(request.http1()).await {
                        Ok(response) => {
                            let connection = Some((address, sender, local));
                            let lease = Lease { _request: active, pool: Rc::clone(self), connection };
                            return Ok(Reply { response, address, local, lease });
                        }
                        Err(error) => (request, last) = unsent(error)?,
                    }
                }
                Connection { sender: Sender::Http2(mut sender), local } => {
                    let encrypted = self.cluster.config.tls.is_some();
                    match sender.try_send_request(request.http2(encrypted)).await {
                        Ok(response) => {
                            let lease = Lease { _request: active, pool: Rc::clone(self), connection: None };
                            return Ok(Reply { response, address, local, lease });
                        }
                        Err(error) => (request, last) = unsent(error)?,
                    }
                }
            }
        }
        Err(last)
    }

    /// Closes connections that have been idle for too long.
    pub(in crate::proxy) fn sweep(&self) {
        let idle_timeout = self.cluster.config.idle_timeout;
        for host in self.hosts.borrow_mut().iter_mut() {
            host.idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < idle_timeout);
        }
    }

    async fn choose(&self) -> Result<SocketAddr, Failure> {
        let mut addresses = self.cluster.known();
        if addresses.is_empty() {
            addresses = self.cluster.resolve().await;
        }
        let turn = self.next.get();
        self.next.set(turn.wrapping_add(1));
        let index = turn.checked_rem(addresses.len()).ok_or(Failure::NoHealthyUpstream)?;
        addresses.get(index).copied().ok_or(Failure::NoHealthyUpstream)
    }

    fn host<T>(&self, address: SocketAddr, look: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(host) = hosts.iter_mut().find(|host| host.address == address) {
            return look(host);
        }
        let mut host = Host { address, idle: Vec::new(), http2: None, connecting: None, speaks_http2: None };
        let result = look(&mut host);
        hosts.push(host);
        result
    }

    async fn connection(self: &Rc<Self>, address: SocketAddr, downstream_http2: bool) -> Result<Connection, Failure> {
        let mut waiting = None;
        loop {
            let http2 = match self.cluster.config.protocol {
                Protocol::Http1 => Some(false),
                Protocol::Http2 => Some(true),
                Protocol::Downstream if self.cluster.tls.is_none() => Some(downstream_http2),
                Protocol::Downstream | Protocol::Auto => self.host(address, |host| host.speaks_http2),
            };
            if http2 == Some(false) {
                if let Some(idle) = self.idle(address) {
                    return Ok(idle);
                }
                if let Some(in_use) = self.take_slot() {
                    // Before anything is waited for: another request must not be the first of the pool too.
                    let slot = Slot { pool: Rc::clone(self), _own: self.own.take(usize::MAX) };
                    self.cluster.resolve().await;
                    return connect(Arc::clone(&self.cluster), address, false, in_use, move || drop(slot)).await;
                }
                if waiting.is_none() {
                    let pending = self.cluster.pending.take(self.cluster.config.max_pending);
                    waiting = Some(pending.ok_or(Failure::Overflow)?);
                }
                self.freed.notified().await;
                continue;
            }
            if let Some(shared) = self.shared(address) {
                return Ok(Connection { sender: Sender::Http2(shared.sender), local: shared.local });
            }
            if waiting.is_none() {
                let pending = self.cluster.pending.take(self.cluster.config.max_pending);
                waiting = Some(pending.ok_or(Failure::Overflow)?);
            }
            self.attempt(address).await?;
        }
    }

    /// Room for one more connection: within the limit, else in the place of one that is idle at another endpoint, and as in
    /// Envoy for the first one of this pool in any case, since other workers may hold all the others.
    fn take_slot(&self) -> Option<InUse> {
        let max = self.cluster.config.max_connections;
        let connections = &self.cluster.connections;
        if let Some(in_use) = connections.take(max) {
            return Some(in_use);
        }
        let idle = self.hosts.borrow_mut().iter_mut().find_map(|host| host.idle.pop());
        let is_first = self.own.get() == 0;
        // Closing takes a moment, so the limit may be passed by one for as long.
        if is_first || idle.is_some() { connections.take(usize::MAX) } else { None }
    }

    fn idle(&self, address: SocketAddr) -> Option<Connection> {
        let idle_timeout = self.cluster.config.idle_timeout;
        self.host(address, |host| {
            // The last one used is the one that is least likely to be closed by the peer.
            let mut index = host.idle.len();
            while let Some(before) = index.checked_sub(1) {
                index = before;
                let idle = host.idle.get(index)?;
                let is_old = idle.since.elapsed() >= idle_timeout;
                if is_old || idle.sender.is_closed() || idle.sender.is_ready() {
                    let Idle { sender, local, .. } = host.idle.remove(index);
                    if !is_old && sender.is_ready() {
                        return Some(Connection { sender: Sender::Http1(sender), local });
                    }
                }
            }
            None
        })
    }

    fn shared(&self, address: SocketAddr) -> Option<Shared> {
        self.host(address, |host| {
            if host.http2.as_ref().is_some_and(|shared| shared.sender.is_closed()) {
                host.http2 = None;
            }
            host.http2.clone()
        })
    }

    /// Waits for the one attempt to connect that there is, or begins it. It goes on if those who wait go.
    async fn attempt(self: &Rc<Self>, address: SocketAddr) -> Result<(), Failure> {
        let attempt = match self.host(address, |host| host.connecting.clone()) {
            Some(attempt) => attempt,
            None => {
                let attempt = Rc::new(Attempt::default());
                self.host(address, |host| host.connecting = Some(Rc::clone(&attempt)));
                tokio::task::spawn_local(Rc::clone(self).connect_shared(address, Rc::clone(&attempt)));
                attempt
            }
        };
        let changed = attempt.changed.notified();
        if !attempt.done.get() {
            changed.await;
        }
        attempt.failure.borrow().clone().map_or(Ok(()), Err)
    }

    async fn connect_shared(self: Rc<Self>, address: SocketAddr, attempt: Rc<Attempt>) {
        self.cluster.resolve().await;
        // These are few, one for each endpoint and worker: the limit is on those of HTTP/1.
        let connected = match self.cluster.connections.take(usize::MAX) {
            Some(in_use) => connect(Arc::clone(&self.cluster), address, true, in_use, || ()).await,
            None => Err(Failure::Overflow),
        };
        self.host(address, |host| host.connecting = None);
        match connected {
            Ok(Connection { sender: Sender::Http2(sender), local }) => self.host(address, |host| {
                host.speaks_http2 = Some(true);
                host.http2 = Some(Shared { sender, local });
            }),
            Ok(Connection { sender: Sender::Http1(sender), local }) => {
                self.host(address, |host| host.speaks_http2 = Some(false));
                self.put_back(address, sender, local);
            }
            Err(failure) => *attempt.failure.borrow_mut() = Some(failure),
        }
        attempt.done.set(true);
        attempt.changed.notify_waiters();
    }

    fn put_back(&self, address: SocketAddr, sender: http1::SendRequest<FrameReader>, local: Option<SocketAddr>) {
        if !sender.is_closed() {
            self.host(address, |host| host.idle.push(Idle { sender, local, since: Instant::now() }));
        }
        self.freed.notify_one();
    }
}

/// The request, if it never left.
fn unsent(mut error: TrySendError<Request<FrameReader>>) -> Result<(Outgoing, Failure), Failure> {
    let failure = Failure::of(error.error());
    match error.take_message() {
        Some(request) => Ok((Outgoing::from(request), failure)),
        None => Err(failure),
    }
}
