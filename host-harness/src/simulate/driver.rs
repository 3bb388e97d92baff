//! One worker of a proxy: it carries requests and answers through the filter and says what the filter asks for.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::exchange::{Exchange, status};
use crate::abi::Headers;
use crate::filter::{
    CallId, CallResult, Effect, GrpcEvent, Half, HttpCall, LocalReply, Peer, StreamEffect, StreamId, StreamInfo,
    TrafficDirection, UpstreamInfo, Worker,
};

/// Envoy's default, as in `envoy/bootstrap.yaml`.
const BUFFER_LIMIT_BYTES: usize = 1 << 20;

/// gRPC's code for a method that no one serves.
const UNIMPLEMENTED: u32 = 12;

/// One worker with its filter, or without one: then everything passes unseen.
pub(super) struct Driver {
    worker: Option<Worker>,
    exchanges: HashMap<StreamId, Exchange>,
    /// Root contexts and queues that have something, put here from within calls of the worker.
    woken: Woken,
    asked: Vec<Asked>,
    /// Empty; kept for its room.
    effects: Vec<Effect>,
    streams: u64,
}

/// Queues that have something: root context and token.
pub(super) type Woken = Arc<Mutex<Vec<(u32, u32)>>>;

/// What the world has to do for a worker.
#[derive(Debug)]
pub(super) enum Asked {
    /// The request of an exchange has gone out in full.
    Forwarded(StreamId),
    /// The client of an exchange has its answer in full, or nothing more to expect.
    Answered(StreamId),
    /// The guest makes a call.
    Call(CallId, HttpCall),
    /// A root context wants its timer.
    Tick(u32, Option<Duration>),
}

/// An answer on its way to the client.
pub(super) enum Reply {
    /// From a vendor, after so long.
    Upstream { headers: Headers, body: Bytes, latency: Duration },
    /// From the proxy itself, with the flag of why.
    Local { reply: LocalReply, flag: u64 },
}

impl Driver {
    pub(super) fn new(worker: Option<Worker>, woken: Woken) -> Self {
        let mut driver =
            Self { worker, exchanges: HashMap::new(), woken, asked: Vec::new(), effects: Vec::new(), streams: 0 };
        driver.settle();
        driver
    }

    /// What has been asked for since the last call.
    pub(super) fn asked(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.asked)
    }

    pub(super) fn exchange(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        self.exchanges.get_mut(&stream)
    }

    /// How often the filter has failed.
    pub(super) fn traps(&self) -> u64 {
        self.worker.as_ref().map_or(0, |worker| worker.stats().traps)
    }

    /// Sends a request.
    pub(super) fn send(&mut self, exchange: Exchange, headers: Headers, body: Bytes, start: Duration) -> StreamId {
        let Some(worker) = &mut self.worker else {
            self.streams += 1;
            let stream = StreamId(self.streams);
            self.exchanges.insert(stream, exchange);
            self.asked.push(Asked::Forwarded(stream));
            return stream;
        };
        let stream =
            worker.open(info(&exchange, headers.byte_size() + body.len(), body.len(), start), BUFFER_LIMIT_BYTES);
        self.exchanges.insert(stream, exchange);
        worker.request_headers(stream, headers, false);
        worker.request_data(stream, body, true);
        self.settle();
        stream
    }

    /// Hands an exchange its answer.
    pub(super) fn reply(&mut self, stream: StreamId, reply: Reply) {
        let Some(worker) = &mut self.worker else {
            let (status, body) = match reply {
                Reply::Upstream { headers, body, .. } => (status(&headers), body),
                Reply::Local { reply, .. } => (reply.status, reply.body),
            };
            if let Some(exchange) = self.exchanges.get_mut(&stream) {
                (exchange.status, exchange.answer) = (Some(status), body);
            }
            self.asked.push(Asked::Answered(stream));
            return;
        };
        match reply {
            Reply::Upstream { headers, body, latency } => {
                if let Some(info) = worker.info(stream) {
                    answered(info, &headers, body.len(), latency);
                }
                let end = body.is_empty();
                worker.response_headers(stream, headers, end);
                if !end {
                    worker.response_data(stream, body, true);
                }
            }
            Reply::Local { reply, flag } => {
                if let Some(info) = worker.info(stream) {
                    info.response_flags |= flag;
                    info.response_code = Some(reply.status);
                    info.response_code_details.clone_from(&reply.details);
                }
                worker.local_reply(stream, reply);
            }
        }
        self.settle();
    }

    /// Ends an exchange, whole or not.
    pub(super) fn close(&mut self, stream: StreamId, duration: Duration) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&stream)?;
        if let Some(worker) = &mut self.worker {
            if let Some(info) = worker.info(stream) {
                info.duration = Some(duration);
            }
            worker.close(stream);
            self.settle();
        }
        Some(exchange)
    }

    pub(super) fn call_finished(&mut self, call: CallId, result: CallResult) {
        if let Some(worker) = &mut self.worker {
            worker.call_finished(call, result);
            self.settle();
        }
    }

    pub(super) fn tick(&mut self, root_context: u32) {
        if let Some(worker) = &mut self.worker {
            worker.tick(root_context);
            self.settle();
        }
    }

    /// Executes effects until there are no more.
    fn settle(&mut self) {
        loop {
            let Some(worker) = &mut self.worker else { return };
            let mut effects = std::mem::take(&mut self.effects);
            worker.effects(&mut effects);
            let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
            if effects.is_empty() && woken.is_empty() {
                self.effects = effects;
                return;
            }
            for (root_context, token) in woken {
                worker.queue_ready(root_context, token);
            }
            for effect in effects.drain(..) {
                self.execute(effect);
            }
            self.effects = effects;
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Stream(stream, effect) => self.execute_for(stream, effect),
            Effect::HttpCall(call, request) => self.asked.push(Asked::Call(call, request)),
            Effect::SetTick { root_context, period } => self.asked.push(Asked::Tick(root_context, period)),
            Effect::GrpcCall(call, _) => {
                if let Some(worker) = &mut self.worker {
                    let message = "no gRPC service is simulated".to_owned();
                    worker.grpc_event(call, GrpcEvent::Close { status: UNIMPLEMENTED, message });
                }
            }
            // A forgotten call's answer is ignored by the worker, and a gRPC stream never opens.
            Effect::Cancel(_) | Effect::GrpcSend { .. } | Effect::GrpcClose(_) => {}
        }
    }

    fn execute_for(&mut self, stream: StreamId, effect: StreamEffect) {
        let Some(exchange) = self.exchanges.get_mut(&stream) else { return };
        let ended = match effect {
            StreamEffect::RequestHeaders(headers, end) => {
                exchange.forwarded.headers = Some(headers);
                end.then_some(Half::Request)
            }
            StreamEffect::RequestData(data, end) => {
                append(&mut exchange.forwarded.body, data);
                end.then_some(Half::Request)
            }
            StreamEffect::RequestTrailers(_) => Some(Half::Request),
            StreamEffect::ResponseHeaders(headers, end) => {
                exchange.status = Some(status(&headers));
                end.then_some(Half::Response)
            }
            StreamEffect::ResponseData(data, end) => {
                append(&mut exchange.answer, data);
                end.then_some(Half::Response)
            }
            StreamEffect::ResponseTrailers(_) => Some(Half::Response),
            StreamEffect::Reset => {
                exchange.status = None;
                Some(Half::Response)
            }
            // Bodies come whole, so there is nothing to stop; a call that is under way has reached its vendor.
            StreamEffect::CancelUpstream | StreamEffect::Read(..) => None,
        };
        match ended {
            Some(Half::Request) => self.asked.push(Asked::Forwarded(stream)),
            Some(Half::Response) => self.asked.push(Asked::Answered(stream)),
            None => {}
        }
    }
}

fn append(body: &mut Bytes, data: Bytes) {
    if body.is_empty() {
        *body = data;
    } else if !data.is_empty() {
        let mut whole = BytesMut::with_capacity(body.len() + data.len());
        whole.extend_from_slice(body);
        whole.extend_from_slice(&data);
        *body = whole.freeze();
    }
}

fn info(exchange: &Exchange, total_bytes: usize, body_bytes: usize, start: Duration) -> StreamInfo {
    let peer = |port| Peer { address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) };
    StreamInfo {
        direction: TrafficDirection::Outbound,
        cluster_name: exchange.cluster.to_string(),
        source: peer(40_000),
        destination: peer(15_001),
        connection_id: exchange.message + 1,
        protocol: "HTTP/1.1",
        start,
        request_size: body_bytes as u64,
        request_total_size: total_bytes as u64,
        ..StreamInfo::default()
    }
}

fn answered(info: &mut StreamInfo, headers: &Headers, body_bytes: usize, latency: Duration) {
    info.response_code = Some(status(headers));
    info.response_code_details = "via_upstream".to_owned();
    info.response_size = body_bytes as u64;
    info.response_total_size = (headers.byte_size() + body_bytes) as u64;
    info.backend_latency = Some(latency);
    info.upstream = UpstreamInfo {
        address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 443))),
        request_attempt_count: 1,
        ..UpstreamInfo::default()
    };
}
