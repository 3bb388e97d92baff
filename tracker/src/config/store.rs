//! The section `store`: which engine keeps the events.

use super::fault::Faults;
use crate::store::{clickhouse, embedded};
use serde::Deserialize;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Where the embedded engine has its data if nothing is said.
const DIRECTORY: &str = "pointsman-tracker-data";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    embedded: Option<embedded::Wire>,
    clickhouse: Option<clickhouse::Wire>,
    memory: Option<Nothing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Which engine keeps the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreSettings {
    /// A directory of this program's own.
    Embedded(embedded::Settings),
    /// A ClickHouse.
    Clickhouse(clickhouse::Settings),
    /// Nothing lasts, and every query looks at everything: to try things out.
    Memory,
}

impl StoreSettings {
    /// How long events are kept.
    pub fn retention(&self) -> Duration {
        match self {
            Self::Embedded(settings) => settings.retention,
            Self::Clickhouse(settings) => settings.retention_days * DAY,
            Self::Memory => 7 * DAY,
        }
    }
}

impl Wire {
    pub(super) fn validate(self, path: &str, faults: &mut Faults) -> StoreSettings {
        let named = [self.embedded.is_some(), self.clickhouse.is_some(), self.memory.is_some()];
        if named.into_iter().filter(|is| *is).count() > 1 {
            faults.add(path, "names more than one engine: take one of `embedded`, `clickhouse` and `memory`");
        }
        if let Some(wire) = self.clickhouse {
            return StoreSettings::Clickhouse(wire.validate(&format!("{path}.clickhouse"), faults));
        }
        match (self.embedded, self.memory) {
            (Some(wire), _) => StoreSettings::Embedded(wire.validate(&format!("{path}.embedded"), faults)),
            (None, Some(Nothing {})) => StoreSettings::Memory,
            (None, None) => StoreSettings::Embedded(embedded::Settings::in_directory(DIRECTORY)),
        }
    }
}
