//! The first page to look at: do messages arrive, in time, and where do they stick.

use super::model::{Color, Dashboard, Panel, Row, Unit, Variable, View};
use super::query::{Scope, is, is_any};
use crate::monitoring::Watched;

const MESSAGES: &str = "pointsman_node_messages_total";
const ON_TIME: &str = "pointsman_message_on_time_total";
const STATUSES: &str = "pointsman_message_statuses_total";
const BLOCKED: &str = "pointsman_node_blocked";

pub(super) fn dashboard(watched: &Watched, scope: &Scope) -> Dashboard {
    Dashboard {
        name: "overview",
        title: "overview",
        description: "Whether messages arrive, in time, and where they stick.",
        variables: &[Variable::Channel],
        annotations: vec![super::channel::degraded(scope)],
        rows: vec![
            now(watched, scope),
            funnel(watched, scope),
            budget(watched, scope),
            blocked(scope),
            channels(watched, scope),
        ],
    }
}

fn now(watched: &Watched, scope: &Scope) -> Row {
    let stat = |title: &str, unit| Panel::new(View::Stat, title, unit);
    let states = scope.series("pointsman_channel_state", r#"channel=~"$channel",state!="healthy""#);
    let alerts = r#"count by (alertname, severity, channel, node) (ALERTS{alertstate="firing",channel=~"$channel"})"#;
    let target = watched.message.target;
    Row::open(
        "Now",
        vec![
            stat("Accepted by vendors", Unit::PerSecond).query(scope.rate("", MESSAGES, &sent(watched)), "accepted"),
            stat("On time", Unit::Share)
                .describe("Messages accepted by a vendor within the objective of the whole message.")
                .good_from(target)
                .query(scope.share("", ON_TIME, r#"met="true""#, r#"channel=~"$channel""#), "on time"),
            stat("In flight", Unit::Count).query(scope.sum("", "pointsman_node_in_flight", ""), "in flight"),
            stat("Blocked", Unit::Count).bad_from(1.0).query(scope.sum("", BLOCKED, ""), "blocked"),
            stat("Channels not healthy", Unit::Count)
                .bad_from(1.0)
                .query(format!("count(sum by (channel) ({states}) > 0) or vector(0)"), "channels"),
            stat("Drills under way", Unit::Count)
                .at(1.0, Color::Purple)
                .query(scope.sum("", "pointsman_drills_active", ""), "drills"),
            Panel::new(View::Table, "Firing alerts", Unit::Count).size(24, 6).query(alerts, "alerts"),
        ],
    )
}

/// The messages that vendors have accepted: one that fails at one channel and is taken by the next is in it once.
fn sent(watched: &Watched) -> String {
    let nodes = watched.channels.iter().map(|channel| channel.node.as_str());
    format!(r#"{},outcome="ok",channel=~"$channel""#, is_any("node", nodes))
}

fn funnel(watched: &Watched, scope: &Scope) -> Row {
    let status = |status: &str| format!(r#"{},channel=~"$channel""#, is("status", status));
    let submitted = watched.nodes.iter().find(|node| node.channel.is_none() && node.counts_messages);
    let submitted = submitted.map(|node| (MESSAGES, format!(r#"{},outcome="ok""#, is("node", &node.name))));
    let stages: Vec<(&str, &str, String)> = submitted
        .map(|(metric, matchers)| ("submitted", metric, matchers))
        .into_iter()
        .chain([
            ("sent", MESSAGES, sent(watched)),
            ("delivered", STATUSES, status("delivered")),
            ("read", STATUSES, status("read")),
        ])
        .collect();
    let panel = |view, title: &str, unit| Panel::new(view, title, unit);
    let mut bars = panel(View::Bars, "Funnel", Unit::Count)
        .describe("Messages in the time shown. Delivered and read are what vendors' receipts report: without receipts they are 0.");
    let mut rates = panel(View::Lines, "Stages", Unit::PerSecond);
    let mut drops =
        panel(View::Lines, "Drop-off", Unit::Share).describe("The share of each stage that the next one has not seen.");
    for (name, metric, matchers) in &stages {
        bars = bars.query(scope.increase("", metric, matchers), *name);
        rates = rates.query(scope.rate("", metric, matchers), *name);
    }
    for ((from, before, of), (to, after, part)) in stages.iter().zip(stages.iter().skip(1)) {
        let lost = format!("1 - {} / {}", scope.rate("", after, part), scope.rate("", before, of));
        drops = drops.query(lost, format!("{from} → {to}"));
    }
    Row::open("Funnel", vec![bars, rates, drops])
}

fn budget(watched: &Watched, scope: &Scope) -> Row {
    let target = watched.message.target;
    let share = scope.share("channel", ON_TIME, r#"met="true""#, r#"channel=~"$channel""#);
    Row::open(
        "On time and error budget",
        vec![
            Panel::new(View::Lines, "Messages on time against the target", Unit::Share)
                .good_from(target)
                .query(share, "{{channel}}"),
            Panel::new(View::Lines, "Burn rate", Unit::Times)
                .describe("How many times faster than allowed the error budget is used up. Recorded by the rules that `pointsman rules` prints.")
                .at(1.0, Color::Yellow)
                .at(6.0, Color::Orange)
                .bad_from(14.4)
                .query("slo:current_burn_rate:ratio > 0", "{{sloth_service}} {{sloth_slo}}"),
            Panel::new(View::Bars, "Error budget left, least first", Unit::Share)
                .describe("Of 30 days. Below 0 the objective is missed.")
                .good_from(0.25)
                .query(
                    "bottomk(20, slo:period_error_budget_remaining:ratio)",
                    "{{sloth_service}} {{sloth_slo}}",
                ),
        ],
    )
}

fn blocked(scope: &Scope) -> Row {
    let by_node = scope.sum("node, channel, age", BLOCKED, r#"channel=~"$channel|none""#);
    Row::open(
        "Blocked",
        vec![
            Panel::new(View::Stacked, "Blocked by age", Unit::Count)
                .describe("Calls that are still open, each in the highest age that it has reached.")
                .query(scope.sum("age", BLOCKED, r#"channel=~"$channel|none""#), "{{age}}"),
            Panel::new(View::Table, "Where", Unit::Count).query(format!("{by_node} > 0"), "blocked"),
            Panel::new(View::Lines, "In flight by channel", Unit::Count)
                .query(scope.sum("channel", "pointsman_node_in_flight", r#"channel=~"$channel|none""#), "{{channel}}"),
        ],
    )
}

fn channels(watched: &Watched, scope: &Scope) -> Row {
    let nodes = is_any("node", watched.channels.iter().map(|channel| channel.node.as_str()));
    let of = format!(r#"{nodes},channel=~"$channel""#);
    Row::open(
        "Channels",
        vec![
            Panel::new(View::Stacked, "Messages by channel", Unit::PerSecond)
                .query(scope.rate("channel", MESSAGES, &of), "{{channel}}"),
            Panel::new(View::Stacked, "Failures by channel", Unit::PerSecond)
                .describe("Messages that left the channel's node otherwise than ok, whoever is at fault.")
                .query(scope.rate("channel", MESSAGES, &format!(r#"{of},outcome!="ok""#)), "{{channel}}"),
            Panel::new(View::Lines, "Share of failures by channel", Unit::Share)
                .query(scope.share("channel", MESSAGES, r#"outcome!="ok""#, &of), "{{channel}}"),
        ],
    )
}
