//! The filter of one worker with everything that its effects reach: the tasks of its streams, its timers, its calls.

mod grpc;
mod http_call;
mod metrics;

pub(super) use metrics::GuestMetrics;

use super::frames::FrameWriter;
use super::pools::Pools;
use crate::filter::{CallId, CallResult, Effect, GrpcEvent, StreamEffect, StreamId, StreamInfo, Worker, WorkerStats};
use metrics::Pending;
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The filter of one worker.
pub(super) struct Guest {
    worker: RefCell<Worker>,
    streams: RefCell<HashMap<StreamId, Rc<Mailbox>>>,
    calls: RefCell<HashMap<CallId, Call>>,
    timers: RefCell<HashMap<u32, AbortHandle>>,
    pools: Rc<Pools>,
    metrics: GuestMetrics,
}

/// What the filter wants of one stream, until the stream's task takes it.
#[derive(Default)]
pub(super) struct Mailbox {
    effects: RefCell<VecDeque<StreamEffect>>,
    reader: RefCell<Option<Waker>>,
}

/// A call that waits for its answer.
struct Call {
    _counted: Pending,
    task: AbortHandle,
    messages: Option<FrameWriter>,
}

impl Guest {
    /// Takes a worker into service. `woken` says which queues have something.
    pub(super) fn new(
        worker: Worker,
        pools: Rc<Pools>,
        metrics: GuestMetrics,
        mut woken: mpsc::UnboundedReceiver<(u32, u32)>,
    ) -> Rc<Self> {
        let guest = Rc::new(Self {
            worker: RefCell::new(worker),
            streams: RefCell::default(),
            calls: RefCell::default(),
            timers: RefCell::default(),
            pools,
            metrics,
        });
        let weak = Rc::downgrade(&guest);
        tokio::task::spawn_local(async move {
            while let Some((root_context, token)) = woken.recv().await {
                let Some(guest) = weak.upgrade() else { return };
                guest.with(|worker| worker.queue_ready(root_context, token));
            }
        });
        // Configuring has left effects behind.
        guest.with(|_| ());
        guest
    }

    /// Tells the worker something, then does what it wants done.
    pub(super) fn with<T>(self: &Rc<Self>, tell: impl FnOnce(&mut Worker) -> T) -> T {
        let (result, effects) = {
            let mut worker = self.worker.borrow_mut();
            let result = tell(&mut worker);
            let mut effects = Vec::new();
            worker.effects(&mut effects);
            self.metrics.count(worker.stats());
            (result, effects)
        };
        for effect in effects {
            self.execute(effect);
        }
        result
    }

    /// What has happened to the VMs so far.
    pub(super) fn stats(&self) -> WorkerStats {
        self.worker.borrow().stats()
    }

    /// Reads or writes the attributes of a stream; nothing happens once it is closed.
    pub(super) fn info<T>(&self, stream: StreamId, look: impl FnOnce(&mut StreamInfo) -> T) -> Option<T> {
        self.worker.borrow_mut().info(stream).map(look)
    }

    /// Begins a stream, whose effects go to the mailbox.
    pub(super) fn open(self: &Rc<Self>, info: StreamInfo, buffer_limit_bytes: usize) -> (StreamId, Rc<Mailbox>) {
        let stream = self.worker.borrow_mut().open(info, buffer_limit_bytes);
        let mailbox = Rc::<Mailbox>::default();
        self.streams.borrow_mut().insert(stream, Rc::clone(&mailbox));
        self.with(|_| ());
        (stream, mailbox)
    }

    /// Ends a stream.
    pub(super) fn close(self: &Rc<Self>, stream: StreamId) {
        self.with(|worker| worker.close(stream));
        self.streams.borrow_mut().remove(&stream);
    }

    fn execute(self: &Rc<Self>, effect: Effect) {
        match effect {
            Effect::Stream(stream, effect) => {
                if let Some(mailbox) = self.streams.borrow().get(&stream) {
                    mailbox.put(effect);
                }
            }
            Effect::HttpCall(id, call) => self.begin(id, None, {
                let pools = Rc::clone(&self.pools);
                async move |guest: &dyn Fn() -> Option<Rc<Self>>| {
                    let result = http_call::send(&pools, call).await;
                    if let Some(guest) = guest() {
                        guest.call_finished(id, result);
                    }
                }
            }),
            Effect::GrpcCall(id, call) => {
                let pools = Rc::clone(&self.pools);
                let (request, messages) = grpc::request(call);
                self.begin(id, messages, async move |guest: &dyn Fn() -> Option<Rc<Self>>| {
                    let tell = |event| {
                        if let Some(guest) = guest() {
                            guest.grpc_event(id, event);
                        }
                    };
                    grpc::exchange(&pools, request, &tell).await;
                });
            }
            Effect::GrpcSend { call, message, end } => {
                if let Some(messages) = self.calls.borrow().get(&call).and_then(|call| call.messages.as_ref()) {
                    grpc::write(messages, &message, end);
                }
            }
            Effect::GrpcClose(call) => {
                if let Some(messages) = self.calls.borrow().get(&call).and_then(|call| call.messages.as_ref()) {
                    messages.end();
                }
            }
            Effect::Cancel(id) => {
                if let Some(call) = self.calls.borrow_mut().remove(&id) {
                    call.task.abort();
                }
            }
            Effect::SetTick { root_context, period } => self.set_tick(root_context, period),
        }
    }

    fn begin(
        self: &Rc<Self>,
        id: CallId,
        messages: Option<FrameWriter>,
        run: impl AsyncFnOnce(&dyn Fn() -> Option<Rc<Self>>) + 'static,
    ) {
        let weak = Rc::downgrade(self);
        let task = tokio::task::spawn_local(async move { run(&|| weak.upgrade()).await }).abort_handle();
        self.calls.borrow_mut().insert(id, Call { _counted: self.metrics.call(), task, messages });
    }

    fn call_finished(self: &Rc<Self>, id: CallId, result: CallResult) {
        self.calls.borrow_mut().remove(&id);
        self.with(|worker| worker.call_finished(id, result));
    }

    fn grpc_event(self: &Rc<Self>, id: CallId, event: GrpcEvent) {
        if matches!(event, GrpcEvent::Close { .. }) {
            self.calls.borrow_mut().remove(&id);
        }
        self.with(|worker| worker.grpc_event(id, event));
    }

    fn set_tick(self: &Rc<Self>, root_context: u32, period: Option<Duration>) {
        let timer = period.map(|period| {
            let weak = Rc::downgrade(self);
            let ticking = async move {
                loop {
                    tokio::time::sleep(period).await;
                    let Some(guest) = weak.upgrade() else { return };
                    guest.with(|worker| worker.tick(root_context));
                }
            };
            tokio::task::spawn_local(ticking).abort_handle()
        });
        let old = match timer {
            Some(timer) => self.timers.borrow_mut().insert(root_context, timer),
            None => self.timers.borrow_mut().remove(&root_context),
        };
        if let Some(old) = old {
            old.abort();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        for timer in self.timers.borrow().values() {
            timer.abort();
        }
        for call in self.calls.borrow().values() {
            call.task.abort();
        }
    }
}

impl Mailbox {
    fn put(&self, effect: StreamEffect) {
        self.effects.borrow_mut().push_back(effect);
        if let Some(reader) = self.reader.borrow_mut().take() {
            reader.wake();
        }
    }

    /// The next effect; only one task may wait.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<StreamEffect> {
        if let Some(effect) = self.effects.borrow_mut().pop_front() {
            return Poll::Ready(effect);
        }
        match &mut *self.reader.borrow_mut() {
            Some(reader) => reader.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
