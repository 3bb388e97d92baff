//! Exchanges with vendors, written from the vendors' documents and not from the adapters, against the adapters.
//!
//! Each case in `tests/cases/vendors` goes through a whole exchange twice: with each body at once, and byte by byte with
//! trailers. What the request says is asked of the reader, what becomes of it is taken from the counts, and the fate from
//! the line of the visit.

#[path = "../../../tests/cases/vendors.rs"]
mod cases;
mod support;

use cases::{Case, Pieces, Seen};
use std::error::Error;
use std::path::Path;
use support::run::Sidecar;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn check(vendor: &str) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases");
    cases::check(&folder, vendor, |case| case.expected(), run)
}

fn run(case: &Case<'_>, pieces: Pieces) -> Result<Seen> {
    let mut sidecar = Sidecar::new()?;
    let mut seen = sidecar.facts(case.request)?;
    sidecar.exchange(case.request, &case.response, pieces, &mut seen)?;
    Ok(seen)
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
