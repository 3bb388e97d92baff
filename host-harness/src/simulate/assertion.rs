//! Expectations of a run, such as `lost==0`, `oppo.late<1%` or `time_to_switch<=2s`: they make it a check.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::scenario::parse_duration;
use super::summary::{Figure, NAMES, Summary};

/// An expectation: a figure's name, a comparison, and a number, share or time.
#[derive(Clone, Debug, PartialEq)]
pub struct Assertion {
    text: String,
    channel: Option<String>,
    name: String,
    comparison: Comparison,
    bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    AtMost,
    Less,
    AtLeast,
    More,
}

/// Longer signs first, since `<=` begins with `<`.
const SIGNS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    Number(f64),
    Share(f64),
    Time(Duration),
}

/// Why an expectation cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// It is not of the form name, comparison, value.
    #[error("\"{text}\" is no assertion such as lost==0, oppo.late<1% or time_to_switch<=2s")]
    Form {
        /// What was given.
        text: String,
    },
    /// No figure has this name.
    #[error("\"{text}\": no figure is named {name}; there are {}", NAMES.join(", "))]
    Name {
        /// What was given.
        text: String,
        /// The name that is not known.
        name: String,
    },
    /// The scenario has no such channel.
    #[error("\"{text}\": the scenario has no channel {channel}; there are {}", known.join(", "))]
    Channel {
        /// What was given.
        text: String,
        /// The channel that is not known.
        channel: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// The figure is a time and the value none, or the other way round.
    #[error("\"{text}\": {name} is {wanted}")]
    Unit {
        /// What was given.
        text: String,
        /// The figure.
        name: String,
        /// What it can be compared with.
        wanted: &'static str,
    },
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An expectation that was not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The expectation.
    pub assertion: String,
    /// What the figure was.
    pub found: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: it is {}", self.assertion, self.found)
    }
}

impl FromStr for Assertion {
    type Err = AssertionError;

    fn from_str(text: &str) -> Result<Self, AssertionError> {
        let form = || AssertionError::Form { text: text.to_owned() };
        let place = text.find(['=', '!', '<', '>']).ok_or_else(form)?;
        let (left, rest) = text.split_at(place);
        let (sign, comparison) = SIGNS.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(form)?;
        let bound = bound(rest.get(sign.len()..).unwrap_or_default().trim()).ok_or_else(form)?;
        let (channel, name) = match left.trim().rsplit_once('.') {
            Some((channel, name)) => (Some(channel.to_owned()), name.to_owned()),
            None => (None, left.trim().to_owned()),
        };
        if name.is_empty() || channel.as_ref().is_some_and(String::is_empty) {
            return Err(form());
        }
        let assertion = Self { text: text.trim().to_owned(), channel, name, comparison: *comparison, bound };
        assertion.check_name()?;
        Ok(assertion)
    }
}

fn bound(text: &str) -> Option<Bound> {
    if let Some(percent) = text.strip_suffix('%') {
        return percent
            .trim_end()
            .parse()
            .ok()
            .filter(|percent: &f64| percent.is_finite())
            .map(|it| Bound::Share(it / 100.0));
    }
    let plain = text.replace(['_', ','], "");
    match plain.parse::<f64>() {
        Ok(number) => number.is_finite().then_some(Bound::Number(number)),
        Err(_) => parse_duration(text).map(Bound::Time),
    }
}

impl Assertion {
    fn check_name(&self) -> Result<(), AssertionError> {
        if NAMES.contains(&self.name.as_str()) {
            return self.check_unit();
        }
        Err(AssertionError::Name { text: self.text.clone(), name: self.name.clone() })
    }

    fn check_unit(&self) -> Result<(), AssertionError> {
        let is_time = self.name.starts_with("time_to_") || matches!(self.name.as_str(), "p50" | "p99");
        let is_part = PARTS.contains(&self.name.as_str());
        let wanted = match (is_time, is_part, self.bound) {
            (true, _, Bound::Time(_)) | (false, true, Bound::Share(_)) | (false, _, Bound::Number(_)) => return Ok(()),
            (true, ..) => "a time, to be compared with one such as 2s or 300ms",
            (false, true, _) => "a count, to be compared with a number or a share of the messages such as 1%",
            (false, false, _) => "a count, to be compared with a number",
        };
        Err(AssertionError::Unit { text: self.text.clone(), name: self.name.clone(), wanted })
    }

    /// Checks that the scenario has the channel that the expectation names.
    ///
    /// # Errors
    /// [`AssertionError::Channel`].
    pub fn check_channel<'a>(&self, channels: impl Iterator<Item = &'a str>) -> Result<(), AssertionError> {
        let Some(channel) = &self.channel else { return Ok(()) };
        let known: Vec<String> = channels.map(str::to_owned).collect();
        if known.contains(channel) {
            return Ok(());
        }
        Err(AssertionError::Channel { text: self.text.clone(), channel: channel.clone(), known })
    }

    /// Holds a summary against the expectation. What was not measured meets none.
    ///
    /// # Errors
    /// [`Unmet`] with what was found.
    pub fn check(&self, summary: &Summary) -> Result<(), Unmet> {
        let figures = match &self.channel {
            Some(channel) => summary.channels.get(channel).map(|channel| &channel.figures),
            None => Some(&summary.total),
        };
        let figure = figures.and_then(|figures| figures.get(&self.name)).copied().unwrap_or(Figure::None);
        let ordering = match (figure, self.bound) {
            (Figure::Count { count, .. }, Bound::Number(number)) => (count as f64).partial_cmp(&number),
            // Nothing of nothing is no share that could be too large.
            (Figure::Count { .. }, Bound::Share(share)) => figure.share().unwrap_or(0.0).partial_cmp(&share),
            (Figure::Time(time), Bound::Time(bound)) => Some(time.cmp(&bound)),
            _ => None,
        };
        if ordering.is_some_and(|ordering| self.comparison.holds(ordering)) {
            return Ok(());
        }
        Err(Unmet { assertion: self.text.clone(), found: self.found(figure) })
    }

    fn found(&self, figure: Figure) -> String {
        match (figure, self.bound, figure.share()) {
            (Figure::None, ..) => "not measured".to_owned(),
            (_, Bound::Share(_), Some(share)) => format!("{:.3}% ({})", share * 100.0, figure.text()),
            _ => figure.text(),
        }
    }
}

/// Counts that are a part of something: of the messages, or of the calls that the filter saw.
const PARTS: [&str; 8] = ["sent", "lost", "undeliverable", "duplicated", "late", "on_time", "switched", "seen_on_time"];

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::AtMost => ordering.is_le(),
            Self::Less => ordering.is_lt(),
            Self::AtLeast => ordering.is_ge(),
            Self::More => ordering.is_gt(),
        }
    }
}

#[cfg(test)]
mod tests;
