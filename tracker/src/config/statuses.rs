//! The section `statuses`: those of the filter's config, with the same keys and the same meaning.

use super::fault::Faults;
use pointsman_core::lifecycle::{Lifecycle, MAX_CUSTOM, Status};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wire {
    name: String,
    rank: u8,
    #[serde(default)]
    after: Vec<String>,
}

/// The statuses that are built in, and these.
pub(super) fn validate(statuses: &[Wire], path: &str, faults: &mut Faults) -> Lifecycle {
    let mut lifecycle = Lifecycle::builtin();
    let mut added: Vec<(usize, &Wire, Status)> = Vec::new();
    if statuses.len() > MAX_CUSTOM {
        faults.add(path, format!("has {} statuses: at most {MAX_CUSTOM}", statuses.len()));
    }
    for (index, status) in statuses.iter().enumerate().take(MAX_CUSTOM) {
        let at = format!("{path}[{index}].name");
        if status.name.is_empty() || status.name.len() > 64 {
            faults.add(&at, "a name has 1 to 64 bytes");
        } else if lifecycle.by_name(&status.name).is_some() {
            faults.add(&at, format!("there is a status `{}` already: choose another name", status.name));
        } else {
            added.extend(lifecycle.add(&status.name, status.rank).map(|to| (index, status, to)));
        }
    }
    for (index, status, to) in added {
        for (number, name) in status.after.iter().enumerate() {
            let at = format!("{path}[{index}].after[{number}]");
            match lifecycle.by_name(name) {
                None => faults.add(&at, format!("there is no status `{name}`")),
                Some(from) if lifecycle.rank(from) > status.rank => {
                    let (rank, own) = (lifecycle.rank(from), status.rank);
                    let what =
                        format!("`{name}` has the rank {rank}: a status of rank {own} would never hold after it");
                    faults.add(&at, what);
                }
                Some(from) => lifecycle.allow(from, to),
            }
        }
    }
    lifecycle
}
