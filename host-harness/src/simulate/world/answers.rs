//! What comes back: from vendors, from the proxy in their place, and to the guests' own calls.

use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::{Event, World};
use crate::abi::Headers;
use crate::filter::{CallId, CallResult, HttpCall, LocalReply, StreamId, flags};
use crate::otlp;
use crate::process::Clock as _;
use crate::simulate::calls::{AnswerKey, CallsError, WireAnswer};
use crate::simulate::driver::Reply;
use crate::simulate::exchange::Plan;
use crate::simulate::message::{Recipients, first, number_in};
use crate::simulate::template::Fill;
use crate::simulate::vendor::{Decision, Fate};
use crate::vendors;

/// How long a cluster that is no vendor, such as a trace collector, takes to answer.
const OTHERS_TAKE: Duration = Duration::from_millis(2);

impl World {
    /// A request has passed the filter: the vendor that it is for decides on it.
    pub(super) fn forwarded(&mut self, worker: usize, stream: StreamId) -> Result<(), CallsError> {
        let Some(exchange) = self.drivers.get_mut(worker).and_then(|driver| driver.exchange(stream)) else {
            return Ok(());
        };
        let (channel, to, message) = (exchange.channel, exchange.to, exchange.message);
        let (headers, body) = (exchange.forwarded.headers.take(), std::mem::take(&mut exchange.forwarded.body));
        let rewritten = headers.as_ref().is_some_and(|_| body != exchange.body);
        let vendor = match &headers {
            Some(headers) => self.vendor_of(headers, channel),
            None => Some(channel),
        };
        let plan = match (vendor, headers) {
            (None, _) => no_route(),
            (Some(vendor), Some(headers)) if rewritten || vendor != channel => {
                self.send_rewritten(vendor, &headers, body, to)
            }
            (Some(vendor), _) => self.decide(vendor, to),
        };
        self.book(message, channel, to, &plan);
        let (latency, timeout) = (plan.latency, self.scenario.proxy.timeout);
        if let Some(exchange) = self.drivers.get_mut(worker).and_then(|driver| driver.exchange(stream)) {
            exchange.plan = Some(plan);
            let leave = exchange.started.after(self.scenario.application.timeout);
            let due = self.now.after(latency.min(timeout));
            if leave < due {
                self.events.push(leave, Event::Leave(worker, stream));
            } else {
                self.events.push(due, Event::Answer(worker, stream));
            }
        }
        Ok(())
    }

    /// The vendor whose authority a request names.
    fn vendor_of(&self, headers: &Headers, likely: usize) -> Option<usize> {
        let authority = headers.get(":authority")?;
        let serves = |place: &usize| {
            self.scenario.channels.get(*place).is_some_and(|channel| channel.authority.as_bytes() == authority)
        };
        Some(likely).filter(serves).or_else(|| (0..self.scenario.channels.len()).find(serves))
    }

    /// The vendor's decision on a request as the application has written it.
    fn decide(&mut self, vendor: usize, to: Recipients) -> Plan {
        let recipients = to.count_ones() as usize;
        let Decision { after, fate } = match self.vendors.get_mut(vendor) {
            Some(vendor) => vendor.call(self.now, recipients),
            None => return no_route(),
        };
        let refused = match &fate {
            Fate::Answered { refused: Some((_, refused)) } => first(*refused, to),
            _ => 0,
        };
        let accepted = if matches!(fate, Fate::Answered { .. }) { to & !refused } else { 0 };
        Plan { vendor: Some(vendor), fate, latency: after, accepted, refused, told: None, answer: None }
    }

    /// The vendor's decision on a request that the filter has written: its stand-in reads every word of it.
    fn send_rewritten(&mut self, vendor: usize, headers: &Headers, body: Bytes, to: Recipients) -> Plan {
        let mut plan = self.decide(vendor, to);
        let code = match &plan.fate {
            Fate::Refused(code) => Some(code.clone()),
            Fate::Answered { refused: Some((code, refused)) } if *refused == to.count_ones() as usize => {
                Some(code.clone())
            }
            Fate::Answered { .. } => None,
            _ => return plan,
        };
        let (Some(request), Some(calls)) = (request(headers, body), self.calls.get_mut(vendor)) else {
            return no_route();
        };
        let (answer, accepted, _) = calls.answer_any(request, code.as_deref());
        plan.accepted = first(accepted as usize, to);
        plan.refused = if code.is_some() { plan.refused } else { 0 };
        plan.answer = Some(answer);
        plan
    }

    /// Writes down what a vendor has decided. It stands whether or not anyone waits for the answer.
    fn book(&mut self, message: u64, channel: usize, to: Recipients, plan: &Plan) {
        let Some(vendor) = plan.vendor else { return };
        let when = self.now.after(plan.latency);
        let (all, accepted) = (u64::from(to.count_ones()), u64::from(plan.accepted.count_ones()));
        let verdict = matches!(plan.fate, Fate::Answered { .. } | Fate::Refused(_));
        self.books.count(vendor, self.now, |counts| {
            counts.calls += 1;
            counts.accepted += accepted;
            if verdict {
                counts.refused += all - accepted;
            } else {
                counts.failed += all;
            }
        });
        match &plan.fate {
            Fate::Answered { refused: Some((code, _)) } | Fate::Refused(code) if all > accepted => {
                self.books.refusal(vendor, code, all - accepted);
            }
            Fate::Page(status) => self.books.refusal(vendor, &status.to_string(), all),
            _ => {}
        }
        let objective = self.scenario.channels.get(channel).and_then(|channel| channel.objective);
        if let Some(message) = self.messages.get_mut(&message) {
            message.accept(plan.accepted, when, objective.unwrap_or(self.scenario.objective), vendor != channel);
            message.refuse(plan.refused);
        }
    }

    /// What comes back to an exchange is due.
    pub(super) fn answer(&mut self, worker: usize, stream: StreamId) -> Result<(), CallsError> {
        let timeout = self.scenario.proxy.timeout;
        let Some(exchange) = self.drivers.get_mut(worker).and_then(|driver| driver.exchange(stream)) else {
            return Ok(());
        };
        let Some(plan) = &mut exchange.plan else { return Ok(()) };
        let (fate, latency, ready) = (plan.fate.clone(), plan.latency, plan.answer.take());
        let vendor = plan.vendor;
        let reply = match (ready, fate) {
            (_, Fate::NoConnection) if vendor.is_none() => local(404, "route_not_found", "", flags::NO_ROUTE_FOUND),
            (_, Fate::NoConnection) => connection_failure(),
            _ if latency >= timeout => timed_out(),
            (Some(answer), _) => upstream(answer, latency),
            (None, Fate::Page(status)) => upstream(page(status), latency),
            (None, fate) => {
                let (number, to) = (exchange.message, exchange.to);
                let vendor = vendor.unwrap_or(exchange.channel);
                upstream(self.fill_answer(vendor, number, to, &fate)?, latency)
            }
        };
        if let Some(driver) = self.drivers.get_mut(worker) {
            if let (Reply::Upstream { headers, body, .. }, Some(exchange)) = (&reply, driver.exchange(stream)) {
                exchange.told(headers, body);
            }
            driver.reply(stream, reply);
        }
        self.obey(worker)
    }

    fn fill_answer(
        &mut self,
        vendor: usize,
        number: u64,
        to: Recipients,
        fate: &Fate,
    ) -> Result<WireAnswer, CallsError> {
        let refused = match fate {
            Fate::Refused(code) => Some((code.clone(), None)),
            Fate::Answered { refused } => refused.as_ref().map(|(code, count)| (code.clone(), Some(*count))),
            _ => None,
        };
        let key = AnswerKey { recipients: to.count_ones() as usize, refused };
        let api = self.scenario.channels.get(vendor).map(|channel| channel.api);
        let (Some(api), Some(calls), Some(message)) = (api, self.calls.get_mut(vendor), self.messages.get(&number))
        else {
            return Ok(page(500));
        };
        let recipients = message.recipients(api.name(), to);
        let now_ms = self.clock.wall().as_millis();
        let fill = Fill { message_id: &message.id(), recipients: &recipients, number: 0, now_ms };
        calls.answer(&key, &fill).map(|(answer, _)| answer)
    }

    /// A guest calls a vendor in the application's place, or anyone else.
    pub(super) fn guest_call(&mut self, worker: usize, call: CallId, request: HttpCall) {
        let collected = self.collect(&request);
        let vendor = if collected.is_some() { None } else { self.vendor_of_call(&request) };
        let (latency, result) = match (collected, vendor) {
            (Some(answer), _) => (OTHERS_TAKE, Err(answer)),
            (None, Some(vendor)) => self.guest_sends(vendor, &request),
            (None, None) => (OTHERS_TAKE, Ok([(":status", "200"), ("content-length", "0")].into_iter().collect())),
        };
        let late = request.timeout.filter(|timeout| latency >= *timeout);
        let result = match (late, result) {
            (Some(_), _) => response([(":status", "504")].into_iter().collect(), Bytes::new()),
            (None, Ok(headers)) => response(headers, Bytes::new()),
            (None, Err(answer)) => response(answer.headers, answer.body),
        };
        self.call_results.insert((worker, call), result);
        self.events.push(self.now.after(late.unwrap_or(latency)), Event::CallAnswer(worker, call));
    }

    /// The collector's answer to an export, of which it has taken the records.
    fn collect(&self, call: &HttpCall) -> Option<WireAnswer> {
        let collector = self.collector.as_ref().filter(|collector| collector.cluster == call.cluster)?;
        let (records, answer) = otlp::answer(request(&call.headers, call.body.clone())?);
        records.iter().for_each(|record| (collector.sink)(record));
        let mut headers = Headers::with_capacity(3, 96);
        headers.push(":status", answer.status().as_str());
        headers.push("content-length", answer.body().len().to_string());
        for (name, value) in answer.headers() {
            headers.push(name.as_str(), value);
        }
        Some(WireAnswer { headers, body: answer.into_body() })
    }

    /// The vendor that a guest's call is for, by its cluster, which has the name of the channel, or by its authority.
    fn vendor_of_call(&self, request: &HttpCall) -> Option<usize> {
        let named = self.clusters.iter().position(|cluster| **cluster == *request.cluster);
        named.or_else(|| self.vendor_of(&request.headers, 0))
    }

    /// A vendor's answer to a guest's send, which counts for the message whose id it carries; or only headers.
    fn guest_sends(&mut self, vendor: usize, request: &HttpCall) -> (Duration, Result<Headers, WireAnswer>) {
        let path = request.headers.get(":path").unwrap_or_default();
        let message = number_in(&request.body)
            .or_else(|| request.headers.iter().find_map(|(_, value)| number_in(value)))
            .or_else(|| number_in(path));
        let Some(number) = message else {
            return (OTHERS_TAKE, Err(page(400)));
        };
        // The application may have done with a message that is still on its way; the vendor sends it all the same.
        let (channel, to) = self.messages.get(&number).map_or((vendor, 1), |message| (message.channel, message.open));
        let mut plan = self.send_rewritten(vendor, &request.headers, request.body.clone(), to);
        self.book(number, channel, to, &plan);
        let status = |status: &str| Ok([(":status", status)].into_iter().collect());
        match (plan.answer.take(), &plan.fate) {
            (Some(answer), _) => (plan.latency, Err(answer)),
            (None, Fate::Page(code)) => (plan.latency, Err(page(*code))),
            (None, _) => (plan.latency, status("503")),
        }
    }
}

fn response(headers: Headers, body: Bytes) -> CallResult {
    CallResult::Response { headers, body, trailers: Headers::new() }
}

fn upstream(answer: WireAnswer, latency: Duration) -> Reply {
    Reply::Upstream { headers: answer.headers, body: answer.body, latency }
}

fn no_route() -> Plan {
    Plan {
        vendor: None,
        fate: Fate::NoConnection,
        latency: Duration::ZERO,
        accepted: 0,
        refused: 0,
        told: None,
        answer: None,
    }
}

fn local(status: u16, details: &str, body: &'static str, flag: u64) -> Reply {
    let body = Bytes::from_static(body.as_bytes());
    let reply = LocalReply { status, body, headers: Headers::new(), grpc_status: None, details: details.to_owned() };
    Reply::Local { reply, flag }
}

/// In Envoy's words.
fn connection_failure() -> Reply {
    let body = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, \
                transport failure reason: delayed connect error: Connection refused";
    let details = "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:\
                   _Connection_refused}";
    local(503, details, body, flags::UPSTREAM_CONNECTION_FAILURE)
}

/// In Envoy's words.
fn timed_out() -> Reply {
    local(504, "response_timeout", "upstream request timeout", flags::UPSTREAM_REQUEST_TIMEOUT)
}

/// The page of a proxy before the vendor.
fn page(status: u16) -> WireAnswer {
    let body = vendors::page(status);
    let mut headers = Headers::with_capacity(4, 96);
    headers.push(":status", status.to_string());
    headers.push("content-type", "text/html");
    headers.push("content-length", body.len().to_string());
    WireAnswer { headers, body }
}

fn request(headers: &Headers, body: Bytes) -> Option<Request<Bytes>> {
    let mut request = Request::builder().method(headers.get_str(":method")?).uri(headers.get_str(":path")?);
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        request = request.header(name, value);
    }
    request.body(body).ok()
}
