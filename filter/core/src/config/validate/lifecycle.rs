//! Statuses that the config adds, and what says which message has one.

use super::names::check_name;
use super::{Builder, Faults};
use crate::adapter::{self, Adapter};
use crate::config::wire::{ConfigWire, DirectionWire, NodeWire, StatusWire};
use crate::lifecycle::{Lifecycle, MAX_CUSTOM, Status};
use crate::outcome::OutcomeClass;

/// The lifecycle with the statuses of the config.
pub(super) fn lifecycle(wire: &ConfigWire, faults: &mut Faults) -> Lifecycle {
    let mut lifecycle = Lifecycle::builtin();
    let mut added: Vec<(usize, &StatusWire, Status)> = Vec::new();
    let count = wire.statuses.iter().count();
    if count > MAX_CUSTOM {
        faults.add("$.statuses", format!("has {count} statuses: at most {MAX_CUSTOM}"));
    }
    for (index, status) in wire.statuses.iter() {
        let at = format!("$.statuses[{index}].name");
        check_name(&status.name, &at, faults);
        if let Some(known) = lifecycle.by_name(&status.name) {
            let what =
                if matches!(known, Status::Custom(_)) { "a second status" } else { "a status that is built in is" };
            faults.add(at, format!("{what} named `{}`: choose another name", status.name));
            continue;
        }
        added.extend(lifecycle.add(&status.name, status.rank).map(|to| (index, status, to)));
    }
    for (index, status, to) in added {
        for (number, name) in status.after.iter() {
            let at = format!("$.statuses[{index}].after[{number}]");
            let Some(from) = status_named(&lifecycle, name, &at, faults) else { continue };
            let rank = lifecycle.rank(from);
            if rank > status.rank {
                let what =
                    format!("`{name}` has the rank {rank}: a status of rank {} would never hold after it", status.rank);
                faults.add(at, what);
            }
            lifecycle.allow(from, to);
        }
    }
    lifecycle
}

/// The status of that name.
fn status_named(lifecycle: &Lifecycle, name: &str, at: &str, faults: &mut Faults) -> Option<Status> {
    let status = lifecycle.by_name(name);
    if status.is_none() {
        faults.add(
            at,
            format!(
                "there is no status `{name}`: add it to `statuses`, or take one of {}",
                lifecycle.names().join(", ")
            ),
        );
    }
    status
}

/// The statuses of messages whose visit of a node ends in a class.
pub(super) fn of_node(builder: &mut Builder<'_>, wire: &NodeWire, at: &str) -> Vec<(OutcomeClass, Status)> {
    let Some(written) = &wire.statuses else {
        return if wire.direction == DirectionWire::Inbound { submitted() } else { Vec::new() };
    };
    let mut statuses = Vec::new();
    for (class, name) in written {
        let at = format!("{at}.statuses.{class}");
        let status = status_named(&builder.plan.lifecycle, name, &at, builder.faults);
        match OutcomeClass::ALL.into_iter().find(|known| known.as_str() == class) {
            Some(class) => statuses.extend(status.map(|status| (class, status))),
            None => {
                let known = OutcomeClass::ALL.map(OutcomeClass::as_str).join(", ");
                builder.faults.add(at, format!("`{class}` is no class of an outcome: take one of {known}"));
            }
        }
    }
    statuses
}

/// What an inbound message is whose config does not say.
pub(super) fn submitted() -> Vec<(OutcomeClass, Status)> {
    vec![(OutcomeClass::Ok, Status::Submitted)]
}

/// Checks the statuses that an adapter names in its receipts. Those of built-in adapters are built in: it is the channel's
/// overrides that may name others.
pub(super) fn check_words(builder: &mut Builder<'_>, adapter: &Adapter, at: &str) {
    for (number, receipt) in adapter.receipt.iter().enumerate() {
        let adapter::Receipt { words, otherwise, .. } = receipt;
        let at = format!("{at}.overrides.receipt[{number}]");
        for name in words.keys() {
            status_named(&builder.plan.lifecycle, name, &format!("{at}.words.{name}"), builder.faults);
        }
        if let Some(name) = otherwise {
            status_named(&builder.plan.lifecycle, name, &format!("{at}.otherwise"), builder.faults);
        }
    }
}
