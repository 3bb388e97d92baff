//! Where in an object the text with the rules stands.

use super::annotation::CONFIG;
use super::error::Unable;
use crate::rules::{CONFIG_KEY, config_in_envoyfilter, with_config};
use serde_json::{Value, json};

/// The key of overrides in their ConfigMap.
const OVERRIDES_KEY: &str = "overrides.json";

/// Where the text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A ConfigMap's config.
    Config,
    /// A ConfigMap's overrides.
    Overrides,
    /// An EnvoyFilter's config.
    EnvoyFilter,
}

impl Place {
    /// Tells by the object itself: overrides are what names the config that they belong to.
    pub(super) fn of(object: &Value) -> Result<Self, Unable> {
        let has = |key: &str| object["data"][key].is_string();
        match object["kind"].as_str() {
            Some("EnvoyFilter") if config_in_envoyfilter(object).is_some() => Ok(Self::EnvoyFilter),
            Some("ConfigMap") if config_name(object).is_some() => Ok(Self::Overrides),
            Some("ConfigMap") if has(CONFIG_KEY) => Ok(Self::Config),
            Some("ConfigMap") if has(OVERRIDES_KEY) => Err(Unable::NamesNoConfig),
            _ => Err(Unable::NoRulesInIt),
        }
    }

    /// The text; overrides that nobody has written yet are empty.
    pub(super) fn text(self, object: &Value) -> &str {
        let found = match self {
            Self::Config => object["data"][CONFIG_KEY].as_str(),
            Self::Overrides => return object["data"][OVERRIDES_KEY].as_str().unwrap_or("{\"rules\": []}\n"),
            Self::EnvoyFilter => config_in_envoyfilter(object),
        };
        found.unwrap_or_default()
    }

    /// Puts another text there and touches nothing else.
    pub(super) fn put(self, object: &mut Value, text: &str) {
        let key = match self {
            Self::Config => CONFIG_KEY,
            Self::Overrides => OVERRIDES_KEY,
            Self::EnvoyFilter => {
                with_config(object, text);
                return;
            }
        };
        match object.get_mut("data").filter(|data| data.is_object()) {
            Some(data) => data[key] = text.into(),
            None => object["data"] = json!({ key: text }),
        }
    }

    /// What it is called in a difference.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Config => CONFIG_KEY,
            Self::Overrides => OVERRIDES_KEY,
            Self::EnvoyFilter => "configuration",
        }
    }
}

/// The ConfigMap that overrides say they belong to.
pub(super) fn config_name(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"][CONFIG].as_str()
}
