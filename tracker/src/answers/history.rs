//! What has happened to channels and rules.

use super::Record;
use schemars::JsonSchema;
use serde::Serialize;

/// What has happened to channels and rules, and drills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct History {
    /// The latest first.
    pub events: Vec<Record>,
}
