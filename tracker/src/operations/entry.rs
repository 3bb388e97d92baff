//! Operations and targets as they are shown.

use super::book::Standing;
use super::in_force::InForce;
use super::journal::{Record, Step};
use super::wish::{Kind, State, Strike, Wish};
use pointsman_core::time::{as_millis, parse_duration};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An operation as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "as in Record and Wish")]
pub struct Entry {
    pub id: String,
    pub kind: Kind,
    pub channel: String,
    pub to: Vec<String>,
    pub below_priority: Option<u8>,
    pub state: Option<State>,
    pub share: Option<f64>,
    pub fault: Option<Strike>,
    /// How many seconds it holds.
    pub for_s: Option<u64>,
    pub reason: String,
    /// Who wants it; of a proposal that nobody has taken up, who or what has proposed it.
    pub by: String,
    pub proposed_by: Option<String>,
    pub at_ms: u64,
    pub step: Step,
    /// Whether it waits for an operator, and not for an approver.
    pub proposed: bool,
    pub why_wide: Option<String>,
    pub approved_by: Option<String>,
    pub refused_by: Option<String>,
    pub diff: String,
    pub error: Option<String>,
    pub version: Option<String>,
    pub expires_ms: Option<u64>,
    pub in_force: InForce,
}

impl From<Standing> for Entry {
    fn from(standing: Standing) -> Self {
        Self::of(&standing, standing.since_ms, InForce::default())
    }
}

impl Entry {
    pub(super) fn of(standing: &Standing, now_ms: u64, in_force: InForce) -> Self {
        let step = standing.step_at(now_ms);
        let Record { id, asked_ms, wish, by, proposed_by, why_wide, approved_by, refused_by, .. } = &standing.record;
        let Record { diff, version, expires_ms, error, .. } = standing.record.clone();
        let is_proposal = by.is_empty();
        let Wish { kind, channel, to, below_priority, state, share, fault, lasting, reason, .. } = wish.clone();
        Self {
            id: id.clone(),
            kind,
            channel,
            to,
            below_priority,
            state,
            share,
            fault,
            for_s: lasting.as_deref().and_then(parse_duration).map(|lasting| as_millis(lasting) / 1_000),
            reason,
            by: if is_proposal { proposed_by.clone().unwrap_or_default() } else { by.clone() },
            proposed_by: proposed_by.clone(),
            at_ms: *asked_ms,
            step,
            proposed: is_proposal,
            why_wide: why_wide.clone(),
            approved_by: approved_by.clone(),
            refused_by: refused_by.clone(),
            diff,
            error,
            version,
            expires_ms: expires_ms.filter(|_| step == Step::Waiting),
            in_force,
        }
    }
}

/// Which channels there are, and where their messages may go.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Targets {
    channels: Vec<Channel>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Channel {
    channel: String,
    /// Where the config's own rules let its messages go: what is prepared, with texts and credentials.
    to: Vec<String>,
}

impl Targets {
    pub(super) fn of(config: &str) -> Self {
        let Ok(plan) = pointsman_core::config::load(config) else { return Self { channels: Vec::new() } };
        let mut channels: BTreeMap<String, Vec<String>> =
            plan.channels().map(|(_, channel)| (channel.name.to_string(), Vec::new())).collect();
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let rules = config["rules"].as_array().into_iter().flatten().filter_map(Value::as_object);
        for rule in rules.flat_map(serde_json::Map::values) {
            let Some(known) = rule["channel"].as_str().and_then(|channel| channels.get_mut(channel)) else { continue };
            for target in rule["to"].as_array().into_iter().flatten() {
                let name = target.as_str().or_else(|| target["channel"].as_str());
                if let Some(name) = name.filter(|name| !known.iter().any(|known| known == name)) {
                    known.push(name.to_owned());
                }
            }
        }
        Self { channels: channels.into_iter().map(|(channel, to)| Channel { channel, to }).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_rules_each_once_and_in_their_order() {
        let config = r#"{"channels": ["apns", "xiaomi",
            {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.internal"]},
            {"name": "xiaomi-c", "adapter": "xiaomi", "hosts": ["c.internal"]}], "hold_request": true, "rules": [
            {"name": "a", "auto": {"channel": "xiaomi", "to": ["xiaomi-c", {"channel": "xiaomi-b", "keep_credentials": true}]}},
            {"name": "b", "failover": {"channel": "xiaomi", "to": ["xiaomi-b"]}}]}"#;
        let told: Vec<(String, Vec<String>)> =
            Targets::of(config).channels.into_iter().map(|channel| (channel.channel, channel.to)).collect();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                ("apns".to_owned(), Vec::new()),
                ("xiaomi".to_owned(), names(&["xiaomi-c", "xiaomi-b"])),
                ("xiaomi-b".to_owned(), Vec::new()),
                ("xiaomi-c".to_owned(), Vec::new()),
            ]
        );
        assert_eq!(Targets::of("no config").channels, []);
    }
}
