//! Traces and records.

use super::Faults;
use super::channel::{MAX_TEXT_BYTES, is_authority, is_token};
use super::values::{Values, secs};
use crate::config::wire::{ConfigWire, RecordsWire, TraceWire};
use crate::plan::{RecordSettings, TraceSettings};
use std::time::Duration;

const MOST_BUCKETS: u32 = 65_536;
const MOST_BATCH: u32 = 4_096;
const MOST_BUFFER: u32 = 65_536;

pub(super) fn trace(wire: &TraceWire, faults: &mut Faults) -> TraceSettings {
    let default = TraceSettings::default();
    let mut values = Values { at: "$.trace".to_owned(), faults };
    let buckets = values.number("buckets", wire.buckets, default.buckets, 16..=MOST_BUCKETS);
    if !buckets.is_power_of_two() {
        values.fault("buckets", format!("is {buckets}: a power of two, such as {}", default.buckets));
    }
    let remember = values.duration("remember", wire.remember, default.remember, secs(1)..=secs(86_400));
    TraceSettings { mode: wire.mode, b3: wire.b3, buckets, remember }
}

pub(super) fn records(wire: &RecordsWire, faults: &mut Faults) -> RecordSettings {
    let mut values = Values { at: "$.records".to_owned(), faults };
    if !is_token(&wire.cluster) {
        values.fault("cluster", "is no name of a cluster: printable ASCII without spaces");
    }
    let authority = wire.authority.as_deref().unwrap_or(&wire.cluster);
    let is_sound = is_authority(authority);
    if wire.authority.is_some() && !is_sound {
        values.fault("authority", "is no authority: a host, and a port where it is needed, such as \"collector:4318\"");
    } else if !is_sound && is_token(&wire.cluster) {
        values.fault("authority", "is missing: the name of the cluster cannot stand for it");
    }
    let path = wire.path.as_deref().unwrap_or_default();
    if !path.is_empty() && !is_prefix(path) {
        values.fault("path", "is no prefix of a path: it begins with a slash, does not end with one, and has no query");
    }
    let millis = Duration::from_millis;
    let mut number = |key: &str, written: Option<u32>, default: u32, most: u32| {
        usize::try_from(values.number(key, written, default, 1..=most)).unwrap_or(usize::MAX)
    };
    let max_batch = number("max_batch", wire.max_batch, 512, MOST_BATCH);
    let buffer = number("buffer", wire.buffer, 8_192, MOST_BUFFER);
    RecordSettings {
        cluster: wire.cluster.as_str().into(),
        authority: authority.into(),
        path: path.into(),
        spans: wire.spans.unwrap_or(true),
        sending: wire.sending,
        enter_after: values.duration("enter_after", wire.enter_after, secs(60), secs(1)..=secs(3_600)),
        max_batch,
        max_age: values.duration("max_age", wire.max_age, secs(1), millis(250)..=secs(60)),
        buffer,
        timeout: values.duration("timeout", wire.timeout, secs(10), millis(100)..=secs(60)),
    }
}

/// Reports what a node would tell if there were records.
pub(super) fn check_nodes(wire: &ConfigWire, faults: &mut Faults) {
    if wire.records.is_some() || faults.concern("$.records") {
        return;
    }
    for (index, node) in wire.nodes.iter() {
        let told =
            [("enter", node.enter), ("statuses", node.statuses.as_ref().is_some_and(|statuses| !statuses.is_empty()))];
        for (key, _) in told.iter().filter(|(_, is_told)| *is_told) {
            faults
                .add(format!("$.nodes[{index}].{key}"), "means nothing without `records`, which say where it is told");
        }
    }
}

fn is_prefix(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
    path.len() <= MAX_TEXT_BYTES && path.starts_with('/') && !path.ends_with('/') && path.bytes().all(allowed)
}
