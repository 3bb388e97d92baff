//! The section `recipients`: where the secrets are with which recipients are hashed.

use super::fault::Faults;
use crate::serve::RecipientKeys;
use pointsman_core::trace::{CountryCode, InvalidSecret};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    secret_env: Option<String>,
    old_secret_env: Option<String>,
    country: Option<u64>,
}

/// Where the secrets are; not the secrets.
#[derive(Clone, Debug)]
pub struct Recipients {
    /// The names of environment variables. Those that are not set are left out.
    pub secrets: [String; 2],
    /// The country of phone numbers that name none.
    pub country: CountryCode,
}

impl Wire {
    pub(super) fn validate(self, path: &str, faults: &mut Faults) -> Recipients {
        let mut name = |name: &str, given: Option<String>, default: &str| {
            let given = given.unwrap_or_else(|| default.to_owned());
            if given.is_empty() || given.contains(['=', '\0']) {
                let what = format!("`{given}` cannot be the name of an environment variable: write it like {default}");
                faults.add(&format!("{path}.{name}"), what);
            }
            given
        };
        let secrets = [
            name("secret_env", self.secret_env, "POINTSMAN_SECRET"),
            name("old_secret_env", self.old_secret_env, "POINTSMAN_SECRET_OLD"),
        ];
        let code = faults.number(&format!("{path}.country"), self.country, 86, 1..=999);
        let country = u16::try_from(code).ok().and_then(CountryCode::new).unwrap_or_default();
        Recipients { secrets, country }
    }
}

impl Recipients {
    /// The keys of those secrets that the environment has; `None` if it has none.
    ///
    /// # Errors
    /// If one is too short.
    pub fn keys(&self, environment: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Option<RecipientKeys>, InvalidSecret> {
        let secrets: Vec<Vec<u8>> = self.secrets.iter().filter_map(|name| environment(name)).collect();
        let secrets: Vec<&[u8]> = secrets.iter().map(Vec::as_slice).filter(|secret| !secret.is_empty()).collect();
        if secrets.is_empty() {
            return Ok(None);
        }
        RecipientKeys::new(secrets, self.country).map(Some)
    }
}
