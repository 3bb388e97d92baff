//! The table: one row per node, read from a scrape and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::scrape::{Sample, Scrape};

const MESSAGES: &str = "pointsman_node_messages_total";
const CALLS: &str = "pointsman_node_calls_total";
const CODES: &str = "pointsman_vendor_codes_total";
const DURATION: &str = "pointsman_node_duration_milliseconds";
const ON_TIME: &str = "pointsman_node_on_time_total";
const IN_FLIGHT: &str = "pointsman_node_in_flight";
const BLOCKED: &str = "pointsman_node_blocked";
const STATE: &str = "pointsman_channel_state";
const STATUSES: &str = "pointsman_message_statuses_total";
const SWITCHES: &str = "pointsman_channel_switches_total";

/// How the nodes of receipts end.
const RECEIPTS: &str = "_RECEIPT";

/// The channel of a node that is no channel.
pub(super) const NO_CHANNEL: &str = "none";

/// What the metrics say of one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The node.
    pub node: String,
    /// Its channel; `none` for a node that is no channel.
    pub channel: String,
    /// Recipients, over all businesses and outcomes.
    pub messages: u64,
    /// Visits that have ended.
    pub calls: u64,
    /// Median of the visits' time, in milliseconds; `None` before the first.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the visits' time, in milliseconds; `None` before the first.
    pub p99_ms: Option<f64>,
    /// Visits within the node's objective.
    pub on_time: u64,
    /// Visits beyond it.
    pub late: u64,
    /// Visits that have not ended.
    pub in_flight: u64,
    /// Of these, those beyond the youngest age that counts as blocked.
    pub blocked: u64,
    /// The channel's state; `None` if no rule gives it one.
    pub state: Option<String>,
    /// Messages of the channel that rules have moved to another.
    pub moved: u64,
    /// Recipients by outcome, `ok` first, then the most frequent. Where receipts come, what they report.
    pub outcomes: Vec<(String, u64)>,
    /// Recipients of the channel by the vendor's code.
    pub codes: BTreeMap<String, u64>,
}

/// One row per node of the scrape: nodes that are no channel first, then by name. Nodes that nothing has visited yet,
/// such as those of token calls that nobody makes, are left out.
pub fn rows(scrape: &Scrape) -> Vec<Row> {
    let mut nodes = BTreeSet::new();
    for metric in [MESSAGES, CALLS, IN_FLIGHT] {
        for sample in scrape.samples(metric) {
            if let (Some(node), Some(channel)) = (sample.labels.get("node"), sample.labels.get("channel")) {
                nodes.insert((channel != NO_CHANNEL, node.clone(), channel.clone()));
            }
        }
    }
    let rows = nodes.into_iter().map(|(_, node, channel)| row(scrape, node, channel));
    rows.filter(|row| row.messages + row.calls + row.in_flight > 0).collect()
}

fn row(scrape: &Scrape, node: String, channel: String) -> Row {
    let labels = [("node", node.as_str()), ("channel", channel.as_str())];
    let count = |metric| whole(scrape.sum(metric, &labels));
    let met = |met| whole(scrape.sum(ON_TIME, &[labels[0], labels[1], ("met", met)]));
    Row {
        messages: count(MESSAGES),
        calls: count(CALLS),
        p50_ms: scrape.quantile(DURATION, &labels, 0.5),
        p99_ms: scrape.quantile(DURATION, &labels, 0.99),
        on_time: met("true"),
        late: met("false"),
        in_flight: count(IN_FLIGHT),
        blocked: count(BLOCKED),
        state: state(scrape, &channel),
        moved: whole(scrape.sum(SWITCHES, &[("from", channel.as_str())])),
        outcomes: if node.ends_with(RECEIPTS) {
            frequent(by_label(scrape, STATUSES, &labels[1..], "status"))
        } else {
            frequent(by_label(scrape, MESSAGES, &labels, "outcome"))
        },
        codes: by_label(scrape, CODES, &labels[1..], "code"),
        node,
        channel,
    }
}

/// The state that the channel is in: the one whose gauge is not 0.
fn state(scrape: &Scrape, channel: &str) -> Option<String> {
    let current = |sample: &&Sample| sample.value > 0.0 && sample.has(&[("channel", channel)]);
    scrape.samples(STATE).find(current)?.labels.get("state").cloned()
}

fn frequent(outcomes: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut outcomes: Vec<_> = outcomes.into_iter().filter(|(_, n)| *n > 0).collect();
    outcomes.sort_by_key(|(outcome, count)| (outcome != "ok", std::cmp::Reverse(*count)));
    outcomes
}

fn by_label(scrape: &Scrape, metric: &str, labels: &[(&str, &str)], name: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for sample in scrape.samples(metric).filter(|sample| sample.has(labels)) {
        if let Some(value) = sample.labels.get(name) {
            *sums.entry(value.clone()).or_insert(0) += whole(sample.value);
        }
    }
    sums
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Prometheus writes counts as floats; these are far below 2^53, and below 0 there is nothing to count"
)]
fn whole(value: f64) -> u64 {
    value.max(0.0) as u64
}

/// The table as text, one line per row below a line of headings.
pub fn render(rows: &[Row]) -> String {
    let width = |text: fn(&Row) -> &str, least: usize| {
        let widths = rows.iter().map(|row| text(row).len());
        widths.max().unwrap_or(0).max(least)
    };
    let (node, channel) = (width(|row| &row.node, 4), width(|row| &row.channel, 7));
    let state = width(|row| row.state.as_deref().unwrap_or("-"), 5);
    let mut text = format!(
        "{:<node$}  {:<channel$}  MESSAGES       P50       P99  ON TIME  IN FLIGHT  BLOCKED  {:<state$}  MOVED  OUTCOMES\n",
        "NODE", "CHANNEL", "STATE"
    );
    for row in rows {
        let line = format!(
            "{:<node$}  {:<channel$}  {:>8}  {:>8}  {:>8}  {:>7}  {:>9}  {:>7}  {:<state$}  {:>5}  {}",
            row.node,
            row.channel,
            row.messages,
            duration(row.p50_ms),
            duration(row.p99_ms),
            share(row.on_time, row.on_time + row.late),
            row.in_flight,
            row.blocked,
            row.state.as_deref().unwrap_or("-"),
            row.moved,
            list(&row.outcomes),
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn duration(ms: Option<f64>) -> String {
    match ms {
        None => "-".to_owned(),
        Some(ms) if ms < 10.0 => format!("{ms:.1} ms"),
        Some(ms) if ms < 1_000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.2} s", ms / 1_000.0),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a demo are far below 2^52, and the share is shown with one decimal"
)]
fn share(part: u64, all: u64) -> String {
    match all {
        0 => "-".to_owned(),
        all => format!("{:.1} %", part as f64 * 100.0 / all as f64),
    }
}

fn list(outcomes: &[(String, u64)]) -> String {
    let outcomes = outcomes.iter();
    let texts: Vec<_> = outcomes.map(|(outcome, count)| format!("{outcome} {count}")).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests;
