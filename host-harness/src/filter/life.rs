//! How the VM of a worker comes, fails and comes back, and how root contexts come and go.

use super::stream::Filter;
use super::worker::{RootUse, Slot, Worker, WorkerError, context_of};
use super::{Effect, FailurePolicy, Plugin};
use crate::abi::LogLevel;
use crate::vm::{Context, RootContext, Trap, Vm, VmSetup, VmState};
use std::sync::Arc;
use std::time::Duration;

impl Worker {
    /// Starts a VM with the current plugin.
    pub(super) fn start_vm(&mut self) -> Result<(), WorkerError> {
        self.made = (self.outside.clock.monotonic(), self.backoff());
        let setup = VmSetup {
            process: Arc::clone(&self.process),
            environment: (self.new_environment)(),
            plugin: Arc::clone(&self.plugin),
            wake: Arc::clone(&self.wake),
        };
        self.vm = Slot::Failed;
        let vm = Vm::start(&self.module, VmState::new(setup)).map_err(|trap| WorkerError::Start(trap.to_string()))?;
        self.vm = Slot::Running(Box::new(vm), 0);
        match self.add_root(Arc::clone(&self.plugin)) {
            Ok(root) => {
                if let Slot::Running(_, current) = &mut self.vm {
                    *current = root;
                }
                Ok(())
            }
            Err(error) => {
                self.vm = Slot::Failed;
                Err(error)
            }
        }
    }

    /// How long after the start of one VM the next one may be made: Envoy's jittered back-off, from the least time to half as
    /// much again.
    fn backoff(&mut self) -> Duration {
        let FailurePolicy::Reload { backoff } = self.plugin.failure_policy else { return Duration::MAX };
        let half_ms = u64::try_from(backoff.as_millis() / 2).unwrap_or(u64::MAX).max(1);
        backoff + Duration::from_millis(self.outside.random.next_u64() % half_ms)
    }

    /// Makes a failed VM anew, if the policy and the time allow it.
    pub(super) fn reload_if_due(&mut self) {
        if !self.has_failed() || !matches!(self.plugin.failure_policy, FailurePolicy::Reload { .. }) {
            return;
        }
        let (made, backoff) = self.made;
        if self.outside.clock.monotonic().saturating_sub(made) < backoff {
            self.stats.reload_backoffs += 1;
            return;
        }
        match self.start_vm() {
            Ok(()) => self.stats.reloads += 1,
            Err(error) => {
                self.stats.reload_failures += 1;
                self.log(LogLevel::Error, format!("the VM could not be made anew: {error}"));
            }
        }
    }

    /// A root context for a plugin configuration: created, started, configured.
    pub(super) fn add_root(&mut self, plugin: Arc<Plugin>) -> Result<u32, WorkerError> {
        let root = self.next_context();
        let (vm_size, size) = (length(plugin.vm_configuration.len()), length(plugin.configuration.len()));
        self.roots.insert(root, RootUse::default());
        if let Some(state) = self.vm_state() {
            state.contexts.insert(root, Context::Root(Box::new(RootContext::new(plugin))));
        }
        let taken = self.configure(root, vm_size, size);
        if taken.is_err() {
            self.forget_root(root);
        }
        taken.map(|()| root)
    }

    fn configure(&mut self, root: u32, vm_size: u32, size: u32) -> Result<(), WorkerError> {
        self.must(|vm| vm.call(root, |exports| exports.on_context_create.as_ref(), (root, 0)))?;
        self.vm_starts(true);
        let started = self.must(|vm| vm.call(root, |exports| exports.on_vm_start.as_ref(), (root, vm_size)))?;
        self.vm_starts(false);
        if started == Some(0) {
            return Err(WorkerError::Start(String::from("proxy_on_vm_start said no")));
        }
        self.root_configures(root, true);
        let configured = self.must(|vm| vm.call(root, |exports| exports.on_configure.as_ref(), (root, size)))?;
        self.root_configures(root, false);
        if configured == Some(0) { Err(WorkerError::Rejected) } else { Ok(()) }
    }

    fn vm_starts(&mut self, starts: bool) {
        if let Some(state) = self.vm_state() {
            state.vm_starting = starts;
        }
    }

    fn root_configures(&mut self, root: u32, configures: bool) {
        if let Some(Context::Root(context)) = self.vm_state().and_then(|state| state.contexts.get_mut(&root)) {
            context.configuring = configures;
        }
    }

    fn must<R>(&mut self, call: impl FnOnce(&mut Vm) -> Result<Option<R>, Trap>) -> Result<Option<R>, WorkerError> {
        let mut trapped = None;
        let answer = self.tell(|vm| call(vm).inspect_err(|trap| trapped = Some(trap.to_string())));
        match trapped {
            Some(reason) => Err(WorkerError::Start(reason)),
            None => Ok(answer),
        }
    }

    /// A newer configuration has taken the place of this one.
    pub(super) fn retire(&mut self, root: u32) {
        if let Some(usage) = self.roots.get_mut(&root) {
            usage.retired = true;
        }
        self.end_if_unused(root);
    }

    /// Ends a retired root context without streams; the guest may ask to wait until it calls `proxy_done`.
    pub(super) fn end_if_unused(&mut self, root: u32) {
        let Some(usage) = self.roots.get_mut(&root) else { return };
        if !usage.retired || usage.ending || usage.streams > 0 {
            return;
        }
        usage.ending = true;
        if let Some(Context::Root(context)) = self.vm_state().and_then(|state| state.contexts.get_mut(&root)) {
            context.ending = true;
        }
        let done = self.tell(|vm| vm.call(root, |exports| exports.on_done.as_ref(), (root,)));
        if done != Some(0) {
            self.ended(root);
        }
    }

    /// The guest has no further use for a root context that ends.
    pub(super) fn ended(&mut self, root: u32) {
        if self.roots.get(&root).is_some_and(|usage| usage.ending) {
            self.tell(|vm| vm.call(root, |exports| exports.on_delete.as_ref(), (root,)));
            self.forget_root(root);
        }
    }

    fn forget_root(&mut self, root: u32) {
        if self.roots.remove(&root).is_some_and(|usage| usage.ticks) {
            self.effects.push(Effect::SetTick { root_context: root, period: None });
        }
        let Some(state) = self.vm_state() else { return };
        state.contexts.remove(&root);
        let mut calls: Vec<_> =
            state.pending_calls.iter().filter(|(_, by)| **by == root).map(|(call, _)| *call).collect();
        calls.sort_unstable();
        for call in &calls {
            state.pending_calls.remove(call);
        }
        self.effects.extend(calls.into_iter().map(Effect::Cancel));
    }

    /// The VM can't be used any more: its streams are decided at their next callbacks, its calls and timers end, and it hears
    /// nothing of all that.
    pub(super) fn vm_failed(&mut self, trap: &Trap) {
        self.stats.traps += 1;
        self.log(LogLevel::Critical, format!("the filter's VM failed: {trap}"));
        let Slot::Running(vm, _) = std::mem::replace(&mut self.vm, Slot::Failed) else { return };
        let mut state = vm.into_state();
        for (id, stream) in &mut self.streams {
            if let Filter::Guest = stream.filter
                && let Some(Context::Stream(view)) = state.contexts.remove(&context_of(*id))
            {
                stream.filter = Filter::Orphan(view);
            }
        }
        let mut calls: Vec<_> = state.pending_calls.into_keys().collect();
        calls.sort_unstable();
        self.effects.extend(calls.into_iter().map(Effect::Cancel));
        let mut roots: Vec<_> = self.roots.drain().filter(|(_, usage)| usage.ticks).map(|(root, _)| root).collect();
        roots.sort_unstable();
        self.effects.extend(roots.into_iter().map(|root_context| Effect::SetTick { root_context, period: None }));
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
