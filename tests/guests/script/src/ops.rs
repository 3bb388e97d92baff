//! The operations of scripts. Each calls one host function and logs `TAG CALLBACK OPERATION -> STATUS VALUE`.
//!
//! `get|remove MAP KEY`, `add|set MAP KEY VALUE`, `pairs MAP`, `setpairs MAP NAME=VALUE,..`, `size MAP`;
//! `body BUFFER START LENGTH`, `bodystatus BUFFER`, `setbody BUFFER START LENGTH DATA`, `prepend|append|replace BUFFER DATA`;
//! `resume|close STREAM`, `reply STATUS BODY NAME=VALUE,.. GRPC_STATUS DETAILS`;
//! `call CLUSTER TIMEOUT_MS NAME=VALUE,.. BODY TRAILERS`, `grpc_call CLUSTER SERVICE METHOD NAME=VALUE,.. MESSAGE TIMEOUT_MS`,
//! `grpc_stream CLUSTER SERVICE METHOD NAME=VALUE,..`, `grpc_send MESSAGE END`, `grpc_cancel`, `grpc_close`;
//! `prop a.b`, `setprop a.b VALUE`, `sget KEY`, `sset KEY VALUE CAS|last`, `qreg NAME`, `qres VM NAME`, `qpush NAME VALUE`,
//! `qpop NAME`, `define KIND NAME`, `inc|record NAME VALUE`, `metric NAME`;
//! `effective self|root|stream|ID`, `done`, `tick MS`, `now`, `loglevel`, `status`, `foreign NAME ARGUMENT`, `log LEVEL TEXT`;
//! `raw FUNCTION NUMBER|@|'TEXT ..` (`@` is a place to write to, `'TEXT` a pointer and a length), `wasi FUNCTION`;
//! `continue`, `pause`, `return NUMBER`, `trap`, `loop`, `recurse`, `hog` (memory without end).

use crate::host;
use crate::script::{Exchange, STATE};
use crate::values::{buffer, map, metric, number, pairs, shown, shown_pairs, stream, text};

/// Runs one operation; gives the value that the callback shall return, if it is one that says so.
pub(crate) fn run(exchange: &mut Exchange, context: u32, callback: &str, operation: &str) -> Option<u32> {
    let words: Vec<&str> = operation.split_ascii_whitespace().collect();
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    match word(0) {
        "continue" => return Some(0),
        "pause" => return Some(1),
        "return" => return Some(number(word(1)) as u32),
        "trap" => trap(),
        "loop" => endless(),
        "recurse" => drop(deep(1)),
        "hog" => hog(),
        _ => {}
    }
    let (status, value) = maps(exchange, &words)
        .or_else(|| bodies(&words))
        .or_else(|| calls(exchange, context, &words))
        .or_else(|| shared(&words))
        .or_else(|| others(exchange, context, &words))
        .unwrap_or((u32::MAX, String::from("no such operation")));
    host::log(2, &format!("{} {callback} {operation} -> {status} {value}", exchange.tag));
    None
}

type Answer = Option<(u32, String)>;

fn ptr(bytes: &[u8]) -> usize {
    bytes.as_ptr() as usize
}

fn bytes((status, value): (u32, Option<Vec<u8>>)) -> Answer {
    Some((status, value.map(|value| shown(&value)).unwrap_or_default()))
}

fn only(status: u32) -> Answer {
    Some((status, String::new()))
}

/// What has headers in it.
fn maps(exchange: &Exchange, words: &[&str]) -> Answer {
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let (m, k, v) = (map(word(1)), text(word(2)), text(word(3)));
    // SAFETY: everything that a pointer leads to lives until the call returns.
    unsafe {
        match word(0) {
            "get" => bytes(host::read(|d, s| host::proxy_get_header_map_value(m, ptr(&k), k.len(), d, s))),
            "add" => only(host::proxy_add_header_map_value(m, ptr(&k), k.len(), ptr(&v), v.len())),
            "set" => only(host::proxy_replace_header_map_value(m, ptr(&k), k.len(), ptr(&v), v.len())),
            "remove" => only(host::proxy_remove_header_map_value(m, ptr(&k), k.len())),
            "pairs" => {
                let (status, value) = host::read(|d, s| host::proxy_get_header_map_pairs(m, d, s));
                Some((status, value.map(|value| shown_pairs(&value)).unwrap_or_default()))
            }
            "setpairs" => {
                // What the upstream tells exchanges apart by must not be lost.
                let tag = [("x-tag", exchange.tag.as_str())];
                let list = pairs(word(2), if m == 0 { &tag } else { &[] });
                only(host::proxy_set_header_map_pairs(m, ptr(&list), list.len()))
            }
            "size" => {
                let (status, size) = host::number(|p| host::proxy_get_header_map_size(m, p));
                // Requests and responses have headers that proxies add.
                Some((status, if m % 2 == 1 { size.to_string() } else { (size > 0).to_string() }))
            }
            _ => None,
        }
    }
}

/// What works on bodies.
fn bodies(words: &[&str]) -> Answer {
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let of = buffer(word(1));
    let (start, length) = (number(word(2)) as u32, number(word(3)) as u32);
    let set = |start: u32, length: u32, data: &str| {
        let data = text(data);
        // SAFETY: the data lives until the call returns.
        only(unsafe { host::proxy_set_buffer_bytes(of, start, length, ptr(&data), data.len()) })
    };
    match word(0) {
        // SAFETY: both places are the reader's.
        "body" => bytes(host::read(|d, s| unsafe { host::proxy_get_buffer_bytes(of, start, length, d, s) })),
        "bodystatus" => {
            let mut flags = 0_u32;
            let place = &raw mut flags as usize;
            // SAFETY: both places live until the call returns.
            let (status, length) = host::number(|p| unsafe { host::proxy_get_buffer_status(of, p, place) });
            Some((status, format!("{length} {flags}")))
        }
        "setbody" => set(start, length, word(4)),
        "prepend" => set(0, 0, word(2)),
        "append" => set(u32::MAX, u32::MAX, word(2)),
        "replace" => set(0, u32::MAX, word(2)),
        _ => None,
    }
}

/// What calls others, and replies.
fn calls(exchange: &mut Exchange, context: u32, words: &[&str]) -> Answer {
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let tag = [("x-tag", exchange.tag.as_str())];
    let cluster = text(word(1));
    // SAFETY: everything that a pointer leads to lives until the call returns.
    let (status, token) = unsafe {
        match word(0) {
            "call" => {
                let (headers, body, trailers) = (pairs(word(3), &tag), text(word(4)), pairs(word(5), &[]));
                let timeout = number(word(2)) as u32;
                host::number(|p| {
                    host::proxy_http_call(
                        ptr(&cluster),
                        cluster.len(),
                        ptr(&headers),
                        headers.len(),
                        ptr(&body),
                        body.len(),
                        ptr(&trailers),
                        trailers.len(),
                        timeout,
                        p,
                    )
                })
            }
            "grpc_call" => {
                let (service, method, message) = (text(word(2)), text(word(3)), text(word(5)));
                let metadata = pairs(word(4), &tag);
                let timeout = number(word(6)) as u32;
                host::number(|p| {
                    host::proxy_grpc_call(
                        ptr(&cluster),
                        cluster.len(),
                        ptr(&service),
                        service.len(),
                        ptr(&method),
                        method.len(),
                        ptr(&metadata),
                        metadata.len(),
                        ptr(&message),
                        message.len(),
                        timeout,
                        p,
                    )
                })
            }
            "grpc_stream" => {
                let (service, method, metadata) = (text(word(2)), text(word(3)), pairs(word(4), &tag));
                host::number(|p| {
                    host::proxy_grpc_stream(
                        ptr(&cluster),
                        cluster.len(),
                        ptr(&service),
                        service.len(),
                        ptr(&method),
                        method.len(),
                        ptr(&metadata),
                        metadata.len(),
                        p,
                    )
                })
            }
            "grpc_send" => {
                let message = text(word(1));
                let end = number(word(2)) as u32;
                return only(host::proxy_grpc_send(exchange.last_call, ptr(&message), message.len(), end));
            }
            "grpc_cancel" => return only(host::proxy_grpc_cancel(exchange.last_call)),
            "grpc_close" => return only(host::proxy_grpc_close(exchange.last_call)),
            "resume" => return only(host::proxy_continue_stream(stream(word(1)))),
            "close" => return only(host::proxy_close_stream(stream(word(1)))),
            "reply" => {
                let (body, headers, details) = (text(word(2)), pairs(word(3), &[]), text(word(5)));
                let grpc = if word(4).is_empty() { -1 } else { number(word(4)) as i32 };
                return only(host::proxy_send_local_response(
                    number(word(1)) as u32,
                    ptr(&details),
                    details.len(),
                    ptr(&body),
                    body.len(),
                    ptr(&headers),
                    headers.len(),
                    grpc,
                ));
            }
            _ => return None,
        }
    };
    if status == 0 {
        exchange.last_call = token;
        STATE.with_borrow_mut(|state| state.calls.insert(token, context));
    }
    only(status)
}

/// What VMs share.
fn shared(words: &[&str]) -> Answer {
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let (key, value) = (text(word(1)), text(word(2)));
    let known = |of: fn(&crate::script::State) -> &std::collections::HashMap<String, u32>| {
        STATE.with_borrow(|state| of(state).get(word(1)).copied()).unwrap_or(number(word(1)) as u32)
    };
    // SAFETY: everything that a pointer leads to lives until the call returns.
    unsafe {
        match word(0) {
            "sget" => {
                let mut version = 0_u32;
                let place = &raw mut version as usize;
                let read = host::read(|d, s| host::proxy_get_shared_data(ptr(&key), key.len(), d, s, place));
                STATE.with_borrow_mut(|state| state.versions.insert(word(1).to_owned(), version));
                bytes(read)
            }
            "sset" => {
                let last = STATE.with_borrow(|state| state.versions.get(word(1)).copied()).unwrap_or_default();
                let version = if word(3) == "last" { last } else { number(word(3)) as u32 };
                only(host::proxy_set_shared_data(ptr(&key), key.len(), ptr(&value), value.len(), version))
            }
            "qreg" | "qres" => {
                let name = if word(0) == "qreg" { &key } else { &value };
                let (status, token) = host::number(|p| match word(0) {
                    "qreg" => host::proxy_register_shared_queue(ptr(name), name.len(), p),
                    _ => host::proxy_resolve_shared_queue(ptr(&key), key.len(), ptr(name), name.len(), p),
                });
                let name = String::from_utf8_lossy(name).into_owned();
                STATE.with_borrow_mut(|state| state.queues.insert(name, token));
                Some((status, (token > 0).to_string()))
            }
            "qpush" => only(host::proxy_enqueue_shared_queue(known(|state| &state.queues), ptr(&value), value.len())),
            "qpop" => {
                let token = known(|state| &state.queues);
                bytes(host::read(|d, s| host::proxy_dequeue_shared_queue(token, d, s)))
            }
            "define" => {
                let (status, id) =
                    host::number(|p| host::proxy_define_metric(metric(word(1)), ptr(&value), value.len(), p));
                STATE.with_borrow_mut(|state| state.metrics.insert(word(2).to_owned(), id));
                Some((status, format!("kind {}", id & 3)))
            }
            "inc" => only(host::proxy_increment_metric(known(|state| &state.metrics), number(word(2)))),
            "record" => only(host::proxy_record_metric(known(|state| &state.metrics), number(word(2)) as u64)),
            "metric" => {
                let mut value = 0_u64;
                let status = host::proxy_get_metric(known(|state| &state.metrics), &raw mut value as usize);
                Some((status, value.to_string()))
            }
            _ => None,
        }
    }
}

/// The rest.
fn others(exchange: &Exchange, context: u32, words: &[&str]) -> Answer {
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let path = word(1).replace('.', "\0").into_bytes();
    let value = text(word(2));
    // SAFETY: everything that a pointer leads to lives until the call returns.
    unsafe {
        match word(0) {
            "prop" => bytes(host::read(|d, s| host::proxy_get_property(ptr(&path), path.len(), d, s))),
            "setprop" => only(host::proxy_set_property(ptr(&path), path.len(), ptr(&value), value.len())),
            "effective" => {
                let id = match word(1) {
                    "self" => context,
                    "root" => exchange.root,
                    "stream" => STATE.with_borrow(|state| state.stream),
                    id => number(id) as u32,
                };
                only(host::proxy_set_effective_context(id))
            }
            "done" => only(host::proxy_done()),
            "tick" => only(host::proxy_set_tick_period_milliseconds(number(word(1)) as u32)),
            "now" => {
                let mut time = 0_u64;
                let status = host::proxy_get_current_time_nanoseconds(&raw mut time as usize);
                Some((status, (time > 1_600_000_000_000_000_000).to_string()))
            }
            "loglevel" => {
                let (status, level) = host::number(|p| host::proxy_get_log_level(p));
                Some((status, level.to_string()))
            }
            "status" => {
                let mut code = 0_u32;
                let place = &raw mut code as usize;
                let (status, message) = host::read(|d, s| host::proxy_get_status(place, d, s));
                Some((status, format!("{code} {}", shown(&message.unwrap_or_default()))))
            }
            "foreign" => {
                let name = text(word(1));
                let call =
                    |d, s| host::proxy_call_foreign_function(ptr(&name), name.len(), ptr(&value), value.len(), d, s);
                bytes(host::read(call))
            }
            "log" => only(host::log(number(word(1)) as u32, &format!("{} {}", exchange.tag, word(2)))),
            "raw" => raw(words),
            "wasi" => wasi(exchange, word(1)),
            _ => None,
        }
    }
}

/// Any host function with any numbers.
fn raw(words: &[&str]) -> Answer {
    let mut places = [0_u64; 8];
    let first = &raw mut places as usize;
    let (mut arguments, mut texts, mut used) = (Vec::new(), Vec::new(), 0);
    for word in words.iter().skip(2) {
        match word.strip_prefix('\'') {
            Some(word) => {
                let text = text(word);
                arguments.extend([ptr(&text) as i64, text.len() as i64]);
                texts.push(text);
            }
            None if *word == "@" => {
                arguments.push((first + used * 8) as i64);
                used = (used + 1) % places.len();
            }
            None => arguments.push(number(word)),
        }
    }
    let status = host::raw(words.get(1).copied().unwrap_or_default(), &arguments)?;
    drop(texts);
    only(status)
}

fn wasi(exchange: &Exchange, function: &str) -> Answer {
    let mut place = [0_u8; 256];
    let at = &raw mut place as usize;
    let line = format!("{} written by fd_write", exchange.tag).into_bytes();
    let vector = [ptr(&line), line.len()];
    // SAFETY: everything that a pointer leads to lives until the call returns.
    unsafe {
        match function {
            "random" => only(host::wasi::random_get(at, 256)),
            "random_too_much" => only(host::wasi::random_get(at, 1 << 20)),
            "random_nowhere" => only(host::wasi::random_get(usize::MAX - 4, 16)),
            "wall" => only(host::wasi::clock_time_get(0, 0, at)),
            "monotonic" => only(host::wasi::clock_time_get(1, 0, at)),
            "other_clock" => only(host::wasi::clock_time_get(7, 0, at)),
            "write" => only(host::wasi::fd_write(1, ptr_of(&vector), 1, at)),
            "write_elsewhere" => only(host::wasi::fd_write(9, ptr_of(&vector), 1, at)),
            "environ" => {
                let status = host::wasi::environ_sizes_get(at, at + 4);
                let (count, size) = (place.first().copied(), place.get(4).copied());
                let _ = host::wasi::environ_get(at, at + 64);
                Some((status, format!("{} {}", count.unwrap_or_default(), size.unwrap_or_default())))
            }
            "exit" => {
                host::wasi::proc_exit(3);
                only(0)
            }
            _ => None,
        }
    }
}

fn ptr_of<T>(value: &T) -> usize {
    &raw const *value as usize
}

fn trap() {
    std::process::abort();
}

fn endless() {
    loop {
        std::hint::black_box(());
    }
}

#[expect(unconditional_recursion, reason = "it is to run out of stack")]
fn deep(depth: u64) -> u64 {
    std::hint::black_box(deep(std::hint::black_box(depth + 1))) + 1
}

fn hog() {
    let mut held = Vec::new();
    loop {
        held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}
