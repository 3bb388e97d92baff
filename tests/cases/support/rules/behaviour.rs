//! What a vendor does, and from when on.

use super::case::parse_duration;
use serde::Deserialize;
use std::time::Duration;

/// From a moment on, until the next phase begins: `"2s: refused"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Phase {
    pub(crate) from: Duration,
    pub(crate) behaviour: Behaviour,
}

/// What a share of the calls meets; the others are answered well.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) act: Act,
    /// Of 100 calls; spread evenly.
    pub(crate) percent: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Act {
    /// `well`
    #[default]
    Well,
    /// `refused`: no connection.
    Refused,
    /// `reset`: the connection breaks when the request is in. With `after taking it` the message is sent all the same.
    Reset { taken: bool },
    /// `hang`: no answer as long as the caller waits; `after taking it` as above.
    Hang { taken: bool },
    /// `slow 800ms`: the ordinary answer, late.
    Slow(Duration),
    /// `code -1`, `code -1 status 503`, `code -2 retry-after 3s`: the vendor's own refusal of the whole call.
    Code { code: String, status: Option<u16>, retry_after: Option<Duration> },
    /// `status 502`: the page of a proxy before the vendor.
    Page(u16),
}

impl Behaviour {
    /// What the call of this number meets, counted from 1.
    pub(crate) fn act(&self, number: u64) -> &Act {
        let hits = |number: u64| number * self.percent.unwrap_or(100) / 100;
        if hits(number) > hits(number.saturating_sub(1)) { &self.act } else { &Act::Well }
    }
}

impl TryFrom<String> for Phase {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fault = || format!("{text:?} is no phase such as \"2s: refused\"");
        let (from, rest) = text.split_once(": ").ok_or_else(fault)?;
        let (act, percent) = match rest.split_once(" for ") {
            Some((act, share)) => {
                let percent = share.strip_suffix('%').and_then(|percent| percent.parse().ok());
                (act, Some(percent.filter(|percent| *percent <= 100).ok_or_else(fault)?))
            }
            None => (rest, None),
        };
        let from = parse_duration(from).ok_or_else(fault)?;
        Ok(Self { from, behaviour: Behaviour { act: act_of(act).ok_or_else(fault)?, percent } })
    }
}

fn act_of(text: &str) -> Option<Act> {
    let (act, taken) = match text.strip_suffix(" after taking it") {
        Some(act) => (act, true),
        None => (text, false),
    };
    let words: Vec<&str> = act.split(' ').collect();
    Some(match (words.as_slice(), taken) {
        (["reset"], taken) => Act::Reset { taken },
        (["hang"], taken) => Act::Hang { taken },
        (["well"], false) => Act::Well,
        (["refused"], false) => Act::Refused,
        (["slow", time], false) => Act::Slow(parse_duration(time)?),
        (["status", status], false) => Act::Page(status.parse().ok()?),
        (["code", code, rest @ ..], false) => {
            let (mut status, mut retry_after) = (None, None);
            for pair in rest.chunks(2) {
                match pair {
                    ["status", word] => status = Some(word.parse().ok()?),
                    ["retry-after", word] => retry_after = Some(parse_duration(word)?),
                    _ => return None,
                }
            }
            Act::Code { code: (*code).to_owned(), status, retry_after }
        }
        _ => return None,
    })
}
