//! What comes back to the guest from its calls.

use super::worker::Worker;
use super::{CallId, CallResult, GrpcEvent};
use crate::abi::{Headers, Status};
use crate::vm::{CallView, Context, RootContext};

/// The two low bits of a unary gRPC call's number (proxy-wasm-cpp-host, `kCalloutTypeGrpcCall`).
const GRPC_UNARY: u32 = 1;

impl Worker {
    pub(super) fn tell_of_call(&mut self, call: CallId, result: CallResult) {
        let Some(root) = self.vm_state().and_then(|state| state.pending_calls.remove(&call)) else { return };
        let Some(context) = self.root_context(root) else { return };
        let sizes = match result {
            CallResult::Response { headers, body, trailers } => {
                let sizes = (headers.len(), body.len(), trailers.len());
                context.http_call = Some(CallView { headers, body, trailers });
                sizes
            }
            CallResult::Reset => {
                context.status = (Status::BrokenConnection as u32, String::from("reset"));
                (0, 0, 0)
            }
        };
        let arguments = (root, call.0, count(sizes.0), count(sizes.1), count(sizes.2));
        self.tell(|vm| vm.call(root, |exports| exports.on_http_call_response.as_ref(), arguments));
        if let Some(context) = self.root_context(root) {
            context.http_call = None;
            // The code stays to be read, the message does not.
            context.status.1.clear();
        }
    }

    pub(super) fn tell_of_grpc(&mut self, call: CallId, event: GrpcEvent) {
        let Some(root) = self.vm_state().and_then(|state| state.pending_calls.get(&call).copied()) else { return };
        let unary = call.0 & 3 == GRPC_UNARY;
        // Envoy tells of a unary call by its message alone, or by its failure.
        if unary && matches!(event, GrpcEvent::InitialMetadata(_) | GrpcEvent::TrailingMetadata(_)) {
            return;
        }
        if (unary || matches!(event, GrpcEvent::Close { .. }))
            && let Some(state) = self.vm_state()
        {
            state.pending_calls.remove(&call);
        }
        let Some(context) = self.root_context(root) else { return };
        match event {
            GrpcEvent::InitialMetadata(metadata) => {
                let arguments = (root, call.0, count(metadata.len()));
                context.grpc.initial_metadata = Some(metadata);
                self.tell(|vm| vm.call(root, |e| e.on_grpc_receive_initial_metadata.as_ref(), arguments));
            }
            GrpcEvent::Message(message) => {
                let arguments = (root, call.0, count(message.len()));
                context.grpc.message = Some(message);
                self.tell(|vm| vm.call(root, |e| e.on_grpc_receive.as_ref(), arguments));
            }
            GrpcEvent::TrailingMetadata(metadata) => {
                let arguments = (root, call.0, count(Headers::len(&metadata)));
                context.grpc.trailing_metadata = Some(metadata);
                self.tell(|vm| vm.call(root, |e| e.on_grpc_receive_trailing_metadata.as_ref(), arguments));
            }
            GrpcEvent::Close { status, message } => {
                context.status = (status, message);
                self.tell(|vm| vm.call(root, |e| e.on_grpc_close.as_ref(), (root, call.0, status)));
            }
        }
        if let Some(context) = self.root_context(root) {
            context.grpc = Default::default();
            context.status.1.clear();
        }
    }

    fn root_context(&mut self, root: u32) -> Option<&mut RootContext> {
        match self.vm_state()?.contexts.get_mut(&root)? {
            Context::Root(context) => Some(context),
            Context::Stream(_) => None,
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
