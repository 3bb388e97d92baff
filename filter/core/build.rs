//! Embeds every file of `filter/adapters/` as JSON, so that the filter carries no TOML parser.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

#[expect(clippy::disallowed_methods, reason = "Cargo speaks to a build script by its environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../adapters");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut rows = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("an adapter's file name is not UTF-8")?;
        let text = fs::read_to_string(&path)?;
        let adapter: serde_json::Value =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        rows.push((name.to_owned(), adapter.to_string()));
    }
    rows.sort();
    let table = format!("pub(super) const ADAPTERS: &[(&str, &str)] = &{rows:?};\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("adapters.rs"), table)?;
    Ok(())
}
