//! Stories of failing vendors through the pure core: several workers in virtual time.

#[path = "../../../../tests/cases/rules.rs"]
mod cases_of_rules;
#[path = "../support/shared.rs"]
mod shared;
mod sidecar;

use cases_of_rules::{Case, Seen, check, each_rule, world};
use sidecar::Workers;
use std::error::Error;
use std::path::{Path, PathBuf};

/// The folder of the cases.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/cases")
}

fn play(case: &Case) -> Result<Seen, Box<dyn Error>> {
    world::run(case, Workers::start(case)?)
}

fn run(name: &str) -> Result<(), Box<dyn Error>> {
    check(&folder(), name, play)
}

each_rule!(run);

/// What a story expects, the rules must have brought about.
mod without_rules {
    use super::{Case, Error, each_rule, folder, play};
    use serde_json::Value;

    fn fails(name: &str) -> Result<(), Box<dyn Error>> {
        let mut case = Case::read(&folder(), name)?;
        case.config = without_rules(&case.config_at(super::world::start(&case)))?;
        case.then.clear();
        let seen = play(&case)?;
        assert!(!case.expect.faults(&seen).is_empty(), "{name} ends as expected without any rule");
        Ok(())
    }

    fn without_rules(config: &str) -> Result<String, Box<dyn Error>> {
        let mut config: Value = serde_json::from_str(config)?;
        config.as_object_mut().ok_or("a config is an object")?.remove("rules");
        Ok(config.to_string())
    }

    each_rule!(fails);
}
