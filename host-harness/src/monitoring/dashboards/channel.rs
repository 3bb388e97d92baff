//! Channels beside each other, then each with its own limit as a line.

use super::model::{Annotation, Color, Dashboard, Panel, Row, STATES, Unit, Variable, View};
use super::query::{Scope, is};
use crate::monitoring::watched::{Channel, Watched};

const MESSAGES: &str = "pointsman_node_messages_total";
const DURATION: &str = "pointsman_node_duration_milliseconds";
const STATE: &str = "pointsman_channel_state";
const SWITCHES: &str = "pointsman_channel_switches_total";
const FAILOVERS: &str = "pointsman_failovers_total";
const SHED: &str = "pointsman_shed_total";
const CHOSEN: &str = r#"channel=~"$channel""#;

pub(super) fn dashboard(watched: &Watched, scope: &Scope) -> Dashboard {
    let mut rows = vec![states(scope), moved(scope)];
    rows.extend(watched.channels.iter().map(|channel| one(watched, channel, scope)));
    Dashboard {
        name: "channel",
        title: "channels",
        description: "How vendors behave, what the rules make of it, and each channel against its own limit.",
        variables: &[Variable::Channel],
        annotations: annotations(scope),
        rows,
    }
}

/// Marks the time that a channel is degraded.
pub(super) fn degraded(scope: &Scope) -> Annotation {
    let state = scope.series(STATE, r#"channel=~"$channel",state="degraded""#);
    Annotation {
        name: "Degraded",
        expr: format!("max by (channel) ({state}) > 0"),
        text: "{{channel}} is degraded",
        color: Color::Red,
    }
}

fn annotations(scope: &Scope) -> Vec<Annotation> {
    let moves = |by: &str, metric: &str, matchers: &str| {
        format!("sum by ({by}) (increase({}[2m])) > 0", scope.series(metric, matchers))
    };
    let mark = |name, expr, text, color| Annotation { name, expr, text, color };
    let drills = scope.sum("channel", "pointsman_drills_active", CHOSEN);
    vec![
        degraded(scope),
        mark(
            "Switches",
            moves("from, to, reason", SWITCHES, r#"from=~"$channel""#),
            "{{from}} → {{to}}: {{reason}}",
            Color::Orange,
        ),
        mark(
            "Failovers",
            moves("from, to", FAILOVERS, r#"from=~"$channel""#),
            "{{from}} failed, {{to}} was asked",
            Color::Yellow,
        ),
        mark("Shed", moves("channel", SHED, CHOSEN), "{{channel}} lets callers wait", Color::Blue),
        mark("Drills", format!("{drills} > 0"), "drill in {{channel}}", Color::Purple),
    ]
}

fn states(scope: &Scope) -> Row {
    let worst: Vec<String> = STATES
        .iter()
        .rev()
        .map(|(state, number, _)| {
            let of_state = is("state", state);
            format!("{number} * {}", scope.series(STATE, &format!("{CHOSEN},{of_state}")))
        })
        .collect();
    Row::open(
        "State",
        vec![
            Panel::new(View::States, "State, the worst of all proxies", Unit::Times)
                .size(24, 8)
                .query(format!("max by (channel) ({})", worst.join(" or ")), "{{channel}}"),
            Panel::new(View::Lines, "p99 of messages, from submission to the vendor's word", Unit::Milliseconds).query(
                scope.quantile(0.99, "channel", "pointsman_message_duration_milliseconds", CHOSEN),
                "{{channel}}",
            ),
            Panel::new(View::Lines, "Day quota used", Unit::Share)
                .describe("For vendors whose answers tell it.")
                .bad_from(0.9)
                .query(
                    format!("max by (channel) ({}) / 1000", scope.series("pointsman_channel_quota_ratio", CHOSEN)),
                    "{{channel}}",
                ),
            Panel::new(View::Lines, "Receipts by what they were worth", Unit::PerSecond)
                .query(scope.rate("channel, result", "pointsman_receipts_total", CHOSEN), "{{channel}} {{result}}"),
        ],
    )
}

fn moved(scope: &Scope) -> Row {
    let panel = |title: &str| Panel::new(View::Stacked, title, Unit::PerSecond).size(6, 8);
    Row::open(
        "What the rules do",
        vec![
            panel("Switched before they were sent")
                .query(scope.rate("from, to, reason", SWITCHES, r#"from=~"$channel""#), "{{from}} → {{to}} {{reason}}"),
            panel("Failovers by result").query(
                scope.rate("from, to, result", FAILOVERS, r#"from=~"$channel""#),
                "{{from}} → {{to}} {{result}}",
            ),
            panel("Shed").query(scope.rate("channel", SHED, CHOSEN), "{{channel}}"),
            panel("Over their limit").query(scope.rate("channel", "pointsman_limited_total", CHOSEN), "{{channel}}"),
        ],
    )
}

fn one(watched: &Watched, channel: &Channel, scope: &Scope) -> Row {
    let node = watched.nodes.iter().find(|node| node.name == channel.node);
    let of_node = format!("{},{}", is("node", &channel.node), is("channel", &channel.name));
    let of_channel = is("channel", &channel.name);
    let mut latency = Panel::new(View::Lines, format!("{}: time against the limit", channel.name), Unit::Milliseconds);
    let mut on_time = Panel::new(View::Lines, format!("{}: on time", channel.name), Unit::Share);
    if let Some(node) = node {
        latency = latency.bad_from(milliseconds(node.limit_ms));
        on_time = on_time.good_from(node.target);
    }
    let panels = vec![
        Panel::new(View::Stacked, format!("{}: messages by outcome", channel.name), Unit::PerSecond)
            .query(scope.rate("outcome", MESSAGES, &of_node), "{{outcome}}"),
        Panel::new(View::Lines, format!("{}: the vendor's codes", channel.name), Unit::PerSecond).query(
            format!("topk(12, {})", scope.rate("code", "pointsman_vendor_codes_total", &of_channel)),
            "{{code}}",
        ),
        latency
            .query(scope.quantile(0.5, "", DURATION, &of_node), "p50")
            .query(scope.quantile(0.99, "", DURATION, &of_node), "p99"),
        on_time.query(scope.share("", "pointsman_node_on_time_total", r#"met="true""#, &of_node), "on time"),
        Panel::new(View::Heatmap, format!("{}: time of all calls", channel.name), Unit::Count)
            .query(scope.rate("le", &format!("{DURATION}_bucket"), &of_node), "{{le}}"),
        Panel::new(View::Stacked, format!("{}: statuses by receipts", channel.name), Unit::PerSecond)
            .query(scope.rate("status", "pointsman_message_statuses_total", &of_channel), "{{status}}"),
    ];
    Row::shut(channel.name.clone(), panels)
}

/// A limit as a line: at most 300,000, which a double holds exactly.
pub(super) fn milliseconds(limit: u64) -> f64 {
    u32::try_from(limit).map_or(f64::INFINITY, f64::from)
}
