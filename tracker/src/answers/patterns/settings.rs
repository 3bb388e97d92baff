//! How many failures of a kind are too many, and what then.

use super::{Failures, Proposal, Same};
use crate::config::fault::Faults;
use crate::store::{MINUTE_MS, Range};
use pointsman_core::time::{DurationText, as_millis, format_duration};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most rules.
const MAX_RULES: usize = 200;
/// The longest time over which is counted.
const MAX_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// The section `patterns` of the config: the rules, of which the first that fits a pattern counts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Wire(pub Vec<WireRule>);

/// How many failures of a kind are too many.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireRule {
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only with this code of the vendor's.
    pub code: Option<String>,
    /// Only with these words in the text; in lower case, as patterns are.
    pub text: Option<String>,
    /// More than so many are too many.
    pub above: u64,
    /// Within this time: whole minutes, at most `24h`.
    #[serde(default = "five_minutes")]
    pub within: DurationText,
    /// To which channels a switch is then proposed to the operators; needs `channel`.
    #[serde(default)]
    pub propose_switch_to: Vec<String>,
}

fn five_minutes() -> DurationText {
    DurationText(Duration::from_secs(300))
}

/// The rules, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// In their order.
    pub rules: Vec<Rule>,
}

/// How many failures of a kind are too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Only of this channel.
    pub channel: Option<String>,
    /// Only with this code.
    pub code: Option<String>,
    /// Only with these words in the text.
    pub text: Option<String>,
    /// More than so many are too many.
    pub above: u64,
    /// Within this time, in milliseconds: whole minutes.
    pub within_ms: u64,
    /// What is then proposed; empty is nothing.
    pub propose_switch_to: Vec<String>,
}

/// What the rules say of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether there are too many.
    pub above: bool,
    /// How many are allowed.
    pub threshold: u64,
    /// What is proposed.
    pub proposal: Option<Proposal>,
}

impl Wire {
    /// The rules; what is wrong with them is added to `faults`.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Settings {
        if self.0.len() > MAX_RULES {
            faults.add(path, format!("has {} rules, at most {MAX_RULES} are looked at: take some out", self.0.len()));
        }
        let rules = self.0.into_iter().take(MAX_RULES).enumerate();
        Settings { rules: rules.map(|(index, rule)| rule.validate(&format!("{path}[{index}]"), faults)).collect() }
    }
}

impl WireRule {
    fn validate(self, path: &str, faults: &mut Faults) -> Rule {
        let within = self.within.0;
        let within_ms = as_millis(within);
        if !within_ms.is_multiple_of(MINUTE_MS) || within > MAX_WITHIN {
            let most = format_duration(MAX_WITHIN);
            faults
                .add(&format!("{path}.within"), format!("has to be whole minutes, at most {most}: write it as \"5m\""));
        }
        if self.above == 0 {
            faults.add(&format!("{path}.above"), "has to be at least 1: one failure alone is no pattern");
        }
        for (name, text) in [("channel", &self.channel), ("code", &self.code), ("text", &self.text)] {
            if text.as_ref().is_some_and(String::is_empty) {
                faults.add(&format!("{path}.{name}"), "is empty: leave it out to take any");
            }
        }
        let to = format!("{path}.propose_switch_to");
        match &self.channel {
            None if !self.propose_switch_to.is_empty() => {
                faults.add(&to, "needs `channel`: say whose messages are to be switched");
            }
            Some(channel) if self.propose_switch_to.contains(channel) => {
                faults.add(&to, "names the channel itself: name others");
            }
            _ => {}
        }
        Rule {
            channel: self.channel,
            code: self.code,
            text: self.text.map(|text| text.to_lowercase()),
            above: self.above,
            within_ms: within_ms.next_multiple_of(MINUTE_MS).max(MINUTE_MS),
            propose_switch_to: self.propose_switch_to,
        }
    }
}

impl Rule {
    /// Whether it is about this pattern.
    pub fn fits(&self, same: &Same, words: &str) -> bool {
        let is = |wanted: &Option<String>, told: &str| wanted.as_ref().is_none_or(|wanted| wanted == told);
        let says = self.text.as_ref().is_none_or(|text| words.contains(text.as_str()));
        is(&self.channel, &same.channel) && is(&self.code, &same.code) && says
    }
}

impl Settings {
    /// Over which time the rules count, up to the end of the present minute; `None` without rules.
    pub fn recent(&self, now_ms: u64) -> Option<Range> {
        let longest_ms = self.rules.iter().map(|rule| rule.within_ms).max()?;
        let to_ms = now_ms.saturating_add(1).div_ceil(MINUTE_MS).saturating_mul(MINUTE_MS);
        Some(Range { from_ms: from_ms(now_ms, longest_ms), to_ms })
    }

    /// What the first rule that is about this pattern says. `recent` is of [`Settings::recent`].
    pub fn verdict(&self, same: &Same, words: &str, recent: &BTreeMap<Same, Failures>, now_ms: u64) -> Option<Verdict> {
        let rule = self.rules.iter().find(|rule| rule.fits(same, words))?;
        let from_ms = from_ms(now_ms, rule.within_ms);
        let n = recent.get(same).map(|failures| failures.since(from_ms)).unwrap_or_default();
        let above = n > rule.above;
        let proposes = above && !rule.propose_switch_to.is_empty();
        let within = format_duration(Duration::from_millis(rule.within_ms));
        let code = if same.code.is_empty() { "no code" } else { &same.code };
        let proposal = proposes.then(|| Proposal {
            to: rule.propose_switch_to.clone(),
            reason: format!("{n} failures of {} with {code} in {within}, more than {}", same.channel, rule.above),
        });
        Some(Verdict { above, threshold: rule.above, proposal })
    }
}

/// Counts are by the minute: the time that is looked at begins with one.
const fn from_ms(now_ms: u64, within_ms: u64) -> u64 {
    now_ms.saturating_sub(within_ms) / MINUTE_MS * MINUTE_MS
}
