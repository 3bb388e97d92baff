//! Outbound calls in the trace of the inbound request that they are made for, though the application between them hands no
//! header on.

mod contexts;
mod formats;
mod repeats;
mod thousands;

use pointsman_core::trace::Key;
use pointsman_tests::collector::Collector;
use pointsman_tests::{Bed, SECRET, Setup};
use serde_json::{Value, json};

/// A service that is told the message's id in its body, OPPO, SMS and a gateway, and this much more or else. Records come
/// as soon as they may.
pub(crate) fn config(more: &Value) -> String {
    let mut config = json!({
        "service": "push",
        "hold_request": true,
        "channels": ["oppo", "sms-tencent", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
        "message": {"id": [{"json": "/id"}]},
        "records": {"cluster": "otlp", "max_age": "250ms"},
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    config.to_string()
}

/// A bed whose records come to a collector.
pub(crate) async fn bed(workers: u32, more: &Value) -> (Bed, Collector) {
    let collector = Collector::start();
    let setup = Setup::with_rules(&config(more)).workers(workers).collector(collector.addr());
    (setup.start().await, collector)
}

/// The trace that an id stands for, and the span that links to it name.
pub(crate) fn derived(id: &str) -> (String, String) {
    let trace_id = Key::new(SECRET.as_bytes()).unwrap().trace_id("default", id).to_string();
    let span_id = trace_id[16..].to_owned();
    (trace_id, span_id)
}
