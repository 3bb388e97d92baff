//! What an operator wants, and the config that it makes: a `force` or `drill` rule in front of the others, or that rule gone.

use super::drill::Drill;
use super::text::RulesText;
use crate::oplog::Operation;
use pointsman_core::time::{WallClock, format_rfc3339};
use serde_json::{Value, json};
use std::time::Duration;
use thiserror::Error;

/// The longest that a manual rule holds: who still wants it then says so again.
pub const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// What is forced on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Force {
    /// Its messages go to these channels, in order.
    Switch {
        /// The channels.
        to: Vec<String>,
        /// Whether they take the credentials of the first; only of the same vendor.
        keep_credentials: bool,
    },
    /// Its messages are refused with a hint to try again later.
    Shed {
        /// Only those of businesses below this priority.
        below_priority: Option<u8>,
    },
    /// It is taken for healthy or degraded, whatever is seen of it.
    Hold {
        /// As the config has it.
        state: &'static str,
    },
}

/// What is to be done with a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A manual rule, and when it ends.
    Force(Force, WallClock),
    /// A rehearsal, and when it ends.
    Drill(Drill, WallClock),
    /// The end of the manual rule.
    Back,
    /// The end of the rehearsal.
    EndDrill,
}

impl Action {
    /// Whether it only takes a rule out.
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Back | Self::EndDrill)
    }

    /// What a rule of this kind is called in a config.
    pub(super) const fn rule_kind(&self) -> &'static str {
        match self {
            Self::Force(..) | Self::Back => "force",
            Self::Drill(..) | Self::EndDrill => "drill",
        }
    }
}

/// An operator's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The channel.
    pub channel: String,
    /// What is to be done with it.
    pub action: Action,
    /// Who wants it.
    pub by: String,
    /// Who else has agreed.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
}

/// Why a config cannot be changed as ordered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Nothing can be put into it.
    #[error("$: is no JSON object with at most one list of `rules`")]
    NoRules,
    /// There is no manual rule to take back.
    #[error("$.rules: there is no manual rule `{name}`, so nothing is taken back")]
    NothingToTakeBack {
        /// The name that it would have.
        name: String,
    },
    /// Another rule has the name of the manual one.
    #[error(
        "$.rules[{index}].name: `{name}` is the name of a manual rule of this channel, and this is none: rename it"
    )]
    NameTaken {
        /// Its place.
        index: usize,
        /// The name.
        name: String,
    },
}

impl Order {
    /// What the operations log calls it.
    pub const fn operation(&self) -> Operation {
        match &self.action {
            Action::Back => Operation::Back,
            Action::Drill(..) => Operation::Drill,
            Action::EndDrill => Operation::EndDrill,
            Action::Force(Force::Switch { .. }, _) => Operation::Switch,
            Action::Force(Force::Shed { .. }, _) => Operation::Shed,
            Action::Force(Force::Hold { .. }, _) => Operation::Hold,
        }
    }

    /// When it ends, in words.
    pub fn until(&self) -> Option<String> {
        match &self.action {
            Action::Force(_, until) | Action::Drill(_, until) => Some(format_rfc3339(*until)),
            Action::Back | Action::EndDrill => None,
        }
    }

    /// Where messages go.
    pub fn to(&self) -> &[String] {
        match &self.action {
            Action::Force(Force::Switch { to, .. }, _) => to,
            _ => &[],
        }
    }

    /// The state in which it is held.
    pub const fn state(&self) -> Option<&'static str> {
        match &self.action {
            Action::Force(Force::Hold { state }, _) => Some(state),
            _ => None,
        }
    }

    /// The config as ordered; everything but the rule is as it was, byte for byte.
    ///
    /// # Errors
    /// [`Refusal`]. Whether the config is valid is not looked at.
    pub fn change(&self, config: &str) -> Result<String, Refusal> {
        self.change_beside(config, "")
    }

    /// The same with manual rules that stand in an object of their own: `config` tells how its rules write a target.
    pub(super) fn change_beside(&self, manual: &str, config: &str) -> Result<String, Refusal> {
        let text = RulesText::find(manual).ok_or(Refusal::NoRules)?;
        let mut rules = parsed(&text);
        let ours = self.ours(&rules)?;
        rules.extend(RulesText::find(config).iter().flat_map(parsed));
        let (body, until) = match &self.action {
            Action::Force(force, until) => (self.force(force, &rules), *until),
            Action::Drill(drill, until) => (self.drill(drill), *until),
            Action::Back | Action::EndDrill => {
                let name = self.rule_name();
                return ours.and_then(|index| text.without(index)).ok_or(Refusal::NothingToTakeBack { name });
            }
        };
        let rule = self.rule(&body, until);
        let Some(index) = ours else { return Ok(text.with_first(&rule)) };
        let in_front = if index == 0 { text.with(0, &rule) } else { None };
        if let Some(changed) = in_front {
            return Ok(changed);
        }
        let without = text.without(index).ok_or(Refusal::NoRules)?;
        RulesText::find(&without).map(|text| text.with_first(&rule)).ok_or(Refusal::NoRules)
    }

    fn rule_name(&self) -> String {
        let kind = if self.action.rule_kind() == "drill" { "drill" } else { "switch" };
        format!("{kind}-{}", self.channel)
    }

    /// The manual rule that is there already.
    fn ours(&self, rules: &[Value]) -> Result<Option<usize>, Refusal> {
        let name = self.rule_name();
        let Some(index) = rules.iter().position(|rule| rule["name"] == name.as_str()) else { return Ok(None) };
        if rules[index][self.action.rule_kind()]["channel"] == self.channel.as_str() {
            return Ok(Some(index));
        }
        Err(Refusal::NameTaken { index, name })
    }

    /// The rule on one line, with its keys in the order in which they are read.
    fn rule(&self, body: &[(&str, Value)], until: WallClock) -> String {
        format!(
            "{{\"name\": {}, \"{}\": {{{}}}, \"by\": {}, \"reason\": {}, \"until\": {}}}",
            json!(self.rule_name()),
            self.action.rule_kind(),
            body.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect::<Vec<_>>().join(", "),
            json!(self.by),
            json!(self.reason),
            json!(format_rfc3339(until)),
        )
    }

    fn drill(&self, drill: &Drill) -> Vec<(&'static str, Value)> {
        let Drill { share, fault } = drill;
        vec![("channel", json!(self.channel)), ("share", json!(share.get())), ("fault", fault.json())]
    }

    fn force(&self, force: &Force, rules: &[Value]) -> Vec<(&'static str, Value)> {
        let mut members = vec![("channel", json!(self.channel))];
        match force {
            Force::Switch { to, keep_credentials } => {
                let targets: Vec<Value> =
                    to.iter().map(|target| self.target(target, *keep_credentials, rules)).collect();
                members.extend([("action", json!("switch")), ("to", json!(targets))]);
            }
            Force::Shed { below_priority } => {
                members.push(("action", json!("shed")));
                members.extend(below_priority.map(|priority| ("below_priority", json!(priority))));
            }
            Force::Hold { state } => members.extend([("action", json!("hold")), ("state", json!(state))]),
        }
        members
    }

    /// A target as other rules of the channel write it, with the texts and credentials that it needs.
    fn target(&self, target: &str, keep_credentials: bool, rules: &[Value]) -> Value {
        let otherwise = || match keep_credentials {
            true => json!({ "channel": target, "keep_credentials": true }),
            false => json!(target),
        };
        let bodies = rules.iter().filter_map(Value::as_object).flat_map(|rule| rule.values());
        let targets = bodies
            .filter(|body| body["channel"] == self.channel.as_str())
            .filter_map(|body| body["to"].as_array())
            .flatten();
        targets.into_iter().find(|written| written["channel"] == target).cloned().unwrap_or_else(otherwise)
    }
}

fn parsed(text: &RulesText<'_>) -> Vec<Value> {
    text.rules().map(|rule| serde_json::from_str(rule).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::drill::{Fault, Share};
    use super::*;

    fn order(action: Action) -> Order {
        Order {
            channel: "oppo".to_owned(),
            action,
            by: "alice".to_owned(),
            approved_by: None,
            reason: "vendor \"down\"".to_owned(),
        }
    }

    fn force(force: Force) -> Order {
        order(Action::Force(force, WallClock(1_700_000_000_000_000_000)))
    }

    fn to_lc() -> Order {
        force(Force::Switch { to: vec!["lc".to_owned()], keep_credentials: false })
    }

    const RULE: &str = r#"{"name": "switch-oppo", "force": {"channel": "oppo", "action": "switch", "to": ["lc"]}, "by": "alice", "reason": "vendor \"down\"", "until": "2023-11-14T22:13:20Z"}"#;

    #[test]
    fn a_switch_is_one_rule_in_front_of_the_others() {
        let config = "{\n  \"rules\": [\n    {\"name\": \"a\"}\n  ]\n}\n";
        let changed = to_lc().change(config).unwrap();
        assert_eq!(changed, format!("{{\n  \"rules\": [\n    {RULE},\n    {{\"name\": \"a\"}}\n  ]\n}}\n"));
        assert_eq!(order(Action::Back).change(&changed).unwrap(), config);
    }

    #[test]
    fn a_second_order_takes_the_place_of_the_first_and_comes_to_the_front() {
        let shed = force(Force::Shed { below_priority: Some(5) });
        let hold = force(Force::Hold { state: "healthy" });
        let first = shed.change("{\"rules\": [{\"name\": \"a\"}]}").unwrap();
        assert!(first.contains(r#"{"channel": "oppo", "action": "shed", "below_priority": 5}"#), "{first}");
        let second = hold.change(&first).unwrap();
        assert!(second.contains(r#"{"channel": "oppo", "action": "hold", "state": "healthy"}"#), "{second}");
        assert_eq!(second.matches("switch-oppo").count(), 1);
        let behind = format!("{{\"rules\": [{{\"name\": \"a\"}}, {RULE}]}}");
        assert_eq!(to_lc().change(&behind).unwrap(), format!("{{\"rules\": [{RULE}, {{\"name\": \"a\"}}]}}"));
    }

    #[test]
    fn a_target_is_written_as_the_other_rules_of_the_channel_have_it() {
        let config = r#"{"rules": [
            {"name": "b", "auto": {"channel": "vivo", "to": [{"channel": "lc", "texts": {"9": "no"}}]}},
            {"name": "a", "auto": {"channel": "oppo", "to": ["sms", {"channel": "lc", "texts": {"1": "Your code is {0}"}}]}}]}"#;
        let changed = to_lc().change(config).unwrap();
        assert!(changed.contains(r#""to": [{"channel":"lc","texts":{"1":"Your code is {0}"}}]}, "by""#), "{changed}");
    }

    #[test]
    fn a_drill_is_a_rule_of_its_own_beside_the_order() {
        let drill = Drill { share: Share::of(0.1).unwrap(), fault: Fault::Status(503) };
        let rehearse = order(Action::Drill(drill, WallClock(1_700_000_000_000_000_000)));
        let config = format!("{{\"rules\": [{RULE}]}}");
        let changed = rehearse.change(&config).unwrap();
        let rule = r#"{"name": "drill-oppo", "drill": {"channel": "oppo", "share": 0.1, "fault": {"status":503}}, "by": "alice", "reason": "vendor \"down\"", "until": "2023-11-14T22:13:20Z"}"#;
        assert_eq!(changed, format!("{{\"rules\": [{rule}, {RULE}]}}"));
        assert_eq!(order(Action::EndDrill).change(&changed).unwrap(), config);
        assert_eq!(order(Action::Back).change(&changed).unwrap(), format!("{{\"rules\": [{rule}]}}"));
        let named = "{\"rules\": [{\"name\": \"drill-oppo\", \"force\": {\"channel\": \"oppo\"}}]}";
        assert!(matches!(rehearse.change(named), Err(Refusal::NameTaken { index: 0, .. })));
        assert!(matches!(order(Action::EndDrill).change(&config), Err(Refusal::NothingToTakeBack { .. })));
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_its_place() {
        let back = order(Action::Back);
        assert!(matches!(back.change("{}"), Err(Refusal::NothingToTakeBack { .. })));
        let other = "{\"rules\": [{}, {\"name\": \"switch-oppo\", \"auto\": {\"channel\": \"oppo\"}}]}";
        for order in [back, to_lc()] {
            assert!(matches!(order.change(other), Err(Refusal::NameTaken { index: 1, .. })));
            assert!(matches!(order.change("[]"), Err(Refusal::NoRules)));
        }
    }
}
