//! Whether the filter itself is well, and sees what it should see.

use super::model::{Dashboard, Panel, Row, Unit, View};
use super::query::Scope;
use crate::monitoring::Watched;

const BUILD: &str = "pointsman_build_info";
const CONFIG: &str = "pointsman_config_total";

pub(super) fn dashboard(watched: &Watched, scope: &Scope) -> Dashboard {
    let mut rows = vec![running(scope), seen(scope), joined(scope)];
    rows.push(told(watched, scope));
    rows.push(drills(scope));
    Dashboard {
        name: "filter",
        title: "filter health",
        description: "Which builds and configs run, what passes unseen, and what is not told to anybody.",
        variables: &[],
        annotations: Vec::new(),
        rows,
    }
}

/// A graph of how fast a counter grows by one label.
fn by(scope: &Scope, label: &str, metric: &str, title: &str) -> Panel {
    Panel::new(View::Stacked, title, Unit::PerSecond).query(scope.rate(label, metric, ""), format!("{{{{{label}}}}}"))
}

fn running(scope: &Scope) -> Row {
    // Envoy has the plugin's name in the names of these.
    let reloads = |result: &str| {
        let counter = scope.series(&format!("envoy_wasm_pointsman_vm_reload_{result}"), "");
        format!("sum(increase({counter}[$__rate_interval]))")
    };
    Row::open(
        "Builds and configs",
        vec![
            Panel::new(View::Stat, "Proxies with the filter", Unit::Count)
                .query(format!("count({})", scope.series(BUILD, "")), "proxies"),
            Panel::new(View::Stat, "Configs rejected", Unit::Count)
                .describe("In the time shown. The last good config stays in force.")
                .bad_from(1.0)
                .query(scope.increase("", CONFIG, r#"result="rejected""#), "rejected"),
            Panel::new(View::Table, "Versions", Unit::Count)
                .size(8, 6)
                .query(format!("count by (version) ({})", scope.series(BUILD, "")), "proxies"),
            Panel::new(View::Lines, "VMs made anew after they had failed", Unit::Count)
                .describe(
                    "A VM that traps loses what it had counted since the last tick, and the calls that it had open.",
                )
                .size(8, 6)
                .query(reloads("success"), "made anew")
                .query(reloads("failure"), "failed again"),
            Panel::new(View::Lines, "Configs", Unit::Count).size(12, 6).query(
                format!("sum by (result) (increase({}[$__rate_interval]))", scope.series(CONFIG, "")),
                "{{result}}",
            ),
            Panel::new(View::Lines, "Memory of Envoy", Unit::Bytes)
                .size(12, 6)
                .query(scope.sum("instance", "envoy_server_memory_allocated", ""), "{{instance}}"),
        ],
    )
}

fn seen(scope: &Scope) -> Row {
    Row::open(
        "What is not seen",
        vec![
            by(scope, "reason", "pointsman_bypassed_total", "Passed unseen, by reason").size(12, 8),
            by(scope, "reason", "pointsman_held_released_total", "Went on before their body was in").size(12, 8),
        ],
    )
}

fn joined(scope: &Scope) -> Row {
    Row::open(
        "How messages are joined",
        vec![
            by(scope, "result", "pointsman_trace_contexts_total", "Trace contexts"),
            by(scope, "result", "pointsman_stitches_total", "Stitches"),
            Panel::new(View::Lines, "Statuses that contradict each other", Unit::PerSecond)
                .query(scope.rate("from, to", "pointsman_status_conflicts_total", ""), "{{from}}, then {{to}}"),
        ],
    )
}

fn told(watched: &Watched, scope: &Scope) -> Row {
    let title = if watched.records { "Records" } else { "Records, which the log takes: the config has no collector" };
    Row::open(
        title,
        vec![
            by(scope, "kind", "pointsman_records_total", "Records by kind").size(12, 8),
            by(scope, "reason", "pointsman_records_dropped_total", "Records dropped").size(12, 8).bad_from(0.001),
        ],
    )
}

fn drills(scope: &Scope) -> Row {
    Row::open(
        "Drills and failovers",
        vec![
            Panel::new(View::Lines, "Drills under way", Unit::Count)
                .query(scope.sum("channel", "pointsman_drills_active", ""), "{{channel}}"),
            Panel::new(View::Stacked, "Calls that drills have struck", Unit::PerSecond)
                .query(scope.rate("channel, result", "pointsman_drill_calls_total", ""), "{{channel}} {{result}}"),
            Panel::new(View::Lines, "Failovers under way", Unit::Count)
                .query(scope.sum("", "pointsman_failovers_in_flight", ""), "failovers"),
        ],
    )
}
