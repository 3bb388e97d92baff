//! What an exchange costs, in crossings between Envoy and the VM. Each takes about as long as all the work between two.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use http::Request;
use pointsman_tests::{Bed, Setup, pushes};

/// The most that an exchange may cost without records.
const CEILING: usize = 12;

/// The host calls of every stream that has ended, in the order in which the streams began.
///
/// A line of Envoy's log at trace level is a call in either direction or its return; calls nest, and what the VM asks
/// belongs to the outermost call into it, whose first argument is the stream.
fn host_calls(log: &str) -> Vec<Vec<String>> {
    let mut nested: HashMap<&str, Vec<Call<'_>>> = HashMap::new();
    let mut open: BTreeMap<(&str, u32), Vec<String>> = BTreeMap::new();
    let mut ended = Vec::new();
    for (thread, line) in log.lines().filter_map(crossing) {
        let stack = nested.entry(thread).or_default();
        if let Some(call) = line.strip_prefix("[host->vm] ") {
            let call = Call::parse(call);
            if call.name == "proxy_on_context_create" && call.second != Some(0) {
                open.insert((thread, call.first.unwrap()), Vec::new());
            }
            stack.push(call);
        } else if line.starts_with("[host<-vm] ") {
            let call = stack.pop().unwrap();
            if call.name == "proxy_on_delete" {
                ended.extend(open.remove(&(thread, call.first.unwrap())));
            }
        } else if let Some(asked) = line.strip_prefix("[vm->host] ") {
            let stream = stack.first().and_then(|call| call.first).unwrap_or_default();
            if let Some(calls) = open.get_mut(&(thread, stream)) {
                calls.push(Call::parse(asked).name.rsplit('.').next().unwrap().to_owned());
            }
        }
    }
    ended
}

/// The thread and the text of a log line about a crossing.
fn crossing(line: &str) -> Option<(&str, &str)> {
    let (head, text) = line.split_once("wasm_vm.cc:")?;
    let thread = head.split(['[', ']']).nth(3)?;
    Some((thread, text.split_once("] ")?.1))
}

struct Call<'a> {
    name: &'a str,
    first: Option<u32>,
    second: Option<u32>,
}

impl<'a> Call<'a> {
    fn parse(text: &'a str) -> Self {
        let (name, arguments) = text.split_once('(').unwrap_or((text, ""));
        let mut arguments = arguments.trim_end_matches(')').split(", ").map(|argument| argument.parse().ok());
        Self { name, first: arguments.next().flatten(), second: arguments.next().flatten() }
    }
}

async fn traced(rules: &str) -> Bed {
    Setup::with_rules(rules).log_level("wasm:trace").start().await
}

/// Waits until that many streams have ended, and shows what they asked for.
async fn ended(bed: &Bed, count: usize) -> Vec<Vec<String>> {
    bed.until("the streams to end", |_| {
        let seen = host_calls(&bed.envoy.log()).len();
        if seen == count { Ok(()) } else { Err(format!("{seen} streams")) }
    })
    .await;
    host_calls(&bed.envoy.log())
}

#[tokio::test]
async fn an_exchange_asks_envoy_for_no_more_than_it_must() {
    let bed = traced(r#"{"channels": ["oppo", "apns"], "hold_request": true}"#).await;
    bed.outbound(pushes::oppo("m1")).await;
    let context = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    bed.outbound(pushes::with(pushes::apns(pushes::APNS_TOKEN), "traceparent", context)).await;
    let nowhere = Request::get("/").header("host", "lc.internal").body(Bytes::new()).unwrap();
    bed.outbound(nowhere).await;
    let seen = ended(&bed, 3).await;
    assert!(seen.iter().all(|calls| calls.len() <= CEILING), "{seen:?}");
    let head = ["proxy_get_header_map_pairs", "proxy_get_property"];
    // What the first few requests have left with: Envoy's own tracer may have written over it.
    let left = ["proxy_get_header_map_pairs"];
    let held_and_derived = [
        &head[..],
        &["clock_time_get", "proxy_get_buffer_bytes", "proxy_get_shared_data", "proxy_replace_header_map_value"],
        &["proxy_get_header_map_pairs", "proxy_get_buffer_bytes", "clock_time_get", "proxy_record_metric"],
        &left[..],
    ];
    let continued_without_a_body = [
        &head[..],
        &["clock_time_get", "proxy_replace_header_map_value"],
        &["proxy_get_header_map_pairs", "clock_time_get", "proxy_record_metric"],
        &left[..],
    ];
    assert_eq!(seen, [held_and_derived.concat(), continued_without_a_body.concat(), head.to_vec()]);
}

#[tokio::test]
async fn with_records_a_send_is_looked_up_and_counted_at_once() {
    let rules =
        r#"{"channels": ["oppo"], "hold_request": true, "trace": {"mode": "own"}, "records": {"cluster": "otlp"}}"#;
    let bed = traced(rules).await;
    bed.outbound(pushes::oppo("m1")).await;
    let request = [
        &["proxy_get_header_map_pairs", "proxy_get_property", "clock_time_get", "proxy_get_buffer_bytes"][..],
        &["proxy_get_shared_data", "proxy_set_shared_data", "proxy_replace_header_map_value"],
    ];
    let answer = [
        &["proxy_get_header_map_pairs", "proxy_get_buffer_bytes", "clock_time_get"][..],
        &["proxy_get_current_time_nanoseconds"],
        // By the vendor's id the receipt is tied to the message.
        &["proxy_get_shared_data", "proxy_set_shared_data", "proxy_record_metric"],
    ];
    assert_eq!(ended(&bed, 1).await, [[request.concat(), answer.concat()].concat()]);
}
