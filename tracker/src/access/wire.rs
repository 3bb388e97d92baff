//! The section `access` of the config.

use super::proxy::{Proxy, is_name};
use super::{Access, Network, Person, Role, TokenHash};
use crate::config::fault::Faults;
use http::HeaderName;
use pointsman_core::time::DurationText;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const MAX_SESSIONS: usize = 100_000;

/// As it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wire {
    /// Whether anybody who reaches the tracker may look.
    pub anonymous: bool,
    /// Who has a token.
    pub tokens: Vec<TokenWire>,
    /// The proxy that signs people in.
    pub proxy: Option<ProxyWire>,
    /// Where browsers see the page, if a proxy changes `Host`: such as `https://push.example.com`.
    pub origins: Vec<String>,
    /// Whether browsers reach the tracker by TLS; by default whether it has TLS itself.
    pub secure_cookies: Option<bool>,
    /// How long browsers stay signed in.
    pub session: SessionWire,
}

/// A token, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenWire {
    /// Whose it is.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Its SHA-256.
    pub sha256: String,
    /// Their groups in the cluster.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The proxy, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyWire {
    /// Its addresses.
    pub from: Vec<String>,
    /// The header in which it names the user.
    pub user_header: String,
    /// The header in which it names the groups, with commas between.
    pub groups_header: Option<String>,
    /// The roles of users.
    #[serde(default)]
    pub users: BTreeMap<String, Role>,
    /// The roles of groups.
    #[serde(default)]
    pub groups: BTreeMap<String, Role>,
    /// The role of everybody else whom it names; by default none.
    pub others: Option<Role>,
}

/// How long browsers stay signed in, as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionWire {
    /// After this without a request they are signed out; by default `1h`.
    pub idle: Option<DurationText>,
    /// After this in any case; by default `12h`.
    pub longest: Option<DurationText>,
    /// How many sessions there may be; by default 1000.
    pub most: Option<usize>,
}

/// How long browsers stay signed in.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionSettings {
    pub(super) idle: Duration,
    pub(super) longest: Duration,
    pub(super) most: usize,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { idle: Duration::from_secs(3_600), longest: Duration::from_secs(12 * 3_600), most: 1_000 }
    }
}

/// The section, found to be sound. The default lets everybody look.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(super) anonymous: bool,
    pub(super) tokens: Vec<(TokenHash, Person)>,
    pub(super) proxy: Option<Proxy>,
    pub(super) origins: Vec<String>,
    pub(super) secure_cookies: Option<bool>,
    pub(super) session: SessionSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let session = SessionSettings::default();
        Self { anonymous: true, tokens: Vec::new(), proxy: None, origins: Vec::new(), secure_cookies: None, session }
    }
}

impl Access {
    /// Whether there is a token to sign in with.
    pub(super) fn can_sign_in(&self) -> bool {
        !self.settings.tokens.is_empty()
    }
}

impl Wire {
    /// What it becomes; what is wrong with it is in `faults` then.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Settings {
        if !self.anonymous && self.tokens.is_empty() && self.proxy.is_none() {
            let what = "nobody could look: name `tokens` or a `proxy`, or say `anonymous: true` to let everybody look";
            faults.add(path, what);
        }
        let tokens = tokens(self.tokens, &format!("{path}.tokens"), faults);
        let proxy = self.proxy.and_then(|proxy| proxy.validate(&format!("{path}.proxy"), faults));
        for (index, origin) in self.origins.iter().enumerate().filter(|(_, origin)| !is_origin(origin)) {
            let what = format!("{origin:?} is no origin: write it as browsers do, such as https://push.example.com");
            faults.add(&format!("{path}.origins[{index}]"), what);
        }
        let session = self.session.validate(&format!("{path}.session"), faults);
        Settings {
            anonymous: self.anonymous,
            tokens,
            proxy,
            origins: self.origins,
            secure_cookies: self.secure_cookies,
            session,
        }
    }
}

fn tokens(written: Vec<TokenWire>, path: &str, faults: &mut Faults) -> Vec<(TokenHash, Person)> {
    let mut known: Vec<(TokenHash, Person)> = Vec::new();
    for (index, TokenWire { name, role, sha256, groups }) in written.into_iter().enumerate() {
        let at = format!("{path}[{index}]");
        check_name(&name, &format!("{at}.name"), faults);
        for group in &groups {
            check_name(group, &format!("{at}.groups"), faults);
        }
        match sha256.parse::<TokenHash>() {
            Err(error) => faults.add(&format!("{at}.sha256"), format!("{error}: `pointsman-tracker token` gives one")),
            Ok(hash) if known.iter().any(|(other, _)| *other == hash) => {
                faults.add(&format!("{at}.sha256"), "stands there twice: each person has a token of their own");
            }
            Ok(hash) => known.push((hash, Person { name: name.trim().to_owned(), groups, role })),
        }
    }
    known
}

impl ProxyWire {
    fn validate(self, path: &str, faults: &mut Faults) -> Option<Proxy> {
        let mut from = Vec::new();
        for (index, text) in self.from.iter().enumerate() {
            match text.parse::<Network>() {
                Ok(network) => from.push(network),
                Err(error) => faults.add(&format!("{path}.from[{index}]"), format!("{text:?} {error}")),
            }
        }
        if self.from.is_empty() {
            faults.add(&format!("{path}.from"), "is empty: name the addresses of the proxy, and nobody else's");
        }
        if self.users.is_empty() && self.groups.is_empty() && self.others.is_none() {
            faults.add(path, "nobody whom it names has a role: name `users` or `groups`, or a role for `others`");
        }
        if self.groups_header.is_none() && !self.groups.is_empty() {
            faults.add(&format!("{path}.groups"), "has no effect without `groups_header`");
        }
        for name in self.users.keys().chain(self.groups.keys()) {
            check_name(name, path, faults);
        }
        let mut header = |key: &str, text: &str| match HeaderName::try_from(text) {
            Ok(name) if !["authorization", "cookie", "host", "origin"].contains(&name.as_str()) => Some(name),
            _ => {
                faults.add(&format!("{path}.{key}"), format!("{text:?} is no name of a header of the proxy's own"));
                None
            }
        };
        let user_header = header("user_header", &self.user_header);
        let groups_header = self.groups_header.as_deref().and_then(|text| header("groups_header", text));
        let (users, groups, others) = (self.users, self.groups, self.others);
        Some(Proxy { from, user_header: user_header?, groups_header, users, groups, others })
    }
}

impl SessionWire {
    fn validate(self, path: &str, faults: &mut Faults) -> SessionSettings {
        let usual = SessionSettings::default();
        let idle = self.idle.map_or(usual.idle, |time| time.0);
        let longest = self.longest.map_or(usual.longest.max(idle), |time| time.0);
        let most = self.most.unwrap_or(usual.most);
        if idle > longest {
            faults.add(&format!("{path}.idle"), "is longer than `longest`");
        }
        if longest > 30 * DAY {
            faults.add(&format!("{path}.longest"), "is more than 720h");
        }
        if most == 0 || most > MAX_SESSIONS {
            faults.add(&format!("{path}.most"), format!("must be from 1 to {MAX_SESSIONS}"));
        }
        SessionSettings { idle, longest, most }
    }
}

fn check_name(name: &str, path: &str, faults: &mut Faults) {
    if !is_name(name.trim()) {
        let what =
            format!("{name:?} is no name: 1 to 256 bytes, no control characters, and none that begins with `system:`");
        faults.add(path, what);
    }
}

fn is_origin(text: &str) -> bool {
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    authority.is_some_and(|authority| !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_path() {
        let hash = "0".repeat(64);
        let text = format!(
            r#"{{"tokens": [
                {{"name": "alice", "role": "viewer", "sha256": "{hash}"}},
                {{"name": "system:admin", "role": "operator", "sha256": "{hash}", "groups": ["system:masters"]}},
                {{"name": " ", "role": "approver", "sha256": "short"}}],
              "proxy": {{"from": ["0.0.0.0/0", "10.1.0.0/8"], "user_header": "cookie", "groups": {{"ops": "operator"}}}},
              "origins": ["push.example.com", "https://push.example.com/"],
              "session": {{"idle": "2h", "longest": "1h", "most": 0}}}}"#
        );
        let wire: Wire = serde_json::from_str(&text).unwrap();
        let mut faults = Faults::default();
        wire.validate("access", &mut faults);
        let paths: Vec<&str> = faults.0.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "access.tokens[1].name",
                "access.tokens[1].groups",
                "access.tokens[1].sha256",
                "access.tokens[2].name",
                "access.tokens[2].sha256",
                "access.proxy.from[0]",
                "access.proxy.from[1]",
                "access.proxy.groups",
                "access.proxy.user_header",
                "access.origins[0]",
                "access.origins[1]",
                "access.session.idle",
                "access.session.most",
            ]
        );
    }

    #[test]
    fn a_config_in_which_nobody_could_look_is_a_fault() {
        let mut faults = Faults::default();
        Wire::default().validate("access", &mut faults);
        assert_eq!(faults.0.len(), 1, "{faults}");
        let anonymous = Wire { anonymous: true, ..Wire::default() };
        let mut faults = Faults::default();
        anonymous.validate("access", &mut faults);
        assert_eq!(faults.0, []);
        assert!(serde_json::from_str::<Wire>(r#"{"anonymus": true}"#).is_err());
    }
}
