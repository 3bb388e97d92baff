//! A proxy-wasm HTTP filter that does what its request tells it: the header `x-script` names host functions and return values
//! for each callback, `x-tag` a word for its log lines. Root contexts take both from their configuration. Every operation
//! logs the host's answer, so that the log of one exchange is all that the guest saw.
//!
//! A script is a list of `callback: operation; operation` with `|` between; `ops.rs` has the operations.
#![allow(missing_docs, reason = "the exports are those of the ABI")]

mod host;
mod ops;
mod script;
mod values;

use script::{Exchange, STATE};

/// `StreamContext` callbacks answer this if a script says nothing: go on.
const CONTINUE: u32 = 0;

/// Runs one callback of one context.
fn run(context: u32, callback: &str, arguments: &str, default: u32) -> u32 {
    let Some(mut exchange) = STATE.with_borrow_mut(|state| state.exchanges.remove(&context)) else { return default };
    let result = exchange.run(context, callback, arguments).unwrap_or(default);
    STATE.with_borrow_mut(|state| state.exchanges.insert(context, exchange));
    result
}

/// Runs a callback that says how a call went, for the context that made the call.
fn run_call(root: u32, token: u32, callback: &str, arguments: &str) {
    let owner = STATE.with_borrow(|state| state.calls.get(&token).copied()).unwrap_or(root);
    run(owner, callback, arguments, CONTINUE);
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    let mut memory = Vec::<u8>::with_capacity(size.max(1));
    let pointer = memory.as_mut_ptr();
    std::mem::forget(memory);
    pointer
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
    STATE.with_borrow_mut(|state| state.exchanges.insert(context, Exchange::child_of(parent)));
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_vm_start(root: u32, size: usize) -> u32 {
    configured(root, values::VM_CONFIGURATION, size);
    run(root, "start", "", 1)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    configured(root, values::PLUGIN_CONFIGURATION, size);
    run(root, "configure", "", 1)
}

fn configured(root: u32, buffer: u32, size: usize) {
    // SAFETY: both places are of this function.
    let (_, text) = host::read(|data, len| unsafe { host::proxy_get_buffer_bytes(buffer, 0, u32::MAX, data, len) });
    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
    if size > 0 && !text.is_empty() {
        STATE.with_borrow_mut(|state| state.exchanges.insert(root, Exchange::configured(&text)));
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_tick(root: u32) {
    run(root, "tick", "", 0);
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_queue_ready(root: u32, _token: u32) {
    run(root, "queue_ready", "", 0);
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(context: u32, _headers: u32, end: u32) -> u32 {
    let header = |name: &str| {
        // SAFETY: name and places live until the call returns.
        let (_, value) = host::read(|data, size| unsafe {
            host::proxy_get_header_map_value(0, name.as_ptr() as usize, name.len(), data, size)
        });
        String::from_utf8(value.unwrap_or_default()).unwrap_or_default()
    };
    let mut exchange = Exchange::new(header("x-tag"), &header("x-script"));
    STATE.with_borrow_mut(|state| {
        exchange.root = state.exchanges.get(&context).map_or(0, |created| created.root);
        state.stream = context;
        state.exchanges.insert(context, exchange)
    });
    run(context, "request_headers", &format!("end={end}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_body(context: u32, size: u32, end: u32) -> u32 {
    run(context, "request_body", &format!("size={size} end={end}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_trailers(context: u32, trailers: u32) -> u32 {
    run(context, "request_trailers", &format!("trailers={trailers}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_headers(context: u32, _headers: u32, end: u32) -> u32 {
    run(context, "response_headers", &format!("end={end}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_body(context: u32, size: u32, end: u32) -> u32 {
    run(context, "response_body", &format!("size={size} end={end}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_response_trailers(context: u32, trailers: u32) -> u32 {
    run(context, "response_trailers", &format!("trailers={trailers}"), CONTINUE)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_http_call_response(root: u32, token: u32, headers: u32, body: u32, trailers: u32) {
    // Both hosts add headers of their own to a call's response: only whether there are any is of interest.
    let any = headers > 0;
    run_call(root, token, "call_response", &format!("headers={any} body={body} trailers={trailers}"));
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_grpc_receive_initial_metadata(root: u32, token: u32, _headers: u32) {
    run_call(root, token, "grpc_initial", "");
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_grpc_receive(root: u32, token: u32, size: u32) {
    run_call(root, token, "grpc_message", &format!("size={size}"));
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_grpc_receive_trailing_metadata(root: u32, token: u32, trailers: u32) {
    run_call(root, token, "grpc_trailing", &format!("trailers={trailers}"));
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_grpc_close(root: u32, token: u32, status: u32) {
    run_call(root, token, "grpc_close", &format!("status={status}"));
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_done(context: u32) -> u32 {
    run(context, "done", "", 1)
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_log(context: u32) {
    run(context, "log", "", 0);
}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_delete(context: u32) {
    run(context, "delete", "", 0);
    // A call that outlives its exchange finds the script by the context's number, which never comes again.
}
