//! What manual rules are written on, and what an order makes of it: checked before anything is put in place.

use super::order::{Action, Order, Refusal};
use crate::overrides::{self, OverridesError};
use pointsman_core::config::{self, Faults, check_time};
use pointsman_core::time::WallClock;
use thiserror::Error;

/// The text that holds manual rules.
#[derive(Clone, Copy, Debug)]
pub enum Sheet<'a> {
    /// The config itself.
    Config(&'a str),
    /// An object of their own, beside the config.
    Overrides {
        /// Its text.
        text: &'a str,
        /// The config that its rules are put in front of.
        config: &'a str,
    },
}

/// A text as ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What takes the place of the old text.
    pub text: String,
    /// The config that filters load then; the text itself, unless it holds overrides.
    pub in_force: String,
}

/// Why an order cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// The text does not allow the change.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The config that filters would load has faults.
    #[error("the config would have faults")]
    Faults(Faults),
    /// The text is no overrides, or cannot be put in front of the config.
    #[error(transparent)]
    Overrides(#[from] OverridesError),
}

impl From<Faults> for Unfit {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl Sheet<'_> {
    /// The text with the order carried out.
    ///
    /// # Errors
    /// [`Unfit`]; `check` says whether a config is valid.
    pub fn ordered(&self, order: &Order, check: &dyn Fn(&str) -> Result<(), Faults>) -> Result<Draft, Unfit> {
        let draft = match *self {
            Self::Config(config) => {
                let text = order.change(config)?;
                Draft { in_force: text.clone(), text }
            }
            Self::Overrides { text, config } => {
                let text = order.change_beside(text, config)?;
                Draft { in_force: overrides::merge(config, &text)?, text }
            }
        };
        check(&draft.in_force)?;
        Ok(draft)
    }
}

/// Whether the config is one that the filter takes, and no other order stands against this one. That other rules are over
/// is no reason to refuse an order, which cannot wait for somebody to tidy up.
///
/// # Errors
/// Every fault.
pub fn valid(text: &str, action: &Action, now: WallClock) -> Result<(), Faults> {
    config::load(text)?;
    let mut faults = Faults::default();
    for fault in check_time(text, now).iter().filter(|fault| fault.path.ends_with(&format!(".{}", action.rule_kind())))
    {
        faults.add(&fault.path, &fault.message);
    }
    if faults.is_empty() || action.is_end() { Ok(()) } else { Err(faults) }
}

/// Whether two names are one person's, however they are written.
pub fn is_same_person(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::order::Force;
    use super::*;

    const CONFIG: &str = r#"{"channels": ["apns", "xiaomi", {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.internal"]}], "hold_request": true,
        "rules": [{"name": "a", "auto": {"channel": "xiaomi", "to": [{"channel": "xiaomi-b", "keep_credentials": true}]}}]}"#;
    const NOW: WallClock = WallClock(1_800_000_000_000_000_000);

    fn order(action: Action) -> Order {
        Order {
            channel: "xiaomi".to_owned(),
            action,
            by: "alice".to_owned(),
            approved_by: None,
            reason: "down".to_owned(),
        }
    }

    fn switch() -> Order {
        let to = Force::Switch { to: vec!["xiaomi-b".to_owned()], keep_credentials: false };
        order(Action::Force(to, NOW.after(std::time::Duration::from_secs(60))))
    }

    fn ordered(text: &str, order: &Order) -> Result<Draft, Unfit> {
        Sheet::Overrides { text, config: CONFIG }.ordered(order, &|merged| valid(merged, &order.action, NOW))
    }

    #[test]
    fn an_order_on_overrides_leaves_the_config_alone_and_is_judged_with_it() {
        let draft = ordered("{\"rules\": []}\n", &switch()).unwrap();
        assert!(draft.text.starts_with("{\"rules\": [{\"name\": \"switch-xiaomi\""), "{}", draft.text);
        assert!(
            draft.text.contains(r#""to": [{"channel":"xiaomi-b","keep_credentials":true}]"#),
            "as the config has it"
        );
        assert!(draft.in_force.contains("\"rules\": [{\"name\": \"switch-xiaomi\""), "{}", draft.in_force);
        assert!(draft.in_force.contains("{\"name\": \"a\", "), "{}", draft.in_force);
        let back = ordered(&draft.text, &order(Action::Back)).unwrap();
        assert_eq!((back.text.as_str(), back.in_force.as_str()), ("{\"rules\": []}\n", CONFIG));
    }

    #[test]
    fn an_order_on_overrides_is_refused_where_the_whole_would_be_wrong() {
        let nobody = Order { channel: "nobody".to_owned(), ..switch() };
        assert!(matches!(ordered("{}", &nobody), Err(Unfit::Faults(_))));
        assert!(matches!(ordered("{\"channels\": []}", &switch()), Err(Unfit::Overrides(_))));
        assert!(matches!(ordered("{}", &order(Action::Back)), Err(Unfit::Refused(_))));
        let twice = r#"{"rules": [{"name": "b", "by": "bob", "reason": "x", "until": "2033-01-01T00:00:00Z", "force": {"channel": "xiaomi", "action": "shed"}}]}"#;
        let Err(Unfit::Faults(faults)) = ordered(twice, &switch()) else { panic!("two orders for one channel") };
        assert!(faults.iter().all(|fault| fault.path.ends_with(".force")), "{faults}");
    }

    #[test]
    fn a_person_is_known_by_the_name_however_it_is_written() {
        assert!(is_same_person(" Alice@Example.com", "alice@example.com\t"));
        assert!(!is_same_person("alice", "bob"));
    }
}
