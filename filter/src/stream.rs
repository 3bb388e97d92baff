//! One HTTP stream: each callback is one step of its exchange.

use crate::host::{self, Buffer, HostError, Level, Map};
use crate::root::Shared;
use crate::shell::{self, HostShell};
use pointsman_core::exchange::{Command, Effects, Exchange, Flow, Reply, RequestHead};
use pointsman_core::headers::{self, Headers};
use pointsman_core::hold::StreamId;
use pointsman_core::plan::Direction;
use pointsman_core::worker::Worker;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The context of one stream.
pub(crate) struct Stream {
    id: StreamId,
    shared: Option<Rc<Shared>>,
    exchange: Exchange,
}

impl Stream {
    pub(crate) fn new(context_id: u32, shared: Option<Rc<Shared>>) -> Self {
        Self { id: StreamId(context_id), shared, exchange: Exchange::default() }
    }

    /// Takes a step and does what it decides. If the worker is not to be had, the exchange passes.
    fn step(&mut self, take: impl FnOnce(Exchange, &mut Worker) -> (Exchange, Effects)) -> Action {
        let Some(shared) = self.shared.as_ref() else { return Action::Continue };
        let Ok(mut worker) = shared.worker.try_borrow_mut() else { return Action::Continue };
        let (next, effects) = take(std::mem::take(&mut self.exchange), &mut worker);
        self.exchange = next;
        let mut flow = effects.flow;
        let mut called = execute(effects.commands);
        // Each round asks one channel less.
        while !called {
            let (next, effects) =
                std::mem::take(&mut self.exchange).call_failed(&mut worker, &mut HostShell::new(Buffer::CallBody));
            self.exchange = next;
            flow = effects.flow;
            called = execute(effects.commands);
        }
        if let Ok(mut metrics) = shared.metrics.try_borrow_mut() {
            metrics.record_samples(&mut worker.metrics);
        }
        match flow {
            Flow::Continue => Action::Continue,
            Flow::Hold => Action::Pause,
        }
    }

    fn watched_step(&mut self, take: impl FnOnce(Exchange, &mut Worker) -> (Exchange, Effects)) -> Action {
        if self.exchange.is_watched() { self.step(take) } else { Action::Continue }
    }
}

/// Does what is decided; `false` if a call of our own could not be made.
fn execute(commands: Vec<Command>) -> bool {
    let mut called = true;
    for command in commands {
        let done = match &command {
            Command::SetRequestHeader(name, value) => host::set_header(Map::Request, name, value),
            Command::RemoveRequestHeader(name) => host::remove_header(Map::Request, name),
            Command::SetResponseHeader(name, value) => host::set_header(Map::Response, name, value),
            Command::RemoveResponseHeader(name) => host::remove_header(Map::Response, name),
            Command::Reply(reply) => reply_with(reply),
            Command::Call(call) => {
                let made = host::call(&call.cluster, &call.headers, &call.body, call.timeout);
                called = made.is_ok();
                made.map(|_| ())
            }
            Command::LeaveField(name, value) => host::set_property(name, value),
            Command::Report(report) => {
                host::log(Level::Debug, &report.line());
                Ok(())
            }
            Command::Record(event) => {
                host::log(Level::Warn, &event.line());
                Ok(())
            }
        };
        if let Err(error) = done {
            host::log(Level::Warn, &format!("{} was not done: {error}", name_of(&command)));
        }
    }
    called
}

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Reply(_) => "an answer of our own",
        Command::Call(_) => "a call to another channel",
        Command::LeaveField(..) => "a field of the access log",
        _ => "a change of headers",
    }
}

fn reply_with(reply: &Reply) -> Result<(), HostError> {
    let headers = reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    host::reply(reply.status, &headers::encode(headers), &reply.body)
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _: u32, headers: usize, size: usize, _: usize) {
        let Some(half) = self.exchange.relayed_half() else { return };
        let map = host::header_map(Map::CallResponse).unwrap_or_default();
        let head = (headers > 0).then(|| Headers::parse(&map));
        let action = self.step(|exchange, worker| {
            exchange.call_response(worker, head.as_ref(), size, &mut HostShell::new(Buffer::CallBody))
        });
        if action == Action::Continue {
            if let Err(error) = host::resume(self.id.0, half) {
                host::log(Level::Warn, &format!("a stream that waited for another channel could not go on: {error}"));
            }
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let Some(shared) = self.shared.clone().filter(|shared| shared.watches) else { return Action::Continue };
        let Ok(map) = host::header_map(Map::Request) else { return Action::Continue };
        let headers = Headers::parse(&map);
        #[cfg(feature = "trap")]
        if headers.get("x-test-trap").is_some() {
            std::process::abort();
        }
        let direction = shell::direction();
        let edge = direction == Some(Direction::Inbound)
            && !shared.edge_ports.is_empty()
            && shell::local_port().is_none_or(|port| shared.edge_ports.contains(&port));
        let head = RequestHead { stream: self.id, direction, edge, headers, end_of_stream };
        self.step(|_, worker| Exchange::begin(worker, &head, &mut HostShell::new(Buffer::RequestBody)))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.watched_step(|exchange, worker| {
            exchange.request_body(worker, size, end_of_stream, &mut HostShell::new(Buffer::RequestBody))
        })
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.watched_step(|exchange, worker| {
            exchange.request_trailers(worker, &mut HostShell::new(Buffer::RequestBody))
        })
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if !self.exchange.is_watched() {
            return Action::Continue;
        }
        let map = host::header_map(Map::Response).unwrap_or_default();
        let headers = Headers::parse(&map);
        self.step(|exchange, worker| {
            exchange.response_headers(worker, &headers, end_of_stream, &mut HostShell::new(Buffer::ResponseBody))
        })
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.watched_step(|exchange, worker| {
            exchange.response_body(worker, size, end_of_stream, &mut HostShell::new(Buffer::ResponseBody))
        })
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.watched_step(|exchange, worker| {
            exchange.response_trailers(worker, &mut HostShell::new(Buffer::ResponseBody))
        })
    }

    fn on_log(&mut self) {
        if matches!(self.exchange, Exchange::Passing) {
            return;
        }
        let stream = self.id;
        self.step(|exchange, worker| {
            let effects = exchange.finish(worker, stream, &mut HostShell::new(Buffer::ResponseBody));
            (Exchange::Passing, effects)
        });
    }
}
