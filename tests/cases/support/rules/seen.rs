//! What was seen of a case, whoever has run it.

use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// What was seen. Every time counts from the beginning of the case.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) messages: Vec<Message>,
    /// Requests that have reached a vendor: its channel and when.
    pub(crate) calls: Vec<(String, Duration)>,
    /// Changes of state, in order.
    pub(crate) turns: Vec<Turned>,
    /// The channels that have seen another one's credential, though its owner need not trust them.
    pub(crate) leaks: Vec<String>,
    /// Everything that the filter has told.
    pub(crate) records: Vec<Value>,
}

/// One message to one recipient.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    /// As the vendors see it; nobody else has the same.
    pub(crate) recipient: String,
    pub(crate) business: Option<String>,
    pub(crate) sent: Duration,
    /// What the caller was told; nothing if it is still waiting.
    pub(crate) answered: Option<Answered>,
    /// The channels over which the recipient has got it, once for each time.
    pub(crate) taken: Vec<String>,
}

/// What the caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// That it is done.
    Ok,
    /// That it is not.
    Failed,
    /// To wait: 429.
    Shed,
}

/// A channel's state has changed.
#[derive(Clone, Debug)]
pub(crate) struct Turned {
    pub(crate) at: Duration,
    pub(crate) channel: String,
    pub(crate) to: State,
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    #[default]
    Healthy,
    Degraded,
    Probing,
    Recovering,
}

impl State {
    /// By its label in metrics and records.
    pub(crate) fn of_label(label: &str) -> Option<Self> {
        Self::deserialize(Value::from(label)).ok()
    }
}

impl Message {
    /// Whether no recipient has got it, though the caller was not told to wait.
    pub(crate) fn is_lost(&self) -> bool {
        self.taken.is_empty() && self.answered != Some(Answered::Shed)
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} sent at {:?}, answered {:?}, taken by {:?}", self.id, self.sent, self.answered, self.taken)
    }
}

impl Seen {
    /// The states that a channel has had in a time, in order.
    pub(crate) fn states(&self, channel: &str, from: Duration, until: Duration) -> Vec<State> {
        let turns: Vec<&Turned> = self.turns.iter().filter(|turn| turn.channel == channel).collect();
        let before = turns.iter().take_while(|turn| turn.at <= from).last().map(|turn| turn.to);
        let within = turns.iter().filter(|turn| from < turn.at && turn.at < until).map(|turn| turn.to);
        std::iter::once(before.unwrap_or_default()).chain(within).collect()
    }

    /// Takes a record that the filter has told at a moment.
    pub(crate) fn record(&mut self, at: Duration, record: Value) {
        let attributes = &record["attributes"];
        let text = |name: &str| attributes[name].as_str().map(str::to_owned);
        let state = text("push.state").as_deref().and_then(State::of_label);
        if let (Some("push.channel.state"), Some(channel), Some(to)) =
            (record["event_name"].as_str(), text("push.channel"), state)
        {
            self.turns.push(Turned { at, channel, to, reason: text("push.reason") });
        }
        self.records.push(record);
    }

    /// Whether a record says of a message that nobody knows what has become of it.
    pub(crate) fn says_unsure(&self, id: &str) -> bool {
        self.of_message(id).any(|record| record["attributes"]["push.fate"] == "unsure")
    }

    /// Whether a record says of a message that it is lost, or that nobody knows.
    pub(crate) fn tells(&self, id: &str) -> bool {
        self.says_unsure(id) || self.of_message(id).any(|record| record["event_name"] == "push.message.dead_letter")
    }

    fn of_message<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Value> {
        self.records.iter().filter(move |record| {
            let ids = &record["attributes"]["push.message.id"];
            ids == id || ids.as_array().is_some_and(|ids| ids.iter().any(|known| known == id))
        })
    }
}
