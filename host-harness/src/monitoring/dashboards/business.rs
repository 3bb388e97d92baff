//! Who sends, what fails of it, and what that is worth.

use super::model::{Dashboard, Panel, Row, Unit, Variable, View};
use super::query::{Scope, is_any};
use crate::monitoring::Watched;

const MESSAGES: &str = "pointsman_node_messages_total";
const VALUE: &str = "pointsman_business_value_total";
const SHED: &str = "pointsman_shed_total";
const CHOSEN: &str = r#"business=~"$business""#;

pub(super) fn dashboard(watched: &Watched, scope: &Scope) -> Dashboard {
    let nodes = is_any("node", watched.channels.iter().map(|channel| channel.node.as_str()));
    let sent = format!(r#"{nodes},{CHOSEN},channel=~"$channel""#);
    let failed = format!(r#"{sent},outcome!="ok""#);
    let panel = Panel::new;
    let volume = Row::open(
        "Messages",
        vec![
            panel(View::Stacked, "Messages by business", Unit::PerSecond)
                .query(scope.rate("business", MESSAGES, &sent), "{{business}}"),
            panel(View::Stacked, "Failures by business and outcome", Unit::PerSecond)
                .query(scope.rate("business, outcome", MESSAGES, &failed), "{{business}} {{outcome}}"),
            panel(View::Lines, "Share of failures", Unit::Share)
                .query(scope.share("business", MESSAGES, r#"outcome!="ok""#, &sent), "{{business}}"),
        ],
    );
    let value = Row::open(
        "Value",
        vec![
            panel(View::Bars, "Value accepted", Unit::Count)
                .describe("In the time shown, in the unit of the config's `value`.")
                .query(scope.increase("business", VALUE, &format!(r#"{CHOSEN},outcome="ok""#)), "{{business}}"),
            panel(View::Bars, "Value that failed at a channel", Unit::Count)
                .describe("What fails at one channel and is taken by the next is in both.")
                .query(scope.increase("business", VALUE, &format!(r#"{CHOSEN},outcome!="ok""#)), "{{business}}"),
            panel(View::Stacked, "Value that fails, by outcome", Unit::PerSecond)
                .query(scope.rate("outcome", VALUE, &format!(r#"{CHOSEN},outcome!="ok""#)), "{{outcome}}"),
        ],
    );
    let chosen = format!(r#"{CHOSEN},channel=~"$channel""#);
    let waiting = format!(r#"{CHOSEN},channel=~"$channel|none""#);
    let waits = Row::open(
        "Who waits",
        vec![
            panel(View::Stacked, "Shed", Unit::PerSecond)
                .describe("Messages whose caller was told to come back later. They count at no node.")
                .query(scope.rate("business, channel", SHED, &chosen), "{{business}} at {{channel}}"),
            panel(View::Stacked, "In flight", Unit::Count)
                .query(scope.sum("business", "pointsman_node_in_flight", &waiting), "{{business}}"),
            panel(View::Stacked, "Blocked", Unit::Count)
                .query(scope.sum("business, age", "pointsman_node_blocked", &waiting), "{{business}} {{age}}"),
        ],
    );
    Dashboard {
        name: "business",
        title: "businesses",
        description: "Who sends, what fails of it, what that is worth, and who is made to wait.",
        variables: &[Variable::Business, Variable::Channel],
        annotations: vec![super::channel::degraded(scope)],
        rows: vec![volume, value, waits],
    }
}
