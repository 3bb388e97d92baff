//! The filter under test, with what an operator says of it.

use super::error::TestError;
use crate::filter::{FailurePolicy, Limits};
use crate::proxy::config::{PluginConfig, Source};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// Where `scripts/build-filter` puts the filter of this project.
const POINTSMAN: &str = "target/pointsman.wasm";

/// A filter under test, with what an operator says of it.
#[derive(Clone, Debug)]
pub struct Filter {
    wasm: Wasm,
    config: PluginConfig,
}

#[derive(Clone, Debug)]
enum Wasm {
    Bytes(Bytes),
    File(PathBuf),
    Pointsman,
}

impl Filter {
    /// The module in a file; a relative path begins where the test runs, which is the folder of its package under Cargo.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::new(Wasm::File(path.into()))
    }

    /// A module in memory.
    pub fn from_bytes(wasm: impl Into<Bytes>) -> Self {
        Self::new(Wasm::Bytes(wasm.into()))
    }

    /// The filter of this project, as `scripts/build-filter` makes it, with the settings that it is shipped with.
    pub fn pointsman() -> Self {
        Self::new(Wasm::Pointsman).allow_on_headers_stop_iteration(true)
    }

    fn new(wasm: Wasm) -> Self {
        Self { wasm, config: PluginConfig::default() }
    }

    /// What `proxy_on_configure` reads: most often JSON.
    pub fn configuration(mut self, configuration: impl Into<Bytes>) -> Self {
        self.config.configuration = Source::Inline(configuration.into());
        self
    }

    /// What `proxy_on_vm_start` reads.
    pub fn vm_configuration(mut self, configuration: impl Into<Bytes>) -> Self {
        self.config.vm_configuration = Source::Inline(configuration.into());
        self
    }

    /// A variable of the filter's environment.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.environment_variables.insert(name.into(), value.into());
        self
    }

    /// The name in the log, `filter` unless said otherwise.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = name.into();
        self
    }

    /// What the filter reads as `plugin_root_id`.
    pub fn root_id(mut self, root_id: impl Into<String>) -> Self {
        self.config.root_id = root_id.into();
        self
    }

    /// What becomes of streams when the filter has failed; they get 503 unless said otherwise.
    pub const fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.config.failure_policy = policy;
        self
    }

    /// Whether pausing in a headers callback lets the body callbacks go on: Envoy's setting of this name, off unless said
    /// otherwise.
    pub const fn allow_on_headers_stop_iteration(mut self, allow: bool) -> Self {
        self.config.allow_on_headers_stop_iteration = allow;
        self
    }

    /// What one VM may use.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    /// With the module read, so that what is tested does not change below a test that runs.
    pub(super) fn plugin(&self) -> Result<PluginConfig, TestError> {
        let wasm = match &self.wasm {
            Wasm::Bytes(bytes) => bytes.clone(),
            Wasm::File(path) => read(path)?,
            Wasm::Pointsman => read(&pointsman().ok_or(TestError::NoPointsman)?)?,
        };
        Ok(PluginConfig { wasm: Source::Inline(wasm), ..self.config.clone() })
    }
}

fn folder() -> PathBuf {
    std::env::current_dir().unwrap_or_default()
}

fn pointsman() -> Option<PathBuf> {
    folder().ancestors().map(|folder| folder.join(POINTSMAN)).find(|path| path.is_file())
}

fn read(path: &Path) -> Result<Bytes, TestError> {
    let missing = |source| TestError::FilterFile { path: path.to_owned(), folder: folder(), source };
    std::fs::read(path).map(Bytes::from).map_err(missing)
}
