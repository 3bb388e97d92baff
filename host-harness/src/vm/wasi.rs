//! As much of WASI as guests of Rust, C++ and Go import, as Envoy has it: no files, no sockets, no waiting. Standard output and
//! error go to the operator's log. Both names of the module are served.

mod files;
mod output;
mod system;

use super::VmState;
use super::imports::{Starting, admit};
use super::memory::Failure;
use wasmtime::{Caller, Linker};

/// The names under which guests know the module.
const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// WASI's error numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errno {
    BadFile = 8,
    Fault = 21,
    Invalid = 28,
    NoEntry = 44,
    NoSystemCall = 52,
    NotSupported = 58,
}

/// How a function of WASI ends.
type Answer = Result<(), Errno>;

/// The type of an argument: 32 bits where nothing else is said.
macro_rules! argument {
    () => {
        u32
    };
    ($type:ty) => {
        $type
    };
}

/// Registers functions, each with the names of its arguments.
macro_rules! functions {
    ($linker:ident, $module:ident, $starting:expr; $($name:literal => $function:path, ($($argument:ident $(: $type:ty)?),*);)+) => {
        $($linker.func_wrap($module, $name, |mut caller: Caller<'_, VmState>, $($argument: argument!($($type)?)),*| {
            admit(&caller, $name, $starting)?;
            let answer: Answer = $function(&mut caller, $($argument),*);
            Ok::<u32, wasmtime::Error>(answer.err().map_or(0, |errno| errno as u32))
        })?;)+
    };
}

/// Registers functions that answer the same whatever they are given.
macro_rules! answers {
    ($linker:ident, $module:ident, $errno:expr; $($name:literal ($($type:ty),*);)+) => {
        $($linker.func_wrap($module, $name, |$(_: $type),*| $errno as u32)?;)+
    };
}

/// Registers WASI.
///
/// # Errors
/// A name stands twice.
pub(super) fn add_to_linker(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    for module in MODULES {
        add_system(linker, module)?;
        add_files(linker, module)?;
        add_absent_files(linker, module)?;
        add_absent_paths(linker, module)?;
    }
    Ok(())
}

fn add_system(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    functions! { linker, module, Starting::Allowed;
        "args_get" => system::args_get, (arguments, text);
        "args_sizes_get" => system::args_sizes_get, (count, text_size);
        "environ_get" => system::environ_get, (variables, text);
        "environ_sizes_get" => system::environ_sizes_get, (count, text_size);
        "clock_time_get" => system::clock_time_get, (clock, precision: u64, time);
        "clock_res_get" => system::clock_res_get, (clock, resolution);
        "random_get" => system::random_get, (bytes, bytes_size);
        "sched_yield" => system::sched_yield, ();
        "poll_oneoff" => system::poll_oneoff, (subscriptions, events, count, ready);
    }
    linker.func_wrap(module, "proc_exit", |mut caller: Caller<'_, VmState>, code: u32| {
        admit(&caller, "proc_exit", Starting::Refused)?;
        system::proc_exit(&mut caller, code);
        Ok::<(), wasmtime::Error>(())
    })?;
    answers! { linker, module, Errno::NoSystemCall;
        "proc_raise" (u32);
        "sock_accept" (u32, u32, u32);
        "sock_recv" (u32, u32, u32, u32, u32, u32);
        "sock_send" (u32, u32, u32, u32, u32);
        "sock_shutdown" (u32, u32);
    }
    Ok(())
}

fn add_files(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    functions! { linker, module, Starting::Allowed;
        "fd_write" => output::fd_write, (file, pieces, count, written);
        "fd_fdstat_get" => files::fd_fdstat_get, (file, stat);
        "fd_prestat_get" => files::fd_prestat_get, (file, stat);
    }
    functions! { linker, module, Starting::Refused;
        "fd_close" => files::fd_close, (file);
        "fd_seek" => files::fd_seek, (file, offset: i64, whence, position);
    }
    Ok(())
}

/// No file can be read or changed.
fn add_absent_files(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    answers! { linker, module, Errno::NoSystemCall;
        "fd_advise" (u32, u64, u64, u32);
        "fd_allocate" (u32, u64, u64);
        "fd_datasync" (u32);
        "fd_fdstat_set_flags" (u32, u32);
        "fd_fdstat_set_rights" (u32, u64, u64);
        "fd_filestat_get" (u32, u32);
        "fd_filestat_set_size" (u32, u64);
        "fd_filestat_set_times" (u32, u64, u64, u32);
        "fd_pread" (u32, u32, u32, u64, u32);
        "fd_prestat_dir_name" (u32, u32, u32);
        "fd_pwrite" (u32, u32, u32, u64, u32);
        "fd_read" (u32, u32, u32, u32);
        "fd_readdir" (u32, u32, u32, u64, u32);
        "fd_renumber" (u32, u32);
        "fd_sync" (u32);
        "fd_tell" (u32, u32);
    }
    Ok(())
}

/// No path leads anywhere.
fn add_absent_paths(linker: &mut Linker<VmState>, module: &str) -> wasmtime::Result<()> {
    answers! { linker, module, Errno::NoEntry;
        "path_open" (u32, u32, u32, u32, u32, u64, u64, u32, u32);
    }
    answers! { linker, module, Errno::NoSystemCall;
        "path_create_directory" (u32, u32, u32);
        "path_filestat_get" (u32, u32, u32, u32, u32);
        "path_filestat_set_times" (u32, u32, u32, u32, u64, u64, u32);
        "path_link" (u32, u32, u32, u32, u32, u32, u32);
        "path_readlink" (u32, u32, u32, u32, u32, u32);
        "path_remove_directory" (u32, u32, u32);
        "path_rename" (u32, u32, u32, u32, u32, u32);
        "path_symlink" (u32, u32, u32, u32, u32);
        "path_unlink_file" (u32, u32, u32);
    }
    Ok(())
}

/// Guest memory that is not there is a fault.
fn fault<T>(result: Result<T, Failure>) -> Result<T, Errno> {
    result.map_err(|_| Errno::Fault)
}
