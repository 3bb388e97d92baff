//! The functions that a guest can import, by name. Each group has a file; this one is only the list.

mod buffer;
mod context;
mod foreign;
mod grpc;
mod headers;
mod http_call;
mod inline_headers;
mod log;
mod metrics;
mod property;
mod protobuf;
mod queue;
mod shared_data;
mod stream;

#[cfg(test)]
mod tests;

use super::VmState;
use super::memory::{Failure, Outcome};
use super::wasi;
use crate::abi::Status;
use wasmtime::{Caller, Linker};

pub(super) use self::context::nanoseconds;
pub(super) use self::log::log_line;

/// The type of an argument: 32 bits where nothing else is said.
macro_rules! argument {
    () => {
        u32
    };
    ($type:ty) => {
        $type
    };
}

/// Registers functions of module `env`, each with the names of its arguments.
macro_rules! functions {
    ($linker:ident, $starting:expr; $($name:literal => $function:path, ($($argument:ident $(: $type:ty)?),*);)+) => {
        $($linker.func_wrap("env", $name, |mut caller: Caller<'_, VmState>, $($argument: argument!($($type)?)),*| {
            admit(&caller, $name, $starting)?;
            status($function(&mut caller, $($argument),*))
        })?;)+
    };
}

/// Registers everything that a guest can import: the `proxy_*` functions of ABI 0.2.1, what emscripten adds, and WASI.
///
/// # Errors
/// A name stands twice.
pub(crate) fn add_to_linker(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    functions! { linker, Starting::Allowed;
        "proxy_log" => log::log, (level, message, message_size);
    }
    functions! { linker, Starting::Refused;
        "proxy_get_log_level" => log::get_level, (level);
        "proxy_get_status" => context::get_status, (code, message, message_size);
        "proxy_set_effective_context" => context::set_effective, (id);
        "proxy_done" => context::done, ();
        "proxy_set_tick_period_milliseconds" => context::set_tick_period, (period_ms);
        "proxy_get_current_time_nanoseconds" => context::get_current_time, (time);

        "proxy_get_property" => property::get, (path, path_size, value, value_size);
        "proxy_set_property" => property::set, (path, path_size, value, value_size);

        "proxy_get_header_map_pairs" => headers::get_pairs, (map, pairs, pairs_size);
        "proxy_set_header_map_pairs" => headers::set_pairs, (map, pairs, pairs_size);
        "proxy_get_header_map_size" => headers::get_size, (map, size);
        "proxy_get_header_map_value" => headers::get_value, (map, name, name_size, value, value_size);
        "proxy_add_header_map_value" => headers::add_value, (map, name, name_size, value, value_size);
        "proxy_replace_header_map_value" => headers::replace_value, (map, name, name_size, value, value_size);
        "proxy_remove_header_map_value" => headers::remove_value, (map, name, name_size);

        "proxy_get_buffer_bytes" => buffer::get_bytes, (buffer, start, length, bytes, bytes_size);
        "proxy_get_buffer_status" => buffer::get_status, (buffer, length, flags);
        "proxy_set_buffer_bytes" => buffer::set_bytes, (buffer, start, length, bytes, bytes_size);

        "proxy_continue_stream" => stream::resume, (kind);
        "proxy_close_stream" => stream::close, (kind);
        "proxy_send_local_response" => stream::send_local_response,
            (code, details, details_size, body, body_size, pairs, pairs_size, grpc_status);

        "proxy_http_call" => http_call::call,
            (cluster, cluster_size, pairs, pairs_size, body, body_size, trailers, trailers_size, timeout_ms, token);
        "proxy_grpc_call" => grpc::call,
            (target, target_size, service, service_size, method, method_size, metadata, metadata_size,
             message, message_size, timeout_ms, token);
        "proxy_grpc_stream" => grpc::stream,
            (target, target_size, service, service_size, method, method_size, metadata, metadata_size, token);
        "proxy_grpc_send" => grpc::send, (token, message, message_size, end);
        "proxy_grpc_cancel" => grpc::cancel, (token);
        "proxy_grpc_close" => grpc::close, (token);

        "proxy_get_shared_data" => shared_data::get, (key, key_size, value, value_size, cas);
        "proxy_set_shared_data" => shared_data::set, (key, key_size, value, value_size, cas);
        "proxy_register_shared_queue" => queue::register, (name, name_size, token);
        "proxy_resolve_shared_queue" => queue::resolve, (vm_id, vm_id_size, name, name_size, token);
        "proxy_enqueue_shared_queue" => queue::enqueue, (token, value, value_size);
        "proxy_dequeue_shared_queue" => queue::dequeue, (token, value, value_size);

        "proxy_define_metric" => metrics::define, (kind, name, name_size, id);
        "proxy_increment_metric" => metrics::increment, (id, offset: i64);
        "proxy_record_metric" => metrics::record, (id, value: u64);
        "proxy_get_metric" => metrics::get, (id, value);

        "proxy_call_foreign_function" => foreign::call,
            (name, name_size, arguments, arguments_size, results, results_size);
    }
    linker.func_wrap("env", "pthread_equal", |left: u32, right: u32| u32::from(left == right))?;
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_memory: u32| {})?;
    wasi::add_to_linker(linker)
}

/// Whether a function can be called while the module starts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Starting {
    /// It can.
    Allowed,
    /// It is a trap.
    Refused,
}

/// Most functions make no sense before a context exists: then calling one ends the VM, as in Envoy.
pub(super) fn admit(caller: &Caller<'_, VmState>, name: &str, starting: Starting) -> wasmtime::Result<()> {
    if caller.data().starting && starting == Starting::Refused {
        return Err(wasmtime::Error::msg(format!("{name} was called while the module starts")));
    }
    Ok(())
}

fn status(outcome: Outcome) -> wasmtime::Result<u32> {
    match outcome {
        Ok(()) => Ok(Status::Ok as u32),
        Err(Failure::Status(status)) => Ok(status as u32),
        Err(Failure::Trap(trap)) => Err(trap),
    }
}
