//! Time in nodes: too long, far too long, and not over yet.

use super::kit::{Alert, COUNT, Kit, PERCENT, Scope, Severity};
use super::model::Rule;
use super::times::minutes;
use crate::monitoring::watched::Node;
use pointsman_core::time::format_duration;
use std::time::Duration;

/// Fewer late calls in the window say nothing of a node.
const MIN_LATE: u32 = 5;
/// Calls that wait at any moment, from which it is no single one any more.
const MIN_BLOCKED: u32 = 20;
/// The share of the open calls that are old, from which it is no single vendor server any more.
const OLD_SHARE: &str = "0.05";
/// From this age on a call is old, whatever a node's limit.
const OLD: Duration = Duration::from_secs(5);
/// The bucket below which no vendor has stalled: 20 s. Prometheus 3 writes bounds as decimal numbers.
const STALLED_LE: &str = r#"=~"20000|20000.0""#;

const BLOCKED: &str = "pointsman:node_blocked:sum";
const BY_NODE: &str = "sum by (node, channel)";

pub(super) fn rules(kit: &Kit<'_>) -> Vec<Rule> {
    let nodes: Vec<&Node> = kit.watched.nodes.iter().filter(|node| !node.receipt).collect();
    let mut rules = Vec::new();
    if nodes.is_empty() {
        return rules;
    }
    rules.push(kit.record(BLOCKED, format!("{BY_NODE} ({})", kit.of("pointsman_node_blocked", "")), &[]));
    rules.extend(nodes.iter().map(|node| slow(kit, node)));
    if !kit.watched.blocked_after_ms.is_empty() {
        rules.extend(nodes.iter().flat_map(|node| [blocked(kit, node), blocked_long(kit, node)]));
        rules.push(growing(kit));
    }
    if !kit.watched.channels.is_empty() {
        rules.push(stalled(kit));
    }
    rules
}

/// The share of late calls is counted exactly, so that it says whether a quantile is over the limit better than the
/// quantile of a histogram would.
fn slow(kit: &Kit<'_>, node: &Node) -> Rule {
    let window = kit.span(minutes(15));
    let calls = |matchers: &str| {
        let matchers = format!(r#"node="{}"{matchers}"#, node.name);
        format!("sum(increase({}[{window}]))", kit.of("pointsman_node_on_time_total", &matchers))
    };
    let late = calls(r#",met="false""#);
    let allowed = ((1.0 - node.target) * 1e9).round() / 1e9;
    let quantile = (node.target * 1e6).round() / 1e4;
    kit.alert(Alert {
        name: "PointsmanNodeSlow",
        severity: Severity::Ticket,
        signal: "latency",
        scope: Scope::Node(node),
        expr: format!("(\n  {late}\n  /\n  ({} > 0)\n) > {allowed}\nand\n{late} >= {MIN_LATE}", calls("")),
        pending: Some(minutes(10)),
        summary: format!("{} takes longer than its limit", node.name),
        description: format!(
            "{PERCENT} of the calls of {} take longer than {} ms: the p{quantile} is over the limit.",
            node.name, node.limit_ms
        ),
    })
}

/// A single call of this length must be seen, and a histogram comes into being with its first call.
fn stalled(kit: &Kit<'_>) -> Rule {
    let window = kit.span(minutes(5));
    let vendors = |le: &str| {
        let matchers = format!(r#"channel!="none",le{le}"#);
        kit.of("pointsman_node_duration_milliseconds_bucket", &matchers)
    };
    let (all, fast) = (vendors(r#"="+Inf""#), vendors(STALLED_LE));
    let known = kit.of("pointsman_build_info", "");
    let expr = format!(
        "(\n  {BY_NODE} (increase({all}[{window}]))\n  - {BY_NODE} (increase({fast}[{window}]))\n) > 0.5\nor\n\
         {BY_NODE} (\n  ({all} - ignoring (le) {fast})\n  unless ignoring (le) {all} offset {window}\n  \
         and on (job, instance) {known} offset {window}\n) > 0.5"
    );
    kit.alert(Alert {
        name: "PointsmanVendorStalled",
        severity: Severity::Ticket,
        signal: "latency",
        scope: Scope::EachNode,
        expr,
        pending: None,
        summary: "{{ $labels.channel }} takes 20 s and more for a call".to_owned(),
        description: format!("{COUNT} calls of {{{{ $labels.node }}}} have taken more than 20 s within {window}."),
    })
}

fn blocked(kit: &Kit<'_>, node: &Node) -> Rule {
    let (ages, from) = ages(kit, node, Duration::from_millis(node.limit_ms));
    kit.alert(Alert {
        name: "PointsmanBlocked",
        severity: Severity::Ticket,
        signal: "blocked",
        scope: Scope::Node(node),
        expr: format!("{ages} > {MIN_BLOCKED}"),
        pending: Some(minutes(10)),
        summary: format!("Calls wait in {}", node.name),
        description: format!("{COUNT} calls have been in {} for longer than {from}, ten minutes on end.", node.name),
    })
}

fn blocked_long(kit: &Kit<'_>, node: &Node) -> Rule {
    let (ages, from) = ages(kit, node, OLD.max(Duration::from_millis(node.limit_ms)));
    let open = format!("sum({})", kit.of("pointsman_node_in_flight", &format!(r#"node="{}""#, node.name)));
    kit.alert(Alert {
        name: "PointsmanBlockedLong",
        severity: Severity::Page,
        signal: "blocked",
        scope: Scope::Node(node),
        expr: format!("{ages} > {MIN_BLOCKED}\nand\n{ages} / ({open} > 0) > {OLD_SHARE}"),
        pending: Some(minutes(5)),
        summary: format!("Calls hang in {}", node.name),
        description: format!(
            "{COUNT} calls have been in {} for longer than {from}, and that is more than a twentieth of those open.",
            node.name
        ),
    })
}

/// How many calls are older than `limit`, and the age that this is read from: the config's own ages are all that is known.
fn ages(kit: &Kit<'_>, node: &Node, limit: Duration) -> (String, String) {
    let all = &kit.watched.blocked_after_ms;
    let beyond = all.iter().filter(|age| Duration::from_millis(**age) >= limit);
    let mut ages: Vec<u64> = beyond.copied().collect();
    if ages.is_empty() {
        ages.extend(all.last());
    }
    let names: Vec<String> = ages.iter().map(|age| format_duration(Duration::from_millis(*age))).collect();
    let matchers = format!(r#"node="{}",age=~"{}""#, node.name, names.join("|"));
    let from = names.first().cloned().unwrap_or_default();
    (format!("sum({})", kit.of("pointsman_node_blocked", &matchers)), from)
}

fn growing(kit: &Kit<'_>) -> Rule {
    let window = minutes(15);
    let (now, span) = (kit.recorded(BLOCKED, ""), kit.span(window));
    let seconds = kit.options.time_scale.seconds(window);
    kit.alert(Alert {
        name: "PointsmanBlockedGrowing",
        severity: Severity::Ticket,
        signal: "blocked",
        scope: Scope::EachNode,
        expr: format!("{now} > {MIN_BLOCKED}\nand\nderiv({now}[{span}]) * {seconds} > {MIN_BLOCKED}"),
        pending: Some(minutes(10)),
        summary: "More and more calls wait in {{ $labels.node }}".to_owned(),
        description: format!("{COUNT} calls are blocked in {{{{ $labels.node }}}}, and their number grows."),
    })
}
