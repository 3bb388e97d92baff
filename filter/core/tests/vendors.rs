//! Exchanges with vendors, written from the vendors' documents and not from the adapters, against the adapters.
//!
//! Each case in `tests/cases/vendors` goes through a whole exchange twice: with each body at once, and byte by byte with
//! trailers. What the request says is asked of the reader, what becomes of it is taken from the counts, and the fate from
//! the line of the visit.

mod support;

use std::error::Error;
use support::cases::{Case, File};
use support::run::{Pieces, Seen, Sidecar};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn check(vendor: &str) -> Result<()> {
    let file = File::read(vendor)?;
    let cases = file.cases();
    let mut wrong = Vec::new();
    for case in &cases {
        for pieces in [Pieces::Whole, Pieces::Bytes] {
            match run(case, pieces) {
                Ok(seen) if seen == case.expected() => {}
                Ok(seen) => {
                    wrong.push(format!("{}\n  expected {:?}\n  but saw  {seen:?}", case.about, case.expected()))
                }
                Err(error) => wrong.push(format!("{}\n  {error}", case.about)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases of {vendor} fail:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.iter().filter(|case| case.about.starts_with("misleading")).count() >= 2, "{vendor} misleads nobody");
    Ok(())
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
