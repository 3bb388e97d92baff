//! Stories of failing vendors through the filter in Envoy, in real time: the same files, and the same expectations, as
//! in the pure core and in the host.

mod stage;
mod telling;
mod theatre;

pub(crate) use telling::record;

use crate::cases_of_rules::{check, each_rule};
use pointsman_tests::repository;
use std::error::Error;
use std::path::PathBuf;

/// The folder of the cases.
pub(crate) fn folder() -> PathBuf {
    repository("tests/cases")
}

fn run(name: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    check(&folder(), name, |case| runtime.block_on(stage::run(case)))
}

each_rule!(run, in real time);
