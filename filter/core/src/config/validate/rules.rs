//! Rules become policies of channels.
//!
//! Breakers come first: what waits for a degraded channel, or takes its targets, asks for one.

mod auto;
mod drill;
mod failover;
mod force;
mod limit;
mod loops;
mod manual;
mod mapping;
mod shed;
mod target;

use super::names::check_name;
use super::{Builder, compile, values};
use crate::config::wire::{List, RuleWire};
use crate::plan::ChannelId;
use crate::policy::{Manual, Policy};
use crate::source::SourceWire;

const MAX_RULES: usize = 256;

/// A rule without its kind.
struct Head<'a> {
    name: &'a str,
    manual: Manual,
    /// Where it stands.
    at: String,
}

pub(super) fn rules(builder: &mut Builder<'_>) {
    let wire = builder.wire;
    if wire.rules.iter().count() > MAX_RULES {
        builder.faults.add("$.rules", format!("has {} rules: at most {MAX_RULES}", wire.rules.iter().count()));
    }
    let mut heads: Vec<(Head<'_>, &RuleWire)> = Vec::new();
    for (index, rule) in wire.rules.iter() {
        let at = format!("$.rules[{index}]");
        check_kinds(builder, rule, &at);
        check_name(&rule.name, &format!("{at}.name"), builder.faults);
        if heads.iter().any(|(head, _)| head.name == rule.name) {
            let what = format!("a second rule named `{}`: names of rules are unique", rule.name);
            builder.faults.add(format!("{at}.name"), what);
        }
        heads.push((Head { name: &rule.name, manual: manual::manual(rule, &at, builder.faults), at }, rule));
    }
    for (head, rule) in &heads {
        if let Some(wire) = &rule.auto {
            auto::auto(builder, head, wire);
        }
    }
    for (head, rule) in &heads {
        add(builder, head, rule);
    }
    loops::check(builder);
}

fn add(builder: &mut Builder<'_>, head: &Head<'_>, rule: &RuleWire) {
    if let Some(wire) = &rule.force {
        force::force(builder, head, wire);
    }
    if let Some(wire) = &rule.shed {
        shed::shed(builder, head, wire);
    }
    if let Some(wire) = &rule.failover {
        failover::failover(builder, head, wire);
    }
    if let Some(wire) = &rule.limit {
        limit::limit(builder, head, wire);
    }
    if let Some(wire) = &rule.drill {
        drill::drill(builder, head, wire);
    }
}

fn check_kinds(builder: &mut Builder<'_>, rule: &RuleWire, at: &str) {
    let kinds = [
        ("force", rule.force.is_some()),
        ("auto", rule.auto.is_some()),
        ("shed", rule.shed.is_some()),
        ("failover", rule.failover.is_some()),
        ("limit", rule.limit.is_some()),
        ("drill", rule.drill.is_some()),
    ];
    let names = |only: bool| kinds.iter().filter(|kind| kind.1 || !only).map(|kind| kind.0).collect::<Vec<_>>();
    match *names(true) {
        [_] => {}
        // A kind that could not be read has been taken out, and reported.
        [] if builder.faults.concern(at) => {}
        [] => builder.faults.add(at, format!("has no kind: add one of {}", names(false).join(", "))),
        _ => builder.faults.add(at, format!("has the kinds {}: make a rule of each", names(true).join(" and "))),
    }
}

/// The channel of that name.
fn channel(builder: &mut Builder<'_>, name: &str, path: &str) -> Option<ChannelId> {
    if let Some((id, _)) = builder.plan.channel_by_name(name) {
        return Some(id);
    }
    let known: Vec<&str> = builder.wire.channels.iter().map(|(_, channel)| channel.name.as_str()).collect();
    if known.is_empty() {
        builder.faults.add(path, format!("there is no channel `{name}`: the config has no `channels`"));
    } else if !known.contains(&name) {
        builder.faults.add(path, format!("there is no channel `{name}`: the config has {}", known.join(", ")));
    } else if builder.faults.is_empty() {
        // Otherwise it is the channel that is at fault, and that has been said.
        builder.faults.add(path, format!("channel `{name}` has no operation that a rule could change"));
    }
    None
}

/// The rules so far of a channel of the plan.
fn policy<'a>(builder: &'a mut Builder<'_>, channel: ChannelId) -> Option<&'a mut Policy> {
    builder.plan.channels.get_mut(channel.index()).map(|channel| &mut channel.policy)
}

/// Reports that `first` is the same kind of rule for the same channel.
fn second(builder: &mut Builder<'_>, head: &Head<'_>, kind: &str, channel: &str, first: &str) {
    let what = format!("is a second `{kind}` for channel `{channel}`, which rule `{first}` has: leave one of them");
    builder.faults.add(format!("{}.{kind}", head.at), what);
}

/// Checks where credentials stand.
fn credential(builder: &mut Builder<'_>, list: &List<SourceWire>, at: &str) {
    let at = format!("{at}.credential");
    let sources = compile(list.iter(), &at, &[], builder.faults);
    if sources.iter().any(|source| source.place.in_body()) && !builder.wire.hold_request {
        builder.faults.add(at, "stands in the body: that needs `hold_request`");
    }
}
