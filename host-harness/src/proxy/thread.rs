//! One worker: a thread with a runtime of its own, one filter and the connections that it was given. Nothing of a request
//! ever leaves the thread.

use super::access_log::AccessLog;
use super::config::ProxyConfig;
use super::connection;
use super::guest::{Guest, GuestMetrics};
use super::pools::Pools;
use super::site::{Client, Listener, Site};
use super::surroundings::Surroundings;
use super::tracing::Tracing;
use super::upstream::{Cluster, Directory};
use crate::filter::{Peer, Plugin, Worker, WorkerError, WorkerStats};
use crate::vm::Module;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// How often idle upstream connections are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// One config with everything that was made of it and that workers share.
pub(super) struct Generation {
    pub(super) config: Arc<ProxyConfig>,
    pub(super) clusters: BTreeMap<String, Arc<Cluster>>,
    pub(super) module: Module,
    pub(super) plugin: Arc<Plugin>,
    pub(super) access_log: Option<Arc<AccessLog>>,
    /// Changes when VMs must be made anew.
    pub(super) vm: u64,
    /// Changes when the filter must be configured anew.
    pub(super) configuration: u64,
}

/// What a worker is told.
pub(super) enum Command {
    /// Serve by this config from now on.
    Apply(Arc<Generation>, oneshot::Sender<Result<(), WorkerError>>),
    /// Serve a client.
    Connection(Box<Incoming>),
    /// Say what has happened to the VMs.
    Stats(oneshot::Sender<WorkerStats>),
    /// Let the streams of a listener, or of all, end and take no new ones.
    Drain(Option<Arc<str>>),
    /// Answer when no connection is left.
    Idle(oneshot::Sender<()>),
    /// End at once.
    End,
}

/// A connection on its way to a worker.
pub(super) struct Incoming {
    pub(super) stream: TcpStream,
    pub(super) listener: Arc<str>,
    /// How many connections there may be.
    pub(super) permit: OwnedSemaphorePermit,
}

/// What all workers of one proxy have in common for as long as it runs.
pub(super) struct Shared {
    pub(super) surroundings: Surroundings,
    pub(super) directory: Arc<Directory>,
    pub(super) connections: AtomicU64,
    pub(super) tracing: Option<Arc<Tracing>>,
}

/// One worker.
pub(super) struct Thread {
    shared: Arc<Shared>,
    pools: Rc<Pools>,
    current: RefCell<Option<Current>>,
    /// Listeners that drain; the empty name means all.
    draining: watch::Sender<Vec<Arc<str>>>,
}

struct Current {
    site: Rc<Site>,
    vm: u64,
    configuration: u64,
}

/// Starts a worker, which ends when the other end of `commands` is dropped.
///
/// # Errors
/// No thread could be started.
pub(super) fn start(
    index: usize,
    shared: Arc<Shared>,
    commands: mpsc::UnboundedReceiver<Command>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let name = format!("worker-{index}");
    std::thread::Builder::new().name(name).spawn(move || {
        match builder.enable_all().build_local(tokio::runtime::LocalOptions::default()) {
            Ok(runtime) => {
                runtime.block_on(Thread::run(shared, commands));
                // A name that is still being looked up holds nobody up.
                runtime.shutdown_background();
            }
            // The commands are dropped, which whoever waits for the worker sees.
            Err(error) => drop(error),
        }
    })
}

impl Thread {
    async fn run(shared: Arc<Shared>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let thread = Rc::new(Self {
            shared,
            pools: Rc::default(),
            current: RefCell::default(),
            draining: watch::Sender::default(),
        });
        let mut connections = JoinSet::new();
        let mut idle: Vec<oneshot::Sender<()>> = Vec::new();
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    None | Some(Command::End) => return,
                    Some(Command::Apply(generation, done)) => {
                        // Whoever asked may have given up.
                        let _ = done.send(thread.apply(&generation));
                    }
                    Some(Command::Connection(incoming)) => {
                        connections.spawn_local(Rc::clone(&thread).connection(*incoming));
                    }
                    Some(Command::Stats(reply)) => drop(reply.send(thread.stats())),
                    Some(Command::Drain(listener)) => {
                        thread.draining.send_modify(|names| names.push(listener.unwrap_or_default()));
                    }
                    Some(Command::Idle(done)) => idle.push(done),
                },
                Some(_) = connections.join_next() => {}
                _ = sweep.tick() => thread.pools.sweep(),
            }
            if connections.is_empty() {
                for done in idle.drain(..) {
                    // Whoever waits may have given up.
                    let _ = done.send(());
                }
            }
        }
    }

    async fn connection(self: Rc<Self>, incoming: Incoming) {
        let Incoming { stream, listener, permit } = incoming;
        let Ok(stream) = tokio::net::TcpStream::from_std(stream) else { return };
        let client = Client {
            listener,
            source: Peer { address: stream.peer_addr().ok() },
            destination: Peer { address: stream.local_addr().ok() },
            id: self.shared.connections.fetch_add(1, Ordering::Relaxed),
        };
        if self.current.borrow().is_some() {
            connection::serve(self, stream, client).await;
        }
        drop(permit);
    }

    /// What is served by now; `None` before the first config.
    pub(super) fn site(&self) -> Option<Rc<Site>> {
        self.current.borrow().as_ref().map(|current| Rc::clone(&current.site))
    }

    /// Ready when a listener's connections must end.
    pub(super) async fn draining(&self, listener: &str) {
        let mut names = self.draining.subscribe();
        // The sender lives as long as the thread.
        let _ = names.wait_for(|names| names.iter().any(|name| name.is_empty() || **name == *listener)).await;
    }

    fn stats(&self) -> WorkerStats {
        self.site().map(|site| site.guest.stats()).unwrap_or_default()
    }

    fn apply(&self, generation: &Generation) -> Result<(), WorkerError> {
        let kept = match &*self.current.borrow() {
            Some(current) if current.vm == generation.vm => {
                Some((Rc::clone(&current.site.guest), current.configuration == generation.configuration))
            }
            _ => None,
        };
        // The filter may make calls while it is configured.
        self.pools.replace(&generation.clusters);
        let guest = match kept {
            Some((guest, true)) => guest,
            Some((guest, false)) => {
                guest.with(|worker| worker.reconfigure(Arc::clone(&generation.plugin)))?;
                guest
            }
            None => self.new_guest(generation)?,
        };
        let (config, metrics) = (&generation.config, &self.shared.surroundings.metrics);
        let listeners = config.listeners.iter().map(|listener| Listener::new(listener, metrics));
        let site = Rc::new(Site {
            guest,
            pools: Rc::clone(&self.pools),
            listeners: listeners.collect(),
            clock: Arc::clone(&self.shared.surroundings.clock),
            access_log: generation.access_log.clone(),
            tracing: self.shared.tracing.clone(),
        });
        let (vm, configuration) = (generation.vm, generation.configuration);
        *self.current.borrow_mut() = Some(Current { site, vm, configuration });
        // A listener that came back under its old name serves again.
        let is_gone = |name: &Arc<str>| config.listeners.iter().all(|listener| listener.name != **name);
        self.draining.send_if_modified(|names| {
            let before = names.len();
            names.retain(is_gone);
            before != names.len()
        });
        Ok(())
    }

    fn new_guest(&self, generation: &Generation) -> Result<Rc<Guest>, WorkerError> {
        let (woken, wakes) = mpsc::unbounded_channel();
        let wake = Arc::new(move |root_context, token| {
            // A worker that has gone needs no waking.
            let _ = woken.send((root_context, token));
        });
        let worker = new_worker(&self.shared, generation, wake)?;
        let metrics = GuestMetrics::new(&self.shared.surroundings.metrics, &generation.plugin.name);
        Ok(Guest::new(worker, Rc::clone(&self.pools), metrics, wakes))
    }
}

/// Starts a filter as workers have it; also to see whether it takes its configuration at all.
///
/// # Errors
/// [`WorkerError`].
pub(super) fn new_worker(
    shared: &Shared,
    generation: &Generation,
    wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
) -> Result<Worker, WorkerError> {
    let (surroundings, directory) = (shared.surroundings.clone(), Arc::clone(&shared.directory));
    let environment = move || surroundings.environment(Arc::clone(&directory) as _);
    let (plugin, process) = (Arc::clone(&generation.plugin), Arc::clone(&shared.surroundings.process));
    Worker::start(&generation.module, plugin, process, environment, wake)
}
