//! What somebody asks for, as JSON, and the order that it becomes.

use pointsman_core::time::{DurationText, WallClock, format_duration, parse_duration};
use pointsman_host::switch::{Action, Drill, Fault, Force, LONGEST, Order, Share};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use thiserror::Error;

/// The longest reason, as in `pointsman switch`.
pub(super) const MAX_TEXT_BYTES: usize = 256;
/// The most channels to go to, as in a `force` rule.
const MAX_TARGETS: usize = 8;

/// What is to be done with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its messages go elsewhere.
    Switch,
    /// Its messages are refused with a hint to try later.
    Shed,
    /// Its breaker keeps a state.
    Hold,
    /// The manual rule is taken back.
    Back,
    /// A share of its messages is struck, as a rehearsal.
    Drill,
    /// The rehearsal is ended.
    EndDrill,
}

/// A state in which a channel is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing is diverted.
    Healthy,
    /// Everything is diverted.
    Degraded,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
        }
    }
}

/// What befalls a message in a drill: `"refused"`, or an object with one member, as in a config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strike {
    /// As if nobody listened.
    Refused,
    /// An answer with this status.
    Status(u16),
    /// An answer with this code of the vendor.
    Code(String),
    /// It leaves later.
    Delay(String),
}

impl Strike {
    fn fault(&self) -> Result<Fault, NoOrder> {
        Ok(match self {
            Self::Refused => Fault::Refused,
            Self::Status(status) => Fault::Status(*status),
            Self::Code(code) => {
                words("fault", code)?;
                Fault::Code(code.clone())
            }
            Self::Delay(delay) => match parse_duration(delay) {
                Some(delay) => Fault::Delay(delay),
                None => return wrong("fault", "has no duration: write a whole number with ms or s, such as 2s"),
            },
        })
    }
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What is to be done.
    pub kind: Kind,
    /// With which channel.
    pub channel: String,
    /// To `switch`: where its messages go, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// To `switch`: whether the next channel gets the credentials of the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_credentials: bool,
    /// To `shed`: only messages below this priority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below_priority: Option<u8>,
    /// To `hold`: the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// To `drill`: the part of the messages that is struck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// To `drill`: by what, as a config has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Strike>,
    /// How long it holds; not to take something back.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<String>,
    /// Why.
    pub reason: String,
}

/// Why it is no order.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` {what}")]
pub struct NoOrder {
    /// Which member of the JSON object.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: String,
}

fn wrong<T>(field: &'static str, what: impl Into<String>) -> Result<T, NoOrder> {
    Err(NoOrder { field, what: what.into() })
}

impl Wish {
    /// With nothing but what each has.
    pub const fn new(kind: Kind, channel: String, reason: String) -> Self {
        Self {
            kind,
            channel,
            to: Vec::new(),
            keep_credentials: false,
            below_priority: None,
            state: None,
            share: None,
            fault: None,
            lasting: None,
            reason,
        }
    }

    /// How long it holds. `None` for what takes something back.
    ///
    /// # Errors
    /// [`NoOrder`].
    pub fn lasting(&self, longest_drill: Duration) -> Result<Option<Duration>, NoOrder> {
        let longest = match self.kind {
            Kind::Back | Kind::EndDrill if self.lasting.is_some() => return wrong("for", "has no meaning here"),
            Kind::Back | Kind::EndDrill => return Ok(None),
            Kind::Drill => longest_drill,
            Kind::Switch | Kind::Shed | Kind::Hold => LONGEST,
        };
        let Some(text) = &self.lasting else { return wrong("for", "is needed: how long, such as 30m") };
        let Some(lasting) = parse_duration(text) else {
            return wrong("for", "is no duration: write a whole number with s, m or h, such as 30m");
        };
        if lasting < Duration::from_secs(1) || lasting > longest {
            return wrong("for", format!("must be from 1s to {}", format_duration(longest)));
        }
        Ok(Some(lasting))
    }

    /// The order, given now.
    ///
    /// # Errors
    /// [`NoOrder`]. Whether it fits a config is not looked at.
    pub fn order(&self, longest_drill: Duration, now: WallClock, by: &str) -> Result<Order, NoOrder> {
        self.check_fields()?;
        let action = match self.lasting(longest_drill)? {
            Some(lasting) => self.action(now.after(lasting))?,
            None if self.kind == Kind::EndDrill => Action::EndDrill,
            None => Action::Back,
        };
        let (channel, reason) = (self.channel.clone(), self.reason.trim().to_owned());
        Ok(Order { channel, action, by: by.to_owned(), approved_by: None, reason })
    }

    fn action(&self, until: WallClock) -> Result<Action, NoOrder> {
        Ok(match self.kind {
            Kind::Switch => {
                let to = Force::Switch { to: self.to.clone(), keep_credentials: self.keep_credentials };
                Action::Force(to, until)
            }
            Kind::Shed => Action::Force(Force::Shed { below_priority: self.below_priority }, until),
            Kind::Hold => match self.state {
                Some(state) => Action::Force(Force::Hold { state: state.name() }, until),
                None => return wrong("state", "is needed: healthy or degraded"),
            },
            Kind::Drill => Action::Drill(self.drill()?, until),
            Kind::Back => Action::Back,
            Kind::EndDrill => Action::EndDrill,
        })
    }

    fn drill(&self) -> Result<Drill, NoOrder> {
        let Some(share) = self.share.and_then(|share| Share::of(share).ok()) else {
            return wrong("share", "is needed: a number from 0.0001 to 0.5, such as 0.1");
        };
        let Some(strike) = &self.fault else {
            return wrong("fault", "is needed: \"refused\", or such as {\"status\": 503}");
        };
        Ok(Drill { share, fault: strike.fault()? })
    }

    /// Whether each field has a meaning for this kind, and a bounded value.
    fn check_fields(&self) -> Result<(), NoOrder> {
        let is = |kind: Kind| self.kind == kind;
        for (field, there, allowed) in [
            ("to", !self.to.is_empty(), is(Kind::Switch)),
            ("keep_credentials", self.keep_credentials, is(Kind::Switch)),
            ("below_priority", self.below_priority.is_some(), is(Kind::Shed)),
            ("state", self.state.is_some(), is(Kind::Hold)),
            ("share", self.share.is_some(), is(Kind::Drill)),
            ("fault", self.fault.is_some(), is(Kind::Drill)),
        ] {
            if there && !allowed {
                return wrong(field, "has no meaning here");
            }
        }
        if is(Kind::Switch) && (self.to.is_empty() || self.to.len() > MAX_TARGETS) {
            return wrong("to", format!("is needed: 1 to {MAX_TARGETS} channels"));
        }
        words("channel", &self.channel)?;
        self.to.iter().try_for_each(|to| words("to", to))?;
        words("reason", &self.reason)
    }
}

/// A text for people: not empty, not long, on one line.
pub(super) fn words(field: &'static str, text: &str) -> Result<(), NoOrder> {
    match text.trim() {
        "" => wrong(field, "is empty"),
        text if text.len() > MAX_TEXT_BYTES => wrong(field, format!("is longer than {MAX_TEXT_BYTES} bytes")),
        text if text.chars().any(char::is_control) => wrong(field, "holds a line end or another control character"),
        _ => Ok(()),
    }
}

/// A text that [`words`] takes, of one that nobody has written for it.
pub(super) fn plain(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let mut text = words.join(" ");
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

/// Which operations need a second person.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wide {
    /// Every order for these channels.
    pub(super) channels: Vec<String>,
    /// Every order for any channel.
    pub(super) all: bool,
    /// Rehearsals that strike more than this share.
    pub(super) drill_above: f64,
    /// Orders that refuse all messages of a channel.
    pub(super) shed_all: bool,
}

impl Wide {
    /// Why it needs a second person, if it does. To go back needs nobody. `highest` is the highest priority of the config's
    /// businesses, if it is known: what refuses everything below a higher one refuses everything.
    pub(super) fn why(&self, wish: &Wish, highest: impl FnOnce() -> Option<u8>) -> Option<String> {
        match wish.kind {
            Kind::Back | Kind::EndDrill => return None,
            _ if self.all => return Some("every order needs a second person here".to_owned()),
            _ if self.channels.contains(&wish.channel) => {
                return Some(format!("every order for {} needs a second person", wish.channel));
            }
            _ => {}
        }
        match wish.kind {
            Kind::Shed if self.shed_all => match wish.below_priority {
                None => Some(format!("all messages of {} would be refused", wish.channel)),
                Some(below) if highest().unwrap_or(0) < below => Some(format!(
                    "all messages of {} would be refused: no business of the config has a priority of {below} or more",
                    wish.channel
                )),
                Some(_) => None,
            },
            Kind::Drill if wish.share.is_some_and(|share| share > self.drill_above) => {
                Some(format!("it would strike more than {} of the messages", self.drill_above))
            }
            _ => None,
        }
    }
}

/// Durations of the config, with a default.
pub(super) fn duration(written: Option<DurationText>, usual: Duration) -> Duration {
    written.map_or(usual, |text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn wish(mut json: Value) -> Wish {
        for (key, value) in [("channel", json!("oppo")), ("reason", json!("down"))] {
            if json.get(key).is_none() {
                json[key] = value;
            }
        }
        serde_json::from_value(json).unwrap()
    }

    fn order(json: Value) -> Result<Order, NoOrder> {
        wish(json).order(HOUR, WallClock(0), "alice")
    }

    #[test]
    fn each_kind_becomes_its_order() {
        let until = WallClock(60_000_000_000);
        for (json, expected) in [
            (
                json!({"kind": "switch", "to": ["lc"], "for": "1m"}),
                Action::Force(Force::Switch { to: vec!["lc".to_owned()], keep_credentials: false }, until),
            ),
            (
                json!({"kind": "shed", "below_priority": 3, "for": "60s"}),
                Action::Force(Force::Shed { below_priority: Some(3) }, until),
            ),
            (
                json!({"kind": "hold", "state": "healthy", "for": "1m"}),
                Action::Force(Force::Hold { state: "healthy" }, until),
            ),
            (
                json!({"kind": "drill", "share": 0.1, "fault": {"status": 503}, "for": "1m"}),
                Action::Drill(Drill { share: Share::of(0.1).unwrap(), fault: Fault::Status(503) }, until),
            ),
            (json!({"kind": "back"}), Action::Back),
            (json!({"kind": "end_drill"}), Action::EndDrill),
        ] {
            let order = order(json).unwrap();
            assert_eq!((order.action, order.by.as_str(), order.approved_by), (expected, "alice", None));
        }
    }

    #[test]
    fn what_is_no_order_is_refused_with_its_field() {
        let long = "a".repeat(257);
        for (json, field) in [
            (json!({"kind": "switch", "for": "1m"}), "to"),
            (json!({"kind": "switch", "to": vec!["lc"; 9], "for": "1m"}), "to"),
            (json!({"kind": "switch", "to": [""], "for": "1m"}), "to"),
            (json!({"kind": "switch", "to": ["lc"]}), "for"),
            (json!({"kind": "switch", "to": ["lc"], "for": "25h"}), "for"),
            (json!({"kind": "switch", "to": ["lc"], "for": "10ms"}), "for"),
            (json!({"kind": "switch", "to": ["lc"], "for": "soon"}), "for"),
            (json!({"kind": "drill", "share": 0.1, "fault": "refused", "for": "2h"}), "for"),
            (json!({"kind": "drill", "share": 0.6, "fault": "refused", "for": "1m"}), "share"),
            (json!({"kind": "drill", "share": 0.1, "fault": {"delay": "2"}, "for": "1m"}), "fault"),
            (json!({"kind": "drill", "share": 0.1, "for": "1m"}), "fault"),
            (json!({"kind": "drill", "share": 0.1, "fault": {"code": "\n"}, "for": "1m"}), "fault"),
            (json!({"kind": "hold", "for": "1m"}), "state"),
            (json!({"kind": "back", "for": "1m"}), "for"),
            (json!({"kind": "back", "to": ["lc"]}), "to"),
            (json!({"kind": "shed", "state": "healthy", "for": "1m"}), "state"),
            (json!({"kind": "back", "channel": "a\nb"}), "channel"),
            (json!({"kind": "back", "reason": " "}), "reason"),
            (json!({"kind": "back", "reason": long}), "reason"),
        ] {
            assert_eq!(order(json.clone()).unwrap_err().field, field, "{json}");
        }
        assert!(serde_json::from_value::<Wish>(json!({"kind": "apply", "channel": "a", "reason": "b"})).is_err());
        assert!(
            serde_json::from_value::<Wish>(json!({"kind": "back", "channel": "a", "reason": "b", "by": "eve"}))
                .is_err()
        );
    }

    #[test]
    fn what_reaches_far_needs_a_second_person_and_going_back_does_not() {
        let wide = Wide { channels: vec!["apns".to_owned()], all: false, drill_above: 0.1, shed_all: true };
        let everything = Wide { all: true, ..wide.clone() };
        let switch = json!({"kind": "switch", "to": ["lc"], "for": "1m"});
        for (json, expected) in [
            (switch.clone(), false),
            (json!({"kind": "switch", "channel": "apns", "to": ["lc"], "for": "1m"}), true),
            (json!({"kind": "back", "channel": "apns"}), false),
            (json!({"kind": "shed", "for": "1m"}), true),
            (json!({"kind": "shed", "below_priority": 2, "for": "1m"}), false),
            (json!({"kind": "shed", "below_priority": 9, "for": "1m"}), false),
            (json!({"kind": "shed", "below_priority": 10, "for": "1m"}), true),
            (json!({"kind": "shed", "below_priority": 255, "for": "1m"}), true),
            (json!({"kind": "drill", "share": 0.1, "fault": "refused", "for": "1m"}), false),
            (json!({"kind": "drill", "share": 0.2, "fault": "refused", "for": "1m"}), true),
            (json!({"kind": "end_drill", "channel": "apns"}), false),
        ] {
            assert_eq!(wide.why(&wish(json.clone()), || Some(9)).is_some(), expected, "{json}");
        }
        let shed = wish(json!({"kind": "shed", "below_priority": 1, "for": "1m"}));
        assert!(wide.why(&shed, || None).is_some(), "nobody knows whether anything would pass");
        assert!(Wide { shed_all: false, ..wide }.why(&shed, || None).is_none());
        let why = |json| everything.why(&wish(json), || Some(9));
        assert!(why(switch).is_some() && why(json!({"kind": "back"})).is_none());
    }
}
