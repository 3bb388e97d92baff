//! How much a channel may be given.

use super::target::targets;
use super::values::Values;
use super::{Head, channel, credential, policy, second};
use crate::config::validate::Builder;
use crate::config::wire::{LimitWire, OverWire};
use crate::policy::{Limit, Over};

const MOST_MESSAGES: u32 = 1_000_000;
const MOST_CALLS: u32 = 100_000;

pub(super) fn limit(builder: &mut Builder<'_>, head: &Head<'_>, wire: &LimitWire) {
    let at = format!("{}.limit", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    let to = targets(builder, id, &wire.to, &format!("{at}.to"));
    credential(builder, &wire.credential, &at);
    if let Some(first) = policy(builder, id).and_then(|policy| policy.limit.as_ref()).map(|first| first.name.clone()) {
        return second(builder, head, "limit", &wire.channel, &first);
    }
    let mut values = Values { at, faults: builder.faults };
    if wire.messages_per_second.is_none() && wire.calls_at_once.is_none() {
        values.faults.add(&values.at, "limits nothing: set `messages_per_second`, `calls_at_once` or both");
    }
    values.number("messages_per_second", wire.messages_per_second, 1, 1..=MOST_MESSAGES);
    values.number("calls_at_once", wire.calls_at_once, 1, 1..=MOST_CALLS);
    let switches = wire.over == OverWire::Switch;
    values.only("to", !wire.to.is_empty(), switches, "`over` switch");
    values.only("retry_after", wire.retry_after.is_some(), !switches, "`over` shed");
    if switches && wire.to.is_empty() {
        values.fault("to", "is missing: name the channels that take what is over the limit");
    }
    let retry_after = values.retry_after(wire.retry_after);
    let limit = Limit {
        name: head.name.into(),
        manual: head.manual.clone(),
        messages_per_second: wire.messages_per_second,
        calls_at_once: wire.calls_at_once,
        per_credential: !wire.credential.is_empty(),
        over: if switches { Over::Switch(to) } else { Over::Shed { retry_after } },
    };
    if let Some(policy) = policy(builder, id) {
        policy.limit = Some(limit);
    }
}
