//! What the host functions of one VM work on: the `T` of its `Store<T>`.

use crate::abi::{Headers, Status};
use crate::filter::{CallId, GrpcCall, Half, HttpCall, LocalReply, Plugin, StreamInfo};
use crate::process::{Environment, Metric, Process};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What the host functions of one VM work on.
pub(crate) struct VmState {
    /// Shared with the other VMs.
    pub(crate) process: Arc<Process>,
    /// Clock, randomness, log, network.
    pub(crate) environment: Environment,
    /// The plugin with which the VM was started: its VM id, VM configuration, environment variables and limits.
    pub(crate) plugin: Arc<Plugin>,
    /// Who hears that a queue of this worker's has something: called with root context and token.
    pub(crate) wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
    /// Root and stream contexts by id. Context 0, the VM's own, is not among them.
    pub(crate) contexts: HashMap<u32, Context>,
    /// The context that the host has called.
    pub(crate) current: u32,
    /// The context that the guest has put in its place; 0 for none. Reset by every call into the guest.
    pub(crate) effective: u32,
    /// Whether `_initialize`, `main` or `_start` runs, in which most host functions trap.
    pub(crate) starting: bool,
    /// `proxy_send_local_response` was called: the callback's answer counts as "stop".
    pub(crate) stop_iteration: bool,
    /// Whether `proxy_on_vm_start` runs.
    pub(crate) vm_starting: bool,
    /// The guest's memory, once it is instantiated.
    pub(crate) memory: Option<wasmtime::Memory>,
    /// The guest's allocator (`proxy_on_memory_allocate`, else `malloc`), once it is instantiated.
    pub(crate) allocate: Option<wasmtime::TypedFunc<u32, u32>>,
    /// What the guest has defined, by metric id without its two low bits.
    pub(crate) metrics: Vec<(crate::abi::MetricKind, Arc<Metric>)>,
    /// The numbers of what the guest has defined, from 1, by kind and name.
    pub(crate) metric_numbers: HashMap<crate::abi::MetricKind, HashMap<String, u32>>,
    /// What the guest has asked for in this call; executed in order once the call has returned.
    pub(crate) deferred: Vec<Deferred>,
    /// The calls that wait for an answer, with the root context that made them.
    pub(crate) pending_calls: HashMap<CallId, u32>,
    /// The numbers of the last HTTP call, gRPC call and gRPC stream, without their two low bits.
    pub(crate) last_calls: [u32; 3],
    /// The properties that the guest has declared, by root context.
    pub(crate) declared: BTreeSet<(u32, Vec<u8>)>,
    /// Wasmtime's own bounds.
    pub(crate) limits: wasmtime::StoreLimits,
}

/// The tables of one guest; toolchains make one.
const MAX_TABLES: usize = 16;
/// The entries of one table, each of which costs the host a pointer.
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// What a guest can ask for in one call; a call that asks for more fails from there on.
const MAX_DEFERRED: usize = 4_096;

/// What a VM is made with.
pub(crate) struct VmSetup {
    pub(crate) process: Arc<Process>,
    pub(crate) environment: Environment,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
}

impl VmState {
    /// The state of a VM that has not been instantiated.
    pub(crate) fn new(setup: VmSetup) -> Self {
        let VmSetup { process, environment, plugin, wake } = setup;
        let limits = wasmtime::StoreLimitsBuilder::new()
            .memories(1)
            .memory_size(plugin.limits.memory_bytes)
            .tables(MAX_TABLES)
            .table_elements(MAX_TABLE_ELEMENTS)
            .build();
        Self {
            process,
            environment,
            plugin,
            wake,
            contexts: HashMap::new(),
            current: 0,
            effective: 0,
            starting: false,
            stop_iteration: false,
            vm_starting: false,
            memory: None,
            allocate: None,
            metrics: Vec::new(),
            metric_numbers: HashMap::new(),
            deferred: Vec::new(),
            pending_calls: HashMap::new(),
            last_calls: [0; 3],
            declared: BTreeSet::new(),
            limits,
        }
    }

    /// Notes what is to be done once the guest's call has returned.
    ///
    /// # Errors
    /// [`Status::InternalFailure`]: the call has asked for too much already.
    pub(crate) fn defer(&mut self, deferred: Deferred) -> Result<(), Status> {
        if self.deferred.len() >= MAX_DEFERRED {
            return Err(Status::InternalFailure);
        }
        self.deferred.push(deferred);
        Ok(())
    }

    /// The context that a host function acts on: the effective one if it still exists, else the current one; `None` for the
    /// VM's own.
    pub(crate) fn context_id(&self) -> u32 {
        if self.effective != 0 && self.contexts.contains_key(&self.effective) { self.effective } else { self.current }
    }

    /// The context of [`Self::context_id`].
    pub(crate) fn context(&mut self) -> Option<&mut Context> {
        let id = self.context_id();
        self.contexts.get_mut(&id)
    }

    /// The stream that a host function acts on, if it acts on one.
    pub(crate) fn stream(&mut self) -> Option<&mut StreamContext> {
        match self.context()? {
            Context::Stream(stream) => Some(stream),
            Context::Root(_) => None,
        }
    }

    /// The root context of the context that a host function acts on, with its id.
    pub(crate) fn root(&mut self) -> Option<(u32, &mut RootContext)> {
        let id = match self.context()? {
            Context::Root(_) => self.context_id(),
            Context::Stream(stream) => stream.root,
        };
        match self.contexts.get_mut(&id)? {
            Context::Root(root) => Some((id, root)),
            Context::Stream(_) => None,
        }
    }
}

/// A context of the guest.
pub(crate) enum Context {
    /// One plugin configuration.
    Root(Box<RootContext>),
    /// One HTTP stream.
    Stream(Box<StreamContext>),
}

/// One plugin configuration in one VM.
pub(crate) struct RootContext {
    /// The configuration.
    pub(crate) plugin: Arc<Plugin>,
    /// Whether `proxy_on_configure` runs: only then the configuration can be read.
    pub(crate) configuring: bool,
    /// What `proxy_get_status` gives: code and message of the last failed call.
    pub(crate) status: (u32, String),
    /// Whether the guest was told that it ends: only then it can say that it is done.
    pub(crate) ending: bool,
    /// The answer to an HTTP call, while the guest is told of it.
    pub(crate) http_call: Option<CallView>,
    /// What came of a gRPC call, while the guest is told of it.
    pub(crate) grpc: GrpcView,
}

impl RootContext {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Self {
        let (status, grpc) = ((0, String::new()), GrpcView::default());
        Self { plugin, configuring: false, ending: false, status, http_call: None, grpc }
    }
}

/// The answer to an HTTP call as the guest reads it.
pub(crate) struct CallView {
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) trailers: Headers,
}

/// What came of a gRPC call as the guest reads it.
#[derive(Default)]
pub(crate) struct GrpcView {
    pub(crate) initial_metadata: Option<Headers>,
    pub(crate) message: Option<Bytes>,
    pub(crate) trailing_metadata: Option<Headers>,
}

/// One HTTP stream as host functions see it. The stream's state machine puts maps and buffers here before it calls the
/// guest, and takes them away when Envoy would.
pub(crate) struct StreamContext {
    /// The root context.
    pub(crate) root: u32,
    /// From client to upstream.
    pub(crate) request: HalfView,
    /// From upstream to client.
    pub(crate) response: HalfView,
    /// The attributes.
    pub(crate) info: StreamInfo,
    /// A reply of the guest's own was asked for: a second one is ignored.
    pub(crate) replied: bool,
    /// What `proxy_set_property` has set, by path (its parts separated by zero bytes).
    pub(crate) properties: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl StreamContext {
    /// A stream of which nothing has arrived.
    pub(crate) fn new(root: u32, info: StreamInfo) -> Self {
        Self {
            root,
            request: HalfView::default(),
            response: HalfView::default(),
            info,
            replied: false,
            properties: BTreeMap::new(),
        }
    }

    /// Takes all maps and bodies from the guest's reach.
    pub(crate) fn hide_all(&mut self) {
        self.request.hide();
        self.response.hide();
    }

    /// Shows what `proxy_on_log` can see: all maps but the request's trailers, to read only, and no body.
    pub(crate) fn show_for_log(&mut self) {
        for half in [&mut self.request, &mut self.response] {
            half.hide();
            half.hidden_body = None;
            half.headers = half.hidden_headers.take().map_or(MapView::Absent, MapView::Logged);
        }
        self.response.trailers = self.response.hidden_trailers.take().map_or(MapView::Absent, MapView::Logged);
    }

    pub(crate) fn half(&mut self, half: Half) -> &mut HalfView {
        match half {
            Half::Request => &mut self.request,
            Half::Response => &mut self.response,
        }
    }
}

/// What a guest can reach of one half of a stream now.
#[derive(Default)]
pub(crate) struct HalfView {
    /// The headers.
    pub(crate) headers: MapView,
    /// In a body callback the piece that came, or all that is buffered; between callbacks what is buffered because the guest
    /// paused in a body callback; else `None`.
    pub(crate) body: Option<BytesMut>,
    /// The trailers.
    pub(crate) trailers: MapView,
    /// What the guest can't reach any more but has not been forgotten: Envoy takes the maps away when a callback has
    /// answered "go on" or a stream was continued, and shows them again in `proxy_on_log`.
    pub(crate) hidden_headers: Option<Headers>,
    /// The trailers that the guest can't reach any more.
    pub(crate) hidden_trailers: Option<Headers>,
    /// The body that waits while the guest can't reach it.
    pub(crate) hidden_body: Option<BytesMut>,
    /// Whether the last piece of the body is being shown and no trailers came: then a guest may make trailers.
    pub(crate) may_add_trailers: bool,
}

impl HalfView {
    /// Takes the headers from the guest's reach.
    pub(crate) fn hide_headers(&mut self) {
        if let Some(headers) = self.headers.take() {
            self.hidden_headers = Some(headers);
        }
    }

    /// Takes the trailers from the guest's reach.
    pub(crate) fn hide_trailers(&mut self) {
        if let Some(trailers) = self.trailers.take() {
            self.hidden_trailers = Some(trailers);
        }
    }

    /// Takes everything from the guest's reach.
    pub(crate) fn hide(&mut self) {
        self.hide_headers();
        self.hide_trailers();
        if let Some(body) = self.body.take() {
            self.hidden_body = Some(body);
        }
    }

    /// The headers, whether in reach or not.
    pub(crate) fn any_headers(&self) -> Option<&Headers> {
        self.headers.get().or(self.hidden_headers.as_ref())
    }

    /// The trailers, whether in reach or not.
    pub(crate) fn any_trailers(&self) -> Option<&Headers> {
        self.trailers.get().or(self.hidden_trailers.as_ref())
    }
}

/// A header map as a guest can reach it now.
#[derive(Default)]
pub(crate) enum MapView {
    /// Not in this phase.
    #[default]
    Absent,
    /// To read and to change.
    Live(Headers),
    /// To read only: in `proxy_on_log`.
    Logged(Headers),
}

impl MapView {
    /// The map, if it can be read.
    pub(crate) fn get(&self) -> Option<&Headers> {
        match self {
            Self::Absent => None,
            Self::Live(headers) | Self::Logged(headers) => Some(headers),
        }
    }

    /// Takes the map out of reach.
    pub(crate) fn take(&mut self) -> Option<Headers> {
        match std::mem::take(self) {
            Self::Absent => None,
            Self::Live(headers) | Self::Logged(headers) => Some(headers),
        }
    }
}

/// What a guest has asked for, to be done once its call has returned.
pub(crate) enum Deferred {
    /// Let a half of a stream go on.
    Continue(u32, Half),
    /// Reset a stream.
    Close(u32),
    /// Answer a stream's client.
    Reply(u32, LocalReply),
    /// Make an HTTP call.
    HttpCall(CallId, HttpCall),
    /// Begin a gRPC call or stream.
    GrpcCall(CallId, GrpcCall),
    /// Send a message on a gRPC stream.
    GrpcSend(CallId, Bytes, bool),
    /// End the sending of a gRPC stream.
    GrpcClose(CallId),
    /// Forget a gRPC call.
    Cancel(CallId),
    /// A root context's timer.
    SetTick(u32, Option<Duration>),
    /// A root context has said that it is done.
    Done(u32),
}
