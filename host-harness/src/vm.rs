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

pub use engine::{Engine, EngineError};
pub use module::{Module, ModuleError};

pub(crate) use exports::Callback;
pub(crate) use instance::{Trap, Vm, VmError};
pub(crate) use state::{CallView, Context, Deferred, GrpcView, HalfView, MapView, RootContext, StreamContext, VmState};
