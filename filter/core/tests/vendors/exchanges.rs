//! Each case goes through a whole exchange twice: with each body at once, and byte by byte with trailers. What is
//! compared is the report of the visit and the counts that follow from it.

use crate::cases::{check, each_vendor};
use crate::folder;
use crate::sidecar::Sidecar;
use pointsman_core::adapter::Adapter;
use std::error::Error;

fn hold(vendor: &str) -> Result<(), Box<dyn Error>> {
    let mut sidecar = Sidecar::new()?;
    check(&folder(), vendor, |case, pieces| sidecar.run(&case.sent, &case.answer, pieces))
}

each_vendor!(hold);

#[test]
fn every_adapter_has_cases_and_every_case_an_adapter() -> Result<(), Box<dyn Error>> {
    let mut vendors = Vec::new();
    for entry in std::fs::read_dir(folder().join("vendors"))? {
        let path = entry?.path();
        vendors.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    vendors.sort();
    assert_eq!(vendors, Adapter::names().collect::<Vec<_>>());
    Ok(())
}
