//! Several workers of the pure core, on the clock of a story, with shared data in memory.

use crate::cases_of_rules::Case;
use crate::cases_of_rules::dialect::{Answer, Request};
use crate::cases_of_rules::world::{Done, Proxy, start};
use crate::shared::Store;
use pointsman_core::config;
use pointsman_core::event::Event;
use pointsman_core::exchange::{Call, Command, Effects, Exchange, Flow, Reply, RequestHead, Shell};
use pointsman_core::headers::Headers;
use pointsman_core::hold::{Half, HoldProof, StreamId};
use pointsman_core::plan::Direction;
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Key;
use pointsman_core::worker::Worker;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

const SECRET: &[u8] = b"an example secret for the stories";

pub(crate) struct Workers {
    workers: Vec<One>,
    shared: Store,
    may_hold: bool,
    /// Since 1970, when the story began and now.
    start: Duration,
    now: Duration,
    done: Vec<Done>,
    calls: u32,
}

/// One worker and what is under way in it.
struct One {
    worker: Worker,
    streams: BTreeMap<u64, Stream>,
    /// The streams that calls are made for.
    calls: BTreeMap<u32, u64>,
}

/// An exchange, with both halves as they would go on.
struct Stream {
    exchange: Exchange,
    request: Request,
    answer: Option<Answer>,
}

/// What the running callback is about.
struct World<'a> {
    start: Duration,
    now: Duration,
    body: &'a [u8],
    details: &'a str,
}

impl Shell for World<'_> {
    fn now(&mut self) -> Monotonic {
        monotonic(self.now)
    }

    fn wall_clock(&mut self) -> WallClock {
        wall(self.start + self.now)
    }

    fn code_details(&mut self) -> Option<String> {
        Some(self.details.to_owned())
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        Some(self.body.iter().skip(start).take(len).copied().collect())
    }
}

/// No clock begins at zero.
fn monotonic(now: Duration) -> Monotonic {
    Monotonic(nanos(now + Duration::from_secs(1_000)))
}

fn wall(since_1970: Duration) -> WallClock {
    WallClock(nanos(since_1970))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn number(stream: u64) -> StreamId {
    StreamId(u32::try_from(stream).unwrap_or(u32::MAX))
}

impl Workers {
    pub(crate) fn start(case: &Case) -> Result<Self, Box<dyn Error>> {
        let mut workers = Self {
            workers: Vec::new(),
            shared: Store::default(),
            may_hold: case.may_hold,
            start: start(case),
            now: Duration::ZERO,
            done: Vec::new(),
            calls: 0,
        };
        let config = case.config_at(workers.start);
        for index in 0..case.workers {
            let worker = workers.worker(&config, index)?;
            workers.workers.push(One { worker, streams: BTreeMap::new(), calls: BTreeMap::new() });
        }
        Ok(workers)
    }

    fn worker(&mut self, config: &str, index: usize) -> Result<Worker, Box<dyn Error>> {
        let plan = config::load(config).map_err(|faults| faults.to_string())?;
        assert!(self.may_hold || !plan.settings.hold_request, "the proxy does not let headers wait");
        let rng = Xoshiro256PlusPlus::seed_from_u64(index as u64 + 1 + nanos(self.now));
        let mut worker = Worker::new(plan, Some(Key::new(SECRET)?), Box::new(rng), HoldProof::default());
        worker.load(monotonic(self.now), wall(self.start + self.now), &mut self.shared);
        if index == 0 {
            // The shell tells it once, whoever of its workers is the first.
            let events = worker.applied(wall(self.start + self.now));
            self.done.extend(events.iter().map(told));
        }
        Ok(worker)
    }

    /// Lets an exchange take a step and does what it says, for the half that the step is about.
    fn step(
        &mut self,
        worker: usize,
        number: u64,
        half: Half,
        (body, details): (&[u8], &str),
        take: impl FnOnce(Exchange, &mut Worker, &mut dyn Shell) -> (Exchange, Effects),
    ) -> Flow {
        let mut world = World { start: self.start, now: self.now, body, details };
        let Some(one) = self.workers.get_mut(worker) else { return Flow::Continue };
        let Some(stream) = one.streams.get_mut(&number) else { return Flow::Continue };
        let (exchange, effects) = take(std::mem::take(&mut stream.exchange), &mut one.worker, &mut world);
        stream.exchange = exchange;
        for command in effects.commands {
            match command {
                Command::Reply(reply) => {
                    stream.answer = None;
                    self.done.push(Done::Answered { stream: number, answer: of_reply(*reply) });
                }
                Command::Call(call) => {
                    self.calls += 1;
                    one.calls.insert(self.calls, number);
                    self.done.push(of_call(worker, self.calls, *call));
                }
                Command::Record(event) => self.done.push(told(&event)),
                Command::Report(_) | Command::LeaveField(..) => {}
                header => stream.change(&header),
            }
        }
        if half == Half::Request && effects.flow == Flow::Hold {
            assert!(self.may_hold, "the proxy does not let headers wait");
        }
        effects.flow
    }

    fn go_on(&mut self, worker: usize, number: u64, half: Half) {
        let stream = self.workers.get_mut(worker).and_then(|one| one.streams.get_mut(&number));
        let Some(stream) = stream else { return };
        let done = match half {
            Half::Request => Some(Done::Forwarded { worker, stream: number, request: stream.request.clone() }),
            Half::Response => stream.answer.take().map(|answer| Done::Answered { stream: number, answer }),
        };
        self.done.extend(done);
    }
}

impl Stream {
    fn change(&mut self, command: &Command) {
        match command {
            Command::SetRequestHeader(":authority", value) => self.request.authority.clone_from(value),
            Command::SetRequestHeader(":path", value) => self.request.path.clone_from(value),
            Command::SetRequestHeader(name, value) => set(&mut self.request.headers, name, value),
            Command::RemoveRequestHeader(name) => self.request.headers.retain(|(known, _)| known != name),
            Command::SetResponseHeader(name, value) => {
                if let Some(answer) = &mut self.answer {
                    set(&mut answer.headers, name, value);
                }
            }
            Command::RemoveResponseHeader(name) => {
                if let Some(answer) = &mut self.answer {
                    answer.headers.retain(|(known, _)| known != name);
                }
            }
            _ => {}
        }
    }
}

fn set(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    headers.retain(|(known, _)| known != name);
    headers.push((name.to_owned(), value.to_owned()));
}

fn told(event: &Event) -> Done {
    Done::Told(serde_json::json!({"event_name": event.name, "attributes": event.attributes}))
}

fn of_reply(reply: Reply) -> Answer {
    Answer { status: reply.status, headers: reply.headers, body: reply.body }
}

fn of_call(worker: usize, call: u32, made: Call) -> Done {
    let text = |name: &str| {
        let value = made.headers.iter().find(|(known, _)| known == name);
        value.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let request = Request {
        authority: text(":authority"),
        path: text(":path"),
        headers: made.headers.iter().filter(|(name, _)| !name.starts_with(':')).cloned().collect(),
        body: made.body,
    };
    Done::Called { worker, call, cluster: made.cluster, request, timeout: made.timeout }
}

impl Proxy for Workers {
    fn set_clock(&mut self, now: Duration) {
        self.now = now;
    }

    fn configure(&mut self, config: &str) -> Result<(), Box<dyn Error>> {
        // Streams of the old config go on with what they have; only here they go on with the new one's plan.
        for index in 0..self.workers.len() {
            let worker = self.worker(config, index)?;
            if let Some(one) = self.workers.get_mut(index) {
                one.worker = worker;
            }
        }
        Ok(())
    }

    fn request(&mut self, worker: usize, stream: u64, request: &Request) {
        let Some(one) = self.workers.get_mut(worker) else { return };
        let fresh = Stream { exchange: Exchange::default(), request: request.clone(), answer: None };
        one.streams.insert(stream, fresh);
        let pseudo = [(":method", "POST"), (":authority", &*request.authority), (":path", &*request.path)];
        let length = request.body.len().to_string();
        let head = RequestHead {
            stream: number(stream),
            direction: Some(Direction::Outbound),
            edge: false,
            headers: lines(&pseudo, &request.headers, &length),
            end_of_stream: false,
        };
        let flow = self
            .step(worker, stream, Half::Request, (&[], ""), |_, worker, shell| Exchange::begin(worker, &head, shell));
        // Headers that have left are as they were then.
        let left = (flow == Flow::Continue).then(|| self.stream(worker, stream).map(|stream| stream.request.clone()));
        let size = request.body.len();
        let flow = self.step(worker, stream, Half::Request, (&request.body, ""), |exchange, worker, shell| {
            exchange.request_body(worker, size, true, shell)
        });
        if let (Some(Some(left)), Some(stream)) = (left, self.stream(worker, stream)) {
            stream.request = left;
        }
        if flow == Flow::Continue {
            self.go_on(worker, stream, Half::Request);
        }
    }

    fn answer(&mut self, worker: usize, stream: u64, answer: &Answer, details: &str) {
        let Some(known) = self.stream(worker, stream) else { return };
        known.answer = Some(answer.clone());
        let (status, length) = (answer.status.to_string(), answer.body.len().to_string());
        let headers = lines(&[(":status", &status)], &answer.headers, &length);
        self.step(worker, stream, Half::Response, (&[], details), |exchange, worker, shell| {
            exchange.response_headers(worker, &headers, false, shell)
        });
        let size = answer.body.len();
        let flow = self.step(worker, stream, Half::Response, (&answer.body, details), |exchange, worker, shell| {
            exchange.response_body(worker, size, true, shell)
        });
        if flow == Flow::Continue {
            self.go_on(worker, stream, Half::Response);
        }
    }

    fn call_ended(&mut self, worker: usize, call: u32, answer: &Answer) {
        let Some(stream) = self.workers.get_mut(worker).and_then(|one| one.calls.remove(&call)) else { return };
        let Some(half) = self.stream(worker, stream).and_then(|stream| stream.exchange.relayed_half()) else { return };
        let (status, length) = (answer.status.to_string(), answer.body.len().to_string());
        let headers = lines(&[(":status", &status)], &answer.headers, &length);
        let size = answer.body.len();
        let flow = self.step(worker, stream, half, (&answer.body, ""), |exchange, worker, shell| {
            exchange.call_response(worker, Some(&headers), size, shell)
        });
        if flow == Flow::Continue {
            self.go_on(worker, stream, half);
        }
    }

    fn close(&mut self, worker: usize, stream: u64) {
        self.step(worker, stream, Half::Response, (&[], ""), |exchange, worker, shell| {
            (Exchange::Ended, exchange.finish(worker, number(stream), shell))
        });
        if let Some(one) = self.workers.get_mut(worker) {
            one.streams.remove(&stream);
        }
    }

    fn tick(&mut self, worker: usize) {
        let Some(one) = self.workers.get_mut(worker) else { return };
        let (now, calendar) = (monotonic(self.now), wall(self.start + self.now));
        let news = one.worker.tick(now, calendar, &mut self.shared);
        let due = one.worker.delays.due(now);
        self.done.extend(news.events.iter().map(told));
        for StreamId(stream) in due {
            self.go_on(worker, u64::from(stream), Half::Request);
        }
    }

    fn done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }
}

impl Workers {
    fn stream(&mut self, worker: usize, stream: u64) -> Option<&mut Stream> {
        self.workers.get_mut(worker)?.streams.get_mut(&stream)
    }
}

fn lines<'a>(pseudo: &[(&'a str, &'a str)], headers: &'a [(String, String)], length: &'a str) -> Headers<'a> {
    let others = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pseudo.iter().copied().chain(others).chain([("content-length", length)]).collect()
}
