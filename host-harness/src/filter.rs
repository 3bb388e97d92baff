//! One filter in one worker, driven from outside: frames and events go in, [`Effect`]s come out. Nothing here waits, reads a
//! socket or a clock; the native proxy and the simulator drive the very same code.

mod answers;
mod call;
mod callbacks;
mod direction;
mod effect;
mod info;
mod life;
mod plugin;
mod reply;
mod stream;
mod worker;

#[cfg(test)]
mod tests;

pub use call::{CallId, CallResult, GrpcCall, GrpcEvent, HttpCall};
pub use effect::{Effect, Half, StreamEffect, StreamId};
pub use info::{Peer, StreamInfo, TrafficDirection, UpstreamInfo, flags};
pub use plugin::{FailurePolicy, Limits, Node, Plugin};
pub(crate) use reply::grpc_status;
pub use stream::LocalReply;
pub use worker::{NewEnvironment, Worker, WorkerError, WorkerStats};
