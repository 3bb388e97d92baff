//! Reading TOML with every fault at once, each with its path.

use std::fmt;
use std::time::Duration;

use toml::{Table, Value};

/// What is wrong with one value of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioFault {
    /// Where, such as `channels.oppo.phases[0].start`; empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for ScenarioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

/// A table whose keys are taken one by one; what is left at the end is not known.
pub(super) struct Fields<'f> {
    table: Table,
    path: String,
    faults: &'f mut Vec<ScenarioFault>,
}

impl<'f> Fields<'f> {
    pub(super) fn new(table: Table, faults: &'f mut Vec<ScenarioFault>) -> Self {
        Self { table, path: String::new(), faults }
    }

    /// The path of a key of this table.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a fault of a key of this table.
    pub(super) fn fault(&mut self, key: &str, reason: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { self.path_of(key) };
        self.faults.push(ScenarioFault { path, reason: reason.into() });
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A key's value; `None` if it is missing or faulty.
    pub(super) fn take<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.table.remove(key)?;
        read(&value).map_err(|reason| self.fault(key, reason)).ok()
    }

    /// A key's value, which must be there.
    pub(super) fn need<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        if !self.has(key) {
            self.fault(key, "is missing");
        }
        self.take(key, read)
    }

    /// A table within this one; missing, it is an empty one.
    pub(super) fn within<T>(&mut self, key: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let table = self.take(key, table).unwrap_or_default();
        let path = self.path_of(key);
        Self::read(table, path, self.faults, read)
    }

    /// Every table of a table of tables, in the order of their names.
    pub(super) fn named<T>(&mut self, key: &str, mut read: impl FnMut(&str, &mut Fields<'_>) -> T) -> Vec<T> {
        let tables = self.take(key, table).unwrap_or_default();
        let mut all = Vec::new();
        for (name, value) in tables {
            let path = format!("{}.{name}", self.path_of(key));
            match table(&value) {
                Ok(inner) => all.push(Self::read(inner, path, self.faults, |fields| read(&name, fields))),
                Err(reason) => self.faults.push(ScenarioFault { path, reason }),
            }
        }
        all
    }

    /// Every table of an array of tables.
    pub(super) fn each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Fields<'_>) -> Option<T>) -> Vec<T> {
        let values = self.take(key, array).unwrap_or_default();
        let mut all = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match table(&value) {
                Ok(inner) => all.extend(Self::read(inner, path, self.faults, &mut read)),
                Err(reason) => self.faults.push(ScenarioFault { path, reason }),
            }
        }
        all
    }

    fn read<T>(
        table: Table,
        path: String,
        faults: &mut Vec<ScenarioFault>,
        read: impl FnOnce(&mut Fields<'_>) -> T,
    ) -> T {
        let mut fields = Fields { table, path, faults };
        let read = read(&mut fields);
        fields.finish();
        read
    }

    /// Faults what no one has asked for.
    pub(super) fn finish(&mut self) {
        for (key, _) in std::mem::take(&mut self.table) {
            self.fault(&key, "is no key that is known here");
        }
    }
}

pub(super) fn table(value: &Value) -> Result<Table, String> {
    value.as_table().cloned().ok_or_else(|| wrong("a table", value))
}

pub(super) fn array(value: &Value) -> Result<Vec<Value>, String> {
    value.as_array().cloned().ok_or_else(|| wrong("an array", value))
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match value.as_str() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(wrong("a text", value)),
    }
}

pub(super) fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| wrong("true or false", value))
}

/// A number from `least` to `most`.
pub(super) fn number(least: f64, most: f64) -> impl FnOnce(&Value) -> Result<f64, String> {
    move |value| {
        let number = value.as_float().or_else(|| value.as_integer().map(|number| number as f64));
        let fits = number.filter(|number| (least..=most).contains(number));
        fits.ok_or_else(|| wrong(&format!("a number from {least} to {most}"), value))
    }
}

/// A whole number from `least` to `most`.
pub(super) fn whole(least: u64, most: u64) -> impl FnOnce(&Value) -> Result<u64, String> {
    move |value| {
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let fits = number.filter(|number| (least..=most).contains(number));
        fits.ok_or_else(|| wrong(&format!("a whole number from {least} to {most}"), value))
    }
}

/// A share: `"12.5%"`, or a number from 0 to 1.
pub(super) fn share(value: &Value) -> Result<f64, String> {
    let percent =
        value.as_str().and_then(|text| text.strip_suffix('%')).and_then(|text| text.trim().parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0).or_else(|| value.as_float());
    let share = share.or_else(|| value.as_integer().map(|number| number as f64));
    let fits = share.filter(|share| (0.0..=1.0).contains(share));
    fits.ok_or_else(|| wrong("a share such as \"12.5%\"", value))
}

/// A duration: whole or decimal numbers with `us`, `ms`, `s`, `m` or `h`, such as `"80ms"` or `"1h30m"`.
pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let parsed = value.as_str().and_then(parse_duration);
    parsed.ok_or_else(|| wrong("a duration such as \"80ms\" or \"1h30m\"", value))
}

/// [`duration`] above zero.
pub(super) fn some_duration(value: &Value) -> Result<Duration, String> {
    duration(value).and_then(|it| if it.is_zero() { Err("must be more than zero".to_owned()) } else { Ok(it) })
}

/// A time of day such as `"09:30"` or `"23:59:30"`, as the time since midnight.
pub(super) fn time_of_day(value: &Value) -> Result<Duration, String> {
    let parsed = value.as_str().and_then(parse_time_of_day);
    parsed.ok_or_else(|| wrong("a time of day such as \"09:30\"", value))
}

pub(super) fn parse_time_of_day(text: &str) -> Option<Duration> {
    let parts: Vec<&str> = text.split(':').collect();
    let (2 | 3) = parts.len() else { return None };
    let mut seconds = 0;
    for (index, (part, below)) in parts.iter().zip([24_u64, 60, 60]).enumerate() {
        let number = part.parse::<u64>().ok().filter(|number| part.len() == 2 && *number < below)?;
        seconds += number * [3_600, 60, 1].get(index)?;
    }
    Some(Duration::from_secs(seconds))
}

/// See [`duration`].
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let seconds = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        let micros = (number.parse::<f64>().ok()? * seconds * 1e6).round();
        total = total.checked_add(Duration::try_from_secs_f64(micros / 1e6).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn wrong(wanted: &str, value: &Value) -> String {
    format!("must be {wanted}, not {value}")
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_time_of_day};
    use std::time::Duration;

    #[test]
    fn durations_add_up_and_need_a_unit() {
        for (text, expected) in [("80ms", Some(80)), ("1.5s", Some(1_500)), ("1h30m", Some(5_400_000)), ("5", None)] {
            assert_eq!(parse_duration(text), expected.map(Duration::from_millis), "{text}");
        }
        assert!(["", "s", "-1s", "1d", "1s2"].iter().all(|text| parse_duration(text).is_none()));
    }

    #[test]
    fn a_time_of_day_has_two_digits_each() {
        assert_eq!(parse_time_of_day("23:59:30"), Some(Duration::from_secs(86_370)));
        assert_eq!(parse_time_of_day("09:30"), Some(Duration::from_secs(34_200)));
        assert!(["9:30", "24:00", "12:60", "12", "12:00:00:00"].iter().all(|text| parse_time_of_day(text).is_none()));
    }
}
