//! Thresholds that nobody has to set: the same hour of the weeks before, and the last day.

use super::kit::{Alert, BEFORE, Kit, PERCENT, RATE, Scope, Severity};
use super::model::Rule;
use super::slo::failures;
use super::times::{days, hours, minutes};

const CALLS: &str = "pointsman:node_calls:rate5m";
const MESSAGES: &str = "pointsman:node_messages:rate5m";
const HOURLY: &str = "pointsman:node_messages:rate1h";
const USUAL: &str = "pointsman:node_messages:rate1h_usual";
const FAILING: &str = "pointsman:node_failures:ratio_rate5m";

const BY_NODE: &str = "sum by (node, channel)";
/// Messages a second below which a node's volume is chance.
const MIN_RATE: &str = "0.1";
/// How far from the average is out of the ordinary, in standard deviations.
const DEVIATIONS: u32 = 4;
/// A share of failures below which nobody need know.
const MIN_FAILING: &str = "0.02";
/// Failures in five minutes below which a share is chance.
const MIN_FAILURES: u32 = 10;

pub(super) fn rules(kit: &Kit<'_>) -> Vec<Rule> {
    if kit.watched.nodes.is_empty() {
        return Vec::new();
    }
    let mut rules = records(kit);
    rules.extend([low(kit), high(kit), out_of_band(kit), failing(kit), silent(kit)]);
    rules
}

fn records(kit: &Kit<'_>) -> Vec<Rule> {
    let rate = |metric: &str, matchers: &str, window| {
        format!("{BY_NODE} (rate({}[{}]))", kit.of(metric, matchers), kit.span(window))
    };
    let messages = |window| rate("pointsman_node_messages_total", "", window);
    let (calls, failed) = (
        rate("pointsman_node_calls_total", "", minutes(5)),
        rate("pointsman_node_calls_total", &failures(), minutes(5)),
    );
    vec![
        kit.record(CALLS, calls.clone(), &[]),
        kit.record(MESSAGES, messages(minutes(5)), &[]),
        kit.record(HOURLY, messages(hours(1)), &[]),
        kit.record(USUAL, usual(kit), &[]),
        kit.record(FAILING, format!("{failed}\n/\n({calls} > 0)"), &[]),
    ]
}

/// The median of the same hour in the three weeks before, of those of which anything is known: at least two, so that one
/// holiday does not make the rule.
fn usual(kit: &Kit<'_>) -> String {
    let hourly = kit.recorded(HOURLY, "");
    let weeks = [1_u64, 2, 3].map(|week| {
        let before = kit.span(days(7 * week));
        format!("  label_replace({hourly} offset {before}, \"week\", \"{week}\", \"\", \"\")")
    });
    let weeks = weeks.join("\n  or\n");
    format!("quantile without (week) (0.5,\n{weeks}\n)\nand\ncount without (week) (\n{weeks}\n) >= 2")
}

/// A node whose series are gone has no messages, and not no volume.
fn low(kit: &Kit<'_>) -> Rule {
    let (hourly, usual) = (kit.recorded(HOURLY, ""), kit.recorded(USUAL, ""));
    kit.alert(Alert {
        name: "PointsmanVolumeLow",
        severity: Severity::Ticket,
        signal: "volume",
        scope: Scope::EachNode,
        expr: format!("(\n  ({hourly} or 0 * {usual})\n  /\n  ({usual} > {MIN_RATE})\n) < 0.5"),
        pending: Some(minutes(15)),
        summary: "{{ $labels.node }} has far fewer messages than usual".to_owned(),
        description: format!("In the last hour {{{{ $labels.node }}}} had {PERCENT} of the messages that it usually has at this hour of the week."),
    })
}

fn high(kit: &Kit<'_>) -> Rule {
    let (hourly, usual) = (kit.recorded(HOURLY, ""), kit.recorded(USUAL, ""));
    kit.alert(Alert {
        name: "PointsmanVolumeHigh",
        severity: Severity::Ticket,
        signal: "volume",
        scope: Scope::EachNode,
        expr: format!("(\n  {hourly}\n  /\n  ({usual} > {MIN_RATE})\n) > 3"),
        pending: Some(minutes(15)),
        summary: "{{ $labels.node }} has far more messages than usual".to_owned(),
        description: format!("In the last hour {{{{ $labels.node }}}} had {PERCENT} of the messages that it usually has at this hour of the week."),
    })
}

/// Average and deviation of the day before the last hour, so that today's trouble is not its own measure; and whether there
/// was anything a day ago. What never varies has no deviation and would leave its band by a rounding, so whoever asks gives
/// the band some width of its own.
struct Band {
    average: String,
    deviation: String,
    known: String,
}

fn band(kit: &Kit<'_>, record: &str) -> Band {
    let (series, day, before) = (kit.recorded(record, ""), kit.span(days(1)), kit.span(BEFORE));
    Band {
        average: format!("avg_over_time({series}[{day}] offset {before})"),
        deviation: format!("stddev_over_time({series}[{day}] offset {before})"),
        known: format!("count_over_time({series}[{before}] offset {day}) > 0"),
    }
}

fn out_of_band(kit: &Kit<'_>) -> Rule {
    let (now, Band { average, deviation, known }) = (kit.recorded(MESSAGES, ""), band(kit, MESSAGES));
    kit.alert(Alert {
        name: "PointsmanVolumeOutOfBand",
        severity: Severity::Info,
        signal: "volume",
        scope: Scope::EachNode,
        expr: format!(
            "(\n  {now} > 1.2 * {average} + {DEVIATIONS} * {deviation}\n  or\n  \
             {now} < 0.8 * {average} - {DEVIATIONS} * {deviation}\n)\n\
             and\n{average} > {MIN_RATE}\nand\n{known}"
        ),
        pending: Some(minutes(10)),
        summary: "{{ $labels.node }} has another volume than all of yesterday".to_owned(),
        description: format!(
            "{RATE} messages a second in {{{{ $labels.node }}}} are outside of what the last day had."
        ),
    })
}

fn failing(kit: &Kit<'_>) -> Rule {
    let (now, Band { average, deviation, known }) = (kit.recorded(FAILING, ""), band(kit, FAILING));
    let failed = format!(
        "{BY_NODE} (increase({}[{}]))",
        kit.of("pointsman_node_calls_total", &failures()),
        kit.span(minutes(5))
    );
    kit.alert(Alert {
        name: "PointsmanFailuresUnusual",
        severity: Severity::Ticket,
        signal: "success",
        scope: Scope::EachNode,
        expr: format!(
            "{now} > {average} + {DEVIATIONS} * {deviation} + 0.01\nand\n{now} > {MIN_FAILING}\nand on (node, channel)\n\
             {failed} >= {MIN_FAILURES}\nand\n{known}"
        ),
        pending: Some(minutes(10)),
        summary: "More calls of {{ $labels.node }} fail than usual".to_owned(),
        description: format!(
            "{PERCENT} of the calls of {{{{ $labels.node }}}} fail, more than in all of the last day."
        ),
    })
}

/// Only of a node that was hardly ever without a call for hours: one that is used in bursts is silent as a rule. A quantile
/// and not the least, or the silence itself would end the alert half an hour later.
fn silent(kit: &Kit<'_>) -> Rule {
    let now = kit.recorded(CALLS, "");
    let least = format!("quantile_over_time(0.1, {now}[{}] offset {})", kit.span(hours(6)), kit.span(minutes(30)));
    let known = format!("count_over_time({now}[{}] offset {}) > 0", kit.span(BEFORE), kit.span(hours(6)));
    let alive = kit.of("pointsman_build_info", "");
    kit.alert(Alert {
        name: "PointsmanNodeSilent",
        severity: Severity::Page,
        signal: "volume",
        scope: Scope::EachNode,
        expr: format!(
            "({now} or 0 * {least}) == 0\nand\n{least} > {MIN_RATE}\nand\n{known}\nand on ()\ncount({alive}) > 0"
        ),
        pending: Some(minutes(10)),
        summary: "{{ $labels.node }} has no calls any more".to_owned(),
        description:
            "{{ $labels.node }} has had calls without a break for hours, and now none, although filters are up."
                .to_owned(),
    })
}
