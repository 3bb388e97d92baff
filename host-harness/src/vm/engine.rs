//! Compiler
/// x
pub struct Engine;
/// x
pub struct EngineError;
