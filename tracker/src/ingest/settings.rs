//! The section `ingest` of the config.

use crate::access::{NotAHash, TokenHash};
use crate::config::fault::Faults;
use serde::Deserialize;
use std::time::Duration;

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    tokens: Vec<TokenWire>,
    max_body: Option<String>,
    max_in_flight: Option<String>,
    body_timeout: Option<String>,
    append_timeout: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenWire {
    name: String,
    sha256: String,
}

/// How records are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who may send records; empty: whoever reaches the port.
    pub tokens: Vec<Token>,
    /// The most bytes of one request, before and after it is unpacked.
    pub max_body: usize,
    /// The most bytes, unpacked, of all requests that are not answered yet.
    pub max_in_flight: usize,
    /// How long a request may take to come whole.
    pub body_timeout: Duration,
    /// How long is waited for the store, for each batch of events.
    pub append_timeout: Duration,
}

/// A bearer token by its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub name: String,
    /// Of its bytes.
    pub sha256: TokenHash,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            max_body: 64 << 20,
            max_in_flight: 128 << 20,
            body_timeout: Duration::from_secs(30),
            append_timeout: Duration::from_secs(30),
        }
    }
}

impl Wire {
    /// What it says.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Settings {
        let default = Settings::default();
        let at = |name: &str| format!("{path}.{name}");
        let times = Duration::from_millis(100)..=Duration::from_secs(300);
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let body = faults.size(&at("max_body"), self.max_body.as_deref(), default.max_body as u64, 1 << 10..=64 << 20);
        let in_flight = default.max_in_flight as u64;
        let in_flight = faults.size(&at("max_in_flight"), self.max_in_flight.as_deref(), in_flight, 1 << 10..=4 << 30);
        if in_flight < body {
            faults.add(&at("max_in_flight"), "no request of `max_body` would ever be taken: take at least as much");
        }
        let body_timeout =
            faults.duration(&at("body_timeout"), self.body_timeout.as_deref(), default.body_timeout, times.clone());
        let append_timeout =
            faults.duration(&at("append_timeout"), self.append_timeout.as_deref(), default.append_timeout, times);
        Settings {
            tokens: tokens(self.tokens, &at("tokens"), faults),
            max_body: whole(body),
            max_in_flight: whole(in_flight),
            body_timeout,
            append_timeout,
        }
    }
}

fn tokens(wire: Vec<TokenWire>, path: &str, faults: &mut Faults) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (index, TokenWire { name, sha256 }) in wire.into_iter().enumerate() {
        match sha256.parse() {
            Ok(sha256) => tokens.push(Token { name, sha256 }),
            Err(NotAHash) => {
                let what = "is no SHA-256 in 64 hexadecimal digits: `pointsman-tracker token` gives one";
                faults.add(&format!("{path}[{index}].sha256"), what);
            }
        }
    }
    tokens
}
