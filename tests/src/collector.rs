//! A collector of records, and what it was told.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pointsman_host::otlp::{Behaviour, Link, Receiver, Record, Signal};
use tokio::time::Instant;

use crate::PATIENCE;

/// A receiver of OTLP on loopback.
pub struct Collector {
    receiver: Receiver,
}

/// Short ways to what tests look at.
pub trait Told {
    /// A text among the attributes; empty if there is none.
    fn word(&self, attribute: &str) -> &str;
    /// A whole number among the attributes.
    fn number(&self, attribute: &str) -> Option<i64>;
    /// Trace id and span id.
    fn place(&self) -> (String, String);
}

impl Told for Record {
    fn word(&self, attribute: &str) -> &str {
        self.text(attribute).unwrap_or_default()
    }

    fn number(&self, attribute: &str) -> Option<i64> {
        self.attributes.get(attribute)?.as_i64()
    }

    fn place(&self) -> (String, String) {
        (self.trace_id.clone(), self.span_id.clone())
    }
}

impl Collector {
    /// Starts on a free port.
    pub fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Starts where another one was.
    pub fn start_at(addr: SocketAddr) -> Self {
        Self { receiver: Receiver::start(addr).expect("the port is free") }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.receiver.addr()
    }

    /// Decides what becomes of requests from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.receiver.set_behaviour(behaviour);
    }

    /// How many requests have come.
    pub fn requests(&self) -> u64 {
        self.receiver.requests()
    }

    /// Closes its listener and its connections.
    pub fn stop(self) {
        self.receiver.stop();
    }

    /// All that it was told so far.
    pub fn records(&self) -> Vec<Record> {
        self.receiver.records()
    }

    /// Waits until it was told enough, and returns that.
    ///
    /// # Panics
    /// If it takes too long.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.records();
            if enough(&told) {
                return told;
            }
            assert!(Instant::now() < deadline, "waited for {what}, was told {told:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for exactly so many spans and no more status records than that, and returns the spans in the order of their
    /// ends.
    pub async fn spans(&self, count: usize) -> Vec<Record> {
        let told = self.until(&format!("{count} spans"), |told| spans(told).len() >= count).await;
        let spans = spans(&told);
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }

    /// Waits for so many records of a name, and returns them.
    pub async fn events(&self, name: &str, count: usize) -> Vec<Record> {
        let told = self.until(&format!("{count} of {name}"), |told| events(told, name).len() >= count).await;
        let events = events(&told, name);
        assert_eq!(events.len(), count, "{events:#?}");
        events
    }
}

/// Trace id and span id of the other end of a link.
pub fn linked(link: &Link) -> (String, String) {
    (link.trace_id.clone(), link.span_id.clone())
}

/// The spans among these.
pub fn spans(told: &[Record]) -> Vec<Record> {
    told.iter().filter(|told| told.signal == Signal::Span).cloned().collect()
}

/// The log records of this name among these.
pub fn events(told: &[Record], name: &str) -> Vec<Record> {
    told.iter().filter(|told| told.event_name == name).cloned().collect()
}
