//! `pointsman explain`.

use super::check::{FAULTY, print, read, refuse};
use anyhow::Context as _;
use clap::Args;
use pointsman_core::config;
use pointsman_core::plan::Plan;
use pointsman_core::trace::Key;
use pointsman_host::explain::{Explained, Explainer, Har, table};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Names the secret of hashes, as for the filter.
const SECRET_VARIABLE: &str = "POINTSMAN_SECRET";

#[derive(Args)]
pub(crate) struct Explain {
    /// The filter's config, such as envoy/pointsman.json.
    #[arg(long)]
    config: PathBuf,
    /// Recorded traffic, HAR 1.2; `-` is the standard input.
    file: PathBuf,
    /// A table for people in place of one JSON object a line.
    #[arg(long)]
    table: bool,
}

pub(crate) fn run(arguments: &Explain) -> anyhow::Result<ExitCode> {
    let plan = match config::load(&read(&arguments.config)?) {
        Ok(plan) => plan,
        Err(faults) => return Ok(refuse(&arguments.config, &faults, "")),
    };
    let har = match Har::parse(&recorded(&arguments.file)?) {
        Ok(har) => har,
        Err(fault) => {
            eprintln!("{}: 1 fault\n{fault}", arguments.file.display());
            return Ok(ExitCode::from(FAULTY));
        }
    };
    let key = secret(&plan);
    let mut explainer = Explainer::new(plan, key);
    let explained = explainer.explain(&har);
    print(&if arguments.table { table(&explained) } else { lines(&explained)? })?;
    for note in explainer.notes() {
        eprintln!("note: {note}");
    }
    Ok(ExitCode::SUCCESS)
}

fn recorded(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read the standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

fn lines(explained: &[Explained]) -> anyhow::Result<String> {
    let mut text = String::new();
    for explained in explained {
        text += &serde_json::to_string(explained)?;
        text.push('\n');
    }
    Ok(text)
}

/// The key of hashes; says so where recipients will be missing for want of one.
fn secret(plan: &Plan) -> Option<Key> {
    let secret = std::env::var_os(SECRET_VARIABLE).unwrap_or_default();
    let key = match secret.as_encoded_bytes() {
        [] => Err(format!("{SECRET_VARIABLE} is not set")),
        bytes => Key::new(bytes).map_err(|error| format!("{SECRET_VARIABLE} is not used: {error}")),
    };
    if let (Err(reason), true) = (&key, plan.settings.hash_recipients) {
        eprintln!("note: {reason}, so recipients are left out");
    }
    key.ok()
}
