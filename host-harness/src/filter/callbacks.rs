//! Calls into the guest of a worker, and what it has asked for in them.

use super::stream::Filter;
use super::worker::{Slot, Worker, context_of, stream_of};
use super::{Effect, FailurePolicy, StreamId};
use crate::vm::{Deferred, Trap, Vm};

/// What came of asking the guest.
pub(super) enum Answer {
    /// It answered with this number, or has no such callback and so goes on (0).
    Said(u32),
    /// It has sent a reply of its own, so its answer does not count.
    Stop,
    /// It failed, and the stream has been answered; nothing is left to do.
    Gone,
}

impl Worker {
    /// Makes the stream known to the guest.
    pub(super) fn create(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if std::mem::replace(&mut stream.created, true) || !matches!(stream.filter, Filter::Guest) {
            return;
        }
        let (context, root) = (context_of(id), stream.root);
        self.tell(|vm| vm.call(context, |exports| exports.on_context_create.as_ref(), (context, root)));
    }

    /// Asks the guest what becomes of a stream, and does what it has asked for meanwhile.
    pub(super) fn ask(&mut self, id: StreamId, call: impl FnOnce(&mut Vm, u32) -> Result<Option<u32>, Trap>) -> Answer {
        let Some(stream) = self.streams.get_mut(&id) else { return Answer::Gone };
        match &stream.filter {
            Filter::Nobody(_) => return Answer::Said(0),
            // Refused before its headers came: as in Envoy the guest hears of it in `on_log` only.
            Filter::Guest if !stream.created => return Answer::Said(0),
            Filter::Orphan(_) if self.plugin.failure_policy == FailurePolicy::Open => {
                stream.unfilter();
                return Answer::Said(0);
            }
            Filter::Orphan(_) => {
                self.fail_stream(id);
                return Answer::Gone;
            }
            Filter::Guest => {}
        }
        let Slot::Running(vm, _) = &mut self.vm else { return Answer::Gone };
        match call(vm, context_of(id)) {
            Ok(answer) => {
                let stop = std::mem::take(&mut vm.state_mut().stop_iteration);
                self.run_deferred();
                if stop { Answer::Stop } else { Answer::Said(answer.unwrap_or(0)) }
            }
            Err(trap) => {
                self.vm_failed(&trap);
                self.fail_stream(id);
                Answer::Gone
            }
        }
    }

    /// Tells the guest something that it can't answer, and does what it has asked for meanwhile. `None`: it failed, or has no
    /// such callback.
    pub(super) fn tell<R>(&mut self, call: impl FnOnce(&mut Vm) -> Result<Option<R>, Trap>) -> Option<R> {
        let Slot::Running(vm, _) = &mut self.vm else { return None };
        match call(vm) {
            Ok(answer) => {
                vm.state_mut().stop_iteration = false;
                self.run_deferred();
                answer
            }
            Err(trap) => {
                self.vm_failed(&trap);
                None
            }
        }
    }

    fn run_deferred(&mut self) {
        let Some(state) = self.vm_state() else { return };
        if state.deferred.is_empty() {
            return;
        }
        for deferred in std::mem::take(&mut state.deferred) {
            self.execute(deferred);
        }
    }

    fn execute(&mut self, deferred: Deferred) {
        match deferred {
            Deferred::Continue(context, half) => self.proceed(stream_of(context), half),
            Deferred::Close(context) => self.break_off(stream_of(context)),
            Deferred::Reply(context, reply) => {
                // The next callback, perhaps of this very reply, may send another one.
                if let Some(view) = self.view(stream_of(context)) {
                    view.replied = false;
                }
                self.reply(stream_of(context), reply);
            }
            Deferred::HttpCall(id, call) => self.effects.push(Effect::HttpCall(id, call)),
            Deferred::GrpcCall(id, call) => self.effects.push(Effect::GrpcCall(id, call)),
            Deferred::GrpcSend(call, message, end) => self.effects.push(Effect::GrpcSend { call, message, end }),
            Deferred::GrpcClose(call) => self.effects.push(Effect::GrpcClose(call)),
            Deferred::Cancel(call) => self.effects.push(Effect::Cancel(call)),
            Deferred::SetTick(root_context, period) => {
                if let Some(root) = self.roots.get_mut(&root_context) {
                    root.ticks = period.is_some();
                }
                self.effects.push(Effect::SetTick { root_context, period });
            }
            Deferred::Done(context) => self.ended(context),
        }
    }
}
