//! Recorded exchanges on their way through the core.

use super::entry::{Half, Recorded};
use super::failure::Failure;
use super::har::Har;
use pointsman_core::adapter::OperationKind;
use pointsman_core::classify::{Answer, Body, Classifier};
use pointsman_core::exchange::{Command, Effects, Exchange, RequestHead, Shell};
use pointsman_core::headers::Headers;
use pointsman_core::hold::{HoldProof, StreamId};
use pointsman_core::metrics::name;
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::plan::{Direction, Plan, Target, host_of};
use pointsman_core::report::{Report, VisitReport};
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Key;
use pointsman_core::worker::Worker;
use rand_core::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was understood of one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The place among the entries of the HAR, from 0.
    pub index: usize,
    /// What was understood.
    #[serde(flatten)]
    pub report: Report,
}

/// Why less was understood than was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shortcoming {
    /// A body was too long.
    TooLarge,
    /// A body was something else, or half of it.
    Unreadable,
    /// A body was not recorded.
    LeftOut,
    /// A receipt is encrypted or otherwise not to be read.
    Opaque,
}

/// The filter's core, for recorded traffic.
pub struct Explainer {
    worker: Worker,
    /// The time of the exchange before, for one whose time was not recorded.
    last_ns: u64,
    shortcomings: BTreeMap<Shortcoming, BTreeSet<usize>>,
}

/// What one exchange can be asked by a step.
struct Recording<'a> {
    at_ns: u64,
    details: &'static str,
    body: &'a [u8],
}

impl Shell for Recording<'_> {
    fn now(&mut self) -> Monotonic {
        Monotonic(self.at_ns)
    }

    fn wall_clock(&mut self) -> WallClock {
        WallClock(self.at_ns)
    }

    fn code_details(&mut self) -> Option<String> {
        Some(self.details.to_owned())
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        Some(self.body.iter().skip(start).take(len).copied().collect())
    }
}

impl Explainer {
    /// Explains by `plan`; without a key there are no hashes of recipients.
    pub fn new(plan: Plan, key: Option<Key>) -> Self {
        // Only ids of spans and traces are drawn, and none of them is shown.
        let rng = Box::new(Xoshiro256PlusPlus::seed_from_u64(0));
        let mut worker = Worker::new(plan, key, rng, HoldProof::default());
        worker.log_visits = true;
        Self { worker, last_ns: 0, shortcomings: BTreeMap::new() }
    }

    /// Explains every exchange, in the order of the file.
    pub fn explain(&mut self, har: &Har) -> Vec<Explained> {
        let entries = har.entries().iter().enumerate();
        entries.map(|(index, entry)| self.exchange(index, &Recorded::of(entry))).collect()
    }

    /// What those who read the output should know, a line each.
    pub fn notes(&self) -> Vec<String> {
        let note = |(shortcoming, entries): (&Shortcoming, &BTreeSet<usize>)| {
            let reason = match shortcoming {
                Shortcoming::TooLarge => {
                    let limit = self.worker.plan().settings.max_body_bytes;
                    format!("a body is longer than max_body_bytes ({limit}), so only its beginning was read")
                }
                Shortcoming::Unreadable => "a body is not what the adapter reads, or was cut".to_owned(),
                Shortcoming::LeftOut => "the recorder has left out a body".to_owned(),
                Shortcoming::Opaque => "a receipt is encrypted or could not be read".to_owned(),
            };
            format!("{reason}: {}", places(entries))
        };
        self.shortcomings.iter().map(note).collect()
    }

    fn exchange(&mut self, index: usize, recorded: &Recorded) -> Explained {
        let host = host_of(&recorded.authority);
        let visit = self.directions(&host, recorded).iter().find_map(|direction| {
            let report = self.visit(index, *direction, recorded);
            self.take_shortcomings(index, report.is_some());
            report
        });
        self.last_ns = recorded.started_ns.unwrap_or(self.last_ns);
        Explained { index, report: visit.unwrap_or_else(|| self.no_visit(&host, recorded)) }
    }

    /// Which ways it may have gone, the likeliest first. A HAR does not say: what goes to a channel's host leaves, what
    /// comes to a callback URL arrives, and else whatever is taken by a route.
    fn directions(&self, host: &str, recorded: &Recorded) -> &'static [Direction] {
        let plan = self.worker.plan();
        let target = Target { host, method: &recorded.method, path: recorded.path_alone() };
        let is_receipt = || plan.candidates(Direction::Inbound, target).any(|(_, route, _)| route.receipt.is_some());
        if plan.channel_of_host(host).is_some() {
            &[Direction::Outbound]
        } else if is_receipt() {
            &[Direction::Inbound, Direction::Outbound]
        } else {
            &[Direction::Outbound, Direction::Inbound]
        }
    }

    fn visit(&mut self, index: usize, direction: Direction, recorded: &Recorded) -> Option<Report> {
        let started_ns = recorded.started_ns.unwrap_or(self.last_ns);
        let stream = StreamId(u32::try_from(index).unwrap_or(u32::MAX));
        let edge_ports = &self.worker.plan().settings.edge_ports;
        let head = RequestHead {
            stream,
            direction: Some(direction),
            edge: direction == Direction::Inbound && recorded.port.is_some_and(|port| edge_ports.contains(&port)),
            headers: recorded.request.headers(),
            end_of_stream: !recorded.request.has_body(),
        };
        let details = recorded.failure.map_or("via_upstream", Failure::details);
        let mut shell = Recording { at_ns: started_ns, details, body: recorded.request.bytes() };
        let worker = &mut self.worker;
        let (mut exchange, mut effects) = Exchange::begin(worker, &head, &mut shell);
        if recorded.request.has_body() {
            (exchange, effects) = exchange.request_body(worker, shell.body.len(), true, &mut shell);
        }
        shell.at_ns = started_ns.saturating_add(recorded.duration_ns);
        if let Some((_, response)) = &recorded.response {
            shell.body = response.bytes();
            (exchange, effects) = respond(exchange, worker, response, recorded.failure.is_none(), &mut shell);
        }
        if exchange.is_watched() {
            effects = exchange.finish(worker, stream, &mut shell);
        }
        let visit = report(effects)?;
        if visit.opaque {
            self.shortcomings.entry(Shortcoming::Opaque).or_default().insert(index);
        }
        Some(visit.report)
    }

    /// What can be said of an exchange that no node sees.
    fn no_visit(&self, host: &str, recorded: &Recorded) -> Report {
        let status = recorded.response.as_ref().map(|(status, _)| *status);
        let (outcome, fate) = match (recorded.failure, status) {
            (Some(failure), _) => failure.verdict(),
            (None, status) => of_status(status.unwrap_or(0)),
        };
        Report {
            node: None,
            channel: self.worker.plan().channel_of_host(host).map(str::to_owned),
            operation: OperationKind::Other,
            message_ids: Vec::new(),
            recipients: Vec::new(),
            template: None,
            business: None,
            batch: 0,
            outcome,
            fate,
            code: status.filter(|_| recorded.failure.is_none()).map(|status| status.to_string()),
            vendor_ids: Vec::new(),
            results: BTreeMap::new(),
            retry_after_ms: None,
            statuses: Vec::new(),
        }
    }

    /// Takes what the worker has counted, which nobody else will, and notes what of it concerns this exchange.
    fn take_shortcomings(&mut self, index: usize, visited: bool) {
        let bypassed = |reason| name("pointsman_bypassed_total", &[("reason", reason)]);
        let of_series = [
            (bypassed("body_too_large"), Shortcoming::TooLarge),
            (bypassed("body_unreadable"), Shortcoming::Unreadable),
            (bypassed("body_encoded"), Shortcoming::LeftOut),
        ];
        while self.worker.metrics.take_sample().is_some() {}
        for (id, _) in self.worker.metrics.take_counts() {
            let Some(series) = self.worker.metrics.get(id) else { continue };
            let known = of_series.iter().find(|(name, _)| *name == series.name).map(|(_, shortcoming)| *shortcoming);
            if let Some(shortcoming) = known.filter(|_| visited) {
                self.shortcomings.entry(shortcoming).or_default().insert(index);
            }
        }
    }
}

/// The answer, which is whole unless something went wrong on the way.
fn respond(
    exchange: Exchange,
    worker: &mut Worker,
    response: &Half,
    whole: bool,
    shell: &mut Recording<'_>,
) -> (Exchange, Effects) {
    let over = whole && !response.has_body();
    let (exchange, effects) = exchange.response_headers(worker, &response.headers(), over, shell);
    if exchange.is_watched() && response.has_body() {
        return exchange.response_body(worker, shell.body.len(), whole, shell);
    }
    (exchange, effects)
}

fn report(effects: Effects) -> Option<VisitReport> {
    effects.commands.into_iter().find_map(|command| match command {
        Command::Report(visit) => Some(*visit),
        _ => None,
    })
}

/// Class and fate by the status alone.
fn of_status(status: u16) -> (OutcomeClass, Fate) {
    let headers = Headers::default();
    let answer = Answer { status, headers: &headers, body: Body::Opaque, recipients: 0, detail: false };
    let (verdict, _) = Classifier::by_status().judge(&answer, &mut || WallClock(0));
    (verdict.call, verdict.fate)
}

/// Entries by number, the first of them.
fn places(entries: &BTreeSet<usize>) -> String {
    const SHOWN: usize = 10;
    let numbers: Vec<String> = entries.iter().take(SHOWN).map(ToString::to_string).collect();
    let word = if entries.len() == 1 { "entry" } else { "entries" };
    let rest = entries.len().saturating_sub(SHOWN);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{word} {}{more}", numbers.join(", "))
}

#[cfg(test)]
mod tests;
