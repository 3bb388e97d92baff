//! Where a message goes whose call has failed.

use super::target::targets;
use super::values::{Values, secs};
use super::{Head, channel, policy, second};
use crate::config::validate::Builder;
use crate::config::wire::{DuplicatesWire, FailoverWire};
use crate::policy::Failover;
use std::time::Duration;

const TIMEOUT: Duration = secs(2);
const LEAST_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_CONCURRENT: u32 = 256;
const MOST_CONCURRENT: u32 = 4_096;

pub(super) fn failover(builder: &mut Builder<'_>, head: &Head<'_>, wire: &FailoverWire) {
    let at = format!("{}.failover", head.at);
    let Some(id) = channel(builder, &wire.channel, &format!("{at}.channel")) else { return };
    let named = targets(builder, id, &wire.to, &format!("{at}.to"));
    if let Some(first) = policy(builder, id).and_then(|policy| policy.failover.as_ref()).map(|first| first.name.clone())
    {
        return second(builder, head, "failover", &wire.channel, &first);
    }
    let hold_request = builder.wire.hold_request;
    let auto = policy(builder, id).and_then(|policy| policy.auto.as_ref()).map(|auto| auto.to.clone());
    let mut values = Values { at, faults: builder.faults };
    if !hold_request {
        let what = "needs `hold_request`: what is sent again must have been read, and the failed answer must wait";
        values.faults.add(&values.at, what);
    }
    let inherited = auto.unwrap_or_default();
    if wire.to.is_empty() && inherited.is_empty() {
        let what = "is missing: name the channels that take failed messages, here or in an `auto` rule of the channel";
        values.fault("to", what);
    }
    let most = values.number("max_concurrent", wire.max_concurrent.map(u32::from), MAX_CONCURRENT, 1..=MOST_CONCURRENT);
    let failover = Failover {
        name: head.name.into(),
        manual: head.manual.clone(),
        to: if wire.to.is_empty() { inherited } else { named },
        timeout: values.duration("timeout", wire.timeout, TIMEOUT, LEAST_TIMEOUT..=secs(30)),
        max_concurrent: u16::try_from(most).unwrap_or(u16::MAX),
        accepts_duplicates: wire.duplicates == DuplicatesWire::Accept,
    };
    if let Some(policy) = policy(builder, id) {
        policy.failover = Some(failover);
    }
}
