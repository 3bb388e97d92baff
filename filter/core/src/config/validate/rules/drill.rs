//! Rehearsals.

use super::values::{Values, secs};
use super::{Head, channel, policy};
use crate::adapter::OperationKind;
use crate::config::validate::Builder;
use crate::config::wire::{DrillFaultWire, DrillWire};
use crate::outcome::OutcomeClass;
use crate::plan::{ChannelId, Route};
use crate::policy::{Drill, DrillFault, Policy};

/// More than half of a channel is no rehearsal any more.
const MAX_SHARE: f64 = 0.5;
const STOP_ABOVE: f64 = 0.1;

pub(super) fn drill(builder: &mut Builder<'_>, head: &Head<'_>, wire: &DrillWire) {
    let at = format!("{}.drill", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    // A failover without channels of its own takes those of the breaker, and may come after the drill.
    let failovers = builder.wire.rules.iter().filter_map(|(_, rule)| rule.failover.as_ref());
    let has_failover =
        failovers.into_iter().any(|failover| failover.channel == wire.channel && !failover.to.is_empty());
    let diverts = |policy: &mut Policy| policy.auto.as_ref().is_some_and(|auto| !auto.to.is_empty());
    if !has_failover && !policy(builder, id).is_some_and(diverts) {
        let what = format!(
            "has no backup: what is rehearsed is the move to another channel, so give `{}` an `auto` or `failover` \
             rule with `to`",
            wire.channel
        );
        builder.faults.add(&at, what);
    }
    let fault = fault(builder, id, &wire.fault, &at);
    let mut values = Values { at, faults: builder.faults };
    let drill = Drill {
        name: head.name.into(),
        manual: head.manual.clone(),
        share: values.ratio("share", Some(wire.share), MAX_SHARE, MAX_SHARE),
        fault,
        stop_above: values.ratio("stop_above", wire.stop_above, STOP_ABOVE, 1.0),
    };
    if let Some(policy) = policy(builder, id) {
        policy.drills.push(drill);
    }
}

fn fault(builder: &mut Builder<'_>, channel: ChannelId, wire: &DrillFaultWire, at: &str) -> DrillFault {
    match wire {
        DrillFaultWire::Refused => DrillFault::Refused,
        DrillFaultWire::Status(status) => {
            if !(400..=599).contains(status) {
                builder.faults.add(format!("{at}.fault.status"), format!("is {status}: 400 to 599"));
            }
            DrillFault::Status(*status)
        }
        DrillFaultWire::Code(code) => {
            check_code(builder, channel, code, at);
            DrillFault::Code(code.as_str().into())
        }
        DrillFaultWire::Delay(delay) => {
            if delay.0 > secs(60) {
                builder.faults.add(format!("{at}.fault.delay"), "is above 60s: no caller waits that long");
            }
            DrillFault::Delay(delay.0)
        }
    }
}

/// A code that stands for no failure by itself says nothing to the breaker.
fn check_code(builder: &mut Builder<'_>, channel: ChannelId, code: &str, at: &str) {
    let class = |route: &Route| route.classifier.class_of_failure(200, Some(code), None);
    let mut sends = builder.plan.routes.iter().filter(|route| route.channel == Some(channel));
    if !sends.any(|route| route.operation == Some(OperationKind::Send) && class(route) != OutcomeClass::Unknown) {
        let adapter = builder.plan.channel(channel).map_or("", |channel| &channel.adapter);
        let what = format!(
            "{code:?} is no failure that adapter `{adapter}` lists: take a code that `pointsman adapters {adapter}` prints"
        );
        builder.faults.add(format!("{at}.fault.code"), what);
    }
}
