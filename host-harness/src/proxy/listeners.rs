//! The listening sockets: one task each, which hands connections to the workers in turn.

use super::config::ListenerConfig;
use super::error::ProxyError;
use super::thread::{Command, Incoming};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;

/// How long a listener rests when the operating system gives it no connection (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The listening sockets of one proxy.
pub(super) struct Listeners {
    open: BTreeMap<String, Open>,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    permits: Arc<Semaphore>,
    next: Rc<Cell<usize>>,
}

struct Open {
    /// As the config has it, perhaps with port 0.
    configured: SocketAddr,
    local: SocketAddr,
    _task: Task,
}

/// The task of a listener, which ends with this.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sockets for a new config that are not served yet.
pub(super) struct Prepared(Vec<Bound>);

struct Bound {
    name: String,
    configured: SocketAddr,
    local: SocketAddr,
    listener: TcpListener,
}

impl Listeners {
    pub(super) fn new(workers: Vec<mpsc::UnboundedSender<Command>>, max_connections: usize) -> Self {
        let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        Self { open: BTreeMap::new(), workers, permits, next: Rc::default() }
    }

    /// Binds what a config has and this has not. Clients that come wait until [`Self::apply`].
    ///
    /// # Errors
    /// [`ProxyError::Bind`].
    pub(super) fn prepare(&self, configs: &[ListenerConfig]) -> Result<Prepared, ProxyError> {
        let mut prepared = Vec::new();
        for config in configs {
            if self.open.get(&config.name).is_none_or(|open| open.configured != config.address) {
                let (listener, local) = bind(&format!("listener \"{}\"", config.name), config.address)?;
                prepared.push(Bound { name: config.name.clone(), configured: config.address, local, listener });
            }
        }
        Ok(Prepared(prepared))
    }

    /// Serves what was prepared and closes what a config has no more; gives the names of the latter.
    ///
    /// # Errors
    /// The runtime does not take a socket.
    pub(super) fn apply(&mut self, configs: &[ListenerConfig], prepared: Prepared) -> std::io::Result<Vec<Arc<str>>> {
        let gone = |name: &String| configs.iter().all(|config| config.name != *name);
        let closed: Vec<String> = self.open.keys().filter(|name| gone(name)).cloned().collect();
        self.open.retain(|name, _| !closed.contains(name));
        for Bound { name, configured, local, listener } in prepared.0 {
            let task = Task(self.serve(&name, listener)?);
            self.open.insert(name, Open { configured, local, _task: task });
        }
        Ok(closed.into_iter().map(Arc::from).collect())
    }

    /// Closes all sockets.
    pub(super) fn close(&mut self) {
        self.open.clear();
    }

    /// The addresses by name.
    pub(super) fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        self.open.iter().map(|(name, open)| (name.clone(), open.local)).collect()
    }

    fn serve(&self, name: &str, listener: TcpListener) -> std::io::Result<AbortHandle> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (workers, permits) = (self.workers.clone(), Arc::clone(&self.permits));
        let (next, name) = (Rc::clone(&self.next), Arc::<str>::from(name));
        let accepting = async move {
            loop {
                // Who comes when there are too many waits in the backlog.
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
                let accepted = match listener.accept().await {
                    Ok((stream, _)) => stream.into_std(),
                    Err(error) => Err(error),
                };
                let Ok(stream) = accepted else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let turn = next.get();
                next.set(turn.wrapping_add(1));
                let Some(worker) = turn.checked_rem(workers.len()).and_then(|turn| workers.get(turn)) else { return };
                let incoming = Incoming { stream, listener: Arc::clone(&name), permit };
                // A worker that has gone closes the connection by dropping it.
                let _ = worker.send(Command::Connection(Box::new(incoming)));
            }
        };
        Ok(tokio::task::spawn_local(accepting).abort_handle())
    }
}

/// Binds a socket for tokio.
///
/// # Errors
/// [`ProxyError::Bind`].
pub(super) fn bind(what: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), ProxyError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let local = listener.local_addr()?;
        Ok((listener, local))
    };
    listen().map_err(|source| ProxyError::Bind { what: what.to_owned(), address, source })
}
