//! Which modules are taken.
/// x
pub struct Module;
/// x
pub struct ModuleError;
