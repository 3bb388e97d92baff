//! PromQL over the filter's metrics, narrowed to what the dashboard's variables choose.

/// The metrics that a dashboard looks at.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Matchers of the user's own, with a comma behind them, or nothing.
    matching: String,
}

impl Scope {
    pub(super) fn new(matching: Option<&str>) -> Self {
        Self { matching: matching.map(|matching| format!("{matching},")).unwrap_or_default() }
    }

    /// The series of a metric that the variables `job` and `namespace` choose, narrowed by further matchers.
    pub(super) fn series(&self, metric: &str, matchers: &str) -> String {
        let comma = if matchers.is_empty() { "" } else { "," };
        format!(r#"{metric}{{{}job=~"$job",namespace=~"$namespace"{comma}{matchers}}}"#, self.matching)
    }

    /// The values of a label, for a variable: of all series that the user's matchers let through.
    pub(super) fn label_values(&self, metric: &str, label: &str) -> String {
        match self.matching.strip_suffix(',') {
            Some(matching) => format!("label_values({metric}{{{matching}}}, {label})"),
            None => format!("label_values({metric}, {label})"),
        }
    }

    /// How fast a counter grows, by these labels.
    pub(super) fn rate(&self, by: &str, metric: &str, matchers: &str) -> String {
        format!("{}(rate({}[$__rate_interval]))", sum(by), self.series(metric, matchers))
    }

    /// By how much a counter has grown in the time that the dashboard shows, by these labels.
    pub(super) fn increase(&self, by: &str, metric: &str, matchers: &str) -> String {
        format!("{}(increase({}[$__range]))", sum(by), self.series(metric, matchers))
    }

    /// The sum of a gauge, by these labels.
    pub(super) fn sum(&self, by: &str, metric: &str, matchers: &str) -> String {
        format!("{}({})", sum(by), self.series(metric, matchers))
    }

    /// The part of a counter's growth that `part` chooses, by these labels.
    pub(super) fn share(&self, by: &str, metric: &str, part: &str, matchers: &str) -> String {
        let narrowed = if matchers.is_empty() { part.to_owned() } else { format!("{matchers},{part}") };
        format!("{} / {}", self.rate(by, metric, &narrowed), self.rate(by, metric, matchers))
    }

    /// A quantile of a histogram, by these labels.
    pub(super) fn quantile(&self, quantile: f64, by: &str, histogram: &str, matchers: &str) -> String {
        let by = if by.is_empty() { "le".to_owned() } else { format!("le, {by}") };
        format!("histogram_quantile({quantile}, {})", self.rate(&by, &format!("{histogram}_bucket"), matchers))
    }
}

/// `sum` by these labels, or of everything.
fn sum(by: &str) -> String {
    if by.is_empty() { "sum".to_owned() } else { format!("sum by ({by}) ") }
}

/// A matcher for exactly this value.
pub(super) fn is(label: &str, value: &str) -> String {
    format!("{label}=\"{}\"", escaped(value))
}

/// A matcher for any of these values.
pub(super) fn is_any<'a>(label: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| escaped(&literal(value))).collect();
    format!("{label}=~\"{}\"", values.join("|"))
}

/// A text as a part of a regular expression that matches itself.
fn literal(text: &str) -> String {
    let special = |letter: char| r"\.+*?()|[]{}^$".contains(letter);
    text.chars().flat_map(|letter| special(letter).then_some('\\').into_iter().chain([letter])).collect()
}

/// A text inside double quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_they_are() {
        assert_eq!(is("node", r#"a"b\c"#), r#"node="a\"b\\c""#);
        assert_eq!(is_any("node", ["A.B", "C"]), r#"node=~"A\\.B|C""#);
    }

    #[test]
    fn a_share_has_the_same_labels_on_both_sides() {
        let share = Scope::new(Some("x=\"y\"")).share("node", "m", "met=\"true\"", "channel=\"oppo\"");
        assert_eq!(
            share,
            "sum by (node) (rate(m{x=\"y\",job=~\"$job\",namespace=~\"$namespace\",channel=\"oppo\",met=\"true\"}\
             [$__rate_interval])) / sum by (node) (rate(m{x=\"y\",job=~\"$job\",namespace=~\"$namespace\",channel=\"oppo\"}\
             [$__rate_interval]))"
        );
    }
}
