//! An exchange as a text that people can read and edit, and that any bytes are.
//!
//! ```text
//! oppo pieces=7 told
//! POST https://api.push.oppomobile.com/server/v1/message/notification/unicast
//! content-type: application/x-www-form-urlencoded
//!
//! message={"target_value":"$TOKEN1"}
//! ---
//! 200
//! content-type: application/json
//!
//! {"code":0,"data":{"messageId":"m1"}}
//! ```
//!
//! The first line names the adapter and how the exchange goes ([`Way`]); the line `---` parts request and answer. An empty
//! line after the headers begins a body; without one the message ends with its headers. A line break at the very end is not
//! part of the answer. `$TOKEN1` to `$TOKEN9`, `$PHONE1` and `$MAIL1` stand for recipients, who must not be shown anywhere.

use std::collections::BTreeMap;

/// A text in which no byte sequence is a fault.
pub(crate) struct Script {
    pub(crate) adapter: String,
    pub(crate) way: Way,
    pub(crate) request: Message,
    pub(crate) answer: Message,
    pub(crate) planted: Vec<Planted>,
}

/// How an exchange goes, one word each.
#[derive(Default)]
pub(crate) struct Way {
    /// `receipt`: it comes to the service.
    pub(crate) inbound: bool,
    /// `edge`: it comes in at a port that the public can reach.
    pub(crate) edge: bool,
    /// `held`: requests may wait for their bodies.
    pub(crate) held: bool,
    /// `told`: the caller is told what was understood; answers may wait too.
    pub(crate) told: bool,
    /// `tight`: no more than a few bytes of a body are read.
    pub(crate) tight: bool,
    /// `all`: every adapter is configured, not only the one that is named.
    pub(crate) all: bool,
    /// `cut`: the connection breaks before the end of the answer.
    pub(crate) cut: bool,
    /// `early`: the answer begins before the request has ended.
    pub(crate) early: bool,
    /// `pieces=7`: bodies come in pieces of so many bytes, and end with trailers; otherwise they come at once, and the head
    /// announces their length.
    pub(crate) pieces: Option<usize>,
    /// `details=response_timeout`: Envoy's word for where the answer comes from.
    pub(crate) details: Option<String>,
}

/// A request or an answer.
pub(crate) struct Message {
    pub(crate) lines: Vec<(Vec<u8>, Vec<u8>)>,
    /// `None` if it ends with its headers.
    pub(crate) body: Option<Vec<u8>>,
}

/// A recipient that the text names.
pub(crate) struct Planted {
    pub(crate) value: String,
    pub(crate) in_request: usize,
    pub(crate) in_answer: usize,
}

impl Script {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (bytes, values) = plant(bytes);
        let (first, rest) = split(&bytes, b"\n").unwrap_or((&bytes, b""));
        let (request, answer) = split(rest, b"\n---\n").unwrap_or((rest, b""));
        let answer = answer.strip_suffix(b"\n").unwrap_or(answer);
        let first = String::from_utf8_lossy(first);
        let mut words = first.split_ascii_whitespace();
        let planted = values.into_iter().map(|value| Planted {
            in_request: count(request, value.as_bytes()),
            in_answer: count(answer, value.as_bytes()),
            value,
        });
        Self {
            adapter: words.next().unwrap_or_default().to_owned(),
            planted: planted.collect(),
            way: Way::read(words),
            request: Message::request(request),
            answer: Message::answer(answer),
        }
    }

    /// The status of the answer, if it has one.
    pub(crate) fn status(&self) -> Option<u16> {
        let (_, status) = self.answer.lines.first()?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }
}

impl Way {
    fn read<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut way = Self::default();
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("receipt", _) => way.inbound = true,
                ("edge", _) => way.edge = true,
                ("held", _) => way.held = true,
                ("told", _) => way.told = true,
                ("tight", _) => way.tight = true,
                ("all", _) => way.all = true,
                ("cut", _) => way.cut = true,
                ("early", _) => way.early = true,
                ("pieces", size) => way.pieces = size.parse().ok().filter(|size| *size > 0),
                ("details", details) => way.details = Some(details.to_owned()),
                _ => {}
            }
        }
        way
    }
}

impl Message {
    fn request(text: &[u8]) -> Self {
        let (first, rest) = first_line(text);
        let (method, url) = split(first, b" ").unwrap_or((b"POST", first));
        let (_, target) = split(url, b"://").unwrap_or((b"", url));
        let slash = target.iter().position(|byte| *byte == b'/').unwrap_or(target.len());
        let (authority, path) = target.split_at(slash);
        let path = if path.is_empty() { b"/" } else { path };
        Self::new(&[(":method", method), (":authority", authority), (":path", path)], rest)
    }

    fn answer(text: &[u8]) -> Self {
        let (status, rest) = first_line(text);
        Self::new(&[(":status", status)], rest)
    }

    fn new(first: &[(&str, &[u8])], rest: &[u8]) -> Self {
        let mut lines: Vec<_> = first.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
        let mut rest = Some(rest).filter(|rest| !rest.is_empty());
        while let Some(text) = rest {
            if let Some(body) = text.strip_prefix(b"\n") {
                return Self { lines, body: Some(body.to_vec()) };
            }
            let (line, after) = first_line(text);
            let (name, value) = split(line, b":").unwrap_or((line, b""));
            lines.push((name.to_ascii_lowercase(), value.trim_ascii().to_vec()));
            rest = Some(after).filter(|after| !after.is_empty());
        }
        Self { lines, body: None }
    }
}

/// Puts recipients in the place of their marks.
fn plant(bytes: &[u8]) -> (Vec<u8>, Vec<String>) {
    let (mut planted, mut values) = (Vec::with_capacity(bytes.len()), BTreeMap::new());
    let mut rest = bytes;
    while let Some((before, after)) = split(rest, b"$") {
        planted.extend_from_slice(before);
        let found = ["TOKEN", "PHONE", "MAIL"].into_iter().find_map(|kind| {
            let number = *after.strip_prefix(kind.as_bytes())?.first().filter(|digit| digit.is_ascii_digit())?;
            Some((kind, char::from(number)))
        });
        match found {
            Some((kind, number)) => {
                let value = recipient(kind, number);
                planted.extend_from_slice(value.as_bytes());
                values.insert((kind, number), value);
                rest = after.get(kind.len() + 1..).unwrap_or_default();
            }
            None => {
                planted.push(b'$');
                rest = after;
            }
        }
    }
    planted.extend_from_slice(rest);
    (planted, values.into_values().collect())
}

/// A recipient that nothing else looks like; a token is longer than any code that is shown.
fn recipient(kind: &str, number: char) -> String {
    match kind {
        "PHONE" => format!("1380013800{number}"),
        "MAIL" => format!("alice{number}@example.com"),
        _ => format!("{number}d0c5ec2e7").repeat(7),
    }
}

fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    split(text, b"\n").unwrap_or((text, b""))
}

/// What stands before and after the first `separator`.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    Some((text.get(..at)?, text.get(at + separator.len()..)?))
}

/// How often `wanted` stands in `text`.
fn count(text: &[u8], wanted: &[u8]) -> usize {
    text.windows(wanted.len()).filter(|window| *window == wanted).count()
}
