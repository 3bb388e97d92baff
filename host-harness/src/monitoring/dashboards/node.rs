//! Every node of the config beside the others, then each by itself, against its limit and its target.

use super::channel::milliseconds;
use super::model::{Dashboard, Panel, Row, Unit, Variable, View};
use super::query::{Scope, is};
use crate::monitoring::watched::{Node, Watched};

const CALLS: &str = "pointsman_node_calls_total";
const ON_TIME: &str = "pointsman_node_on_time_total";
const DURATION: &str = "pointsman_node_duration_milliseconds";
const IN_FLIGHT: &str = "pointsman_node_in_flight";
const BLOCKED: &str = "pointsman_node_blocked";
const CHOSEN: &str = r#"node=~"$node""#;

pub(super) fn dashboard(watched: &Watched, scope: &Scope) -> Dashboard {
    let mut rows = vec![table(scope), limits(watched, scope)];
    rows.extend(watched.nodes.iter().map(|node| one(node, scope)));
    Dashboard {
        name: "node",
        title: "nodes",
        description: "Each node of the config: rate, time, in flight and blocked, against its limit and its target.",
        variables: &[Variable::Node],
        annotations: Vec::new(),
        rows,
    }
}

fn table(scope: &Scope) -> Row {
    let by = "node, channel";
    let panel = Panel::new(View::Table, "Nodes", Unit::Count)
        .size(24, 10)
        .query(scope.rate(by, CALLS, CHOSEN), "calls per second")
        .query(scope.share(by, CALLS, r#"outcome="ok""#, CHOSEN), "ok, share")
        .query(scope.share(by, ON_TIME, r#"met="true""#, CHOSEN), "on time, share")
        .query(scope.quantile(0.5, by, DURATION, CHOSEN), "p50, ms")
        .query(scope.quantile(0.99, by, DURATION, CHOSEN), "p99, ms")
        .query(scope.sum(by, IN_FLIGHT, CHOSEN), "in flight")
        .query(scope.sum(by, BLOCKED, CHOSEN), "blocked");
    Row::open("All nodes", vec![panel])
}

/// One bar for each node: limits differ, so that only the part of the limit can be compared.
fn limits(watched: &Watched, scope: &Scope) -> Row {
    let mut panel = Panel::new(View::Bars, "p99 as a multiple of the node's limit", Unit::Times)
        .describe("Above 1 the slowest hundredth is late.")
        .size(24, 12)
        .at(0.8, super::model::Color::Yellow)
        .bad_from(1.0);
    // Grafana names queries by a letter.
    for node in watched.nodes.iter().filter(|node| node.counts_messages).take(26) {
        let p99 = scope.quantile(0.99, "", DURATION, &of(node));
        panel = panel.query(format!("{p99} / {}", node.limit_ms), node.name.clone());
    }
    Row::open("Against the limit", vec![panel])
}

fn one(node: &Node, scope: &Scope) -> Row {
    let of = of(node);
    let panel = |view, what: &str, unit| Panel::new(view, format!("{}: {what}", node.name), unit).size(6, 8);
    Row::shut(
        node.name.clone(),
        vec![
            panel(View::Stacked, "calls by outcome", Unit::PerSecond)
                .query(scope.rate("outcome", CALLS, &of), "{{outcome}}"),
            panel(View::Lines, "time against the limit", Unit::Milliseconds)
                .bad_from(milliseconds(node.limit_ms))
                .query(scope.quantile(0.5, "", DURATION, &of), "p50")
                .query(scope.quantile(0.9, "", DURATION, &of), "p90")
                .query(scope.quantile(0.99, "", DURATION, &of), "p99"),
            panel(View::Lines, "on time against the target", Unit::Share)
                .good_from(node.target)
                .query(scope.share("", ON_TIME, r#"met="true""#, &of), "on time"),
            panel(View::Stacked, "in flight, and blocked by age", Unit::Count)
                .query(format!("{} - {}", scope.sum("", IN_FLIGHT, &of), scope.sum("", BLOCKED, &of)), "not blocked")
                .query(scope.sum("age", BLOCKED, &of), "{{age}}"),
        ],
    )
}

fn of(node: &Node) -> String {
    format!("{},{}", is("node", &node.name), is("channel", node.channel_label()))
}
