//! Stories of failing vendors through the built filter: workers of the host in virtual time.

mod proxy;

use crate::Result;
use crate::cases_of_rules::world;
use crate::cases_of_rules::{check, each_rule};
use crate::folder;
use crate::module;
use proxy::Workers;

fn run(name: &str) -> Result<()> {
    check(&folder(), name, |case| world::run(case, Workers::start(module()?, case)?))
}

each_rule!(run);
