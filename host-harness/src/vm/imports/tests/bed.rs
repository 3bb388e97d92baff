//! A guest without code of its own: it hands its imports out again, so that a test calls host functions as a guest would.

use super::super::add_to_linker;
use crate::abi::{Headers, LogLevel, encode_pairs};
use crate::filter::{Plugin, StreamInfo};
use crate::process::{Admission, Clock, Environment, LogLine, LogSink, Process, Upstreams};
use crate::vm::{Context, Deferred, RootContext, StreamContext, VmSetup, VmState};
use rand_core::SeedableRng;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasmtime::{Engine, Extern, ExternType, Instance, Linker, Module, Store, Val};

/// The root context of every bed.
pub(super) const ROOT: u32 = 1;
/// The stream of every bed.
pub(super) const STREAM: u32 = 2;
/// A pointer that leads out of the guest's memory.
pub(super) const OUTSIDE: u32 = 0xffff_0000;

/// Takes log lines, stands still, and knows three clusters.
#[derive(Default)]
pub(super) struct World(Mutex<Vec<String>>);

impl Clock for World {
    fn wall(&self) -> Duration {
        Duration::from_nanos(1_234)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(56)
    }
}

impl LogSink for World {
    fn level(&self) -> LogLevel {
        LogLevel::Debug
    }

    fn log(&self, line: LogLine) {
        self.0.lock().unwrap().push(format!("{} {:?} {}", line.plugin, line.level, line.message));
    }
}

impl Upstreams for World {
    fn admit(&self, cluster: &str) -> Admission {
        match cluster {
            "ready" => Admission::Ready,
            "refused" => Admission::Refused,
            _ => Admission::Unknown,
        }
    }
}

pub(super) struct Bed {
    pub(super) store: Store<VmState>,
    instance: Instance,
    world: Arc<World>,
    /// The next free byte of the guest's memory for what a test passes.
    free: u32,
}

impl Bed {
    /// A VM with a root context and a stream, which is the current context.
    pub(super) fn new() -> Self {
        let engine = Engine::default();
        let mut linker = Linker::new(&engine);
        add_to_linker(&mut linker).unwrap();
        let world = Arc::new(World::default());
        let mut store = Store::new(&engine, state(&world));
        let module = Module::new(&engine, wat::parse_str(guest(&linker, &mut store)).unwrap()).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&mut store, "memory");
        let allocate = instance.get_typed_func(&mut store, "allocate").ok();
        let state = store.data_mut();
        (state.memory, state.allocate) = (memory, allocate);
        Self { store, instance, world, free: 1_024 }
    }

    pub(super) fn state(&mut self) -> &mut VmState {
        self.store.data_mut()
    }

    pub(super) fn stream(&mut self) -> &mut StreamContext {
        match self.state().contexts.get_mut(&STREAM) {
            Some(Context::Stream(stream)) => stream,
            _ => panic!("there is a stream"),
        }
    }

    pub(super) fn root(&mut self) -> &mut RootContext {
        match self.state().contexts.get_mut(&ROOT) {
            Some(Context::Root(root)) => root,
            _ => panic!("there is a root context"),
        }
    }

    /// Puts bytes into the guest's memory; gives pointer and length.
    pub(super) fn put(&mut self, bytes: impl AsRef<[u8]>) -> [u64; 2] {
        let (bytes, pointer) = (bytes.as_ref(), self.free);
        let memory = self.state().memory.unwrap();
        memory.write(&mut self.store, pointer as usize, bytes).unwrap();
        self.free += bytes.len() as u32 + 1;
        [pointer.into(), bytes.len() as u64]
    }

    pub(super) fn put_pairs(&mut self, pairs: &[(&str, &str)]) -> [u64; 2] {
        let headers: Headers = pairs.iter().copied().collect();
        let bytes = encode_pairs(headers.iter());
        self.put(bytes)
    }

    /// Calls an import by name.
    pub(super) fn try_call(&mut self, name: &str, arguments: &[u64]) -> wasmtime::Result<u32> {
        let name = name.replace("wasi_snapshot_preview1.", "");
        let function = self.instance.get_func(&mut self.store, &name).unwrap_or_else(|| panic!("{name} is exported"));
        let types: Vec<_> = function.ty(&self.store).params().collect();
        assert_eq!(types.len(), arguments.len(), "arguments of {name}");
        let arguments: Vec<_> = types
            .iter()
            .zip(arguments)
            .map(|(kind, value)| if kind.is_i64() { Val::I64(*value as i64) } else { Val::I32(*value as u32 as i32) })
            .collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        Ok(results.first().and_then(Val::i32).unwrap_or(0) as u32)
    }

    /// Calls an import; gives its status.
    pub(super) fn call(&mut self, name: &str, arguments: &[u64]) -> u32 {
        self.try_call(name, arguments).unwrap_or_else(|trap| panic!("{name}: {trap:?}"))
    }

    /// Calls an import that gives bytes at places that it is passed last; gives status and bytes.
    pub(super) fn read(&mut self, name: &str, arguments: &[u64]) -> (u32, Vec<u8>) {
        let place = u64::from(self.place());
        let status = self.call(name, &[arguments, &[place, place + 4]].concat());
        (status, if status == 0 { self.at(place as u32) } else { Vec::new() })
    }

    /// Eight bytes for results, with something in them that a result would overwrite.
    pub(super) fn place(&mut self) -> u32 {
        self.put([0x77; 8])[0] as u32
    }

    /// The bytes to which pointer and length at a place lead.
    pub(super) fn at(&mut self, place: u32) -> Vec<u8> {
        let (pointer, len) = (self.number(place) as usize, self.number(place + 4) as usize);
        let memory = self.state().memory.unwrap();
        memory.data(&self.store)[pointer..pointer + len].to_vec()
    }

    pub(super) fn number(&mut self, pointer: u32) -> u32 {
        let memory = self.state().memory.unwrap();
        let bytes = &memory.data(&self.store)[pointer as usize..];
        u32::from_le_bytes(*bytes.first_chunk().unwrap())
    }

    /// What was asked for, one word each.
    pub(super) fn deferred(&mut self) -> String {
        let deferred = std::mem::take(&mut self.state().deferred);
        deferred.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.world.0.lock().unwrap())
    }
}

fn state(world: &Arc<World>) -> VmState {
    let environment = Environment {
        clock: world.clone(),
        random: Box::new(rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7)),
        log: world.clone(),
        upstreams: world.clone(),
    };
    let plugin = Arc::new(Plugin {
        name: String::from("plug"),
        root_id: String::from("root"),
        vm_id: String::from("vm"),
        vm_configuration: "vm configuration".into(),
        configuration: "configuration".into(),
        environment_variables: [("A", "1"), ("BC", "23")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        ..Plugin::default()
    });
    let setup = VmSetup {
        process: Arc::new(Process::default()),
        environment,
        plugin: Arc::clone(&plugin),
        wake: Arc::new(|_, _| {}),
    };
    let mut state = VmState::new(setup);
    state.contexts.insert(ROOT, Context::Root(Box::new(RootContext::new(plugin))));
    state.contexts.insert(STREAM, Context::Stream(Box::new(StreamContext::new(ROOT, StreamInfo::default()))));
    state.current = STREAM;
    state
}

/// A module that exports all that the linker offers, and an allocator that gives the memory behind 32 KiB.
fn guest(linker: &Linker<VmState>, store: &mut Store<VmState>) -> String {
    let mut text = String::from("(module ");
    let offered: Vec<_> =
        linker.iter(&mut *store).map(|(module, name, what)| (module.to_owned(), name.to_owned(), what)).collect();
    for (module, name, what) in offered {
        let Extern::Func(function) = what else { continue };
        if module == "wasi_unstable" {
            continue;
        }
        let ExternType::Func(kind) = ExternType::from(function.ty(&*store)) else { continue };
        let words = |types: Vec<wasmtime::ValType>| types.iter().map(|t| format!("{t} ")).collect::<String>();
        let (parameters, results) = (words(kind.params().collect()), words(kind.results().collect()));
        write!(
            text,
            r#"(func (export "{name}") (import "{module}" "{name}") (param {parameters}) (result {results}))"#
        )
        .unwrap();
    }
    text + r#"(memory (export "memory") 1 4) (global $free (mut i32) (i32.const 32768))
        (func (export "allocate") (param i32) (result i32) (local $at i32)
            (local.set $at (global.get $free))
            (if (i32.gt_u (local.get 0) (i32.const 65536)) (then (return (i32.const 0))))
            (drop (memory.grow (i32.const 1)))
            (global.set $free (i32.add (local.get $at) (local.get 0)))
            (local.get $at)))"#
}

fn word(deferred: &Deferred) -> String {
    match deferred {
        Deferred::Continue(context, half) => format!("continue({context},{half:?})"),
        Deferred::Close(context) => format!("close({context})"),
        Deferred::Reply(context, reply) => {
            format!("reply({context},{},{:?},{})", reply.status, reply.grpc_status, reply.details)
        }
        Deferred::HttpCall(call, request) => format!("http({},{},{:?})", call.0, request.cluster, request.timeout),
        Deferred::GrpcCall(call, request) => format!("grpc({},{},{:?})", call.0, request.cluster, request.timeout),
        Deferred::GrpcSend(call, message, end) => format!("send({},{},{end})", call.0, message.len()),
        Deferred::GrpcClose(call) => format!("half-close({})", call.0),
        Deferred::Cancel(call) => format!("cancel({})", call.0),
        Deferred::SetTick(root, period) => format!("tick({root},{period:?})"),
        Deferred::Done(root) => format!("done({root})"),
    }
}
