//! The config: wire types, their faults, and the validated [`Plan`](crate::plan::Plan).

pub mod decode;
pub mod fault;
mod time;
mod validate;
pub mod wire;

pub use fault::{Fault, Faults};
pub use time::check_time;

use crate::plan::Plan;
use sha2::{Digest, Sha256};

/// A short name of a config's text, equal for equal texts: 16 hexadecimal digits of its SHA-256.
pub fn digest(text: &str) -> String {
    let digest = Sha256::digest(text);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a config and validates it. Every fault is reported, in the order of the config's sections.
///
/// A config without content, or `{}`, is valid: it passes everything.
pub fn load(text: &str) -> Result<Plan, Faults> {
    let mut faults = Faults::default();
    let Some(wire) = decode::decode(text, &mut faults) else { return Err(faults) };
    let mut plan = validate::validate(&wire, &mut faults);
    plan.version = digest(text).into();
    if faults.is_empty() { Ok(plan) } else { Err(faults) }
}

#[cfg(test)]
mod tests;
