//! Manual rules that stand in an object of their own, put in front of those of the config.
//!
//! Whoever may switch need not be able to change the config: the overrides take orders (`force`) and rehearsals (`drill`)
//! and nothing else, so neither a host nor an adapter nor what is recorded can be changed through them.

use crate::switch::RulesText;
use serde_json::{Map, Value};
use thiserror::Error;

/// The kinds of rules that overrides may hold.
const MANUAL: [&str; 2] = ["force", "drill"];
/// The kinds that stand in the config alone.
const AUTOMATIC: [&str; 4] = ["auto", "shed", "failover", "limit"];

/// Why overrides cannot be put in front of a config's rules.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OverridesError {
    /// They are no JSON object.
    #[error("overrides: $: is no JSON object: {reason}")]
    NotJson {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// They hold more than rules.
    #[error("overrides: $.{key}: unknown key, there is only `rules`")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// Their `rules` are no list, or there twice.
    #[error("overrides: $.rules: is no list, or is there twice")]
    NoList,
    /// A rule is none that is given by hand.
    #[error("overrides: $.rules[{index}]: is neither a `force` nor a `drill` rule; others belong into the config")]
    NotManual {
        /// Its place.
        index: usize,
    },
    /// The config is no JSON object with at most one list of rules, so there is no place in front of them.
    #[error("config: $: is no JSON object with at most one list of `rules`")]
    NoPlace,
}

/// The text of the config with the overrides' rules in front of its own; all else stays as it is, byte for byte.
///
/// Overrides without text, or without a rule, leave the config as it is. Rule `i` of the overrides is rule `i` of what comes
/// out, so a fault that is found there later has the same path in both.
///
/// # Errors
/// [`OverridesError`]. Whether the config that comes out is valid is for `pointsman_core::config::load` to say.
pub fn merge(config: &str, overrides: &str) -> Result<String, OverridesError> {
    let rules = rules(overrides)?;
    if rules.is_empty() {
        return Ok(config.to_owned());
    }
    // A config without content is valid, and has a place for rules only as an object.
    let config = if config.trim().is_empty() { "{}" } else { config };
    let place = RulesText::find(config).ok_or(OverridesError::NoPlace)?;
    Ok(place.with_first(&rules.join(", ")))
}

/// The rules as they are written.
fn rules(overrides: &str) -> Result<Vec<&str>, OverridesError> {
    if overrides.trim().is_empty() {
        return Ok(Vec::new());
    }
    let members: Map<String, Value> =
        serde_json::from_str(overrides).map_err(|error| OverridesError::NotJson { reason: error.to_string() })?;
    if let Some(key) = members.keys().find(|key| *key != "rules") {
        return Err(OverridesError::UnknownKey { key: key.clone() });
    }
    let text = RulesText::find(overrides).ok_or(OverridesError::NoList)?;
    let rules: Vec<&str> = text.rules().collect();
    match rules.iter().position(|rule| !is_manual(rule)) {
        Some(index) => Err(OverridesError::NotManual { index }),
        None => Ok(rules),
    }
}

fn is_manual(rule: &str) -> bool {
    let Ok(rule) = serde_json::from_str::<Map<String, Value>>(rule) else { return false };
    MANUAL.iter().any(|kind| rule.contains_key(*kind)) && !AUTOMATIC.iter().any(|kind| rule.contains_key(*kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_core::config;

    const FORCE: &str = r#"{"name": "switch-oppo", "force": {"channel": "oppo", "action": "shed"}, "by": "alice", "reason": "down", "until": "2033-01-01T00:00:00Z"}"#;
    const DRILL: &str = r#"{"name": "d", "drill": {"channel": "oppo", "share": 0.1, "fault": "refused"}, "by": "bob", "reason": "x", "until": "2033-01-01T00:00:00Z"}"#;

    #[test]
    fn manual_rules_come_first_in_their_order_and_nothing_else_is_touched() {
        let overrides = format!("{{\n  \"rules\": [\n    {FORCE},\n    {DRILL}\n  ]\n}}\n");
        let own = r#"{"name": "a", "auto": {"channel": "oppo"}}"#;
        let config = format!("{{ \"channels\":[\"oppo\"],\n\n  \"rules\" : [ {own} ] }}\n");
        let merged = merge(&config, &overrides).unwrap();
        assert_eq!(merged, config.replace(own, &format!("{FORCE}, {DRILL}, {own}")));
        assert!(serde_json::from_str::<Value>(&merged).is_ok(), "{merged}");
        let merged = merge("{\"channels\": [\"oppo\"]}", &overrides).unwrap();
        assert_eq!(merged, format!("{{\"channels\": [\"oppo\"], \"rules\": [{FORCE}, {DRILL}]}}"));
        assert!(config::load(&merge("", &overrides).unwrap()).is_err(), "nobody knows the channel");
    }

    #[test]
    fn overrides_without_a_rule_leave_the_config_as_it_is() {
        for config in ["", "{}", "{ \"rules\": [1] }", "no config"] {
            for overrides in ["", " \n", "{}", "{\"rules\": []}", "{\n\"rules\" : [ ]\n}\n"] {
                assert_eq!(merge(config, overrides).unwrap(), config);
            }
        }
    }

    #[test]
    fn what_is_no_manual_rule_is_refused_with_its_place() {
        let auto = r#"{"name": "a", "auto": {"channel": "oppo"}}"#;
        let both = r#"{"name": "a", "auto": {"channel": "oppo"}, "force": {"channel": "oppo", "action": "shed"}}"#;
        for rule in [auto, both, "7", "{}", "null", "\"force\""] {
            let refused = merge("{}", &format!("{{\"rules\": [{FORCE}, {rule}]}}"));
            assert_eq!(refused, Err(OverridesError::NotManual { index: 1 }), "{rule}");
        }
        let refused = merge("{}", "{\"rules\": [7]}").unwrap_err();
        assert!(refused.to_string().starts_with("overrides: $.rules[0]: "), "{refused}");
    }

    #[test]
    fn what_is_no_overrides_object_is_refused() {
        for text in ["[]", "{", "7", "{\"rules\": [],}"] {
            assert!(matches!(merge("{}", text), Err(OverridesError::NotJson { .. })), "{text}");
        }
        let key = merge("{}", "{\"rules\": [], \"channels\": []}");
        assert_eq!(key, Err(OverridesError::UnknownKey { key: "channels".to_owned() }));
        for text in ["{\"rules\": {}}", "{\"rules\": null}", "{\"rules\": [], \"r\\u0075les\": []}"] {
            assert_eq!(merge("{}", text), Err(OverridesError::NoList), "{text}");
        }
        for config in ["[]", "{\"rules\": 1}", "{"] {
            assert_eq!(merge(config, &format!("{{\"rules\": [{FORCE}]}}")), Err(OverridesError::NoPlace), "{config}");
        }
    }
}
