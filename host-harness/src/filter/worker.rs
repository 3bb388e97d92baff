//! One filter in one worker thread.
use super::{CallId, CallResult, Effect, GrpcEvent, LocalReply, Plugin, StreamId, StreamInfo};
use crate::abi::Headers;
use crate::process::{Environment, Process};
use crate::vm::{Engine, Module};
use bytes::Bytes;
use std::sync::Arc;

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

/// One filter in one worker thread: a VM, its root contexts and the streams that pass it. Drive it with what arrives, then
/// execute what [`Self::effects`] gives. Nothing here blocks.
pub struct Worker {
    effects: Vec<Effect>,
}

impl Worker {
    /// Starts a VM and configures the plugin in it. `wake` is called, from any thread, with a root context and a queue's token
    /// when a queue of this worker has something; it must lead to [`Self::queue_ready`].
    ///
    /// # Errors
    /// [`WorkerError`]: the module does not start, or the guest rejects its configuration.
    pub fn start(
        engine: &Engine,
        module: &Module,
        plugin: Arc<Plugin>,
        process: Arc<Process>,
        environment: impl Fn() -> Environment + 'static,
        wake: Arc<dyn Fn(u32, u32) + Send + Sync>,
    ) -> Result<Self, WorkerError> {
        let _ = (engine, module, plugin, process, environment, wake);
        Ok(Self { effects: Vec::new() })
    }

    /// Configures another plugin configuration in the same VM (a new root context, as in Envoy). New streams go to it; the old
    /// root context goes when its last stream has gone. If it is rejected, nothing changes.
    ///
    /// # Errors
    /// [`WorkerError::Rejected`], or the VM failed.
    pub fn reconfigure(&mut self, plugin: Arc<Plugin>) -> Result<(), WorkerError> {
        let _ = plugin;
        Ok(())
    }

    /// Begins a stream. `buffer_limit_bytes` is Envoy's `per_connection_buffer_limit_bytes`.
    pub fn open(&mut self, info: StreamInfo, buffer_limit_bytes: usize) -> StreamId {
        let _ = (info, buffer_limit_bytes);
        StreamId(0)
    }

    /// The attributes of a stream, to be kept true by the driver; `None` once it is closed.
    pub fn info(&mut self, stream: StreamId) -> Option<&mut StreamInfo> {
        let _ = stream;
        None
    }

    /// The request's headers, with `:method`, `:scheme`, `:authority`, `:path`, and whether nothing follows.
    pub fn request_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        let _ = (stream, headers, end);
    }

    /// A piece of the request's body.
    pub fn request_data(&mut self, stream: StreamId, data: Bytes, end: bool) {
        let _ = (stream, data, end);
    }

    /// The request's trailers, which end it.
    pub fn request_trailers(&mut self, stream: StreamId, trailers: Headers) {
        let _ = (stream, trailers);
    }

    /// The response's headers, with `:status`, from the upstream, and whether nothing follows.
    pub fn response_headers(&mut self, stream: StreamId, headers: Headers, end: bool) {
        let _ = (stream, headers, end);
    }

    /// A piece of the response's body.
    pub fn response_data(&mut self, stream: StreamId, data: Bytes, end: bool) {
        let _ = (stream, data, end);
    }

    /// The response's trailers, which end it.
    pub fn response_trailers(&mut self, stream: StreamId, trailers: Headers) {
        let _ = (stream, trailers);
    }

    /// A reply of the proxy's own (no route, no upstream, timeout). It passes the filter's response callbacks if no response
    /// has begun; if one has begun and was not sent it takes its place; if it was sent the stream is reset.
    pub fn local_reply(&mut self, stream: StreamId, reply: LocalReply) {
        let _ = (stream, reply);
    }

    /// Ends a stream, whole or broken off: the guest's `on_log`, `on_done`, `on_delete`.
    pub fn close(&mut self, stream: StreamId) {
        let _ = stream;
    }

    /// How an HTTP call ended.
    pub fn call_finished(&mut self, call: CallId, result: CallResult) {
        let _ = (call, result);
    }

    /// What came of a gRPC call.
    pub fn grpc_event(&mut self, call: CallId, event: GrpcEvent) {
        let _ = (call, event);
    }

    /// A root context's timer has run out.
    pub fn tick(&mut self, root_context: u32) {
        let _ = root_context;
    }

    /// A queue has something.
    pub fn queue_ready(&mut self, root_context: u32, token: u32) {
        let _ = (root_context, token);
    }

    /// Whether the VM has failed and waits to be made anew.
    pub fn has_failed(&self) -> bool {
        false
    }

    /// What is to be done, in order. Empty after that.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
