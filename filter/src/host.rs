//! Every call to the host, each fallible. The SDK's own wrappers panic on any status that they do not expect, and a panic
//! takes the VM of a worker down with every stream in it; so nothing else in this crate calls the host.
//!
//! Source: proxy-wasm ABI 0.2.1 and WASI snapshot preview 1, as Envoy registers them.

use pointsman_core::hold::Half;
use std::fmt;
use std::ptr::null_mut;
use std::time::Duration;

/// Why a host call did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostError {
    /// There is no such thing.
    NotFound,
    /// Not in this phase of the stream: Envoy answers so when a map or buffer is gone.
    NotNow,
    /// Another worker was quicker.
    CasMismatch,
    /// Any other status.
    Refused(u32),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("not found"),
            Self::NotNow => f.write_str("not available in this phase"),
            Self::CasMismatch => f.write_str("changed by another worker"),
            Self::Refused(status) => write!(f, "refused with status {status}"),
        }
    }
}

type Result<T> = std::result::Result<T, HostError>;

/// Header maps of a stream.
#[derive(Clone, Copy)]
pub(crate) enum Map {
    Request = 0,
    Response = 2,
    CallResponse = 6,
}

/// Buffers.
#[derive(Clone, Copy)]
pub(crate) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallBody = 4,
    PluginConfiguration = 7,
}

/// Kinds of metrics.
#[derive(Clone, Copy)]
pub(crate) enum MetricKind {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

/// The log levels in use.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Debug = 1,
    Warn = 3,
    Error = 4,
}

const REQUEST_STREAM: u32 = 0;
const RESPONSE_STREAM: u32 = 1;
const CLOCK_MONOTONIC: u32 = 1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, len: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_property(path: *const u8, path_len: usize, value: *mut *mut u8, value_len: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_len: usize, value: *const u8, value_len: usize) -> u32;
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, len: usize, bytes: *mut *mut u8, bytes_len: *mut usize)
    -> u32;
    fn proxy_get_header_map_pairs(map: u32, pairs: *mut *mut u8, pairs_len: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_len: usize,
        value: *const u8,
        value_len: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_len: usize) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_len: usize,
        body: *const u8,
        body_len: usize,
        headers: *const u8,
        headers_len: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_len: usize,
        value: *mut *mut u8,
        value_len: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_len: usize, value: *const u8, value_len: usize, cas: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_len: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
    fn random_get(buffer: *mut u8, len: usize) -> u32;
    fn environ_sizes_get(count: *mut usize, size: *mut usize) -> u32;
    fn environ_get(entries: *mut *mut u8, buffer: *mut u8) -> u32;
}

const fn check(status: u32) -> Result<()> {
    match status {
        0 => Ok(()),
        1 => Err(HostError::NotFound),
        2 => Err(HostError::NotNow),
        8 => Err(HostError::CasMismatch),
        other => Err(HostError::Refused(other)),
    }
}

/// Takes over what the host has put into our memory through `malloc`.
///
/// # Safety
/// `bytes` must be null, or come from the host with exactly `len` bytes allocated by `proxy_on_memory_allocate`, and be
/// taken only once.
unsafe fn take(bytes: *mut u8, len: usize) -> Vec<u8> {
    if bytes.is_null() {
        return Vec::new();
    }
    // SAFETY: by this function's contract; the SDK's allocator hands out boxed slices of exactly `len` bytes.
    unsafe { Vec::from_raw_parts(bytes, len, len) }
}

/// Calls `get` with places for a pointer and a length, and takes what they then hold.
fn take_from(get: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>> {
    let (mut bytes, mut len) = (null_mut(), 0);
    check(get(&raw mut bytes, &raw mut len))?;
    // SAFETY: the host has answered Ok, so both places were written by it, once.
    Ok(unsafe { take(bytes, len) })
}

/// Writes a line to Envoy's log.
pub(crate) fn log(level: Level, message: &str) {
    // SAFETY: pointer and length are of one live string. A log line that is refused has nowhere to be reported.
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Whether a line of `level` would be written.
pub(crate) fn logs(level: Level) -> bool {
    let mut current = u32::MAX;
    // SAFETY: the place outlives the call.
    let status = unsafe { proxy_get_log_level(&raw mut current) };
    check(status).is_ok() && current <= level as u32
}

/// Nanoseconds since 1970.
pub(crate) fn wall_clock_ns() -> Result<u64> {
    let mut time = 0;
    // SAFETY: the place outlives the call.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

/// Nanoseconds of the process's monotonic clock.
pub(crate) fn monotonic_ns() -> Result<u64> {
    let mut time = 0;
    // SAFETY: the place outlives the call.
    check(unsafe { clock_time_get(CLOCK_MONOTONIC, 0, &raw mut time) })?;
    Ok(time)
}

/// Fills `buffer` with random bytes.
pub(crate) fn random(buffer: &mut [u8]) -> Result<()> {
    // SAFETY: pointer and length are of one live slice.
    check(unsafe { random_get(buffer.as_mut_ptr(), buffer.len()) })
}

/// The value of an environment variable of the VM, byte for byte.
pub(crate) fn environment(name: &str) -> Result<Vec<u8>> {
    let (mut count, mut size) = (0, 0);
    // SAFETY: the places outlive the call.
    check(unsafe { environ_sizes_get(&raw mut count, &raw mut size) })?;
    let mut entries = vec![null_mut::<u8>(); count];
    let mut buffer = vec![0_u8; size];
    // SAFETY: both are as large as the host has just said that it needs.
    check(unsafe { environ_get(entries.as_mut_ptr(), buffer.as_mut_ptr()) })?;
    let entries = buffer.split(|byte| *byte == 0);
    let value = |entry: &[u8]| Some(entry.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec());
    entries.filter_map(value).next().ok_or(HostError::NotFound)
}

/// The interval of the tick callback.
pub(crate) fn set_tick_period_ms(period: u32) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { proxy_set_tick_period_milliseconds(period) })
}

/// An attribute of Envoy; `path` has its parts separated by zero bytes.
pub(crate) fn property(path: &str) -> Result<Vec<u8>> {
    // SAFETY: pointer and length are of one live string; the places are of `take_from`.
    take_from(|value, len| unsafe { proxy_get_property(path.as_ptr(), path.len(), value, len) })
}

/// Leaves a value in the stream's filter state, as `wasm.` and `name`, where the access log can print it.
pub(crate) fn set_property(name: &str, value: &str) -> Result<()> {
    // SAFETY: pointers and lengths are of two live strings.
    check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Part of a buffer. Asking beyond its end gives what there is.
pub(crate) fn buffer(buffer: Buffer, start: usize, len: usize) -> Result<Vec<u8>> {
    // SAFETY: the places are of `take_from`.
    take_from(|bytes, bytes_len| unsafe { proxy_get_buffer_bytes(buffer as u32, start, len, bytes, bytes_len) })
}

/// A whole header map in its wire form.
pub(crate) fn header_map(map: Map) -> Result<Vec<u8>> {
    // SAFETY: the places are of `take_from`.
    take_from(|pairs, len| unsafe { proxy_get_header_map_pairs(map as u32, pairs, len) })
}

/// Gives a header one value.
pub(crate) fn set_header(map: Map, name: &str, value: &str) -> Result<()> {
    // SAFETY: pointers and lengths are of two live strings.
    check(unsafe { proxy_replace_header_map_value(map as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// Removes every value of a header.
pub(crate) fn remove_header(map: Map, name: &str) -> Result<()> {
    // SAFETY: pointer and length are of one live string.
    check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// Lets the held `half` of stream `context` go on.
pub(crate) fn resume(context: u32, half: Half) -> Result<()> {
    let stream = match half {
        Half::Request => REQUEST_STREAM,
        Half::Response => RESPONSE_STREAM,
    };
    // SAFETY: no memory is involved.
    check(unsafe { proxy_set_effective_context(context) })?;
    // SAFETY: no memory is involved.
    check(unsafe { proxy_continue_stream(stream) })
}

/// Answers the stream of the running callback in the upstream's place.
pub(crate) fn reply(status: u16, headers: &[u8], body: &[u8]) -> Result<()> {
    /// Shown by Envoy in `response.code_details`, after its own prefix.
    const DETAILS: &str = "pointsman";
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: pointers and lengths are of live slices and of a constant.
    check(unsafe {
        proxy_send_local_response(
            status.into(),
            DETAILS.as_ptr(),
            DETAILS.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Sends a request of our own to a cluster, and returns the number by which its answer will be told, to the context of the
/// running callback; without one there is none to come.
///
/// This goes by the SDK, which must know the call to hand its answer on, and which panics on an answer that it does not
/// know. Envoy refuses a call with the two statuses that the SDK knows only.
pub(crate) fn call(cluster: &str, headers: &[(String, String)], body: &[u8], timeout: Duration) -> Result<u32> {
    // Envoy takes 0 ms for no limit at all.
    let timeout = timeout.max(Duration::from_millis(1));
    let body = Some(body).filter(|body| !body.is_empty());
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout)
        .map_err(|status| HostError::Refused(status as u32))
}

/// A value of the shared data, with its version.
pub(crate) fn shared_data(key: &str) -> Result<(Vec<u8>, u32)> {
    let mut cas = 0;
    // SAFETY: pointer and length are of one live string; the places are of `take_from` and of this function.
    let value =
        take_from(|value, len| unsafe { proxy_get_shared_data(key.as_ptr(), key.len(), value, len, &raw mut cas) })?;
    Ok((value, cas))
}

/// Sets a value of the shared data if its version is still `cas`; 0 is any version, and an absent key takes any.
pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> Result<()> {
    // SAFETY: pointers and lengths are of a live string and a live slice.
    check(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

/// Defines a metric; the same name twice is the same metric.
pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32> {
    let mut id = 0;
    // SAFETY: pointer and length are of one live string; the place outlives the call.
    check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter.
pub(crate) fn increment_metric(id: u32, offset: u64) -> Result<()> {
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    // SAFETY: no memory is involved.
    check(unsafe { proxy_increment_metric(id, offset) })
}

/// Sets a gauge, or records a value of a histogram.
pub(crate) fn record_metric(id: u32, value: u64) -> Result<()> {
    // SAFETY: no memory is involved.
    check(unsafe { proxy_record_metric(id, value) })
}
