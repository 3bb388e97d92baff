//! One running guest.

use super::engine::EPOCH;
use super::exports::Exports;
use super::module::{ALLOCATORS, Module};
use super::state::VmState;
use crate::filter::Limits;
use std::time::Duration;
use thiserror::Error;
use wasmtime::{Instance, Store, TypedFunc, WasmParams, WasmResults};

/// A guest was ended in the middle of a call: by itself, by a bad access, or because it took too long. Its VM can't be used
/// any more.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Trap(String);

impl From<wasmtime::Error> for Trap {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// A guest with its memory and what the host functions work on.
pub(crate) struct Vm {
    store: Store<VmState>,
    exports: Exports,
    call_epochs: u64,
}

impl Vm {
    /// Makes an instance and runs its start functions.
    ///
    /// # Errors
    /// The guest trapped, needs more memory than it may have, or exports a callback with a wrong signature.
    pub(crate) fn start(module: &Module, state: VmState) -> Result<Self, Trap> {
        let pre = &module.instance;
        let call_epochs = epochs(state.plugin.limits);
        let mut store = Store::new(pre.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(call_epochs);
        store.data_mut().starting = true;
        let instance = pre.instantiate(&mut store)?;
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = ALLOCATORS.iter().find_map(|name| instance.get_typed_func(&mut store, name).ok());
        let state = store.data_mut();
        state.memory = memory;
        state.allocate = allocate;
        run_start(&instance, &mut store, call_epochs)?;
        store.data_mut().starting = false;
        let exports = Exports::of(&instance, &mut store)?;
        Ok(Self { store, exports, call_epochs })
    }

    /// What the host functions work on.
    pub(crate) fn state_mut(&mut self) -> &mut VmState {
        self.store.data_mut()
    }

    /// What the host functions work on, when the guest is not needed any more.
    pub(crate) fn into_state(self) -> VmState {
        self.store.into_data()
    }

    /// Calls a callback of `context`; `None` if the guest has none of this name.
    ///
    /// # Errors
    /// The guest trapped.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        context: u32,
        callback: impl FnOnce(&Exports) -> Option<&TypedFunc<P, R>>,
        arguments: P,
    ) -> Result<Option<R>, Trap> {
        let Some(callback) = callback(&self.exports) else { return Ok(None) };
        let state = self.store.data_mut();
        state.current = context;
        state.effective = 0;
        self.store.set_epoch_deadline(self.call_epochs);
        let answer = callback.call(&mut self.store, arguments)?;
        Ok(Some(answer))
    }
}

/// A call's limit in epochs; one more, since the current epoch has partly gone.
fn epochs(limits: Limits) -> u64 {
    let epoch = EPOCH.as_nanos().max(1);
    u64::try_from(limits.call_time.max(Duration::from_nanos(1)).as_nanos().div_ceil(epoch) + 1).unwrap_or(u64::MAX / 2)
}

/// `_initialize` and then `main`, or else `_start`, as Envoy does.
fn run_start(instance: &Instance, store: &mut Store<VmState>, call_epochs: u64) -> Result<(), Trap> {
    let run = |name: &str, store: &mut Store<VmState>| -> Result<bool, Trap> {
        let Ok(function) = instance.get_typed_func::<(), ()>(&mut *store, name) else { return Ok(false) };
        store.set_epoch_deadline(call_epochs);
        function.call(&mut *store, ())?;
        Ok(true)
    };
    if run("_initialize", store)? {
        if let Ok(main) = instance.get_typed_func::<(u32, u32), u32>(&mut *store, "main") {
            store.set_epoch_deadline(call_epochs);
            main.call(&mut *store, (0, 0))?;
        }
    } else {
        run("_start", store)?;
    }
    Ok(())
}
