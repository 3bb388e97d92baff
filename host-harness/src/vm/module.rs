//! Which modules are taken.

use super::engine::Engine;
use super::state::VmState;
use wasmtime::InstancePre;

/// Marks a module that speaks the ABI of this host.
const ABI_0_2_1: &str = "proxy_abi_version_0_2_1";
/// What marks modules of other versions begins so.
const ABI_PREFIX: &str = "proxy_abi_version_";
/// The functions of which a module must export one, so that the host can give it bytes.
pub(super) const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// Why a module is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// It does not compile.
    #[error("not a WebAssembly module that can be compiled: {reason}")]
    Compile {
        /// Why not.
        reason: String,
    },
    /// It speaks another version of proxy-wasm.
    #[error("the module speaks proxy-wasm ABI {found}; this host speaks 0.2.1 only: build it with a newer SDK")]
    Abi {
        /// The version that it speaks.
        found: String,
    },
    /// It does not say that it is a proxy-wasm module.
    #[error("not a proxy-wasm module: it exports no proxy_abi_version_0_2_1")]
    NotProxyWasm,
    /// It lacks an export that every module must have.
    #[error("the module exports no {what}")]
    Missing {
        /// What it lacks.
        what: &'static str,
    },
    /// It asks for a function that this host does not have.
    #[error("the module cannot be linked: {reason}")]
    Link {
        /// Which one.
        reason: String,
    },
}

/// A compiled guest that links with this host; a clone shares the code.
#[derive(Clone)]
pub struct Module {
    pub(super) instance: InstancePre<VmState>,
}

impl Module {
    /// Compiles a module, or takes it from the engine's cache, and checks what it exports and imports.
    ///
    /// # Errors
    /// [`ModuleError`].
    pub fn new(engine: &Engine, wasm: &[u8]) -> Result<Self, ModuleError> {
        let module = wasmtime::Module::from_binary(&engine.engine, wasm)
            .map_err(|error| ModuleError::Compile { reason: format!("{error:#}") })?;
        check_exports(&module)?;
        let instance = engine
            .linker
            .instantiate_pre(&module)
            .map_err(|error| ModuleError::Link { reason: format!("{error:#}") })?;
        Ok(Self { instance })
    }
}

fn check_exports(module: &wasmtime::Module) -> Result<(), ModuleError> {
    let has = |name: &str| module.get_export(name).is_some();
    if !has(ABI_0_2_1) {
        let version =
            module.exports().find_map(|export| Some(export.name().strip_prefix(ABI_PREFIX)?.replace('_', ".")));
        return Err(version.map_or(ModuleError::NotProxyWasm, |found| ModuleError::Abi { found }));
    }
    if module.get_export("memory").and_then(|export| export.memory().cloned()).is_none() {
        return Err(ModuleError::Missing { what: "memory" });
    }
    if !ALLOCATORS.iter().any(|name| has(name)) {
        return Err(ModuleError::Missing { what: "proxy_on_memory_allocate, nor malloc" });
    }
    Ok(())
}
