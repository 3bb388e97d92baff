//! One guest: a compiled module, its instance, and the host functions that it can call.

mod attributes;
mod engine;
mod exports;
mod imports;
mod instance;
mod memory;
mod module;
mod state;
mod wasi;

pub use engine::{Engine, EngineError, EngineOptions};
pub use module::{Module, ModuleError};

pub(crate) use instance::{Trap, Vm};
pub(crate) use state::{CallView, Context, Deferred, MapView, RootContext, StreamContext, VmSetup, VmState};
