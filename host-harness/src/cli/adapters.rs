//! `pointsman adapters`.

use super::check::print;
use pointsman_host::catalogue::{self, CatalogueError};
use std::process::ExitCode;

/// Prints the table of adapters, or the document of the one that is named.
pub(crate) fn run(name: Option<&str>) -> anyhow::Result<ExitCode> {
    let text = name.map_or_else(catalogue::table, catalogue::document);
    match text {
        Err(error @ CatalogueError::Unknown { .. }) => {
            eprintln!("{error}");
            Ok(ExitCode::from(super::check::FAULTY))
        }
        text => {
            print(&text?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
