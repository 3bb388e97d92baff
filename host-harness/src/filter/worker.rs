//! One filter in one worker thread.

use super::stream::{Filter, Side, Stream};
use super::{CallId, CallResult, Effect, GrpcEvent, Half, LocalReply, Plugin, StreamId, StreamInfo};
use crate::abi::{Headers, LogLevel};
use crate::process::{Environment, LogLine, Process, VmIdGuard};
use crate::vm::{Context, Module, StreamContext, Vm, VmState};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Why a filter could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The guest could not be started.
    #[error("the filter did not start: {0}")]
    Start(String),
    /// The guest said no to its configuration.
    #[error("the filter rejected its configuration")]
    Rejected,
}

/// What has happened to the VMs of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerStats {
    /// VMs that trapped.
    pub traps: u64,
    /// VMs made anew after a trap (Envoy's `vm_reload_success`).
    pub reloads: u64,
    /// Attempts at that which failed (Envoy's `vm_reload_failure`).
    pub reload_failures: u64,
    /// Streams that came too soon after the last VM was made (Envoy's `vm_reload_backoff`).
    pub reload_backoffs: u64,
}

/// Clock, randomness, log and network for each new VM.
pub type NewEnvironment = Box<dyn Fn() -> Environment>;

/// One filter in one worker thread: a VM, its root contexts and the streams that pass it. Drive it with what arrives, then
/// execute what [`Self::effects`] gives. Nothing here blocks.
pub struct Worker {
    pub(super) vm: Slot,
    pub(super) module: Module,
    /// The newest configuration that was taken, to which new streams go.
    pub(super) plugin: Arc<Plugin>,
    pub(super) process: Arc<Process>,
    /// Keeps what the VM has shared, over its failures.
    _shared: VmIdGuard,
    pub(super) new_environment: NewEnvironment,
    /// The VM's, for the moments in which there is no VM.
    pub(super) outside: Environment,
    pub(super) wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
    pub(super) streams: HashMap<StreamId, Stream>,
    pub(super) roots: HashMap<u32, RootUse>,
    pub(super) last_context: u32,
    pub(super) effects: Vec<Effect>,
    pub(super) stats: WorkerStats,
    /// When the last VM was made or tried, by the monotonic clock, and how long the next one has to wait from there.
    pub(super) made: (Duration, Duration),
}

/// The VM of a worker.
pub(super) enum Slot {
    /// It runs; new streams go to this root context.
    Running(Box<Vm>, u32),
    /// It has failed.
    Failed,
}

/// Who still uses a root context.
#[derive(Default)]
pub(super) struct RootUse {
    pub(super) streams: usize,
    /// A newer configuration has taken its place.
    pub(super) retired: bool,
    /// The guest was told that it is over, and has asked to wait.
    pub(super) ending: bool,
    pub(super) ticks: bool,
}

impl Worker {
    /// Starts a VM and configures the plugin in it. `wake` is called, from any thread, with a root context and a queue's token
    /// when a queue of this worker has something; it must lead to [`Self::queue_ready`].
    ///
    /// # Errors
    /// [`WorkerError`]: the module does not start, or the guest rejects its configuration.
    pub fn start(
        module: &Module,
        plugin: Arc<Plugin>,
        process: Arc<Process>,
        new_environment: impl Fn() -> Environment + 'static,
        wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
    ) -> Result<Self, WorkerError> {
        let new_environment: NewEnvironment = Box::new(new_environment);
        let mut worker = Self {
            vm: Slot::Failed,
            module: module.clone(),
            _shared: process.attach(&plugin.vm_id),
            plugin,
            process,
            outside: new_environment(),
            new_environment,
            wake,
            streams: HashMap::new(),
            roots: HashMap::new(),
            last_context: 0,
            effects: Vec::new(),
            stats: WorkerStats::default(),
            made: (Duration::ZERO, Duration::ZERO),
        };
        worker.start_vm()?;
        Ok(worker)
    }

    /// Configures another plugin configuration in the same VM (a new root context, as in Envoy). New streams go to it; the old
    /// root context goes when its last stream has gone. If it is rejected, nothing changes. The new one must agree with the
    /// old in what belongs to the VM: `vm_id`, `vm_configuration`, `environment_variables` and `limits`.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn reconfigure(&mut self, plugin: Arc<Plugin>) -> Result<(), WorkerError> {
        let old = match &self.vm {
            Slot::Running(_, root) => *root,
            Slot::Failed => {
                let before = std::mem::replace(&mut self.plugin, plugin);
                let started = self.start_vm();
                if started.is_err() {
                    self.plugin = before;
                }
                return started;
            }
        };
        match self.add_root(Arc::clone(&plugin)) {
            Ok(root) => {
                if let Slot::Running(_, current) = &mut self.vm {
                    *current = root;
                }
                self.plugin = plugin;
                self.retire(old);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Begins a stream. `buffer_limit_bytes` is Envoy's `per_connection_buffer_limit_bytes`.
    pub fn open(&mut self, info: StreamInfo, buffer_limit_bytes: usize) -> StreamId {
        self.reload_if_due();
        let context = self.next_context();
        let id = StreamId(u64::from(context));
        let root = match &self.vm {
            Slot::Running(_, root) => *root,
            Slot::Failed => 0,
        };
        let view = Box::new(StreamContext::new(root, info));
        let filter = match self.vm_state() {
            Some(state) => {
                state.contexts.insert(context, Context::Stream(view));
                Filter::Guest
            }
            None => Filter::Orphan(view),
        };
        if let Some(root) = self.roots.get_mut(&root) {
            root.streams += 1;
        }
        self.streams.insert(id, Stream::new(filter, root, buffer_limit_bytes));
        id
    }

    /// The attributes of a stream, to be kept true by the driver; `None` once it is closed.
    pub fn info(&mut self, stream: StreamId) -> Option<&mut StreamInfo> {
        Some(&mut self.view(stream)?.info)
    }

    /// The request's headers, with `:method`, `:scheme`, `:authority`, `:path`, and whether nothing follows.
    pub fn request_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        self.create(stream);
        if let Some(known) = self.stream(stream) {
            known.note_request(&headers);
            self.headers(stream, Half::Request, headers, end);
        }
    }

    /// A piece of the request's body. Envoy shows the end of an HTTP/1.1 body as an empty piece, and that of an HTTP/2 body
    /// with its last piece.
    pub fn request_data(&mut self, stream: StreamId, data: Bytes, end: bool) {
        self.data(stream, Half::Request, data, end);
    }

    /// The request's trailers, which end it.
    pub fn request_trailers(&mut self, stream: StreamId, trailers: Headers) {
        self.trailers(stream, Half::Request, trailers);
    }

    /// The response's headers, with `:status`, from the upstream, and whether nothing follows.
    pub fn response_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        let status = headers.get_str(":status").and_then(|status| status.parse().ok());
        let Some(known) = self.stream(stream).filter(|known| !known.responding) else { return };
        known.responding = true;
        if let Some(info) = self.info(stream) {
            info.response_code = status;
            info.response_code_details = String::from("via_upstream");
        }
        self.headers(stream, Half::Response, headers, end);
    }

    /// A piece of the response's body.
    pub fn response_data(&mut self, stream: StreamId, data: Bytes, end: bool) {
        self.data(stream, Half::Response, data, end);
    }

    /// The response's trailers, which end it.
    pub fn response_trailers(&mut self, stream: StreamId, trailers: Headers) {
        self.trailers(stream, Half::Response, trailers);
    }

    /// A reply of the proxy's own (no route, no upstream, timeout). It passes the filter's response callbacks if no response
    /// has begun; if one has begun and was not sent it takes its place; if it was sent the stream is reset.
    pub fn local_reply(&mut self, stream: StreamId, reply: LocalReply) {
        self.reply(stream, reply);
    }

    /// Ends a stream, whole or broken off: the guest's `on_log`, `on_done`, `on_delete`.
    pub fn close(&mut self, stream: StreamId) {
        self.create(stream);
        let Some(closed) = self.streams.remove(&stream) else { return };
        if matches!(closed.filter, Filter::Guest) {
            let context = context_of(stream);
            if let Some(Context::Stream(view)) = self.vm_state().and_then(|state| state.contexts.get_mut(&context)) {
                view.show_for_log();
            }
            self.tell(|vm| vm.call(context, |exports| exports.on_log.as_ref(), (context,)));
            if let Some(Context::Stream(view)) = self.vm_state().and_then(|state| state.contexts.get_mut(&context)) {
                view.hide_all();
            }
            self.tell(|vm| vm.call(context, |exports| exports.on_done.as_ref(), (context,)));
            self.tell(|vm| vm.call(context, |exports| exports.on_delete.as_ref(), (context,)));
            if let Some(state) = self.vm_state() {
                state.contexts.remove(&context);
            }
        }
        if let Some(root) = self.roots.get_mut(&closed.root) {
            root.streams = root.streams.saturating_sub(1);
        }
        self.end_if_unused(closed.root);
    }

    /// How an HTTP call ended.
    pub fn call_finished(&mut self, call: CallId, result: CallResult) {
        self.tell_of_call(call, result);
    }

    /// What came of a gRPC call.
    pub fn grpc_event(&mut self, call: CallId, event: GrpcEvent) {
        self.tell_of_grpc(call, event);
    }

    /// A root context's timer has run out.
    pub fn tick(&mut self, root_context: u32) {
        if self.roots.contains_key(&root_context) {
            self.tell(|vm| vm.call(root_context, |exports| exports.on_tick.as_ref(), (root_context,)));
        }
    }

    /// A queue has something.
    pub fn queue_ready(&mut self, root_context: u32, token: u32) {
        if self.roots.contains_key(&root_context) {
            let arguments = (root_context, token);
            self.tell(|vm| vm.call(root_context, |exports| exports.on_queue_ready.as_ref(), arguments));
        }
    }

    /// Whether the VM has failed and waits to be made anew.
    pub fn has_failed(&self) -> bool {
        matches!(self.vm, Slot::Failed)
    }

    /// What has happened to the VMs so far.
    pub fn stats(&self) -> WorkerStats {
        self.stats
    }

    /// Moves what is to be done, in order, to the end of `into`.
    pub fn effects(&mut self, into: &mut Vec<Effect>) {
        into.append(&mut self.effects);
    }

    pub(super) fn stream(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&id)
    }

    pub(super) fn side(&mut self, id: StreamId, half: Half) -> Option<&mut Side> {
        Some(self.streams.get_mut(&id)?.side(half))
    }

    /// What the guest sees of a stream.
    pub(super) fn view(&mut self, id: StreamId) -> Option<&mut StreamContext> {
        match &mut self.streams.get_mut(&id)?.filter {
            Filter::Orphan(view) | Filter::Nobody(view) => Some(view),
            Filter::Guest => match &mut self.vm {
                Slot::Running(vm, _) => match vm.state_mut().contexts.get_mut(&context_of(id))? {
                    Context::Stream(view) => Some(view),
                    Context::Root(_) => None,
                },
                Slot::Failed => None,
            },
        }
    }

    pub(super) fn vm_state(&mut self) -> Option<&mut VmState> {
        match &mut self.vm {
            Slot::Running(vm, _) => Some(vm.state_mut()),
            Slot::Failed => None,
        }
    }

    /// Whether a pause in a headers callback lets the body callbacks go on.
    pub(super) fn knob(&mut self, id: StreamId) -> bool {
        let root = self.streams.get(&id).map(|stream| stream.root);
        match self.vm_state().zip(root).and_then(|(state, root)| state.contexts.get(&root)) {
            Some(Context::Root(root)) => root.plugin.allow_on_headers_stop_iteration,
            _ => self.plugin.allow_on_headers_stop_iteration,
        }
    }

    pub(super) fn next_context(&mut self) -> u32 {
        loop {
            self.last_context = self.last_context.wrapping_add(1);
            let taken =
                self.roots.contains_key(&self.last_context) || self.streams.contains_key(&stream_of(self.last_context));
            if self.last_context != 0 && !taken {
                return self.last_context;
            }
        }
    }

    pub(super) fn log(&self, level: LogLevel, message: String) {
        if level >= self.outside.log.level() {
            self.outside.log.log(LogLine { plugin: self.plugin.name.clone(), level, message });
        }
    }
}

/// The guest's number of a stream.
pub(super) fn context_of(id: StreamId) -> u32 {
    u32::try_from(id.0).unwrap_or(0)
}

/// The stream of a guest's number.
pub(super) fn stream_of(context: u32) -> StreamId {
    StreamId(u64::from(context))
}
