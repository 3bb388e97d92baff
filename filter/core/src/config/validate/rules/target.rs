//! Channels to which a rule moves messages.

use super::{channel, mapping};
use crate::compose::check_text;
use crate::config::validate::Builder;
use crate::config::wire::{List, TargetWire};
use crate::plan::ChannelId;
use crate::policy::Target;
use std::collections::BTreeMap;

/// More are not tried for one message.
const MAX_TARGETS: usize = 8;
const MAX_TEXTS: usize = 256;
const MAX_TEXT_BYTES: usize = 1_024;

/// The targets at `at` of messages of `from`.
pub(super) fn targets(builder: &mut Builder<'_>, from: ChannelId, list: &List<TargetWire>, at: &str) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for (index, wire) in list.iter() {
        let at = format!("{at}[{index}]");
        let Some(target) = target(builder, from, wire, &at) else { continue };
        if targets.iter().any(|known| known.channel == target.channel) {
            builder.faults.add(at, format!("names `{}` a second time", wire.channel));
        }
        targets.push(target);
    }
    if targets.len() > MAX_TARGETS {
        builder.faults.add(at, format!("has {} channels: at most {MAX_TARGETS}", targets.len()));
    }
    targets
}

fn target(builder: &mut Builder<'_>, from: ChannelId, wire: &TargetWire, at: &str) -> Option<Target> {
    let to = channel(builder, &wire.channel, at)?;
    if to == from {
        builder.faults.add(at, "is the channel itself: name another one");
        return None;
    }
    let (first, next) = (builder.plan.channel(from)?, builder.plan.channel(to)?);
    let same_adapter = first.adapter == next.adapter;
    if next.authority.is_none() {
        let what = format!("has no host to call: set `authority` of channel `{}`", next.name);
        builder.faults.add(at, what);
    }
    if same_adapter && !wire.texts.is_empty() {
        let what = format!("means nothing: `{}` has the same adapter, and the body stays as it is", next.name);
        builder.faults.add(format!("{at}.texts"), what);
    }
    if !same_adapter && wire.keep_credentials {
        let what = format!("gives the credentials of `{}` to another vendor: leave it out", first.name);
        builder.faults.add(format!("{at}.keep_credentials"), what);
    }
    if same_adapter {
        check_credential(builder, from, wire, at);
    } else {
        check_mapped(builder, from, to, at);
    }
    check_texts(builder, &wire.texts, at);
    let (keep_credentials, texts) = (wire.keep_credentials, wire.texts.clone());
    Some(Target { channel: to, same_adapter, keep_credentials, texts })
}

/// Checks that messages of `from` can be composed anew for `to`.
fn check_mapped(builder: &mut Builder<'_>, from: ChannelId, to: ChannelId, at: &str) {
    for what in mapping::against(builder, from, to) {
        builder.faults.add(at, what);
    }
    let (Some(first), Some(next)) = (builder.plan.channel(from), builder.plan.channel(to)) else { return };
    if !builder.wire.hold_request {
        let what = format!(
            "needs `hold_request`: messages are composed anew from the body, of `{}` for `{}`",
            first.name, next.name
        );
        builder.faults.add(at, what);
    }
}

/// What stands in the body or the query goes to the next channel whether or not it is meant to.
fn check_credential(builder: &mut Builder<'_>, from: ChannelId, wire: &TargetWire, at: &str) {
    let Some(adapter) = builder.adapters.get(from.index()) else { return };
    if !wire.keep_credentials && adapter.credential_fits_mapping().is_err() {
        let what = format!(
            "gets the credential of the first channel, which adapter `{}` has outside the headers: accept it with \
             `keep_credentials`",
            adapter.name
        );
        builder.faults.add(at, what);
    }
}

fn check_texts(builder: &mut Builder<'_>, texts: &BTreeMap<String, String>, at: &str) {
    if texts.len() > MAX_TEXTS {
        builder.faults.add(format!("{at}.texts"), format!("has {} texts: at most {MAX_TEXTS}", texts.len()));
    }
    for (id, text) in texts {
        if text.is_empty() || text.len() > MAX_TEXT_BYTES {
            let what = format!("has {} bytes: 1 to {MAX_TEXT_BYTES}", text.len());
            builder.faults.add(format!("{at}.texts.{id}"), what);
        } else if let Err(fault) = check_text(text) {
            builder.faults.add(format!("{at}.texts.{id}"), fault);
        }
    }
}
