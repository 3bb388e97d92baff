//! Rules as Prometheus reads them.

use serde::Serialize;
use std::collections::BTreeMap;

/// Labels or annotations.
pub type Pairs = BTreeMap<String, String>;

/// Rules that are evaluated together, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Unique in a file.
    pub name: String,
    /// How often they are evaluated.
    pub interval: String,
    /// In the order of evaluation.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Rule {
    /// A series that others are made of.
    Record {
        /// Its name.
        record: String,
        /// The query.
        expr: String,
        /// Labels of the series, in place of those of the query's result or beside them.
        labels: Pairs,
    },
    /// Something that somebody is to know.
    Alert {
        /// Its name.
        alert: String,
        /// The query: each series of its result is an alert.
        expr: String,
        /// How long it must have held.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        pending: Option<String>,
        /// Labels of the alert, in place of those of the query's result or beside them.
        labels: Pairs,
        /// What is told of it.
        annotations: Pairs,
    },
}

impl Rule {
    /// The query.
    pub fn expr(&self) -> &str {
        match self {
            Self::Record { expr, .. } | Self::Alert { expr, .. } => expr,
        }
    }

    /// The name, if it is an alert.
    pub fn alert(&self) -> Option<&str> {
        match self {
            Self::Alert { alert, .. } => Some(alert),
            Self::Record { .. } => None,
        }
    }
}
