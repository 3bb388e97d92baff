//! The tools that judge manifests and alerts, as `scripts/get-tools` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `scripts/get-tools` has put the tools; `scripts/test` sets it.
pub const TOOLS_VARIABLE: &str = "POINTSMAN_TOOLS";

/// The path of a tool, such as `kubectl`, `promtool` or `python`.
pub fn path(tool: &str) -> PathBuf {
    let folder = std::env::var_os(TOOLS_VARIABLE).filter(|folder| !folder.is_empty());
    let folder = folder.expect("POINTSMAN_TOOLS names what scripts/get-tools prints; ./scripts/test sets it");
    Path::new(&folder).join("bin").join(tool)
}

/// What a tool prints, or what it complains of.
///
/// # Errors
/// Its standard error and output, if it fails.
pub fn run(tool: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(path(tool)).args(arguments).output().expect("the tool can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!("{tool} {}\n{}{}", arguments.join(" "), text(&output.stderr), text(&output.stdout)))
}
