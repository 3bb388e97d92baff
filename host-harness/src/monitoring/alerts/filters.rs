//! The filters themselves, and what of the pushes they did not see or could not tell.

use super::channels::{MOST, SETTLED, UNUSABLE};
use super::kit::{Alert, BEFORE, COUNT, Kit, PERCENT, Scope, Severity, or_zero};
use super::model::Rule;
use super::times::{days, minutes};
use std::time::Duration;

const EVENTS: Duration = minutes(15);
const MISSED: &str = "pointsman:stitches_missed:ratio_rate30m";
/// Lookups of messages below which the share that is missed is chance.
const MIN_LOOKUPS: u32 = 100;
/// Pushes not looked at below which it is no matter.
const MIN_BYPASSED: u32 = 20;
/// Requests let go without their body from which holding is at risk: three end it in a worker.
const MIN_RELEASED: u32 = 3;

pub(super) fn rules(kit: &Kit<'_>) -> Vec<Rule> {
    let mut rules = vec![no_data(kit), platform_silent(kit)];
    if !kit.watched.channels.is_empty() {
        rules.push(all_channels_down(kit));
    }
    rules.extend([rejected(kit), without_config(kit), reloads(kit)]);
    if !kit.watched.nodes.is_empty() {
        rules.extend([dropped(kit), lost(kit), conflicts(kit), bypassed(kit), released(kit)]);
        rules.extend([missed_ratio(kit), missed(kit)]);
    }
    rules
}

/// An alert about no node and no channel.
fn alert(
    kit: &Kit<'_>,
    (name, severity, signal): (&str, Severity, &str),
    (expr, pending): (String, Option<Duration>),
    (summary, description): (&str, String),
) -> Rule {
    let summary = summary.to_owned();
    kit.alert(Alert { name, severity, signal, scope: Scope::Platform, expr, pending, summary, description })
}

fn no_data(kit: &Kit<'_>) -> Rule {
    alert(
        kit,
        ("PointsmanNoData", Severity::Page, "platform"),
        (format!("absent({})", kit.of("pointsman_build_info", "")), Some(minutes(5))),
        ("No filter is heard of", "Not one filter has been scraped for five minutes: nothing is watched.".to_owned()),
    )
}

fn platform(kit: &Kit<'_>, expr: String, reason: &str, description: &str) -> Rule {
    let alert = Alert {
        name: "PointsmanPlatformDown",
        severity: Severity::Page,
        signal: "platform_down",
        scope: Scope::Platform,
        expr,
        pending: Some(minutes(5)),
        summary: "Push is down as a whole, or blind".to_owned(),
        description: description.to_owned(),
    };
    kit.alert_with(alert, &[("reason", reason)])
}

fn platform_silent(kit: &Kit<'_>) -> Rule {
    let expr = format!("absent({})", kit.of("pointsman_build_info", ""));
    platform(kit, expr, "no_data", "No filter is heard of, so that no other alert can be believed.")
}

fn all_channels_down(kit: &Kit<'_>) -> Rule {
    let unusable = kit.recorded(UNUSABLE, "");
    let expr = format!("min(avg_over_time({unusable}[{}])) > {MOST}", kit.span(SETTLED));
    platform(
        kit,
        expr,
        "all_channels",
        "Every channel is down: look for what they have in common, such as the way out.",
    )
}

fn rejected(kit: &Kit<'_>) -> Rule {
    let events = kit.events("pointsman_config_total", r#"result="rejected""#, EVENTS);
    alert(
        kit,
        ("PointsmanConfigRejected", Severity::Ticket, "config"),
        (format!("sum(\n  {events}\n) > 0.5"), None),
        (
            "Filters have rejected a config",
            format!("{COUNT} filters have rejected a config and go on with the last good one."),
        ),
    )
}

fn without_config(kit: &Kit<'_>) -> Rule {
    let filters = kit.of("pointsman_build_info", "");
    let applied = kit.of("pointsman_config_total", r#"result="applied""#);
    alert(
        kit,
        ("PointsmanWithoutConfig", Severity::Page, "config"),
        (format!("count({filters} unless on (job, instance) {applied}) > 0"), Some(minutes(5))),
        (
            "Filters run without a config",
            format!("{COUNT} filters have never had a config: every push passes them unseen."),
        ),
    )
}

fn reloads(kit: &Kit<'_>) -> Rule {
    let sum = |result: &str| {
        let counter = kit.of(&format!("envoy_wasm_pointsman_vm_reload_{result}"), "");
        or_zero(&format!("sum(increase({counter}[{}]))", kit.span(EVENTS)))
    };
    alert(
        kit,
        ("PointsmanVmReloads", Severity::Ticket, "filter"),
        (format!("{}\n+\n{}\n> 0.5", sum("success"), sum("failure")), None),
        (
            "The filter has trapped",
            format!("Envoy has had to make {COUNT} VMs anew; each cost the pushes open in one worker."),
        ),
    )
}

fn dropped(kit: &Kit<'_>) -> Rule {
    let dropped = kit.of("pointsman_records_dropped_total", "");
    alert(
        kit,
        ("PointsmanRecordsDropped", Severity::Ticket, "records"),
        (format!("sum by (reason) (increase({dropped}[{}])) > 0.5", kit.span(EVENTS)), None),
        (
            "Records are lost",
            format!("{COUNT} records were dropped in a quarter of an hour: {{{{ $labels.reason }}}}."),
        ),
    )
}

fn lost(kit: &Kit<'_>) -> Rule {
    let letters = kit.of("pointsman_records_total", r#"kind="dead_letter""#);
    alert(
        kit,
        ("PointsmanMessagesLost", Severity::Ticket, "messages"),
        (format!("sum(increase({letters}[{}])) > 0.5", kit.span(EVENTS)), None),
        (
            "Messages were lost",
            format!("{COUNT} messages in a quarter of an hour were surely not sent, and no channel took them."),
        ),
    )
}

fn conflicts(kit: &Kit<'_>) -> Rule {
    let events = kit.events("pointsman_status_conflicts_total", "", EVENTS);
    alert(
        kit,
        ("PointsmanStatusConflicts", Severity::Ticket, "messages"),
        (format!("sum by (from, to) (\n  {events}\n) > 0.5"), None),
        (
            "Messages are reported to have taken impossible steps",
            format!("{COUNT} messages were reported as {{{{ $labels.from }}}} and then as {{{{ $labels.to }}}}."),
        ),
    )
}

/// What passes unseen because no node is meant is no fault, and what found no backup has an alert of its own.
fn bypassed(kit: &Kit<'_>) -> Rule {
    let bypassed = kit.of("pointsman_bypassed_total", r#"reason!~"no_node|no_backup""#);
    let calls = kit.of("pointsman_node_calls_total", "");
    let window = kit.span(EVENTS);
    let count = format!("sum by (reason) (increase({bypassed}[{window}]))");
    let expr =
        format!("{count} >= {MIN_BYPASSED}\nand\n{count} > on () group_left\n0.01 * sum(increase({calls}[{window}]))");
    alert(
        kit,
        ("PointsmanBypassed", Severity::Ticket, "filter"),
        (expr, None),
        (
            "Pushes are not looked at",
            format!("{COUNT} pushes in a quarter of an hour were not, or not wholly, read: {{{{ $labels.reason }}}}."),
        ),
    )
}

fn released(kit: &Kit<'_>) -> Rule {
    let released = kit.of("pointsman_held_released_total", r#"reason=~"timeout|not_now""#);
    alert(
        kit,
        ("PointsmanHeldReleased", Severity::Ticket, "filter"),
        (format!("sum by (reason) (increase({released}[{}])) >= {MIN_RELEASED}", kit.span(EVENTS)), None),
        (
            "Requests go on before their body is in",
            format!("{COUNT} held requests were let go without their body: {{{{ $labels.reason }}}}."),
        ),
    )
}

fn lookups(kit: &Kit<'_>, results: &str) -> String {
    let counter = kit.of("pointsman_stitches_total", &format!(r#"result=~"{results}""#));
    format!("sum(increase({counter}[{}]))", kit.span(minutes(30)))
}

fn missed_ratio(kit: &Kit<'_>) -> Rule {
    let (missed, all) = (lookups(kit, "missed"), lookups(kit, "found|ambiguous|missed"));
    kit.record(MISSED, format!("{missed}\n/\n({all} > 0)"), &[])
}

/// How many messages are not found depends on the application, so only a change is told.
fn missed(kit: &Kit<'_>) -> Rule {
    let (now, day, before) = (kit.recorded(MISSED, ""), kit.span(days(1)), kit.span(BEFORE));
    let expr = format!(
        "{now} > avg_over_time({now}[{day}] offset {before}) + 0.2\nand on ()\n{} >= {MIN_LOOKUPS}\nand\n\
         count_over_time({now}[{before}] offset {day}) > 0",
        lookups(kit, "found|ambiguous|missed")
    );
    alert(
        kit,
        ("PointsmanStitchesMissed", Severity::Info, "traces"),
        (expr, Some(minutes(15))),
        (
            "Traces break more often than before",
            format!("{PERCENT} of the messages are not known by their id when they go out, far more than yesterday."),
        ),
    )
}
