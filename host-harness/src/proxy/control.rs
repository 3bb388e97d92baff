//! The thread that owns a proxy: it starts the workers, opens the listeners, serves the admin endpoint, reloads and drains.

mod build;

use super::admin::{self, Status};
use super::config::ProxyConfig;
use super::error::ProxyError;
use super::handle::Addresses;
use super::listeners::{self, Listeners};
use super::surroundings::Surroundings;
use super::thread::{self, Command, Generation, Shared};
use super::upstream::Directory;
use crate::filter::{WorkerError, WorkerStats};
use crate::vm::{Engine, EngineOptions};
use bytes::Bytes;
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long the last spans may take.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What a proxy is told by its owner.
pub(super) enum Order {
    Reload(Box<ProxyConfig>, oneshot::Sender<Result<(), ProxyError>>),
    ReloadFailed,
    Stats(oneshot::Sender<Vec<WorkerStats>>),
    Drain(oneshot::Sender<bool>),
}

struct Control {
    shared: Arc<Shared>,
    engine: Engine,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    threads: Vec<JoinHandle<()>>,
    listeners: Listeners,
    addresses: Addresses,
    status: Arc<Status>,
    generation: Option<Arc<Generation>>,
    /// The last number that was given out.
    last_number: Cell<u64>,
    /// The module's bytes, to see whether they have changed.
    wasm: Bytes,
}

/// Runs a proxy until its handle is dropped or it has drained.
pub(super) fn run(
    config: ProxyConfig,
    surroundings: Surroundings,
    addresses: Addresses,
    orders: mpsc::UnboundedReceiver<Order>,
    ready: oneshot::Sender<Result<Option<SocketAddr>, ProxyError>>,
) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(tokio::runtime::LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(ready.send(Err(error.into()))),
    };
    runtime.block_on(async move {
        match Control::start(config, surroundings, addresses).await {
            Err(error) => drop(ready.send(Err(error))),
            Ok((control, admin)) => {
                // Whoever asked for the proxy may have given up; then the orders end too.
                let _ = ready.send(Ok(admin));
                control.obey(orders).await;
            }
        }
    });
}

impl Control {
    async fn start(
        config: ProxyConfig,
        surroundings: Surroundings,
        addresses: Addresses,
    ) -> Result<(Self, Option<SocketAddr>), ProxyError> {
        let status = Arc::new(Status::new(&surroundings));
        let admin = match config.admin {
            Some(address) => {
                let (listener, local) = listeners::bind("the admin endpoint", address)?;
                admin::serve(tokio::net::TcpListener::from_std(listener)?, Arc::clone(&status));
                Some(local)
            }
            None => None,
        };
        let engine = match &surroundings.engine {
            Some(engine) => engine.clone(),
            None => Engine::new(EngineOptions::default())?,
        };
        let shared = Arc::new(Shared {
            surroundings,
            directory: Arc::new(Directory::default()),
            connections: AtomicU64::new(1),
            tracing: config.tracing.as_ref().map(build::tracing).transpose()?.map(Arc::new),
        });
        let (mut workers, mut threads) = (Vec::new(), Vec::new());
        for index in 0..config.workers {
            let (commands, taken) = mpsc::unbounded_channel();
            threads.push(thread::start(index, Arc::clone(&shared), taken)?);
            workers.push(commands);
        }
        let listeners = Listeners::new(workers.clone(), config.max_connections);
        let mut control = Self {
            shared,
            engine,
            workers,
            threads,
            listeners,
            addresses,
            status,
            generation: None,
            last_number: Cell::new(0),
            wasm: Bytes::new(),
        };
        control.apply(config).await?;
        control.status.set_live(true);
        Ok((control, admin))
    }

    async fn obey(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        while let Some(order) = orders.recv().await {
            match order {
                Order::Reload(config, done) => {
                    let result = self.apply(*config).await;
                    self.status.count_reload(result.is_ok());
                    // The config is in force, or not, whether or not somebody waits for the news.
                    let _ = done.send(result);
                }
                Order::ReloadFailed => self.status.count_reload(false),
                Order::Stats(reply) => {
                    let stats = self.stats().await;
                    let _ = reply.send(stats);
                }
                Order::Drain(done) => {
                    let whole = self.drain().await;
                    self.end();
                    let _ = done.send(whole);
                    return;
                }
            }
        }
    }

    /// Puts a config in force, whole or not at all.
    async fn apply(&mut self, config: ProxyConfig) -> Result<(), ProxyError> {
        if let Some(current) = &self.generation {
            build::refuse_fixed(&current.config, &config)?;
        }
        let prepared = self.listeners.prepare(&config.listeners)?;
        let (generation, wasm) = self.build(config)?;
        let previous = self.shared.directory.clusters();
        self.shared.directory.replace(generation.clusters.clone());
        let taken = async {
            self.try_filter(&generation)?;
            self.tell_workers(&generation).await
        };
        if let Err(error) = taken.await {
            self.shared.directory.replace((*previous).clone());
            if let Some(current) = &self.generation {
                // Some workers may have taken what another has refused. They have taken this one before.
                let _ = self.tell_workers(current).await;
            }
            return Err(error);
        }
        for name in self.listeners.apply(&generation.config.listeners, prepared)? {
            for worker in &self.workers {
                let _ = worker.send(Command::Drain(Some(Arc::clone(&name))));
            }
        }
        *self.addresses.write().unwrap_or_else(PoisonError::into_inner) = self.listeners.addresses();
        self.status.show(&generation);
        self.wasm = wasm;
        self.generation = Some(generation);
        Ok(())
    }

    /// Sees whether the filter takes its configuration, in a VM that is thrown away, as Envoy's canary is.
    fn try_filter(&self, generation: &Generation) -> Result<(), ProxyError> {
        let is_new = self
            .generation
            .as_ref()
            .is_none_or(|current| (current.vm, current.configuration) != (generation.vm, generation.configuration));
        if is_new {
            thread::new_worker(&self.shared, generation, Arc::new(|_, _| ()))?;
        }
        Ok(())
    }

    async fn tell_workers(&self, generation: &Arc<Generation>) -> Result<(), ProxyError> {
        let tell = |worker: &mpsc::UnboundedSender<Command>| {
            let (done, answer) = oneshot::channel();
            // A worker that has gone drops the sender, which is seen below.
            let _ = worker.send(Command::Apply(Arc::clone(generation), done));
            answer
        };
        let answers: Vec<_> = self.workers.iter().map(tell).collect();
        let mut refused: Option<WorkerError> = None;
        for answer in answers {
            match answer.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => refused = Some(error),
                Err(_) => return Err(ProxyError::Stopped),
            }
        }
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn stats(&self) -> Vec<WorkerStats> {
        let mut stats = Vec::new();
        for worker in &self.workers {
            let (reply, answer) = oneshot::channel();
            let _ = worker.send(Command::Stats(reply));
            stats.push(answer.await.unwrap_or_default());
        }
        stats
    }

    /// Whether every stream ended in time.
    async fn drain(&mut self) -> bool {
        self.status.set_live(false);
        self.listeners.close();
        let timeout = self.generation.as_ref().map(|generation| generation.config.drain_timeout).unwrap_or_default();
        let drain = |worker: &mpsc::UnboundedSender<Command>| {
            let (done, idle) = oneshot::channel();
            let _ = worker.send(Command::Drain(None));
            let _ = worker.send(Command::Idle(done));
            idle
        };
        let idle: Vec<_> = self.workers.iter().map(drain).collect();
        let all_idle = async {
            for idle in idle {
                let _ = idle.await;
            }
        };
        let whole = tokio::time::timeout(timeout, all_idle).await.is_ok();
        if let Some(tracing) = &self.shared.tracing {
            // A collector that does not take the last spans has taken none for a while.
            let _ = tracing.shutdown(LAST_SPANS).await;
        }
        whole
    }

    /// Ends the workers, with whatever they still serve, and waits until their threads have gone.
    fn end(self) {
        for worker in &self.workers {
            let _ = worker.send(Command::End);
        }
        for thread in self.threads {
            // One that has panicked has gone too.
            let _ = thread.join();
        }
    }

    /// The number of a VM or a configuration: a new one if it has changed, which no earlier one had, in force or refused.
    fn next(&self, number: impl Fn(&Generation) -> u64, changed: bool) -> u64 {
        let current = self.generation.as_deref().map_or(0, number);
        if !changed {
            return current;
        }
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }
}
