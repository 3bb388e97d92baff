//! Prometheus text as numbers to ask for: the one place where the demo, the benchmark and the tests read metrics.

use std::collections::BTreeMap;

use thiserror::Error;

/// A line that is no sample.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line} is no sample in the Prometheus text format: {text}")]
pub struct ScrapeError {
    /// The line's number, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// One series with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The metric's name; that of a histogram's series ends with `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// The labels, `le` of a bucket among them.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// Whether the series has all of these labels with these values; it may have more.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|have| have == value))
    }
}

/// All samples of one answer to a scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scrape {
    samples: Vec<Sample>,
}

impl Scrape {
    /// Reads the text format; comments and time stamps are left out.
    ///
    /// # Errors
    /// [`ScrapeError`] with the first line that is not understood.
    pub fn parse(text: &str) -> Result<Self, ScrapeError> {
        let lines = text.lines().enumerate();
        let lines = lines.filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let samples = lines
            .map(|(index, line)| sample(line).ok_or_else(|| ScrapeError { line: index + 1, text: line.to_owned() }));
        Ok(Self { samples: samples.collect::<Result<_, _>>()? })
    }

    /// The series of a metric.
    pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// The value of the one series with exactly these labels; `None` if there is no such series.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples(name)
            .find(|sample| sample.labels.len() == labels.len() && sample.has(labels))
            .map(|sample| sample.value)
    }

    /// The sum over all series with at least these labels; 0 if there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.samples(name).filter(|sample| sample.has(labels)).map(|sample| sample.value).sum()
    }

    /// The `q`-quantile (0 to 1) of the histogram `name` (without `_bucket`), over all series with at least these
    /// labels, in the unit of its buckets.
    ///
    /// As Prometheus's `histogram_quantile`: linear within a bucket, 0 below the first bound, and the highest finite
    /// bound for what lies above it. `None` if the histogram is missing or empty.
    pub fn quantile(&self, name: &str, labels: &[(&str, &str)], q: f64) -> Option<f64> {
        let buckets = self.buckets(&format!("{name}_bucket"), labels);
        let total = buckets.last()?.1;
        if total <= 0.0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * total;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in buckets {
            if count >= rank && count > below && upper.is_finite() {
                return Some(lower + (upper - lower) * (rank - below) / (count - below));
            }
            if upper.is_finite() {
                (lower, below) = (upper, count);
            }
        }
        Some(lower)
    }

    /// The cumulated counts by upper bound, in rising order.
    fn buckets(&self, name: &str, labels: &[(&str, &str)]) -> Vec<(f64, f64)> {
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for sample in self.samples(name).filter(|sample| sample.has(labels)) {
            let Some(bound) = sample.labels.get("le").and_then(|le| number(le)) else {
                continue;
            };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += sample.value,
                None => buckets.push((bound, sample.value)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => braced(inner)?,
        None => (BTreeMap::new(), rest),
    };
    let value = number(rest.split_whitespace().next()?)?;
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels, value })
}

/// The labels up to the closing brace, and what comes after it.
fn braced(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquote(quoted)?;
        labels.insert(name.to_owned(), value);
        rest = after;
    }
}

/// The value up to the closing quote with its escapes undone, and what comes after it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
}

/// Rust reads `+Inf`, `-Inf` and `NaN` as Prometheus writes them.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE pointsman_node_calls_total counter
pointsman_node_calls_total{node="OPPO_PUSH",channel="oppo",outcome="ok"} 3
pointsman_node_calls_total{node="OPPO_PUSH",channel="oppo",outcome="timeout"} 2 1700000000000

pointsman_node_calls_total{node="APNS_PUSH",channel="apns",outcome="ok"} 10
plain 1.5e3
empty{} 4
odd{a="x\"y\\z\nw,}=\"",b=""} -1
nan{} NaN
"#;

    const HISTOGRAM: &str = r#"
d_bucket{node="a",le="10"} 0
d_bucket{node="a",le="20"} 10
d_bucket{node="a",le="50"} 20
d_bucket{node="a",le="+Inf"} 20
d_bucket{node="b",le="10"} 0
d_bucket{node="b",le="20"} 0
d_bucket{node="b",le="50"} 0
d_bucket{node="b",le="+Inf"} 4
d_bucket{node="none",le="10"} 0
d_bucket{node="none",le="+Inf"} 0
"#;

    fn parse(text: &str) -> Scrape {
        Scrape::parse(text).unwrap()
    }

    #[test]
    fn value_asks_for_exactly_these_labels() {
        let scrape = parse(TEXT);
        let value = |labels| scrape.value("pointsman_node_calls_total", labels);
        let all = [("outcome", "ok"), ("node", "OPPO_PUSH"), ("channel", "oppo")];
        assert_eq!(value(&all), Some(3.0));
        assert_eq!(value(&all[..2]), None);
        assert_eq!(scrape.value("plain", &[]), Some(1500.0));
        assert_eq!(scrape.value("empty", &[]), Some(4.0));
        assert_eq!(scrape.value("missing", &[]), None);
    }

    #[test]
    fn sum_takes_any_value_of_the_labels_not_named() {
        let scrape = parse(TEXT);
        let sum = |labels| scrape.sum("pointsman_node_calls_total", labels);
        assert_eq!(sum(&[]), 15.0);
        assert_eq!(sum(&[("channel", "oppo")]), 5.0);
        assert_eq!(sum(&[("outcome", "ok")]), 13.0);
        assert_eq!(sum(&[("channel", "fcm")]), 0.0);
        assert_eq!(scrape.samples("pointsman_node_calls_total").count(), 3);
    }

    #[test]
    fn label_values_may_hold_anything_escaped() {
        let scrape = parse(TEXT);
        let labels = [("a", "x\"y\\z\nw,}=\""), ("b", "")];
        assert_eq!(scrape.value("odd", &labels), Some(-1.0));
        assert!(scrape.value("nan", &[]).unwrap().is_nan());
    }

    #[test]
    fn a_line_that_is_no_sample_is_named() {
        for text in ["x", "x{a=\"1\" 2", "x{a=1} 2", "x two", "{} 1", "x{a=\"1\"}"] {
            let error = Scrape::parse(&format!("ok 1\n{text}\n")).unwrap_err();
            assert_eq!((error.line, error.text.as_str()), (2, text));
        }
    }

    #[test]
    fn quantiles_are_linear_within_a_bucket() {
        let scrape = parse(HISTOGRAM);
        let cases = [(0.0, 10.0), (0.25, 15.0), (0.5, 20.0), (0.75, 35.0), (1.0, 50.0)];
        for (q, expected) in cases {
            assert_eq!(scrape.quantile("d", &[("node", "a")], q), Some(expected), "q = {q}");
        }
    }

    #[test]
    fn a_quantile_above_the_last_bound_is_that_bound() {
        let scrape = parse(HISTOGRAM);
        assert_eq!(scrape.quantile("d", &[("node", "b")], 0.5), Some(50.0));
        assert_eq!(scrape.quantile("d", &[], 0.99), Some(50.0));
        assert_eq!(scrape.quantile("d", &[], 0.25), Some(16.0));
    }

    #[test]
    fn an_empty_or_missing_histogram_has_no_quantile() {
        let scrape = parse(HISTOGRAM);
        assert_eq!(scrape.quantile("d", &[("node", "none")], 0.5), None);
        assert_eq!(scrape.quantile("d", &[("node", "c")], 0.5), None);
        assert_eq!(scrape.quantile("e", &[], 0.5), None);
    }
}
