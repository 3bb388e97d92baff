//! The config of this engine: `store.clickhouse`.

use crate::config::fault::Faults;
use crate::config::values::{duration, format_duration};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Times of a table end in the year 2106, and nothing may expire because its end lies beyond.
const LONGEST: Duration = Duration::from_secs(3_650 * 86_400);

/// As it stands in the file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Where it answers to HTTP, such as `https://clickhouse.internal:8443`.
    pub url: String,
    /// The database; it is created if it is not there. `pointsman` by default.
    pub database: Option<String>,
    /// The user. `default` by default.
    pub user: Option<String>,
    /// The environment variable in which the password stands.
    pub password_env: Option<String>,
    /// The file in which the password stands.
    pub password_file: Option<PathBuf>,
    /// How long events are kept, in whole days, such as `14d`. 30 days by default.
    pub retention: Option<String>,
    /// How long a query may take. 10 s by default.
    pub query_time: Option<String>,
    /// The most rows that a query may look through. 2,000,000,000 by default.
    pub max_scan: Option<u64>,
    /// The longest from the first event of a message to its last one, and from an event to its repeat. 3 days by default.
    pub life: Option<String>,
}

/// Where the password stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Password {
    /// There is none.
    None,
    /// In this environment variable.
    Env(String),
    /// In this file.
    File(PathBuf),
}

/// What the engine has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it answers to HTTP.
    pub url: String,
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// Where the password stands.
    pub password: Password,
    /// After how many days an event is removed.
    pub retention_days: u32,
    /// How long a query may take.
    pub query_time: Duration,
    /// The most rows that a query may look through.
    pub max_scan: u64,
    /// How far from each other the events of a message may lie: what lies further is found by its message, but is not looked
    /// at when a repeat is looked for, and when messages are counted by where they are.
    pub life: Duration,
}

impl Wire {
    /// What it says, if nothing is wrong with it; what is wrong is added to `faults`, under `path`.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Settings {
        let url = self.url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") && !url.starts_with("https://") {
            faults.add(&format!("{path}.url"), "has to begin with http:// or https://");
        }
        let database = self.database.unwrap_or_else(|| "pointsman".to_owned());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if database.is_empty() || !database.bytes().all(plain) {
            faults.add(&format!("{path}.database"), "may have letters, digits and _ only");
        }
        if self.password_env.is_some() && self.password_file.is_some() {
            faults.add(&format!("{path}.password_file"), "cannot stand beside password_env: take one of them out");
        }
        let password = match (self.password_env, self.password_file) {
            (Some(variable), _) => Password::Env(variable),
            (None, Some(file)) => Password::File(file),
            (None, None) => Password::None,
        };
        let mut length = |name: &str, text: Option<String>, usual: Duration, from: Duration| {
            let Some(text) = text else { return usual };
            let read = duration(&text).filter(|length| (from..=LONGEST).contains(length));
            if read.is_none() {
                let (least, most) = (format_duration(from), format_duration(LONGEST));
                faults.add(&format!("{path}.{name}"), format!("has to be a length of time from {least} to {most}"));
            }
            read.unwrap_or(usual)
        };
        let retention = length("retention", self.retention, 30 * DAY, DAY);
        let query_time = length("query_time", self.query_time, Duration::from_secs(10), Duration::from_secs(1));
        let life = length("life", self.life, 3 * DAY, Duration::from_secs(3_600));
        Settings {
            url,
            database,
            user: self.user.unwrap_or_else(|| "default".to_owned()),
            password,
            retention_days: u32::try_from(retention.as_secs().div_ceil(DAY.as_secs())).unwrap_or(30),
            query_time,
            max_scan: self.max_scan.unwrap_or(2_000_000_000).max(1),
            life,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Settings, Faults) {
        let mut faults = Faults::default();
        let wire: Wire = serde_json::from_str(text).expect("the section can be read");
        (wire.validate("store.clickhouse", &mut faults), faults)
    }

    #[test]
    fn a_section_with_no_more_than_an_address_is_enough() {
        let (settings, faults) = read(r#"{"url": "http://clickhouse.internal:8123/"}"#);
        assert_eq!(faults, Faults::default());
        assert_eq!(settings.url, "http://clickhouse.internal:8123");
        assert_eq!((settings.retention_days, settings.password), (30, Password::None));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let text = r#"{"url": "clickhouse", "database": "a b", "password_env": "X", "password_file": "y",
            "retention": "1h", "query_time": "long"}"#;
        let (_, Faults(faults)) = read(text);
        let paths: Vec<&str> = faults.iter().map(|fault| &*fault.path).collect();
        let names = ["url", "database", "password_file", "retention", "query_time"];
        assert_eq!(paths, names.map(|name| format!("store.clickhouse.{name}")));
    }
}
