//! The same exchanges through a sidecar with the filter and through one without.
//!
//! What the upstream sees and what the client gets must be the same in both, but for the trace headers.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::{Response, Version, send};
use pointsman_host::vendors::{Fault, Received};

use crate::counts::Counts;
use crate::wire::WireAnswer;
use crate::{Bed, Setup};

/// The headers that the filter may write.
const OF_THE_TRACE: [&str; 2] = ["traceparent", "tracestate"];

/// The header that tells the time at which an answer was made: there in both, but not the same.
const DATE: &str = "date";

/// Two sidecars, each with stand-ins of its own.
pub struct Pair {
    filtered: Bed,
    bare: Bed,
    rules: String,
}

/// What the filter must count of some exchanges.
pub struct Expected {
    /// Where requests are held until their body is in.
    pub held: Counts,
    /// Where they are not.
    pub passing: Counts,
}

/// What one side has seen, without the trace headers.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The request line or the status.
    pub start: String,
    /// The header lines.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailer lines.
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// An exchange from both of its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request that the upstream has received.
    pub request: Message,
    /// The answer that the client has received.
    pub answer: Message,
}

impl Pair {
    /// Starts both. The rules must not say whether requests are held.
    pub async fn start(rules: &str) -> Self {
        Self::with_upstreams(rules, &[]).await
    }

    /// [`Pair::start`] with clusters that lead elsewhere than to their stand-ins.
    pub async fn with_upstreams(rules: &str, upstreams: &[(&str, SocketAddr, Protocol)]) -> Self {
        let setup = |rules: &str| {
            let setup = Setup::with_rules(rules);
            upstreams.iter().fold(setup, |setup, (cluster, addr, protocol)| setup.upstream(cluster, *addr, *protocol))
        };
        let holding = rules.replacen('{', r#"{"hold_request": true, "#, 1);
        let (filtered, bare) = tokio::join!(setup(&holding).start(), setup(rules).without_filter().start());
        Self { filtered, bare, rules: rules.to_owned() }
    }

    /// Puts a fault of the vendor's in force behind both.
    pub fn set_fault(&self, vendor: &str, fault: &Fault) {
        for bed in [&self.filtered, &self.bare] {
            bed.vendors.set_fault(vendor, fault.clone()).expect("a fault of this vendor's");
        }
    }

    /// Lets exchanges happen with and without the filter, first with requests held and then without, compares what came
    /// of them, and waits until the filter has counted what is expected and nothing else. Returns the exchanges.
    ///
    /// # Panics
    /// If anything is not the same.
    pub async fn same(&self, expected: &Expected, exchanges: impl AsyncFn(&Bed) -> Vec<Exchange>) -> Vec<Exchange> {
        let before = self.filtered.counts().await;
        self.compare("held", &exchanges).await;
        self.filtered.expect_counts_since(&before, &expected.held).await;
        self.filtered.apply(&self.rules).await;
        let before = self.filtered.counts().await;
        let seen = self.compare("not held", &exchanges).await;
        self.filtered.expect_counts_since(&before, &expected.passing).await;
        seen
    }

    /// Both, at the same point of each stand-in's life: its answers number the messages.
    async fn compare(&self, how: &str, exchanges: &impl AsyncFn(&Bed) -> Vec<Exchange>) -> Vec<Exchange> {
        let bare = exchanges(&self.bare).await;
        let seen = exchanges(&self.filtered).await;
        assert_eq!(seen.len(), bare.len());
        for (seen, bare) in seen.iter().zip(&bare) {
            assert!(seen == bare, "{how}: {seen:#?}\nwithout a filter: {bare:#?}");
        }
        bare
    }
}

/// An ordinary push to a vendor's stand-in.
pub async fn push(bed: &Bed, vendor: &str, version: Version, request: &Request<Bytes>) -> Exchange {
    let answer = send(bed.envoy.outbound(), version, request.clone()).await.expect("an answer");
    Exchange { request: Message::of_request(&bed.last_at(vendor)), answer: Message::of_response(&answer) }
}

impl Message {
    /// A request as an upstream has received it.
    pub fn of_request(request: &Received) -> Self {
        let target = request.uri.path_and_query().map_or("", |target| target.as_str());
        Self {
            start: format!("{} {target} {:?}", request.method, request.version),
            headers: lines(&request.headers),
            body: request.body.to_vec(),
            trailers: request.trailers.as_ref().map(lines).unwrap_or_default(),
        }
    }

    /// An answer as a client has received it.
    pub fn of_response(response: &Response) -> Self {
        Self {
            start: response.status.to_string(),
            headers: lines(&response.headers),
            body: response.body.to_vec(),
            trailers: response.trailers.as_ref().map(lines).unwrap_or_default(),
        }
    }

    /// An answer as it was on the wire.
    pub fn of_wire(answer: WireAnswer) -> Self {
        let headers = answer.headers.iter().map(|line| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a header line");
            (String::from_utf8_lossy(&line[..colon]).into_owned(), line[colon + 1..].trim_ascii().to_vec())
        });
        Self { start: answer.status, headers: comparable(headers), body: answer.body, trailers: Vec::new() }
    }

    /// The value of a header, if there is one line of it.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_slice());
        values.next().filter(|_| values.next().is_none())
    }
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    comparable(headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())))
}

fn comparable(lines: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    lines
        .filter(|(name, _)| !OF_THE_TRACE.contains(&name.as_str()))
        .map(|(name, value)| if name == DATE { (name, Vec::new()) } else { (name, value) })
        .collect()
}

/// Shows long bodies by their length.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |lines: &[(String, Vec<u8>)]| -> Vec<String> {
            lines.iter().map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect()
        };
        let body = match self.body.get(..512) {
            Some(beginning) => format!("{}... of {} bytes", beginning.escape_ascii(), self.body.len()),
            None => self.body.escape_ascii().to_string(),
        };
        f.debug_struct("Message")
            .field("start", &self.start)
            .field("headers", &shown(&self.headers))
            .field("body", &body)
            .field("trailers", &shown(&self.trailers))
            .finish()
    }
}
