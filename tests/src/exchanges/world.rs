//! What is around a worker in virtual time: the client's pieces, the upstream, the server of calls, timers.

use super::case::{AnswerSpec, Case, Fail, text};
use super::direct::{GAP, lines};
use super::observe::Message;
use bytes::Bytes;
use pointsman_host::abi::Headers;
use pointsman_host::filter::{CallId, CallResult, GrpcCall, GrpcEvent, HttpCall, LocalReply};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What happens next.
pub(crate) enum Event {
    Request,
    RequestData(Bytes, bool),
    RequestTrailers(Headers),
    ResponseHeaders(Headers, bool),
    ResponseData(Bytes, bool),
    ResponseTrailers(Headers),
    /// A reply of the proxy's own, and the flags that go with it.
    Reply(LocalReply, u64),
    ClientGone,
    Call(CallId, CallResult),
    Grpc(CallId, GrpcEvent),
    Tick(u32, Duration),
}

/// The world of one case.
pub(crate) struct World<'a> {
    pub(crate) now: Duration,
    pub(crate) upstream: Vec<Message>,
    pub(crate) calls: Vec<Message>,
    case: &'a Case,
    events: BTreeMap<(Duration, u64), Event>,
    count: u64,
    ticks: BTreeMap<u32, Duration>,
    cancelled: BTreeSet<CallId>,
    /// Whether the request is under way to the upstream and not whole yet.
    open: bool,
}

impl<'a> World<'a> {
    pub(crate) fn new(case: &'a Case) -> Self {
        Self {
            now: Duration::ZERO,
            upstream: Vec::new(),
            calls: Vec::new(),
            case,
            events: BTreeMap::new(),
            count: 0,
            ticks: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            open: false,
        }
    }

    pub(crate) fn at(&mut self, time: Duration, event: Event) {
        self.count += 1;
        self.events.insert((time, self.count), event);
    }

    pub(crate) fn next(&mut self) -> Option<(Duration, Event)> {
        loop {
            let ((now, _), event) = self.events.pop_first()?;
            self.now = now;
            let forgotten = match &event {
                Event::Call(id, _) | Event::Grpc(id, _) => self.cancelled.contains(id),
                Event::Tick(root, _) => !self.ticks.contains_key(root),
                _ => false,
            };
            if !forgotten {
                return Some((now, event));
            }
        }
    }

    /// Whether anything but the client's leaving is still to come.
    pub(crate) fn is_busy(&self) -> bool {
        self.events.values().any(|event| !matches!(event, Event::ClientGone))
    }

    /// Takes away what belongs to a stream that is over.
    pub(crate) fn forget_stream(&mut self) {
        self.events.retain(|_, event| matches!(event, Event::Call(..) | Event::Grpc(..) | Event::Tick(..)));
    }

    /// The cluster to which the case's request goes.
    pub(crate) fn cluster(&self) -> Option<&'static str> {
        cluster(&self.case.request.authority)
    }

    /// The client's pieces, one after another.
    pub(crate) fn request_pieces(&mut self) {
        let spec = &self.case.request;
        let mut time = self.now;
        for (index, piece) in spec.body.iter().enumerate() {
            let last = index + 1 == spec.body.len() && spec.trailers.is_empty();
            // Envoy's HTTP/1 codec sees the end behind the last piece.
            self.at(time, Event::RequestData(Bytes::from(text(piece)), last && spec.version == 2));
            if last && spec.version != 2 {
                self.at(time, Event::RequestData(Bytes::new(), true));
            }
            time += GAP;
        }
        if !spec.trailers.is_empty() {
            self.at(time, Event::RequestTrailers(spec.trailers.iter().collect()));
        }
    }

    pub(crate) fn route(&mut self, headers: &Headers, end: bool) {
        let text = |name: &str| headers.get_str(name).unwrap_or_default().to_owned();
        let reply = |status: u16, body: &str, details: &str| LocalReply {
            status,
            body: Bytes::copy_from_slice(body.as_bytes()),
            headers: Headers::new(),
            grpc_status: None,
            details: details.to_owned(),
        };
        let authority = text(":authority");
        match cluster(&authority) {
            None => return self.at(self.now, Event::Reply(reply(404, "", "route_not_found"), 1 << 8)),
            Some("missing") => return self.at(self.now, Event::Reply(reply(503, "", "cluster_not_found"), 1 << 24)),
            Some("refused") => {
                let body = REFUSED;
                let details = "upstream_reset_before_response_started{remote_connection_failure}";
                return self.at(self.now, Event::Reply(reply(503, body, details), 1 << 5));
            }
            Some(_) => {}
        }
        let mut lines = lines(headers);
        lines.push(format!("host: {authority}"));
        lines.sort();
        let first = format!("{} {}", text(":method"), text(":path"));
        self.upstream.push(Message { first, headers: lines, ..Message::default() });
        self.open = true;
        if self.case.upstream.fail == Fail::Early && !end {
            self.answer();
        }
        self.whole(end);
    }

    pub(crate) fn request_data(&mut self, data: &[u8], end: bool) {
        if let Some(message) = self.upstream.last_mut() {
            message.body.extend_from_slice(data);
        }
        self.whole(end);
    }

    pub(crate) fn request_trailers(&mut self, trailers: &Headers) {
        if let Some(message) = self.upstream.last_mut() {
            message.trailers = lines(trailers);
        }
        self.whole(true);
    }

    fn whole(&mut self, end: bool) {
        if !end || !std::mem::take(&mut self.open) {
            return;
        }
        if self.case.request.authority == "short.test" {
            let reply = LocalReply {
                status: 504,
                body: Bytes::from_static(b"upstream request timeout"),
                headers: Headers::new(),
                grpc_status: None,
                details: String::from("response_timeout"),
            };
            self.at(self.now + Duration::from_millis(300), Event::Reply(reply, 1 << 2));
        }
        if self.case.upstream.fail != Fail::Early || self.case.request.body.is_empty() {
            self.answer();
        }
    }

    /// The upstream's answer, piece by piece.
    fn answer(&mut self) {
        let spec = &self.case.upstream;
        let http2 = self.cluster() == Some("up2");
        let mut time = self.now + Duration::from_millis(spec.delay_ms);
        match spec.fail {
            Fail::Never => return,
            Fail::Reset => {
                let reason = if http2 { "remote reset" } else { "connection termination" };
                let flags = if http2 { 1 << 4 } else { 1 << 6 };
                return self.at(time, Event::Reply(broken(503, reason, "before"), flags));
            }
            _ => {}
        }
        let mut headers: Headers = [(":status", spec.status.to_string())].into_iter().collect();
        for (name, value) in &spec.headers {
            headers.push(name, value);
        }
        let ends = matches!(spec.fail, Fail::No | Fail::Early) && spec.trailers.is_empty();
        self.at(time, Event::ResponseHeaders(headers, ends && spec.body.is_empty()));
        for (index, piece) in spec.body.iter().enumerate() {
            let last = ends && index + 1 == spec.body.len();
            self.at(time, Event::ResponseData(Bytes::from(text(piece)), last && http2));
            if last && !http2 {
                self.at(time, Event::ResponseData(Bytes::new(), true));
            }
            time += GAP;
        }
        if spec.fail == Fail::ResetAfterBody {
            let (status, reason, flags) =
                if http2 { (503, "remote reset", 1 << 4) } else { (502, "protocol error", 1 << 23) };
            self.at(time, Event::Reply(broken(status, reason, "after"), flags));
        } else if !spec.trailers.is_empty() {
            self.at(time, Event::ResponseTrailers(spec.trailers.iter().collect()));
        }
    }

    pub(crate) fn cancel_upstream(&mut self) {
        if std::mem::take(&mut self.open)
            && let Some(message) = self.upstream.last_mut()
        {
            message.end = "broken off";
        }
        self.events.retain(|_, event| {
            !matches!(
                event,
                Event::ResponseHeaders(..) | Event::ResponseData(..) | Event::ResponseTrailers(_) | Event::Reply(..)
            )
        });
    }

    pub(crate) fn http_call(&mut self, id: CallId, call: &HttpCall) {
        let text = |name: &str| call.headers.get_str(name).unwrap_or_default().to_owned();
        let response = |status: &str, body: &str| CallResult::Response {
            headers: [(":status", status), ("content-type", "text/plain")].into_iter().collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            trailers: Headers::new(),
        };
        if call.cluster == "refused" {
            return self.at(self.now + GAP / 10, Event::Call(id, response("503", REFUSED)));
        }
        let mut lines = lines(&call.headers);
        lines.push(format!("host: {}", text(":authority")));
        lines.sort();
        let first = format!("{} {}", text(":method"), text(":path"));
        self.calls.push(Message { first, headers: lines, body: call.body.to_vec(), ..Message::default() });
        let spec = &self.case.call;
        let delay = Duration::from_millis(spec.delay_ms) + GAP / 10;
        if call.timeout.is_some_and(|timeout| timeout < delay || spec.fail == Fail::Never) {
            let after = self.now + call.timeout.unwrap_or_default();
            return self.at(after, Event::Call(id, response("504", "upstream request timeout")));
        }
        let result = match spec.fail {
            Fail::Never => return,
            Fail::Reset => response("503", &format!("{BEFORE} connection termination")),
            Fail::ResetAfterBody => CallResult::Reset,
            _ => whole_answer(spec),
        };
        self.at(self.now + delay, Event::Call(id, result));
    }

    pub(crate) fn grpc_call(&mut self, id: CallId, call: &GrpcCall) {
        let mut time = self.now + GAP / 10;
        let close = |status: u32, message: &str| GrpcEvent::Close { status, message: message.to_owned() };
        if call.cluster == "refused" {
            return self.at(time, Event::Grpc(id, close(14, "refused")));
        }
        let mut headers = lines(&call.metadata);
        headers.extend([format!("host: {}", call.cluster), String::from("content-type: application/grpc")]);
        headers.push(String::from("te: trailers"));
        if let Some(timeout) = call.timeout {
            headers.push(format!("grpc-timeout: {}m", timeout.as_millis()));
        }
        headers.sort();
        let first = format!("POST /{}/{}", call.service, call.method);
        self.calls.push(Message { first, headers, ..Message::default() });
        if let Some(message) = &call.message {
            self.grpc_send(message);
        }
        let spec = &self.case.call;
        if spec.fail == Fail::Never {
            if let Some(timeout) = call.timeout {
                let closed = close(14, "upstream request timeout{response_timeout}");
                self.at(self.now + timeout, Event::Grpc(id, closed));
            }
            return;
        }
        if spec.status != 200 {
            return self.at(time, Event::Grpc(id, close(7, "via_upstream")));
        }
        let metadata = spec.headers.iter().map(|(name, value)| (name, value)).collect();
        self.at(time, Event::Grpc(id, GrpcEvent::InitialMetadata(metadata)));
        for piece in &spec.body {
            time += GAP;
            let message = text(piece).get(5..).unwrap_or_default().to_vec();
            self.at(time, Event::Grpc(id, GrpcEvent::Message(Bytes::from(message))));
        }
        time += GAP;
        self.at(time, Event::Grpc(id, GrpcEvent::TrailingMetadata(spec.trailers.iter().collect())));
        let status = spec.trailers.get("grpc-status").and_then(|status| status.parse().ok());
        let closed = match (status, spec.trailers.get("grpc-message")) {
            (None, _) => close(13, "upstream_reset_after_response_started{remote_reset}"),
            (Some(status), None) => close(status, "via_upstream"),
            (Some(status), Some(message)) => close(status, &format!("{message}{{via_upstream}}")),
        };
        self.at(time, Event::Grpc(id, closed));
    }

    pub(crate) fn grpc_send(&mut self, message: &[u8]) {
        if let Some(call) = self.calls.last_mut() {
            call.body.push(0);
            call.body.extend(u32::try_from(message.len()).unwrap_or_default().to_be_bytes());
            call.body.extend_from_slice(message);
        }
    }

    pub(crate) fn cancel(&mut self, id: CallId) {
        self.cancelled.insert(id);
    }

    pub(crate) fn set_tick(&mut self, root: u32, period: Option<Duration>) {
        self.events.retain(|_, event| !matches!(event, Event::Tick(of, _) if *of == root));
        self.ticks.remove(&root);
        if let Some(period) = period {
            self.ticks.insert(root, period);
            self.at(self.now + period, Event::Tick(root, period));
        }
    }

    pub(crate) fn tick(&mut self, root: u32, period: Duration) {
        self.at(self.now + period, Event::Tick(root, period));
    }
}

const BEFORE: &str = "upstream connect error or disconnect/reset before headers. reset reason:";
const REFUSED: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";

fn broken(status: u16, reason: &str, when: &str) -> LocalReply {
    LocalReply {
        status,
        body: Bytes::from(format!("{BEFORE} {reason}")),
        headers: Headers::new(),
        grpc_status: None,
        details: format!("upstream_reset_{when}_response_started{{{}}}", reason.replace(' ', "_")),
    }
}

fn whole_answer(spec: &AnswerSpec) -> CallResult {
    let mut headers: Headers = [(":status", spec.status.to_string())].into_iter().collect();
    for (name, value) in &spec.headers {
        headers.push(name, value);
    }
    let body: Vec<u8> = spec.body.iter().flat_map(|piece| text(piece)).collect();
    CallResult::Response { headers, body: Bytes::from(body), trailers: spec.trailers.iter().collect() }
}

fn cluster(authority: &str) -> Option<&'static str> {
    match authority {
        "up.test" | "short.test" => Some("up"),
        "up2.test" => Some("up2"),
        "refused.test" => Some("refused"),
        "no-cluster.test" => Some("missing"),
        _ => None,
    }
}
