//! What is told of switches, failures and drills, one record each, besides what is counted.
//!
//! Names and attributes are those that the exported records have, so that who reads the log reads the same.

use serde_json::{Map, Value};

/// One thing that somebody may have to know of by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Such as `push.channel.state`.
    pub name: &'static str,
    /// By name, such as `push.channel`.
    pub attributes: Map<String, Value>,
}

impl Event {
    /// A channel's breaker has changed its state.
    pub const CHANNEL_STATE: &'static str = "push.channel.state";
    /// A rule has come into force or is over.
    pub const RULE_APPLIED: &'static str = "push.rule.applied";
    /// A message was not sent, and no channel is left for it.
    pub const DEAD_LETTER: &'static str = "push.message.dead_letter";
    /// What is known of a message that nobody has confirmed.
    pub const STATUS: &'static str = "push.message.status";
    /// A message has entered a node.
    pub const ENTER: &'static str = "push.node.enter";
    /// A vendor has named its own id for a message.
    pub const ALIAS: &'static str = "push.message.alias";
    /// A drill is over.
    pub const DRILL_REPORT: &'static str = "push.drill.report";

    /// The attribute that names the trace, in hexadecimal digits.
    pub const TRACE_ID: &'static str = "trace_id";

    /// An event without attributes.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Map::new() }
    }

    /// The same with one attribute more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// The same, with the attribute if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// One line for a log: `record {"event_name":…,"attributes":{…}}`.
    pub fn line(&self) -> String {
        let attributes = serde_json::to_string(&self.attributes).unwrap_or_default();
        format!("record {{\"event_name\":\"{}\",\"attributes\":{attributes}}}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_event_and_its_attributes() {
        let event = Event::new(Event::DEAD_LETTER).with("push.channel", "oppo").with_some("push.rule", None::<&str>);
        assert_eq!(
            event.line(),
            r#"record {"event_name":"push.message.dead_letter","attributes":{"push.channel":"oppo"}}"#
        );
    }
}
