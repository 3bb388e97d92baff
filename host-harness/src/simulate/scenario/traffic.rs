//! How many messages there are, and when.

use std::time::Duration;

use toml::Value;

use super::fields::{Fields, duration, number, parse_time_of_day, some_duration, table, text};

/// The most messages per second, over all channels, before bursts.
const MAX_RATE: f64 = 100_000.0;

/// The word for a day with a quiet night, a peak in the morning and a higher one in the evening.
const DAILY: &str = "daily";
const DAILY_POINTS: [(u64, f64); 9] =
    [(0, 0.25), (3, 0.1), (6, 0.15), (9, 0.7), (12, 0.8), (15, 0.6), (18, 0.8), (21, 1.0), (23, 0.6)];

/// The messages of a run.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Traffic {
    /// Messages per second where shape and bursts say nothing else.
    pub(in crate::simulate) rate: f64,
    pub(in crate::simulate) shape: Shape,
    pub(in crate::simulate) bursts: Vec<Burst>,
    /// Never empty.
    pub(in crate::simulate) businesses: Vec<Business>,
    /// The header in which the application names the business, if it does.
    pub(in crate::simulate) business_header: Option<String>,
}

/// What a message is about.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Business {
    pub(in crate::simulate) name: String,
    pub(in crate::simulate) share: f64,
}

/// Factors by time of day, with straight lines between them and round midnight; without points, 1 all day.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct Shape(Vec<(Duration, f64)>);

/// A time in which there are more messages, or fewer.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulate) struct Burst {
    pub(in crate::simulate) start: Duration,
    pub(in crate::simulate) duration: Duration,
    pub(in crate::simulate) factor: f64,
}

impl Shape {
    /// The factor at a time of day.
    pub(in crate::simulate) fn at(&self, time: Duration) -> f64 {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else { return 1.0 };
        let day = Duration::from_secs(86_400);
        let time = Duration::from_secs_f64(time.as_secs_f64() % 86_400.0);
        let after = self.0.iter().position(|(at, _)| *at > time);
        let (from, to) = match after {
            Some(0) => ((last.0.as_secs_f64() - day.as_secs_f64(), last.1), (first.0.as_secs_f64(), first.1)),
            Some(next) => {
                let (from, to) = (self.0.get(next - 1).unwrap_or(first), self.0.get(next).unwrap_or(last));
                ((from.0.as_secs_f64(), from.1), (to.0.as_secs_f64(), to.1))
            }
            None => ((last.0.as_secs_f64(), last.1), ((first.0 + day).as_secs_f64(), first.1)),
        };
        let width = (to.0 - from.0).max(f64::MIN_POSITIVE);
        from.1 + (to.1 - from.1) * (time.as_secs_f64() - from.0) / width
    }

    /// The highest factor of the day.
    pub(in crate::simulate) fn peak(&self) -> f64 {
        if self.0.is_empty() { 1.0 } else { self.0.iter().map(|(_, factor)| *factor).fold(0.0, f64::max) }
    }
}

pub(super) fn read(fields: &mut Fields<'_>) -> Option<Traffic> {
    let rate = fields.need("rate", number(0.001, MAX_RATE));
    let shape = fields.take("shape", shape).unwrap_or_default();
    let bursts = fields.each("bursts", |fields| {
        let start = fields.need("start", duration);
        let duration = fields.need("duration", some_duration);
        let factor = fields.need("factor", number(0.0, 1_000.0));
        Some(Burst { start: start?, duration: duration?, factor: factor? })
    });
    let businesses = fields.take("businesses", businesses);
    let business_header = fields.take("business_header", header);
    if businesses.is_none() && business_header.is_some() {
        fields.fault("business_header", "has nothing to name without businesses");
    }
    let none = || vec![Business { name: "none".to_owned(), share: 1.0 }];
    Some(Traffic { rate: rate?, shape, bursts, businesses: businesses.unwrap_or_else(none), business_header })
}

fn shape(value: &Value) -> Result<Shape, String> {
    if value.as_str() == Some(DAILY) {
        let points = DAILY_POINTS.map(|(hour, factor)| (Duration::from_secs(hour * 3_600), factor));
        return Ok(Shape(points.to_vec()));
    }
    let points = value.as_table().filter(|points| !points.is_empty());
    let Some(points) = points else {
        return Err(format!(
            "must be \"daily\" or a table such as {{ \"03:00\" = 0.1, \"21:00\" = 1.0 }}, not {value}"
        ));
    };
    let mut shape = Vec::with_capacity(points.len());
    for (time, factor) in points {
        let at = parse_time_of_day(time).ok_or_else(|| format!("\"{time}\" is no time of day such as \"09:30\""))?;
        shape.push((at, number(0.0, 1_000.0)(factor)?));
    }
    shape.sort_by_key(|(at, _)| *at);
    Ok(Shape(shape))
}

fn businesses(value: &Value) -> Result<Vec<Business>, String> {
    let shares = table(value)?.into_iter().map(|(name, share)| {
        let share = number(0.0, 1e6)(&share).map_err(|reason| format!("{name}: {reason}"))?;
        Ok(Business { name, share })
    });
    let businesses = shares.collect::<Result<Vec<_>, String>>()?;
    match businesses.iter().any(|business| business.share > 0.0) {
        true => Ok(businesses),
        false => Err("must have a business with a share above 0".to_owned()),
    }
}

fn header(value: &Value) -> Result<String, String> {
    let name = text(value)?;
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plain { Ok(name) } else { Err(format!("must be the name of a header in lower case, not {value}")) }
}

#[cfg(test)]
mod tests {
    use super::{DAILY, shape};
    use std::time::Duration;

    #[test]
    fn a_shape_is_straight_between_its_points_and_round_midnight() {
        let text = "shape = { \"06:00\" = 0.0, \"18:00\" = 1.0 }";
        let table: toml::Table = text.parse().unwrap();
        let shape = shape(&table["shape"]).unwrap();
        for (hour, factor) in [(6, 0.0), (12, 0.5), (18, 1.0), (0, 0.5), (24 + 12, 0.5)] {
            let at = shape.at(Duration::from_secs(hour * 3_600));
            assert!((at - factor).abs() < 1e-9, "{hour}:00 has {at}");
        }
        assert!((shape.peak() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_daily_shape_has_its_peak_in_the_evening() {
        let shape = shape(&toml::Value::from(DAILY)).unwrap();
        assert!((shape.at(Duration::from_secs(21 * 3_600)) - 1.0).abs() < 1e-9);
        assert!(shape.at(Duration::from_secs(3 * 3_600)) < 0.2);
    }
}
