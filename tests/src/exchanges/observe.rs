//! What is seen of one exchange, as text that two proxies can be compared by.

use http::HeaderMap;
use std::fmt;

/// Headers that every proxy fills in its own way.
const NOISE: [&str; 5] = ["date", "server", "x-request-id", "x-forwarded-proto", "x-forwarded-for"];

/// Bodies longer than this are shown by their length.
const LONG: usize = 200;

/// A request or a response, as a peer of the proxy sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Method, path and version, or the status.
    pub first: String,
    /// `name: value`, sorted.
    pub headers: Vec<String>,
    /// All of the body, as far as it came.
    pub body: Vec<u8>,
    /// `name: value`, sorted; empty if there were none.
    pub trailers: Vec<String>,
    /// How it ended, if it did not end whole.
    pub end: &'static str,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.first, self.headers.join(", "))?;
        if self.body.len() > LONG {
            let first = self.body.first().copied().unwrap_or_default();
            write!(f, " ({} bytes from {})", self.body.len(), first.escape_ascii())?;
        } else if !self.body.is_empty() {
            write!(f, " '{}'", self.body.escape_ascii())?;
        }
        if !self.trailers.is_empty() {
            write!(f, " trailers [{}]", self.trailers.join(", "))?;
        }
        if !self.end.is_empty() {
            write!(f, " {}", self.end)?;
        }
        Ok(())
    }
}

/// Headers as sorted lines, without noise and without `further` names.
pub fn header_lines(headers: &HeaderMap, further: &[&str]) -> Vec<String> {
    let kept = headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        !NOISE.contains(&name) && !further.contains(&name) && !name.starts_with("x-envoy-")
    });
    let mut lines: Vec<String> =
        kept.map(|(name, value)| format!("{name}: {}", value.as_bytes().escape_ascii())).collect();
    lines.sort();
    lines
}

/// All that is seen of one exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What the client was answered, for each of the case's exchanges.
    pub client: Vec<Message>,
    /// What the upstream received.
    pub upstream: Vec<Message>,
    /// What the server of the guest's calls received.
    pub calls: Vec<Message>,
    /// What the guest logged.
    pub log: Vec<String>,
}

impl Observation {
    /// Whether nothing at all was seen: neither by a peer nor by the guest.
    pub fn is_empty(&self) -> bool {
        self.log.is_empty() && self.upstream.is_empty() && self.client.iter().all(|answer| answer.first.is_empty())
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.client {
            writeln!(f, "  client   {message}")?;
        }
        for message in &self.upstream {
            writeln!(f, "  upstream {message}")?;
        }
        for message in &self.calls {
            writeln!(f, "  call     {message}")?;
        }
        for line in &self.log {
            writeln!(f, "  log      {line}")?;
        }
        Ok(())
    }
}
