//! What is wrong with a config: all of it at once.

use super::values;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, such as `store.embedded.retention`.
    pub path: String,
    /// What, and what to do.
    pub what: String,
}

/// Everything that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one.
    pub fn add(&mut self, path: &str, what: impl Into<String>) {
        self.0.push(Fault { path: path.to_owned(), what: what.into() });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length of time that is written, such as `30s` or `14d`, else the default. A fault if it is none or out of bounds.
    pub fn duration(
        &mut self,
        path: &str,
        text: Option<&str>,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let Some(text) = text else { return default };
        let format = values::format_duration;
        match values::duration(text) {
            Some(duration) if bounds.contains(&duration) => return duration,
            Some(_) => {
                let (least, most) = (format(*bounds.start()), format(*bounds.end()));
                self.add(path, format!("`{text}` is out of bounds: take {least} to {most}"));
            }
            None => self.add(path, format!("`{text}` is no length of time: write it like {}", format(default))),
        }
        default
    }

    /// The number of bytes that is written, such as `64MiB`, else the default. A fault if it is none or out of bounds.
    pub fn size(&mut self, path: &str, text: Option<&str>, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        let Some(text) = text else { return default };
        let format = values::format_size;
        match values::size(text) {
            Some(size) if bounds.contains(&size) => return size,
            Some(_) => {
                let (least, most) = (format(*bounds.start()), format(*bounds.end()));
                self.add(path, format!("`{text}` is out of bounds: take {least} to {most}"));
            }
            None => self.add(path, format!("`{text}` is no size: write it like {}", format(default))),
        }
        default
    }

    /// The number that is written, else the default. A fault if it is out of bounds.
    pub fn number(&mut self, path: &str, number: Option<u64>, default: u64, bounds: RangeInclusive<u64>) -> u64 {
        match number {
            Some(number) if !bounds.contains(&number) => {
                self.add(path, format!("{number} is out of bounds: take {} to {}", bounds.start(), bounds.end()));
                default
            }
            number => number.unwrap_or(default),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| writeln!(f, "{}: {}", fault.path, fault.what))
    }
}

impl std::error::Error for Faults {}
