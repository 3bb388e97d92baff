//! A case in virtual time: applications, workers of a proxy, and vendors, moved by one queue of events. Which kind of
//! proxy it is does not matter here.

use super::case::{Case, Channel, Traffic};
use super::dialect::{self, Answer, Request};
use super::seen::{Message, Seen};
use super::vendor::{Met, Vendors};
use serde_json::Value;
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

/// From one process to another and not back.
const WAY: Duration = Duration::from_millis(1);

/// How often the filter's timer runs in each worker.
const TICK: Duration = Duration::from_millis(250);

/// How long answers are waited for after the end.
const PATIENCE: Duration = Duration::from_secs(4);

/// The beginning of cases that do not say when they begin: noon of a day in China.
const START: Duration = Duration::from_secs(1_764_216_000);

/// The workers of a proxy with the filter in them.
pub(crate) trait Proxy {
    /// Moves the clock to a moment of the case.
    fn set_clock(&mut self, now: Duration);
    /// Puts another config in force in all workers.
    fn configure(&mut self, config: &str) -> Result<(), Box<dyn Error>>;
    /// A request comes in.
    fn request(&mut self, worker: usize, stream: u64, request: &Request);
    /// An answer comes back to a stream, or one of the proxy's own in its place.
    fn answer(&mut self, worker: usize, stream: u64, answer: &Answer, details: &str);
    /// A call of the filter's own has ended.
    fn call_ended(&mut self, worker: usize, call: u32, answer: &Answer);
    /// A stream is over.
    fn close(&mut self, worker: usize, stream: u64);
    /// The timer has run out.
    fn tick(&mut self, worker: usize);
    /// What has come of it since the last time.
    fn done(&mut self) -> Vec<Done>;
}

/// What a proxy does.
#[derive(Debug)]
pub(crate) enum Done {
    /// A request goes to where its authority leads.
    Forwarded { worker: usize, stream: u64, request: Request },
    /// The client has its answer.
    Answered { stream: u64, answer: Answer },
    /// The filter makes a call of its own.
    Called { worker: usize, call: u32, cluster: String, request: Request, timeout: Duration },
    /// The filter tells something.
    Told(Value),
}

/// Who waits for a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Waiting {
    Stream(usize, u64),
    Call(usize, u32),
}

#[derive(Debug)]
enum Event {
    Send(usize),
    Arrive(Waiting, Option<Channel>, Request),
    Answer(Waiting, Answer, &'static str),
    Tick(usize),
    Configure(usize),
}

struct World<'a, P> {
    case: &'a Case,
    proxy: P,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Event>,
    queued: u64,
    vendors: Vendors,
    traffic: Vec<&'a Traffic>,
    /// The worker of each stream that is open; a stream has the number of its message.
    open: BTreeMap<u64, usize>,
    /// Those that wait for a vendor, and how long they do.
    waiting: BTreeMap<Waiting, Duration>,
    seen: Seen,
}

/// When a case begins, since 1970.
pub(crate) fn start(case: &Case) -> Duration {
    case.clock.map_or(START, |clock| Duration::from_secs(clock.0))
}

/// Runs a case to its end.
pub(crate) fn run(case: &Case, proxy: impl Proxy) -> Result<Seen, Box<dyn Error>> {
    let mut world = World {
        case,
        proxy,
        now: Duration::ZERO,
        queue: BTreeMap::new(),
        queued: 0,
        vendors: Vendors::new(case),
        traffic: Vec::new(),
        open: BTreeMap::new(),
        waiting: BTreeMap::new(),
        seen: Seen::default(),
    };
    world.prepare();
    world.run()?;
    let World { mut vendors, mut seen, .. } = world;
    vendors.close(&mut seen);
    Ok(seen)
}

impl<P: Proxy> World<'_, P> {
    fn prepare(&mut self) {
        for (index, change) in self.case.then.iter().enumerate() {
            self.push(change.at, Event::Configure(index));
        }
        for (index, (at, traffic)) in self.case.messages().into_iter().enumerate() {
            self.push(at, Event::Send(index));
            self.traffic.push(traffic);
            let recipient = dialect::recipient(&self.channel(traffic).adapter, index);
            self.seen.messages.push(Message {
                id: format!("m-{index:06}"),
                recipient,
                business: traffic.business.clone(),
                sent: at,
                answered: None,
                taken: Vec::new(),
            });
        }
        // Timers of workers do not run together.
        for worker in 0..self.case.workers {
            let first = TICK / 7 * u32::try_from(worker + 1).unwrap_or(1);
            self.push(first, Event::Tick(worker));
        }
    }

    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let end = self.case.length + PATIENCE;
        while let Some(((at, _), event)) = self.queue.pop_first() {
            if at > end || (at > self.case.length && self.open.is_empty()) {
                break;
            }
            self.now = at;
            self.proxy.set_clock(at);
            self.happen(event)?;
            self.settle();
        }
        Ok(())
    }

    fn push(&mut self, at: Duration, event: Event) {
        self.queued += 1;
        self.queue.insert((at, self.queued), event);
    }

    fn happen(&mut self, event: Event) -> Result<(), Box<dyn Error>> {
        match event {
            Event::Send(index) => self.send(index),
            Event::Arrive(waiting, channel, request) => self.arrive(waiting, channel.as_ref(), &request),
            Event::Answer(waiting, answer, details) => self.answer(waiting, &answer, details),
            Event::Tick(worker) => {
                self.push(self.now + TICK, Event::Tick(worker));
                self.proxy.tick(worker);
            }
            Event::Configure(index) => {
                let config = self.case.then.get(index).map(|change| change.config.as_str()).unwrap_or_default();
                self.proxy.configure(&super::instant::fill(config, start(self.case)))?;
            }
        }
        Ok(())
    }

    fn channel(&self, traffic: &Traffic) -> Channel {
        let mut channels = self.vendors.channels.iter();
        // Reading the case has made sure of it.
        channels.find(|channel| channel.name == traffic.to).cloned().unwrap_or_else(|| Channel::unknown(&traffic.to))
    }

    fn send(&mut self, index: usize) {
        let (Some(traffic), Some(message)) = (self.traffic.get(index), self.seen.messages.get(index)) else { return };
        let channel = self.channel(traffic);
        self.vendors.expect(&channel, &message.recipient);
        let mut request =
            dialect::request(&channel.adapter, &channel.host, &message.id, &message.recipient, traffic.key);
        let business = traffic.business.clone().map(|business| ("x-business".to_owned(), business));
        request.headers.extend(business);
        let worker = spread(index) % self.case.workers;
        self.open.insert(index as u64, worker);
        self.proxy.request(worker, index as u64, &request);
    }

    fn arrive(&mut self, waiting: Waiting, channel: Option<&Channel>, request: &Request) {
        let Some(limit) = self.waiting.get(&waiting).copied() else { return };
        let Some(channel) = channel else {
            return self.push(self.now, Event::Answer(waiting, dialect::page(404), "direct_response"));
        };
        let met = self.vendors.call(self.case, channel, self.now, request);
        let (after, answer, details) = match met {
            Met::Answer(after, answer) if after < limit => (after, answer, "via_upstream"),
            Met::Answer(..) | Met::Silence => {
                (limit, dialect::proxy(504, "upstream request timeout"), "response_timeout")
            }
            Met::Refused => (Duration::ZERO, dialect::proxy(503, REFUSED.0), REFUSED.1),
            Met::Reset => (WAY, dialect::proxy(503, RESET.0), RESET.1),
        };
        self.push(self.now + after + WAY, Event::Answer(waiting, answer, details));
    }

    fn answer(&mut self, waiting: Waiting, answer: &Answer, details: &str) {
        if self.waiting.remove(&waiting).is_none() {
            return;
        }
        match waiting {
            Waiting::Stream(worker, stream) => self.proxy.answer(worker, stream, answer, details),
            Waiting::Call(worker, call) => self.proxy.call_ended(worker, call, answer),
        }
    }

    /// Lets the world see what the proxy has done.
    fn settle(&mut self) {
        loop {
            let done = self.proxy.done();
            if done.is_empty() {
                return;
            }
            done.into_iter().for_each(|done| self.take(done));
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Forwarded { worker, stream, request } => {
                let to = self.vendors.channels.iter().find(|channel| channel.host == request.authority).cloned();
                self.wait(Waiting::Stream(worker, stream), self.case.route_timeout, to, request);
            }
            Done::Called { worker, call, cluster, request, timeout } => {
                let to = self.vendors.channels.iter().find(|channel| channel.cluster == cluster).cloned();
                self.wait(Waiting::Call(worker, call), timeout, to, request);
            }
            Done::Answered { stream, answer } => self.answered(stream, &answer),
            Done::Told(record) => self.seen.record(self.now, record),
        }
    }

    fn wait(&mut self, waiting: Waiting, limit: Duration, to: Option<Channel>, request: Request) {
        self.waiting.insert(waiting, limit);
        self.push(self.now + WAY, Event::Arrive(waiting, to, request));
    }

    fn answered(&mut self, stream: u64, answer: &Answer) {
        let Some(worker) = self.open.remove(&stream) else { return };
        self.waiting.remove(&Waiting::Stream(worker, stream));
        let index = usize::try_from(stream).unwrap_or(usize::MAX);
        let adapter = self.traffic.get(index).map(|traffic| self.channel(traffic).adapter).unwrap_or_default();
        if let Some(message) = self.seen.messages.get_mut(index) {
            message.answered = Some(dialect::understand(&adapter, answer));
        }
        self.proxy.close(worker, stream);
    }
}

/// Envoy's page and its word where nobody listens.
const REFUSED: (&str, &str) = (
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport \
     failure reason: delayed connect error: Connection refused",
    "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
);

/// The same where a connection breaks.
const RESET: (&str, &str) = (
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    "upstream_reset_before_response_started{connection_termination}",
);

/// A number that has nothing to do with the order of messages: else each worker would have its own kind of traffic.
const fn spread(index: usize) -> usize {
    (index.wrapping_mul(0x9E37_79B9) >> 7) & 0xff
}
