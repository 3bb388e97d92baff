//! Faults of a config that depend on what time it is.
//!
//! They are for those who write one. The filter takes a rule whose time is over as if it did not stand there: a restart
//! must not refuse what has run until then.

use super::wire::{ConfigWire, RuleWire};
use super::{Faults, decode};
use crate::time::{WallClock, format_rfc3339, parse_rfc3339};

/// What is wrong with the config `text` at the time `now`, beside what is wrong with it at any time.
pub fn check_time(text: &str, now: WallClock) -> Faults {
    let mut faults = Faults::default();
    // What cannot be read is reported by those who load it.
    if let Some(wire) = decode::decode(text, &mut Faults::default()) {
        check_ends(&wire, now, &mut faults);
        check_overlaps(&wire, now, &mut faults);
    }
    faults
}

fn check_ends(wire: &ConfigWire, now: WallClock, faults: &mut Faults) {
    for (index, rule) in wire.rules.iter() {
        if is_over(rule, now) {
            let what = format!("is in the past: it is {}; take the rule out, or set a later time", format_rfc3339(now));
            faults.add(format!("$.rules[{index}].until"), what);
        }
    }
}

fn is_over(rule: &RuleWire, now: WallClock) -> bool {
    rule.until.as_deref().and_then(parse_rfc3339).is_some_and(|until| until <= now)
}

/// Of two orders for one channel the first one holds, and somebody would wonder why the other does not; two rehearsals
/// at once tell nothing of either.
fn check_overlaps(wire: &ConfigWire, now: WallClock, faults: &mut Faults) {
    let channel = |rule: &'_ RuleWire| {
        let force = rule.force.as_ref().map(|force| ("force", force.channel.clone()));
        force.or(rule.drill.as_ref().map(|drill| ("drill", drill.channel.clone())))
    };
    let mut first: Vec<((&str, String), &str)> = Vec::new();
    for (index, rule) in wire.rules.iter().filter(|(_, rule)| !is_over(rule, now)) {
        let Some((kind, channel)) = channel(rule) else { continue };
        match first.iter().find(|(known, _)| known.0 == kind && known.1 == channel) {
            Some((_, name)) => {
                let what = format!(
                    "is for channel `{channel}`, for which rule `{name}` is at the same time: end that one first"
                );
                faults.add(format!("$.rules[{index}].{kind}"), what);
            }
            None => first.push(((kind, channel), &rule.name)),
        }
    }
}
