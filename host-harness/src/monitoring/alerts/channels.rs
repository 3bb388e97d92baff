//! Channels: whether they can be used, where their messages go instead, and what is left of their quota.

use super::kit::{Alert, COUNT, Kit, PERCENT, Scope, Severity};
use super::model::Rule;
use super::times::minutes;
use crate::monitoring::watched::Group;
use std::time::Duration;

/// The share of the pods to which a channel is of no use: each has a breaker of its own.
pub(super) const UNUSABLE: &str = "pointsman:channel_unusable:ratio";
/// From this share on it is the channel, and not one pod's way to it.
pub(super) const MOST: &str = "0.5";
/// Over this time it is averaged: a breaker that tries whether the vendor is back is well for a moment.
pub(super) const SETTLED: Duration = minutes(5);

const EVENTS: Duration = minutes(15);

pub(super) fn rules(kit: &Kit<'_>) -> Vec<Rule> {
    if kit.watched.channels.is_empty() {
        return Vec::new();
    }
    let mut rules = vec![unusable(kit), degraded(kit), down(kit)];
    rules.extend(kit.watched.groups().map(|group| group_down(kit, group)));
    rules.extend([switched(kit), waiting(kit), no_backup(kit), unsure(kit)]);
    rules.push(quota(kit, "PointsmanQuotaNear", Severity::Ticket, 900));
    rules.push(quota(kit, "PointsmanQuotaAlmostUsed", Severity::Page, 980));
    rules.push(drill(kit));
    rules
}

fn unusable(kit: &Kit<'_>) -> Rule {
    let unusable = kit.of("pointsman_channel_state", r#"state=~"degraded|probing""#);
    // Each pod shows 1 for one of the states.
    let pods = kit.of("pointsman_channel_state", "");
    kit.record(UNUSABLE, format!("sum by (channel) ({unusable})\n/\n(sum by (channel) ({pods}) > 0)"), &[])
}

fn degraded(kit: &Kit<'_>) -> Rule {
    kit.alert(Alert {
        name: "PointsmanChannelDegraded",
        severity: Severity::Ticket,
        signal: "channel",
        scope: Scope::EachChannel,
        expr: format!("max_over_time({}[{}]) > 0", kit.recorded(UNUSABLE, ""), kit.span(SETTLED)),
        pending: Some(minutes(10)),
        summary: "{{ $labels.channel }} is degraded".to_owned(),
        description: format!(
            "Up to {PERCENT} of the pods could not use {{{{ $labels.channel }}}} in the last five minutes."
        ),
    })
}

fn down(kit: &Kit<'_>) -> Rule {
    kit.alert(Alert {
        name: "PointsmanChannelDown",
        severity: Severity::Page,
        signal: "channel_down",
        scope: Scope::EachChannel,
        expr: format!("avg_over_time({}[{}]) > {MOST}", kit.recorded(UNUSABLE, ""), kit.span(SETTLED)),
        pending: Some(minutes(1)),
        summary: "{{ $labels.channel }} is down".to_owned(),
        description: format!(
            "{PERCENT} of the pods, on the average of five minutes, cannot use {{{{ $labels.channel }}}}."
        ),
    })
}

fn group_down(kit: &Kit<'_>, group: Group<'_>) -> Rule {
    let members: Vec<&str> = group.members().collect();
    let unusable = kit.recorded(UNUSABLE, &format!(r#"channel=~"{}""#, members.join("|")));
    kit.alert(Alert {
        name: "PointsmanChannelGroupDown",
        severity: Severity::Page,
        signal: "group_down",
        scope: Scope::Channel(&group.channel.name),
        expr: format!("count(avg_over_time({unusable}[{}]) > {MOST}) == {}", kit.span(SETTLED), members.len()),
        pending: Some(minutes(1)),
        summary: format!("Messages of {} have nowhere to go", group.channel.name),
        description: format!("All {COUNT} of {} are down at once.", members.join(", ")),
    })
}

/// `from` is the channel whose messages they are.
fn by_from(events: &str) -> String {
    format!("sum by (channel) (label_replace(\n  {events},\n  \"channel\", \"$1\", \"from\", \"(.+)\"\n))")
}

fn switched(kit: &Kit<'_>) -> Rule {
    let switches = by_from(&kit.events("pointsman_channel_switches_total", "", EVENTS));
    let failovers = by_from(&kit.events("pointsman_failovers_total", r#"result="sent""#, EVENTS));
    kit.alert(Alert {
        name: "PointsmanChannelSwitched",
        severity: Severity::Info,
        signal: "switched",
        scope: Scope::EachChannel,
        // `or` would show one of two; what is missing on one side is missing as a whole.
        expr: format!("({switches} + {failovers}\nor {switches}\nor {failovers}) > 0"),
        pending: None,
        summary: "Messages of {{ $labels.channel }} go elsewhere".to_owned(),
        description: format!(
            "{COUNT} messages of {{{{ $labels.channel }}}} were taken by other channels in a quarter of an hour."
        ),
    })
}

fn waiting(kit: &Kit<'_>) -> Rule {
    let events = kit.events("pointsman_shed_total", "", EVENTS);
    kit.alert(Alert {
        name: "PointsmanMessagesWaiting",
        severity: Severity::Ticket,
        signal: "capacity",
        scope: Scope::EachChannel,
        expr: format!("sum by (channel) (\n  {events}\n) > 0"),
        pending: Some(minutes(5)),
        summary: "Messages for {{ $labels.channel }} have to wait".to_owned(),
        description: format!(
            "Callers were told to wait with {COUNT} messages for {{{{ $labels.channel }}}} in a quarter of an hour."
        ),
    })
}

fn no_backup(kit: &Kit<'_>) -> Rule {
    let bypassed = kit.of("pointsman_bypassed_total", r#"reason="no_backup""#);
    kit.alert(Alert {
        name: "PointsmanNoBackup",
        severity: Severity::Ticket,
        signal: "switched",
        scope: Scope::Platform,
        expr: format!("sum(increase({bypassed}[{}])) > 0.5", kit.span(EVENTS)),
        pending: None,
        summary: "Messages that were to be moved could not be".to_owned(),
        description: format!("{COUNT} messages in a quarter of an hour found no channel that could take them."),
    })
}

fn unsure(kit: &Kit<'_>) -> Rule {
    let events = by_from(&kit.events("pointsman_failovers_total", r#"result="unsure""#, EVENTS));
    kit.alert(Alert {
        name: "PointsmanFailoverUnsure",
        severity: Severity::Ticket,
        signal: "messages",
        scope: Scope::EachChannel,
        expr: format!("{events} > 0.5"),
        pending: None,
        summary: "Nobody knows whether messages of {{ $labels.channel }} were sent".to_owned(),
        description: format!("{COUNT} messages of {{{{ $labels.channel }}}} were given to another channel, which left it open whether it sent them."),
    })
}

fn quota(kit: &Kit<'_>, name: &str, severity: Severity, thousandths: u32) -> Rule {
    // The quota is the application's, so all pods speak of the same one.
    let used = format!("max by (channel) ({})", kit.of("pointsman_channel_quota_ratio", ""));
    kit.alert(Alert {
        name,
        severity,
        signal: "quota",
        scope: Scope::EachChannel,
        expr: format!("({used} >= {thousandths}) / 1000"),
        pending: Some(minutes(1)),
        summary: "The day's quota of {{ $labels.channel }} runs out".to_owned(),
        description: format!("{PERCENT} of the day's quota of {{{{ $labels.channel }}}} is used."),
    })
}

fn drill(kit: &Kit<'_>) -> Rule {
    let active = kit.of("pointsman_drills_active", "");
    kit.alert(Alert {
        name: "PointsmanDrillRunning",
        severity: Severity::Info,
        signal: "drill",
        scope: Scope::EachChannel,
        expr: format!("max by (channel) ({active}) > 0"),
        pending: None,
        summary: "A drill is running in {{ $labels.channel }}".to_owned(),
        description: "Some of the failures of {{ $labels.channel }} are rehearsed.".to_owned(),
    })
}
