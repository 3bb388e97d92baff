//! `pointsman schema`.

use clap::Args;
use pointsman_host::reference::{reference, schema};
use std::io::Write;
use std::process::ExitCode;

/// Prints the JSON Schema of the config, for editors and other tools.
#[derive(Args)]
pub(crate) struct Schema {
    /// Prints the reference of the config in its place, as Markdown.
    #[arg(long)]
    reference: bool,
}

pub(crate) fn run(args: &Schema) -> anyhow::Result<ExitCode> {
    let text = if args.reference { reference() } else { format!("{}\n", serde_json::to_string_pretty(&schema())?) };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
