//! The compiler, its disk cache, and the clock that ends endless loops.

use super::imports;
use super::state::VmState;
use std::path::PathBuf;
use std::time::Duration;

/// How exactly the time of a call is kept: a call may take up to one such interval longer.
pub(super) const EPOCH: Duration = Duration::from_millis(10);

/// How guests are compiled and run.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where compiled modules are kept, by content; `None` compiles every time.
    pub cache_directory: Option<PathBuf>,
    /// The stack of a guest's call; going deeper is a trap. The thread that calls needs more than that.
    pub stack_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { cache_directory: None, stack_bytes: 512 << 10 }
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The directory for compiled modules can't be used.
    #[error("compiled modules cannot be kept in {directory}: {reason}", directory = directory.display())]
    Cache {
        /// The directory.
        directory: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The machine or the options are not supported.
    #[error("WebAssembly cannot be run here: {reason}")]
    Unsupported {
        /// Why not.
        reason: String,
    },
}

/// Compiles modules and holds the host functions. One serves any number of modules, VMs and threads; a clone is the same
/// engine.
#[derive(Clone)]
pub struct Engine {
    pub(super) engine: wasmtime::Engine,
    pub(super) linker: std::sync::Arc<wasmtime::Linker<VmState>>,
}

impl Engine {
    /// Makes an engine, and a thread that keeps its time for as long as it lives.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let unsupported = |error: wasmtime::Error| EngineError::Unsupported { reason: format!("{error:#}") };
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true).max_wasm_stack(options.stack_bytes);
        if let Some(directory) = options.cache_directory {
            let mut cache = wasmtime::CacheConfig::new();
            cache.with_directory(&directory);
            let cache = wasmtime::Cache::new(cache)
                .map_err(|error| EngineError::Cache { directory, reason: format!("{error:#}") })?;
            config.cache(Some(cache));
        }
        let engine = wasmtime::Engine::new(&config).map_err(unsupported)?;
        let mut linker = wasmtime::Linker::new(&engine);
        imports::add_to_linker(&mut linker).map_err(unsupported)?;
        keep_time(&engine).map_err(|error| EngineError::Unsupported { reason: error.to_string() })?;
        Ok(Self { engine, linker: std::sync::Arc::new(linker) })
    }
}

/// Counts epochs on a thread of its own until the engine is gone.
fn keep_time(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name(String::from("wasm-epoch")).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(EPOCH);
        }
    })?;
    Ok(())
}
