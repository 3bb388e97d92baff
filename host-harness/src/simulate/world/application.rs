//! The application: it sends messages, and sends again what it believes has failed.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{Event, World};
use crate::demo::vendor_calls;
use crate::filter::StreamId;
use crate::http::Response;
use crate::process::Clock as _;
use crate::simulate::arrivals::Arrival;
use crate::simulate::calls::CallsError;
use crate::simulate::exchange::{Exchange, Forwarded};
use crate::simulate::message::{Message, Recipients, first};
use crate::simulate::template::Fill;
use crate::simulate::vendor::Fate;

impl World {
    pub(super) fn submit(&mut self, arrival: Arrival) -> Result<(), CallsError> {
        let Arrival { at, number, channel, business, recipients, salt } = arrival;
        self.messages.insert(number, Message::new(number, channel, business, recipients, at, salt));
        self.send(number)
    }

    /// Sends a message to those whom it has not reached yet.
    pub(super) fn send(&mut self, number: u64) -> Result<(), CallsError> {
        let Some(message) = self.messages.get_mut(&number) else { return Ok(()) };
        let (channel, to) = (message.channel, message.open);
        let retry = message.attempts > 0;
        message.attempts += 1;
        let worker = worker(message, self.scenario.sidecars as usize, self.scenario.workers as usize);
        let (Some(config), Some(calls), Some(cluster)) =
            (self.scenario.channels.get(channel), self.calls.get_mut(channel), self.clusters.get(channel))
        else {
            return Ok(());
        };
        let recipients = message.recipients(config.api.name(), to);
        let fill = Fill { message_id: &message.id(), recipients: &recipients, number: 0, now_ms: 0 };
        let business = self.scenario.traffic.businesses.get(message.business).map_or("", |it| it.name.as_str());
        let (headers, body) = calls.request(&fill, business)?;
        let exchange = Exchange {
            message: number,
            channel,
            to,
            started: self.now,
            cluster: cluster.clone(),
            body: body.clone(),
            forwarded: Forwarded::default(),
            plan: None,
            status: None,
            answer: bytes::Bytes::new(),
        };
        if retry {
            self.books.count(channel, self.now, |counts| counts.retries += 1);
        }
        self.exchanges += 1;
        let Some(driver) = self.drivers.get_mut(worker) else { return Ok(()) };
        let stream = driver.send(exchange, headers, body, self.clock.wall());
        self.obey(worker)?;
        self.await_held(worker, stream);
        Ok(())
    }

    /// What the filter holds back has no answer to wait for, but the application's patience ends all the same.
    fn await_held(&mut self, worker: usize, stream: StreamId) {
        let held = self.drivers.get_mut(worker).and_then(|driver| driver.exchange(stream));
        if held.is_some_and(|exchange| exchange.plan.is_none()) {
            let leave = self.now.after(self.scenario.application.timeout);
            self.events.push(leave, Event::Leave(worker, stream));
        }
    }

    /// The application has its answer.
    pub(super) fn answered(&mut self, worker: usize, stream: StreamId) {
        let now = self.now;
        let Some(driver) = self.drivers.get_mut(worker) else { return };
        let Some(started) = driver.exchange(stream).map(|exchange| exchange.started) else { return };
        let Some(exchange) = driver.close(stream, now.since(started)) else { return };
        self.books.waited(exchange.channel, now, now.since(exchange.started));
        let (reached, hopeless) = self.believed(&exchange);
        self.settle(exchange.message, reached, hopeless);
    }

    /// The application waits no longer.
    pub(super) fn leave(&mut self, worker: usize, stream: StreamId) -> Result<(), CallsError> {
        let now = self.now;
        let Some(driver) = self.drivers.get_mut(worker) else { return Ok(()) };
        let Some(started) = driver.exchange(stream).map(|exchange| exchange.started) else { return Ok(()) };
        if let Some(exchange) = driver.close(stream, now.since(started)) {
            self.books.waited(exchange.channel, now, now.since(exchange.started));
            self.settle(exchange.message, 0, 0);
        }
        self.obey(worker)
    }

    /// Whom the application takes for reached, and for whom trying again is no use, from what it sees.
    fn believed(&self, exchange: &Exchange) -> (Recipients, Recipients) {
        let success = exchange.status.is_some_and(|status| (200..300).contains(&status));
        match exchange.heard() {
            // The vendor's own words, as far as they are read.
            Some(plan) if self.scenario.application.reads_codes && is_verdict(&plan.fate) => {
                (plan.accepted, plan.refused)
            }
            // The filter's own answer, in the vendor's place and in its words.
            _ if self.scenario.application.reads_codes => (self.read_answer(exchange).unwrap_or(0), 0),
            _ if success => (exchange.to, 0),
            _ => (0, 0),
        }
    }

    /// Whom an answer says to be reached, read as the demo's push service reads it.
    fn read_answer(&self, exchange: &Exchange) -> Option<Recipients> {
        let channel = self.scenario.channels.get(exchange.channel)?;
        let response = Response {
            status: StatusCode::from_u16(exchange.status?).ok()?,
            headers: HeaderMap::new(),
            body: exchange.answer.clone(),
            trailers: None,
        };
        let count = vendor_calls::accepted(channel.api.name(), &response, exchange.to.count_ones() as usize);
        Some(first(count, exchange.to))
    }

    /// Tries again for those who are not reached, or has done with the message.
    fn settle(&mut self, number: u64, reached: Recipients, hopeless: Recipients) {
        let Some(message) = self.messages.get_mut(&number) else { return };
        message.open &= !(reached | hopeless);
        let application = &self.scenario.application;
        if message.open != 0 && message.attempts <= application.retries {
            let delay = application.delay * 2_u32.saturating_pow(message.attempts.saturating_sub(1));
            self.events.push(self.now.after(delay.max(Duration::from_micros(1))), Event::Retry(number));
        } else if let Some(message) = self.messages.remove(&number) {
            self.books.done(&message);
        }
    }
}

const fn is_verdict(fate: &Fate) -> bool {
    matches!(fate, Fate::Answered { .. } | Fate::Refused(_))
}

/// Messages go round the sidecars; a retry stays with its sidecar, but may meet another worker.
fn worker(message: &Message, sidecars: usize, workers: usize) -> usize {
    let number = message.number as usize;
    let sidecar = number % sidecars;
    sidecar * workers + (number / sidecars + message.attempts as usize) % workers
}
