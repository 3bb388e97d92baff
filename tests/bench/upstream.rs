//! The vendor: an Envoy that answers every push at once.

use anyhow::{Context, Result};
use pointsman_host::envoy::{Envoy, Filter, Options};
use serde_json::{Value, json};

use crate::lab::http_connection_manager;
use crate::push::{ANSWER, PROBE_HEADER, SEEN_HEADER};

const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const BUFFER: &str = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer";

/// Starts the upstream; it listens where the outbound listener of a sidecar would.
pub(crate) async fn start(mut options: Options) -> Result<Envoy> {
    options.filter = Filter::None;
    options.edit = Some(Box::new(|bootstrap| {
        if let Some(manager) = http_connection_manager(bootstrap) {
            answer_at_once(manager);
        }
    }));
    Envoy::start(options).await.context("the upstream does not start")
}

fn answer_at_once(manager: &mut Value) {
    let vendor = json!({ "name": "vendor", "domains": ["*"], "routes": [probe(), push()] });
    manager["route_config"]["virtual_hosts"] = json!([vendor]);
    manager["http_filters"] = json!([
        // Without it an answer that overtakes the request's body costs the connection.
        { "name": "buffer", "typed_config": { "@type": BUFFER, "max_request_bytes": 65536 } },
        { "name": "router", "typed_config": { "@type": ROUTER } },
    ]);
}

fn push() -> Value {
    json!({
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": ANSWER } },
        "response_headers_to_add": [header("content-type", "application/json;charset=UTF-8")],
    })
}

fn probe() -> Value {
    let mut route = push();
    route["match"]["headers"] = json!([{ "name": PROBE_HEADER, "present_match": true }]);
    route["response_headers_to_add"] = json!([header(SEEN_HEADER, "%REQ(traceparent)%")]);
    route
}

fn header(name: &str, value: &str) -> Value {
    json!({ "header": { "key": name, "value": value }, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD" })
}
