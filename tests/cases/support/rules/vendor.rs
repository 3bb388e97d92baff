//! The vendors of a case: what each does with a call, and who has got which message.

use super::behaviour::Act;
use super::case::{Case, Channel};
use super::dialect::{self, Answer, Request};
use super::seen::Seen;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The time in which a vendor that is well answers.
const ORDINARY: Duration = Duration::from_millis(20);

/// Stands in every credential that an application sends.
const SECRET: &[u8] = b"primary-secret";

/// All vendors of a case.
pub(crate) struct Vendors {
    pub(crate) channels: Vec<Channel>,
    /// By channel, since its behaviour changed.
    numbers: BTreeMap<(String, Duration), u64>,
    answered: u64,
    /// Keys by which a vendor removes repeats; one vendor may have several channels.
    keys: BTreeSet<(String, String)>,
    calls: Vec<(String, Duration)>,
    /// By recipient.
    taken: BTreeMap<String, Vec<String>>,
    /// Whom an application has called for a recipient: the vendor's adapter.
    asked: BTreeMap<String, String>,
    leaks: BTreeSet<String>,
}

/// What a call meets.
#[derive(Debug)]
pub(crate) enum Met {
    /// No connection.
    Refused,
    /// An answer after some time.
    Answer(Duration, Answer),
    /// The connection breaks when the request is in.
    Reset,
    /// Nothing comes.
    Silence,
}

impl Vendors {
    pub(crate) fn new(case: &Case) -> Self {
        Self {
            channels: case.channels(),
            numbers: BTreeMap::new(),
            answered: 0,
            keys: BTreeSet::new(),
            calls: Vec::new(),
            taken: BTreeMap::new(),
            asked: BTreeMap::new(),
            leaks: BTreeSet::new(),
        }
    }

    /// An application is about to call this channel for a recipient.
    pub(crate) fn expect(&mut self, channel: &Channel, recipient: &str) {
        self.asked.insert(recipient.to_owned(), channel.adapter.clone());
    }

    /// A call has come to a channel's vendor.
    pub(crate) fn call(&mut self, case: &Case, channel: &Channel, at: Duration, request: &Request) -> Met {
        let (began, behaviour) = case.behaviour(&channel.name, at);
        let number = self.numbers.entry((channel.name.clone(), began)).or_default();
        *number += 1;
        let act = behaviour.act(*number);
        if *act == Act::Refused {
            return Met::Refused;
        }
        self.calls.push((channel.name.clone(), at));
        let Some(read) = dialect::read(&channel.adapter, request) else {
            return Met::Answer(ORDINARY, dialect::refuse(&channel.adapter, "40", 200));
        };
        self.watch(channel, request, &read.recipient);
        match act {
            Act::Refused | Act::Hang { taken: false } => Met::Silence,
            Act::Hang { taken: true } => {
                self.take(channel, read);
                Met::Silence
            }
            Act::Reset { taken } => {
                if *taken {
                    self.take(channel, read);
                }
                Met::Reset
            }
            Act::Well => Met::Answer(ORDINARY, self.take(channel, read)),
            Act::Slow(after) => Met::Answer(*after, self.take(channel, read)),
            Act::Page(status) => Met::Answer(ORDINARY, dialect::page(*status)),
            Act::Code { code, status, retry_after } => {
                let mut answer = dialect::refuse(&channel.adapter, code, status.unwrap_or(200));
                let hint = retry_after.map(|wait| ("retry-after".to_owned(), wait.as_secs().to_string()));
                answer.headers.extend(hint);
                Met::Answer(ORDINARY, answer)
            }
        }
    }

    /// A vendor takes a message, unless it is a repeat.
    fn take(&mut self, channel: &Channel, read: dialect::Read) -> Answer {
        let repeat = read.key.is_some_and(|key| !self.keys.insert((channel.adapter.clone(), key)));
        if !repeat {
            self.taken.entry(read.recipient).or_default().push(channel.name.clone());
        }
        self.answered += 1;
        dialect::accept(&channel.adapter, self.answered)
    }

    /// Sees whether another vendor's credential has come along.
    fn watch(&mut self, channel: &Channel, request: &Request, recipient: &str) {
        let own = self.asked.get(recipient).is_some_and(|adapter| *adapter == channel.adapter);
        let has = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET);
        let shows = has(&request.body)
            || has(request.path.as_bytes())
            || request.headers.iter().any(|(_, value)| has(value.as_bytes()));
        if shows && !own {
            self.leaks.insert(channel.name.clone());
        }
    }

    /// Books what the vendors know.
    pub(crate) fn close(&mut self, seen: &mut Seen) {
        for message in &mut seen.messages {
            message.taken = self.taken.remove(&message.recipient).unwrap_or_default();
        }
        seen.calls = std::mem::take(&mut self.calls);
        seen.leaks = std::mem::take(&mut self.leaks).into_iter().collect();
    }
}
