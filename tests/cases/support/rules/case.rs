//! A case as it is written.

use super::behaviour::{Behaviour, Phase};
use super::expect::Expected;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// Of its file.
    #[serde(skip)]
    pub(crate) name: String,
    /// What it shows, in words.
    pub(crate) about: String,
    /// How long it is watched.
    #[serde(deserialize_with = "duration")]
    pub(crate) length: Duration,
    /// The config in JSON, in which `{+3s}` stands for the instant three seconds after the beginning.
    pub(crate) config: String,
    /// Further configs, and when each takes the place of the one before.
    #[serde(default)]
    pub(crate) then: Vec<Change>,
    /// The wall clock at the beginning, if it matters; such a case cannot run in real time.
    #[serde(default)]
    pub(crate) clock: Option<Clock>,
    #[serde(default = "two")]
    pub(crate) workers: usize,
    /// Whether the proxy lets headers wait for the body.
    #[serde(default = "yes")]
    pub(crate) may_hold: bool,
    /// How long the proxy waits for a vendor.
    #[serde(default = "two_seconds", deserialize_with = "duration")]
    pub(crate) route_timeout: Duration,
    #[serde(default)]
    vendors: BTreeMap<String, Vec<Phase>>,
    pub(crate) traffic: Vec<Traffic>,
    pub(crate) expect: Expected,
}

/// A config that takes the place of the one before.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(deserialize_with = "duration")]
    pub(crate) at: Duration,
    pub(crate) config: String,
}

/// Messages that an application sends, evenly spread.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traffic {
    /// The channel that it calls.
    pub(crate) to: String,
    /// Messages a second.
    pub(crate) rate: f64,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) from: Duration,
    /// The end of the case, if left out.
    #[serde(default, deserialize_with = "some_duration")]
    pub(crate) until: Option<Duration>,
    #[serde(default)]
    pub(crate) business: Option<String>,
    /// Whether requests carry the key by which the vendor removes repeats, where it has one.
    #[serde(default = "yes")]
    pub(crate) key: bool,
}

/// A wall clock in seconds since 1970.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Clock(pub(crate) u64);

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let seconds = super::instant::read(&text);
        seconds.map(Self).ok_or_else(|| format!("{text:?} is no instant such as 2026-11-27T23:59:57+08:00"))
    }
}

impl Case {
    /// Reads a file of the folder `rules`.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self, Box<dyn Error>> {
        let path = folder.join("rules").join(format!("{name}.case"));
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut case: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        name.clone_into(&mut case.name);
        case.check().map_err(|fault| format!("{}: {fault}", path.display()))?;
        Ok(case)
    }

    /// What would make a case say less than it seems to.
    fn check(&self) -> Result<(), String> {
        for config in self.configs() {
            serde_json::from_str::<serde_json::Value>(&super::instant::fill(config, Duration::ZERO))
                .map_err(|error| format!("config: {error}"))?;
        }
        let channels = self.channels();
        let known = |name: &str| channels.iter().any(|channel| channel.name == name);
        let named = self.vendors.keys().chain(self.traffic.iter().map(|traffic| &traffic.to));
        match named.chain(self.expect.channels()).find(|name| !known(name)) {
            Some(name) => Err(format!("no channel of the config is named {name}")),
            None if self.length > Duration::from_secs(10) => Err("longer than ten seconds".to_owned()),
            None => self.expect.check(self.length),
        }
    }

    fn configs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.config.as_str()).chain(self.then.iter().map(|change| change.config.as_str()))
    }

    /// The first config, of a story that begins at this time since 1970.
    pub(crate) fn config_at(&self, start: Duration) -> String {
        super::instant::fill(&self.config, start)
    }

    /// The channels of the config.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        let config: serde_json::Value =
            serde_json::from_str(&super::instant::fill(&self.config, Duration::ZERO)).unwrap_or_default();
        let channels = config["channels"].as_array().cloned().unwrap_or_default();
        channels.iter().filter_map(Channel::read).collect()
    }

    /// What a vendor does at a moment, and since when.
    pub(crate) fn behaviour(&self, channel: &str, at: Duration) -> (Duration, Behaviour) {
        let phases = self.vendors.get(channel).into_iter().flatten();
        let phase = phases.take_while(|phase| phase.from <= at).last();
        phase.map(|phase| (phase.from, phase.behaviour.clone())).unwrap_or_default()
    }

    #[allow(dead_code, reason = "in virtual time every call asks what its vendor does")]
    /// When vendors begin to do something else, in order.
    pub(crate) fn phases(&self) -> Vec<(String, Phase)> {
        let of = |(channel, phases): (&String, &Vec<Phase>)| {
            phases.iter().map(|phase| (channel.clone(), phase.clone())).collect::<Vec<_>>()
        };
        let mut phases: Vec<_> = self.vendors.iter().flat_map(of).collect();
        phases.sort_by_key(|(_, phase)| phase.from);
        phases
    }

    /// Every message, in the order in which they are sent.
    pub(crate) fn messages(&self) -> Vec<(Duration, &Traffic)> {
        let mut all: Vec<(Duration, &Traffic)> = Vec::new();
        for traffic in &self.traffic {
            let every = Duration::from_secs_f64(1.0 / traffic.rate);
            let until = traffic.until.unwrap_or(self.length);
            // Nothing is sent at the very moment at which a vendor may begin to do something else.
            let times = (0_u32..).map(|number| traffic.from + every / 2 + every * number).take_while(|at| *at < until);
            all.extend(times.map(|at| (at, traffic)));
        }
        all.sort_by_key(|(at, _)| *at);
        all
    }
}

/// What the config says of a channel that this side must know too.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) adapter: String,
    /// Under which it is called.
    pub(crate) host: String,
    /// Through which the filter calls it.
    pub(crate) cluster: String,
}

impl Channel {
    /// One of which nothing is known.
    pub(crate) fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), adapter: String::new(), host: String::new(), cluster: String::new() }
    }

    fn read(channel: &serde_json::Value) -> Option<Self> {
        let name = channel.as_str().or_else(|| channel["name"].as_str())?.to_owned();
        let adapter = channel["adapter"].as_str().unwrap_or(&name).to_owned();
        let host = channel["hosts"][0].as_str().or_else(|| super::dialect::host(&adapter))?.to_owned();
        let cluster = channel["cluster"].as_str().unwrap_or(&name).to_owned();
        Some(Self { name, adapter, host, cluster })
    }
}

const fn two() -> usize {
    2
}

const fn yes() -> bool {
    true
}

const fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

/// `1500ms` or `2s`, and `0s`, which no config allows.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0s" { Some(Duration::ZERO) } else { pointsman_core::time::parse_duration(text) }
}

pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no duration")))
}

pub(crate) fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}
