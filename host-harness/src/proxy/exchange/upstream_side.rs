//! The upstream's side of a stream, and what comes in from either peer.

use super::{Exchange, local_reply, size};
use crate::abi::Headers;
use crate::filter::{StreamInfo, flags};
use crate::proxy::config::{ClusterChoice, RouteConfig};
use crate::proxy::frames::{self, FrameWriter};
use crate::proxy::headers::{FORWARDED_PROTO, Outgoing, of_response, of_trailers, to_map};
use crate::proxy::upstream::{Cluster, Failure, Lease, Reply};
use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// How far the upstream has come.
#[derive(Default)]
pub(super) enum Stage {
    /// It has not been asked, or is not wanted any more.
    #[default]
    Idle,
    /// The request is on its way.
    Waiting(Pin<Box<dyn Future<Output = Result<Reply, Failure>>>>),
    /// The response comes in.
    Streaming { body: Incoming, http2: bool, _lease: Lease },
}

/// The upstream's side of a stream.
pub(super) struct Upstream {
    pub(super) stage: Stage,
    /// Whether more of the response is wanted.
    pub(super) reading: bool,
    request: Option<FrameWriter>,
    route: Option<Rc<RouteConfig>>,
    cluster: Option<Arc<Cluster>>,
    /// When the request began to go out.
    asked: Option<Duration>,
    responding: bool,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            stage: Stage::Idle,
            reading: true,
            request: None,
            route: None,
            cluster: None,
            asked: None,
            responding: false,
        }
    }
}

impl Upstream {
    pub(super) fn data(&self, data: Bytes) {
        if let Some(request) = &self.request {
            request.data(data);
        }
    }

    pub(super) fn cancel(&mut self) {
        self.stage = Stage::Idle;
        self.request = None;
    }

    /// Counts that the upstream took too long.
    pub(super) fn timed_out(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.metrics.rq_timeout.inc();
        }
    }

    /// Whether the upstream takes more of the request now.
    pub(super) fn has_room(&self, cx: &Context<'_>, limit_bytes: usize) -> bool {
        let Some(request) = &self.request else { return true };
        request.wake_on_change(cx);
        request.waiting_bytes() < limit_bytes
    }
}

/// Notes where a request goes.
pub(super) fn note_route(info: &mut StreamInfo, route: &RouteConfig, headers: Option<&Headers>) {
    match &route.cluster {
        ClusterChoice::Named(name) => info.cluster_name.clone_from(name),
        ClusterChoice::FromHeader(header) => {
            let name = headers.and_then(|headers| headers.get_str(header)).unwrap_or_default();
            name.clone_into(&mut info.cluster_name);
        }
    }
    info.route_name.clone_from(&route.name);
    info.virtual_host_name.clone_from(&route.authority);
}

/// Whether a body is not as HTTP/1 has it, rather than broken off.
fn is_malformed(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|source| matches!(source.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

impl Exchange {
    /// Routes and sends the request as the filter has left it.
    pub(super) fn route(&mut self, headers: &Headers, end: bool) {
        let (authority, path) =
            (headers.get(":authority").unwrap_or_default(), headers.get(":path").unwrap_or_default());
        // Without it Envoy takes a request for one that it has refused, which has no route.
        let routable = headers.get(FORWARDED_PROTO).is_some();
        let route = self.listener.routes.find(authority, path).filter(|_| routable).cloned();
        let Some(route) = route else {
            return self.reply(local_reply(404, "", "route_not_found"), flags::NO_ROUTE_FOUND);
        };
        let cluster = match &route.cluster {
            ClusterChoice::Named(name) => name,
            ClusterChoice::FromHeader(header) => headers.get_str(header).unwrap_or_default(),
        };
        self.count(|info| {
            note_route(info, &route, Some(headers));
            info.upstream.request_attempt_count = 1;
        });
        let Some(pool) = self.site.pools.get(cluster) else {
            return self.reply(local_reply(503, "", "cluster_not_found"), flags::NO_CLUSTER_FOUND);
        };
        let (writer, body) = if end {
            (None, frames::empty())
        } else {
            let (writer, body) = frames::channel();
            (Some(writer), body)
        };
        let request = match Outgoing::new(headers, body) {
            Ok(request) => request,
            Err(refused) => {
                let (status, body) = (refused.status(), refused.body());
                return self.reply(local_reply(status, body, &refused.details()), 0);
            }
        };
        self.upstream.asked = Some(self.site.clock.monotonic());
        self.upstream.request = writer;
        self.upstream.cluster = Some(Arc::clone(pool.cluster()));
        self.upstream.stage = Stage::Waiting(Box::pin(pool.send(request, self.downstream.http2)));
        self.upstream.route = Some(route);
        if end {
            self.asked();
        }
    }

    pub(super) fn end_upstream_request(&mut self, trailers: Option<&Headers>) {
        if let Some(request) = self.upstream.request.take() {
            match trailers {
                Some(trailers) => request.trailers(to_map(trailers)),
                None => request.end(),
            }
            self.asked();
        }
    }

    /// The whole request is on its way: Envoy's route timeout begins.
    fn asked(&mut self) {
        let timeout = self.upstream.route.as_ref().and_then(|route| route.timeout);
        self.deadline.route(timeout);
    }

    /// The headers of a response, or why there are none.
    pub(super) fn replied(&mut self, result: Result<Box<Reply>, Failure>) {
        self.deadline.touch();
        let Reply { response, address, local, lease } = *match result {
            // No upgrade was asked for.
            Ok(reply) if reply.response.status() == http::StatusCode::SWITCHING_PROTOCOLS => {
                return self.upstream_failed(&Failure::Protocol);
            }
            Ok(reply) => reply,
            Err(failure) => return self.upstream_failed(&failure),
        };
        let (head, body) = response.into_parts();
        let headers = of_response(&head);
        self.count(|info| {
            info.upstream.address = Some(address);
            info.upstream.local_address = local;
            info.response_code = Some(head.status.as_u16());
            "via_upstream".clone_into(&mut info.response_code_details);
        });
        self.upstream.responding = true;
        let end = body.is_end_stream();
        let http2 = head.version == http::Version::HTTP_2;
        if end {
            drop(lease);
            self.response_ended();
        } else {
            self.upstream.stage = Stage::Streaming { body, http2, _lease: lease };
        }
        let id = self.id;
        self.site.guest.with(|worker| worker.response_headers(id, headers, end));
    }

    fn upstream_failed(&mut self, failure: &Failure) {
        let responding = self.upstream.responding;
        self.upstream.cancel();
        self.deadline.route(None);
        self.count(|info| failure.transport_reason().clone_into(&mut info.upstream.transport_failure_reason));
        self.reply(failure.reply(responding), failure.flag());
    }

    /// A frame of the request's body, or its end. HTTP/1 has Envoy's shape: the end comes by itself, trailers are dropped.
    pub(super) fn request_frame(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        self.deadline.touch();
        let (id, http2) = (self.id, self.downstream.http2);
        let Some(frame) = frame else {
            self.downstream.body = None;
            self.request_ended();
            return self.site.guest.with(|worker| worker.request_data(id, Bytes::new(), true));
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if is_malformed(&error) => {
                self.downstream.body = None;
                let reply = local_reply(400, "Bad Request", "http1.codec_error");
                return self.reply(reply, flags::DOWNSTREAM_PROTOCOL_ERROR);
            }
            Err(_) => return self.client_left(),
        };
        match frame.into_data() {
            Ok(data) => {
                let end = http2 && self.downstream.is_header_only();
                self.count(|info| {
                    info.request_size += size(data.len());
                    info.request_total_size += size(data.len());
                });
                if end {
                    self.request_ended();
                }
                self.site.guest.with(|worker| worker.request_data(id, data, end));
            }
            Err(frame) if http2 => {
                let trailers = frame.trailers_ref().map(of_trailers).unwrap_or_default();
                self.downstream.body = None;
                self.request_ended();
                self.count(|info| info.request_total_size += size(trailers.byte_size()));
                self.site.guest.with(|worker| worker.request_trailers(id, trailers));
            }
            Err(_) => {}
        }
    }

    /// A frame of the response's body, or its end.
    pub(super) fn response_frame(&mut self, frame: Option<Result<Frame<Bytes>, hyper::Error>>) {
        self.deadline.touch();
        let id = self.id;
        let Stage::Streaming { body, http2, .. } = &self.upstream.stage else { return };
        let (http2, ends) = (*http2, body.is_end_stream());
        match frame {
            None => {
                self.response_ended();
                self.site.guest.with(|worker| worker.response_data(id, Bytes::new(), true));
            }
            Some(Err(error)) => {
                // Of a body that is cut short Envoy says that it is not HTTP.
                let failure = Failure::of(&error);
                let is_cut = !http2 && failure == Failure::Terminated;
                self.upstream_failed(&if is_cut { Failure::Protocol } else { failure });
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let end = http2 && ends;
                    if end {
                        self.response_ended();
                    }
                    self.site.guest.with(|worker| worker.response_data(id, data, end));
                }
                Err(frame) if http2 => {
                    let trailers = frame.trailers_ref().map(of_trailers).unwrap_or_default();
                    self.response_ended();
                    self.site.guest.with(|worker| worker.response_trailers(id, trailers));
                }
                Err(_) => {}
            },
        }
    }

    /// The upstream has said everything; its connection is free for the next.
    fn response_ended(&mut self) {
        self.upstream.stage = Stage::Idle;
        self.deadline.route(None);
        let (asked, now) = (self.upstream.asked, self.site.clock.monotonic());
        self.count(|info| info.backend_latency = asked.map(|asked| now.saturating_sub(asked)));
    }
}
