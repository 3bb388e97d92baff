//! The cases through the built filter in workers of the host, with no socket and a clock that tests move: what the filter
//! logs and exports must be what the pure core says of the same exchanges in `filter/core/tests/vendors` and
//! `filter/core/tests/rules`.

#[path = "../cases/vendors.rs"]
mod cases;
#[path = "../cases/rules.rs"]
mod cases_of_rules;
mod rules;
mod sidecar;

use cases::{check, each_vendor};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use pointsman_tests::repository;
use sidecar::Sidecar;
use std::error::Error;
use std::path::PathBuf;
use std::sync::OnceLock;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The built filter, compiled once for all tests.
fn module() -> Result<&'static Module> {
    static MODULE: OnceLock<std::result::Result<Module, String>> = OnceLock::new();
    let module = MODULE.get_or_init(|| compile().map_err(|error| error.to_string()));
    module.as_ref().map_err(|error| error.clone().into())
}

fn compile() -> Result<Module> {
    let engine = Engine::new(EngineOptions {
        cache_directory: Some(env!("CARGO_TARGET_TMPDIR").into()),
        ..EngineOptions::default()
    })?;
    let wasm = std::fs::read(repository("target/pointsman.wasm")).map_err(|_| "run ./scripts/build-filter")?;
    Ok(Module::new(&engine, &wasm)?)
}

/// The folder of the cases.
fn folder() -> PathBuf {
    repository("tests/cases")
}

fn hold(vendor: &str) -> Result<()> {
    let mut sidecar = Sidecar::new(module()?)?;
    check(&folder(), vendor, |case, pieces| sidecar.run(&case.sent, &case.answer, pieces))
}

each_vendor!(hold);
