//! Every counter of the filter at once, so that a test sees what moved and also that nothing else did.

use std::collections::{BTreeMap, BTreeSet};

use pointsman_host::scrape::{Sample, Scrape};

/// Counters that are no business of an exchange, or have tests of their own.
const LEFT_OUT: [&str; 2] = ["pointsman_config_total", "pointsman_stitches_total"];

/// The one counter that tells fast from slow.
const ON_TIME: &str = "pointsman_node_on_time_total";

/// A node with its channel.
#[derive(Clone, Copy)]
pub struct Node(pub &'static str, pub &'static str);

/// The send nodes of the built-in adapters, and the node of a service named `push`.
pub mod node {
    use super::Node;

    /// Apple's.
    pub const APNS: Node = Node("APNS_PUSH", "apns");
    /// Google's.
    pub const FCM: Node = Node("FCM_PUSH", "fcm");
    /// OPPO's.
    pub const OPPO: Node = Node("OPPO_PUSH", "oppo");
    /// WeChat's.
    pub const WECHAT: Node = Node("WECHAT_PUSH", "wechat");
    /// Tencent's.
    pub const SMS: Node = Node("SMS_TENCENT_PUSH", "sms-tencent");
    /// The platform's own gateway.
    pub const LC: Node = Node("LC_PUSH", "lc");
    /// The service's.
    pub const PUSH: Node = Node("PUSH", "none");
}

/// Counters, and counts of histograms, that are not zero, as the text format writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// What the text of a scrape shows. Gauges go up and down and are left out.
    ///
    /// # Panics
    /// If it is not in the Prometheus text format.
    pub fn parse(text: &str) -> Self {
        let names: BTreeSet<&str> = text.lines().filter_map(counter_name).collect();
        let scrape = Scrape::parse(text).expect("the Prometheus text format");
        let mut counts = Self::default();
        for sample in names.into_iter().flat_map(|name| scrape.samples(name)) {
            counts.add(series(sample), whole(sample.value));
        }
        counts
    }

    /// What came in addition to `earlier`.
    pub fn since(mut self, earlier: &Self) -> Self {
        for (series, count) in &mut self.0 {
            *count = count.saturating_sub(earlier.0.get(series).copied().unwrap_or_default());
        }
        self.0.retain(|_, count| *count > 0);
        self
    }

    /// Whether these are the same as `expected`.
    ///
    /// # Errors
    /// Every series that differs, with both counts.
    pub fn compare(&self, expected: &Self) -> Result<(), String> {
        let all: BTreeSet<&String> = self.0.keys().chain(expected.0.keys()).collect();
        let of = |counts: &Self, series| counts.0.get(series).copied().unwrap_or_default();
        let wrong: Vec<String> = all
            .into_iter()
            .map(|series| (series, of(self, series), of(expected, series)))
            .filter(|(_, seen, expected)| seen != expected)
            .map(|(series, seen, expected)| format!("\n  {series} {seen}, expected {expected}"))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.concat()) }
    }

    /// A visit: one call, one duration, and one judgement whether it was on time. Which, a busy machine decides; tests
    /// that care ask for the series themselves.
    #[must_use]
    pub fn call(self, Node(node, channel): Node, outcome: &str) -> Self {
        let of_node = [("node", node), ("channel", channel)];
        self.with("pointsman_node_calls_total", &[&of_node[..], &[("outcome", outcome)]].concat(), 1)
            .with(ON_TIME, &of_node, 1)
            .with("pointsman_node_duration_milliseconds_count", &of_node, 1)
    }

    /// Messages of no business.
    #[must_use]
    pub fn messages(self, node: Node, outcome: &str, count: u64) -> Self {
        self.messages_of("none", node, outcome, count)
    }

    /// Messages of a business whose messages are worth 1 each.
    #[must_use]
    pub fn messages_of(self, business: &str, Node(node, channel): Node, outcome: &str, count: u64) -> Self {
        let labels = [("node", node), ("channel", channel), ("business", business), ("outcome", outcome)];
        let worth = if channel == node::PUSH.1 { 0 } else { count };
        self.with("pointsman_node_messages_total", &labels, count).with(
            "pointsman_business_value_total",
            &[("business", business), ("outcome", outcome)],
            worth,
        )
    }

    /// Recipients with a vendor's code.
    #[must_use]
    pub fn code(self, Node(_, channel): Node, code: &str, count: u64) -> Self {
        self.with("pointsman_vendor_codes_total", &[("channel", channel), ("code", code)], count)
    }

    /// What became of a trace context.
    #[must_use]
    pub fn trace(self, result: &str) -> Self {
        self.with("pointsman_trace_contexts_total", &[("result", result)], 1)
    }

    /// Something passed unseen.
    #[must_use]
    pub fn bypassed(self, reason: &str) -> Self {
        self.with("pointsman_bypassed_total", &[("reason", reason)], 1)
    }

    /// A held request that went on without its body.
    #[must_use]
    pub fn released(self, reason: &str) -> Self {
        self.with("pointsman_held_released_total", &[("reason", reason)], 1)
    }

    /// All of these and all of those.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (series, count) in &other.0 {
            self.add(series.clone(), *count);
        }
        self
    }

    /// Any series.
    #[must_use]
    pub fn with(mut self, name: &str, labels: &[(&str, &str)], count: u64) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.add(series(&Sample { name: name.to_owned(), labels, value: 0.0 }), count);
        self
    }

    fn add(&mut self, series: String, count: u64) {
        if count > 0 {
            *self.0.entry(series).or_default() += count;
        }
    }
}

/// The name in a line that is a counter of the filter's, or the count of one of its histograms.
fn counter_name(line: &str) -> Option<&str> {
    let name = line.split(['{', ' ']).next()?;
    let counts = name.ends_with("_total") || name.ends_with("_count");
    (name.starts_with("pointsman_") && counts && !LEFT_OUT.contains(&name)).then_some(name)
}

fn series(sample: &Sample) -> String {
    let labels = sample.labels.iter().filter(|(name, _)| sample.name != ON_TIME || *name != "met");
    let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}{{{}}}", sample.name, labels.join(","))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a counter is a whole number far below 2^52"
)]
fn whole(value: f64) -> u64 {
    value as u64
}
