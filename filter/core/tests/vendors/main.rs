//! Exchanges with vendors, written from the vendors' documents and not from the adapters, against the adapters.

#[path = "../../../../tests/cases/vendors.rs"]
mod cases;
mod codes;
mod exchanges;
mod properties;
mod recipients;
mod redaction;
mod seeds;
mod sidecar;
mod variants;

use std::path::{Path, PathBuf};

/// The folder of the cases.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}
