//! The 39 functions of the ABI 0.2.1 as the host offers them, with no SDK between: a test must be able to pass anything.

/// Declares host functions, and a way to call each by its name with any numbers.
macro_rules! imports {
    ($($name:ident($($arg:ident: $kind:ty),*);)+) => {
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            $(pub(crate) fn $name($($arg: $kind),*) -> u32;)+
        }

        /// Calls a host function by name. Missing arguments are 0; `None` if there is no such function.
        pub(crate) fn raw(name: &str, args: &[i64]) -> Option<u32> {
            match name {
                $(stringify!($name) => {
                    let _rest = args;
                    $(let (next, _rest) = _rest.split_first().unwrap_or((&0, &[])); let $arg = *next as $kind;)*
                    // SAFETY: the host checks every pointer; that it does is what the tests want to see.
                    Some(unsafe { $name($($arg),*) })
                })+
                _ => None,
            }
        }
    };
}

imports! {
    proxy_log(level: u32, message: usize, size: usize);
    proxy_get_log_level(level: usize);
    proxy_get_status(code: usize, message: usize, size: usize);
    proxy_set_property(path: usize, path_size: usize, value: usize, value_size: usize);
    proxy_get_property(path: usize, path_size: usize, value: usize, value_size: usize);
    proxy_send_local_response(status: u32, details: usize, details_size: usize, body: usize, body_size: usize,
        headers: usize, headers_size: usize, grpc_status: i32);
    proxy_get_shared_data(key: usize, key_size: usize, value: usize, value_size: usize, cas: usize);
    proxy_set_shared_data(key: usize, key_size: usize, value: usize, value_size: usize, cas: u32);
    proxy_register_shared_queue(name: usize, name_size: usize, token: usize);
    proxy_resolve_shared_queue(vm: usize, vm_size: usize, name: usize, name_size: usize, token: usize);
    proxy_dequeue_shared_queue(token: u32, value: usize, value_size: usize);
    proxy_enqueue_shared_queue(token: u32, value: usize, value_size: usize);
    proxy_get_header_map_value(map: u32, key: usize, key_size: usize, value: usize, value_size: usize);
    proxy_add_header_map_value(map: u32, key: usize, key_size: usize, value: usize, value_size: usize);
    proxy_replace_header_map_value(map: u32, key: usize, key_size: usize, value: usize, value_size: usize);
    proxy_remove_header_map_value(map: u32, key: usize, key_size: usize);
    proxy_get_header_map_pairs(map: u32, pairs: usize, size: usize);
    proxy_set_header_map_pairs(map: u32, pairs: usize, size: usize);
    proxy_get_header_map_size(map: u32, size: usize);
    proxy_get_buffer_status(buffer: u32, length: usize, flags: usize);
    proxy_get_buffer_bytes(buffer: u32, start: u32, length: u32, data: usize, size: usize);
    proxy_set_buffer_bytes(buffer: u32, start: u32, length: u32, data: usize, size: usize);
    proxy_http_call(cluster: usize, cluster_size: usize, headers: usize, headers_size: usize, body: usize,
        body_size: usize, trailers: usize, trailers_size: usize, timeout_ms: u32, token: usize);
    proxy_grpc_call(cluster: usize, cluster_size: usize, service: usize, service_size: usize, method: usize,
        method_size: usize, metadata: usize, metadata_size: usize, message: usize, message_size: usize,
        timeout_ms: u32, token: usize);
    proxy_grpc_stream(cluster: usize, cluster_size: usize, service: usize, service_size: usize, method: usize,
        method_size: usize, metadata: usize, metadata_size: usize, token: usize);
    proxy_grpc_send(token: u32, message: usize, message_size: usize, end: u32);
    proxy_grpc_cancel(token: u32);
    proxy_grpc_close(token: u32);
    proxy_set_tick_period_milliseconds(period_ms: u32);
    proxy_get_current_time_nanoseconds(time: usize);
    proxy_define_metric(kind: u32, name: usize, name_size: usize, id: usize);
    proxy_increment_metric(id: u32, offset: i64);
    proxy_record_metric(id: u32, value: u64);
    proxy_get_metric(id: u32, value: usize);
    proxy_set_effective_context(id: u32);
    proxy_done();
    proxy_call_foreign_function(name: usize, name_size: usize, args: usize, args_size: usize, result: usize,
        result_size: usize);
    proxy_continue_stream(stream: u32);
    proxy_close_stream(stream: u32);
}

/// The WASI functions that a guest without a standard library of its own may want.
pub(crate) mod wasi {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub(crate) fn random_get(buffer: usize, size: usize) -> u32;
        pub(crate) fn clock_time_get(clock: u32, precision: u64, time: usize) -> u32;
        pub(crate) fn fd_write(fd: u32, vectors: usize, count: usize, written: usize) -> u32;
        pub(crate) fn environ_sizes_get(count: usize, size: usize) -> u32;
        pub(crate) fn environ_get(pointers: usize, text: usize) -> u32;
        pub(crate) fn proc_exit(code: u32);
    }
}

/// A function that writes a pointer and a size of memory that it took from [`crate::proxy_on_memory_allocate`].
pub(crate) fn read(call: impl FnOnce(usize, usize) -> u32) -> (u32, Option<Vec<u8>>) {
    let (mut data, mut size) = (0_usize, 0_usize);
    let status = call(&raw mut data as usize, &raw mut size as usize);
    if status != 0 || data == 0 {
        return (status, (status == 0).then(Vec::new));
    }
    // SAFETY: the host got this memory from `proxy_on_memory_allocate`, as a vector of this capacity, and keeps no hold on
    // it.
    (status, Some(unsafe { Vec::from_raw_parts(data as *mut u8, size, size) }))
}

/// A function that writes one number.
pub(crate) fn number(call: impl FnOnce(usize) -> u32) -> (u32, u32) {
    let mut value = 0_u32;
    let status = call(&raw mut value as usize);
    (status, value)
}

/// Writes a log line.
pub(crate) fn log(level: u32, message: &str) -> u32 {
    // SAFETY: the message lives until the call returns.
    unsafe { proxy_log(level, message.as_ptr() as usize, message.len()) }
}
