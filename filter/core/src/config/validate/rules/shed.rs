//! Who has to wait when a channel is in need.

use super::values::Values;
use super::{Head, channel, policy};
use crate::config::validate::Builder;
use crate::config::wire::{ShedWire, WhenWire};
use crate::policy::Shed;

const QUOTA_RATIO: f64 = 0.9;

pub(super) fn shed(builder: &mut Builder<'_>, head: &Head<'_>, wire: &ShedWire) {
    let at = format!("{}.shed", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    check_priority(builder, wire.below_priority, &at);
    let is_named = |need| wire.when.is_empty() || wire.when.iter().any(|(_, named)| *named == need);
    let (while_degraded, by_quota) = (is_named(WhenWire::Degraded), is_named(WhenWire::Quota));
    let mut values = Values { at, faults: builder.faults };
    values.only("quota_ratio", wire.quota_ratio.is_some(), by_quota, "`when` quota");
    let quota_ratio = values.ratio("quota_ratio", wire.quota_ratio, QUOTA_RATIO, 1.0);
    let shed = Shed {
        name: head.name.into(),
        manual: head.manual.clone(),
        below_priority: wire.below_priority,
        below_value: wire.below_value,
        while_degraded,
        quota_ratio: by_quota.then_some(quota_ratio),
        retry_after: values.retry_after(wire.retry_after),
    };
    if let Some(policy) = policy(builder, id) {
        policy.shed.push(shed);
    }
}

/// Checks that there can be messages below that priority, and others.
pub(super) fn check_priority(builder: &mut Builder<'_>, below: u8, at: &str) {
    let listed = builder.plan.businesses.iter().any(|business| business.priority.is_some());
    let at = format!("{at}.below_priority");
    if below == 0 {
        builder.faults.add(at, "is 0, and no priority is below it");
    } else if !listed && builder.wire.message.priority.is_empty() {
        let what = "compares what no message has: give `businesses` a `priority`, or say where a message's stands in \
                    `message.priority`";
        builder.faults.add(at, what);
    }
}
