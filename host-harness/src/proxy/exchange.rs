//! One stream: a client's request through the filter to an upstream, and the response back. Events come from the client, the
//! upstream, the filter and the clock; each is told to the filter, and what the filter wants done is done here.

mod deadline;
mod downstream;
mod events;
mod upstream_side;

use super::access_log;
use super::config::RouteConfig;
use super::frames::FrameReader;
use super::guest::Mailbox;
use super::headers;
use super::site::{Client, Listener, Site};
use super::tracing::{Exchange as Ended, ServerSpan};
use crate::abi::Headers;
use crate::filter::{Half, LocalReply, StreamEffect, StreamId, StreamInfo, flags};
use bytes::Bytes;
use deadline::{Deadline, Due};
use downstream::Downstream;
use events::Event;
use http::Response;
use hyper::body::Incoming;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;
use upstream_side::Upstream;

/// One stream.
pub(super) struct Exchange {
    site: Rc<Site>,
    listener: Rc<Listener>,
    id: StreamId,
    mailbox: Rc<Mailbox>,
    downstream: Downstream,
    upstream: Upstream,
    deadline: Deadline,
    started: Duration,
    method: Box<str>,
    /// Without its query, unless the operator wants that too.
    path: Box<str>,
    authority: Box<str>,
    span: Option<ServerSpan>,
    finished: bool,
}

/// Serves one request. Dropping `reply` without a response breaks the client's stream off.
pub(super) async fn serve(
    site: Rc<Site>,
    client: Rc<Client>,
    request: http::Request<Incoming>,
    reply: oneshot::Sender<Response<FrameReader>>,
) {
    let (head, body) = request.into_parts();
    let Some(listener) = site.listener(&client.listener) else { return };
    let headers = headers::of_request(&head);
    let text = |name| headers.get_str(name).unwrap_or_default();
    let route = listener.routes.find(text(":authority").as_bytes(), text(":path").as_bytes());
    let started = site.clock.monotonic();
    let info = info(&site, &listener, &client, &head, route.map(|route| &**route));
    let (id, mailbox) = site.guest.open(info, listener.config.buffer_limit_bytes);
    let path = if site.logs_query() { text(":path") } else { text(":path").split('?').next().unwrap_or_default() };
    let mut exchange = Exchange {
        deadline: Deadline::new(&listener.config),
        downstream: Downstream::new(body, &head, reply, listener.config.buffer_limit_bytes),
        upstream: Upstream::default(),
        started,
        method: head.method.as_str().into(),
        path: path.into(),
        authority: text(":authority").into(),
        span: site.tracing.as_ref().map(|tracing| tracing.server_span(&headers)),
        finished: false,
        site,
        listener,
        id,
        mailbox,
    };
    exchange.listener.metrics.rq.inc();
    exchange.listener.metrics.rq_active.inc();
    match refusal(&head, &headers) {
        Some((refusal, flag)) => exchange.reply(refusal, flag),
        None => {
            let end = exchange.downstream.is_header_only();
            if end {
                exchange.request_ended();
            }
            exchange.count(|info| {
                info.request_total_size = size(headers.byte_size());
            });
            exchange.site.guest.with(|worker| worker.request_headers(id, headers, end));
        }
    }
    while !exchange.finished {
        let event = std::future::poll_fn(|cx| exchange.poll(cx)).await;
        exchange.handle(event);
    }
}

fn info(
    site: &Site,
    listener: &Listener,
    client: &Client,
    head: &http::request::Parts,
    route: Option<&RouteConfig>,
) -> StreamInfo {
    let mut info = StreamInfo {
        direction: listener.config.direction,
        source: client.source.clone(),
        destination: client.destination.clone(),
        connection_id: client.id,
        protocol: if head.version == http::Version::HTTP_2 { "HTTP/2" } else { "HTTP/1.1" },
        start: site.clock.wall(),
        ..StreamInfo::default()
    };
    if let Some(route) = route {
        upstream_side::note_route(&mut info, route, None);
    }
    info
}

/// What Envoy answers by itself before a filter sees the request, and the flag that goes with it.
fn refusal(head: &http::request::Parts, headers: &Headers) -> Option<(LocalReply, u64)> {
    if head.version < http::Version::HTTP_11 {
        return Some((local_reply(426, "Upgrade Required", "low_version"), flags::DOWNSTREAM_PROTOCOL_ERROR));
    }
    if headers.get(":authority").is_none_or(<[u8]>::is_empty) {
        return Some((local_reply(400, "", "missing_host_header"), 0));
    }
    if head.headers.get_all(http::header::HOST).iter().nth(1).is_some() {
        return Some((local_reply(400, "Bad Request", "http1.codec_error"), flags::DOWNSTREAM_PROTOCOL_ERROR));
    }
    if head.method == http::Method::CONNECT {
        return Some((local_reply(404, "", "route_not_found"), flags::NO_ROUTE_FOUND));
    }
    let upgrade = head.headers.get(http::header::UPGRADE);
    // As Envoy, which lets a client go on in the protocol that it has begun with.
    if upgrade.is_some_and(|protocol| !protocol.as_bytes().eq_ignore_ascii_case(b"h2c")) {
        return Some((local_reply(403, "", "upgrade_failed"), 0));
    }
    if headers.get(":path").is_none_or(|path| !path.starts_with(b"/")) {
        return Some((local_reply(404, "", "absolute_path_rejected"), 0));
    }
    None
}

fn end_span(span: ServerSpan, info: &StreamInfo) {
    let known = |text: &'_ str| (!text.is_empty()).then_some(text.to_owned());
    let (route, cluster) = (known(&info.route_name), known(&info.cluster_name));
    // A word from a small set, unlike Envoy's details, which name addresses too.
    let error = (info.response_flags != 0).then(|| access_log::letters(info.response_flags));
    span.finish(&Ended {
        route: route.as_deref(),
        status: info.response_code,
        upstream_cluster: cluster.as_deref(),
        error_type: error.as_deref(),
    });
}

fn local_reply(status: u16, body: impl Into<Bytes>, details: &str) -> LocalReply {
    LocalReply { status, body: body.into(), headers: Headers::new(), grpc_status: None, details: details.to_owned() }
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Exchange {
    fn count(&self, count: impl FnOnce(&mut StreamInfo)) {
        self.site.guest.info(self.id, count);
    }

    /// A reply of the proxy's own. If the response has begun, the client's stream is reset instead.
    fn reply(&mut self, reply: LocalReply, flag: u64) {
        self.count(|info| {
            info.response_flags |= flag;
            info.response_code_details.clone_from(&reply.details);
        });
        let id = self.id;
        self.site.guest.with(|worker| worker.local_reply(id, reply));
    }

    fn request_ended(&mut self) {
        self.downstream.request_ended = true;
        self.deadline.request_ended();
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Effect(effect) => self.execute(effect),
            Event::ClientLeft => self.client_left(),
            Event::Request(frame) => self.request_frame(frame),
            Event::Replied(result) => self.replied(result),
            Event::Response(frame) => self.response_frame(frame),
            Event::Due(due) => self.due(due),
        }
    }

    fn execute(&mut self, effect: StreamEffect) {
        match effect {
            StreamEffect::RequestHeaders(headers, end) => self.route(&headers, end),
            StreamEffect::RequestData(data, end) => {
                self.upstream.data(data);
                if end {
                    self.end_upstream_request(None);
                }
            }
            StreamEffect::RequestTrailers(trailers) => self.end_upstream_request(Some(&trailers)),
            StreamEffect::CancelUpstream => {
                self.upstream.cancel();
                self.deadline.route(None);
            }
            StreamEffect::ResponseHeaders(headers, end) => self.begin_response(&headers, end),
            StreamEffect::ResponseData(data, end) => {
                self.count(|info| {
                    info.response_size += size(data.len());
                    info.response_total_size += size(data.len());
                });
                self.downstream.data(data);
                if end {
                    self.downstream.end(None);
                    self.finish();
                }
            }
            StreamEffect::ResponseTrailers(trailers) => {
                self.count(|info| info.response_total_size += size(trailers.byte_size()));
                self.downstream.end(Some(&trailers));
                self.finish();
            }
            StreamEffect::Reset => self.finish(),
            StreamEffect::Read(Half::Request, read) => self.downstream.reading = read,
            StreamEffect::Read(Half::Response, read) => self.upstream.reading = read,
        }
    }

    fn begin_response(&mut self, headers: &Headers, end: bool) {
        let Some(status) = headers::status(headers) else { return self.without_status() };
        self.count(|info| {
            info.response_code = Some(status);
            info.response_total_size += size(headers.byte_size());
        });
        self.downstream.begin(status, headers, end);
        if end {
            self.finish();
        }
    }

    /// The filter has taken the response's status away: Envoy answers past the filter.
    fn without_status(&mut self) {
        let body = "missing required header: :status";
        let (length, kind) = (body.len().to_string(), String::from("text/plain"));
        let headers: Headers = [("content-length", length), ("content-type", kind)].into_iter().collect();
        self.count(|info| {
            info.response_code = Some(502);
            let details = "filter_removed_required_response_headers{missing_required_header:_:status}";
            details.clone_into(&mut info.response_code_details);
            info.response_size += size(body.len());
        });
        self.downstream.begin(502, &headers, false);
        self.downstream.data(Bytes::from_static(body.as_bytes()));
        self.downstream.end(None);
        self.finish();
    }

    fn client_left(&mut self) {
        self.count(|info| {
            info.response_flags |= flags::DOWNSTREAM_CONNECTION_TERMINATION;
            "downstream_remote_disconnect".clone_into(&mut info.response_code_details);
        });
        self.finish();
    }

    fn due(&mut self, due: Due) {
        match due {
            Due::RequestTimeout => self.reply(local_reply(408, "request timeout", "request_overall_timeout"), 0),
            Due::Idle => {
                self.upstream.cancel();
                self.reply(local_reply(408, "stream timeout", "stream_idle_timeout"), flags::STREAM_IDLE_TIMEOUT);
            }
            Due::Route => {
                self.upstream.timed_out();
                self.upstream.cancel();
                let reply = local_reply(504, "upstream request timeout", "response_timeout");
                self.reply(reply, flags::UPSTREAM_REQUEST_TIMEOUT);
            }
        }
    }

    /// Tells the filter and the access log that the stream has ended; what is still open of it is broken off.
    fn finish(&mut self) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.upstream.cancel();
        let duration = self.site.clock.monotonic().saturating_sub(self.started);
        self.listener.metrics.rq_active.dec();
        let (log, span) = (self.site.access_log.clone(), self.span.take());
        let line = self.site.guest.info(self.id, |info| {
            info.duration = Some(duration);
            if let Some(status) = info.response_code {
                self.listener.metrics.answered(status);
            }
            if let Some(span) = span {
                end_span(span, info);
            }
            log.as_ref().and_then(|log| log.line(&self.method, &self.path, &self.authority, info))
        });
        if let (Some(log), Some(Some(line))) = (log, line) {
            log.write(line);
        }
        self.site.guest.close(self.id);
    }
}

/// However the task ends, the filter hears of it.
impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish();
    }
}
