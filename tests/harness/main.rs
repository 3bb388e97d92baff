//! The cases of vendors through the built filter in a worker of the host, with no socket and a clock that stands: what the
//! filter exports must be what the pure core says of the same exchanges in `filter/core/tests/vendors.rs`.

#[path = "../cases/vendors.rs"]
mod cases;
mod sidecar;

use cases::{Case, Pieces, Seen};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use pointsman_tests::repository;
use sidecar::Sidecar;
use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn check(vendor: &str) -> Result<()> {
    let engine = Engine::new(EngineOptions {
        cache_directory: Some(env!("CARGO_TARGET_TMPDIR").into()),
        ..EngineOptions::default()
    })?;
    let wasm = std::fs::read(repository("target/pointsman.wasm")).map_err(|_| "run ./scripts/build-filter")?;
    let module = Module::new(&engine, &wasm)?;
    cases::check(&repository("tests/cases"), vendor, expected, |case, pieces| run(&module, case, pieces))
}

fn run(module: &Module, case: &Case<'_>, pieces: Pieces) -> Result<Seen> {
    Sidecar::new(module)?.exchange(case.request, &case.response, pieces)
}

/// What can be seen from outside: of several message ids the line of the visit has the first, and of the operation only what
/// follows from it.
fn expected(case: &Case<'_>) -> Seen {
    let mut expected = case.expected();
    expected.message_ids.truncate(1);
    expected.operation.clear();
    expected
}

#[test]
fn apns() -> Result<()> {
    check("apns")
}

#[test]
fn fcm() -> Result<()> {
    check("fcm")
}

#[test]
fn oppo() -> Result<()> {
    check("oppo")
}

#[test]
fn wechat() -> Result<()> {
    check("wechat")
}

#[test]
fn sms_tencent() -> Result<()> {
    check("sms-tencent")
}

#[test]
fn generic_json() -> Result<()> {
    check("generic-json")
}
