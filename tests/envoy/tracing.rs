//! An Envoy that traces by itself: its tracer writes the context, and the filter finds out and goes along.

use crate::stitching::{config, derived};
use pointsman_host::otlp::{Record, Signal};
use pointsman_tests::collector::{Collector, Told, linked};
use pointsman_tests::context::{Context, INCOMING, PARENT_ID, TRACE_ID};
use pointsman_tests::{Bed, Setup, pushes};
use serde_json::{Value, json};

/// The name under which Envoy's own spans come.
const ENVOY: &str = "envoy-itself";

/// Turns Envoy's tracer on in both listeners.
fn traced(bootstrap: &mut Value, no_context_propagation: bool) {
    let export = json!({
        "http_uri": {"uri": "http://otlp/v1/traces", "cluster": "otlp", "timeout": "1s"},
    });
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().unwrap() {
        if listener["name"] == "scrape" {
            continue;
        }
        let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
        // Without an id of its own Envoy samples nothing.
        manager["generate_request_id"] = true.into();
        manager["tracing"] = json!({
            "provider": {
                "name": "envoy.tracers.opentelemetry",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                    "http_service": export,
                    "service_name": ENVOY,
                },
            },
            "no_context_propagation": no_context_propagation,
        });
    }
    // Spans leave one by one.
    bootstrap["layered_runtime"] = json!({"layers": [{
        "name": "tracing",
        "static_layer": {"tracing.opentelemetry.min_flush_spans": 1, "tracing.opentelemetry.flush_interval_ms": 200},
    }]});
}

async fn bed(mode: &str, no_context_propagation: Option<bool>) -> (Bed, Collector) {
    let collector = Collector::start();
    let setup = Setup::with_rules(&config(&json!({"trace": {"mode": mode}}))).collector(collector.addr());
    let bed = match no_context_propagation {
        Some(no) => setup.edit(move |bootstrap| traced(bootstrap, no)).start().await,
        None => setup.start().await,
    };
    (bed, collector)
}

/// Sends a push and returns the context that the vendor sees.
async fn push(bed: &Bed, id: &str, parent: Option<&str>) -> Context {
    let push = match parent {
        Some(parent) => pushes::with(pushes::oppo(id), "traceparent", parent.as_bytes()),
        None => pushes::oppo(id),
    };
    assert_eq!(bed.outbound(push).await.status, 200);
    Context::of(&bed.last_at("oppo").headers)
}

fn is_envoys(told: &Record) -> bool {
    told.signal == Signal::Span && told.resource.get("service.name").and_then(Value::as_str) == Some(ENVOY)
}

/// Our span of a message, once it has come.
async fn ours(collector: &Collector, id: &str) -> Record {
    let is_it = |told: &&Record| told.signal == Signal::Span && told.word("messaging.message.id") == id;
    let told = collector.until("our span", |told| told.iter().any(|told| is_it(&told))).await;
    told.iter().find(is_it).unwrap().clone()
}

/// Envoy's spans of a trace, once there is one.
async fn envoys(collector: &Collector, trace_id: &str) -> Vec<Record> {
    let of = |told: &[Record]| -> Vec<Record> {
        told.iter().filter(|told| is_envoys(told) && told.trace_id == trace_id).cloned().collect()
    };
    of(&collector.until("Envoy's span", |told| !of(told).is_empty()).await)
}

async fn observed(bed: &Bed, count: f64) {
    bed.expect("pointsman_trace_contexts_total", &[("result", "observed")], count).await;
}

/// Our span of a message goes under the span of Envoy's that the vendor sees, where both are of one trace, and else has a
/// link to it.
async fn assert_tied(collector: &Collector, id: &str, at_vendor: &Context) {
    let at_vendor = at_vendor.parent();
    let (trace_id, span_id) = (at_vendor.trace_id, at_vendor.parent_id.to_string());
    let envoys = envoys(collector, &trace_id).await;
    assert!(envoys.iter().any(|span| span.span_id == span_id), "{id}: the vendor's parent is a span of Envoy's");
    let ours = ours(collector, id).await;
    if ours.trace_id == trace_id {
        assert_eq!(ours.parent_span_id, span_id, "{id}");
    } else {
        assert_eq!(ours.trace_id, derived(id).0, "{id}");
        assert!(ours.links.iter().any(|link| linked(link) == (trace_id.clone(), span_id.clone())), "{id}: {ours:?}");
    }
}

#[tokio::test]
async fn auto_finds_out_that_envoy_traces_and_goes_along() {
    let (bed, collector) = bed("auto", Some(false)).await;
    let mut seen = Vec::new();
    // More than a worker looks at as long as it takes the wire for its own.
    for number in 0..20 {
        let id = format!("m{number}");
        seen.push((id.clone(), push(&bed, &id, None).await));
    }
    for (id, at_vendor) in &seen {
        assert_tied(&collector, id, at_vendor).await;
    }
    observed(&bed, 20.0).await;
}

#[tokio::test]
async fn a_callers_trace_goes_on_through_envoys_spans_and_ours() {
    let (bed, collector) = bed("auto", Some(false)).await;
    // From the first one on, when nobody knows yet.
    for number in 0..4 {
        let id = format!("m{number}");
        let callers = format!("00-ca11e4{number:026x}-{PARENT_ID}-01");
        let at_vendor = push(&bed, &id, Some(&callers)).await;
        let trace_id = &callers[3..35];
        assert_eq!(at_vendor.parent().trace_id, trace_id);
        assert_tied(&collector, &id, &at_vendor).await;
        assert_eq!(ours(&collector, &id).await.trace_id, trace_id);
        let envoys = envoys(&collector, trace_id).await;
        assert!(envoys.iter().any(|span| span.parent_span_id == PARENT_ID), "{envoys:?}");
    }
    observed(&bed, 4.0).await;
}

#[tokio::test]
async fn where_envoy_does_not_propagate_its_context_ours_is_written() {
    let (bed, collector) = bed("auto", Some(true)).await;
    for number in 0..4 {
        let id = format!("m{number}");
        let at_vendor = push(&bed, &id, None).await.parent();
        assert_eq!(at_vendor.trace_id, derived(&id).0);
        assert_eq!(ours(&collector, &id).await.place(), (at_vendor.trace_id, at_vendor.parent_id.to_string()));
    }
    observed(&bed, 0.0).await;
    bed.expect("pointsman_trace_contexts_total", &[("result", "derived")], 4.0).await;
    collector.until("Envoy's spans", |told| told.iter().any(is_envoys)).await;
}

#[tokio::test]
async fn auto_without_a_tracer_writes_our_own() {
    let (bed, _collector) = bed("auto", None).await;
    for number in 0..4 {
        let id = format!("m{number}");
        assert_eq!(push(&bed, &id, None).await.parent().trace_id, derived(&id).0);
    }
    observed(&bed, 0.0).await;
}

#[tokio::test]
async fn an_observer_writes_nothing() {
    let (bed, _collector) = bed("observe", None).await;
    assert!(push(&bed, "m1", None).await.is_none());
    let invalid = push(&bed, "m2", Some("00-nonsense")).await;
    assert_eq!(invalid.parents, ["00-nonsense"], "it is nobody's to remove");
    let passed = push(&bed, "m3", Some(INCOMING)).await;
    assert_eq!(passed.parents, [INCOMING]);
}

#[tokio::test]
async fn an_observer_takes_what_envoy_has_written() {
    let (bed, collector) = bed("observe", Some(false)).await;
    for number in 0..3 {
        let id = format!("m{number}");
        let at_vendor = push(&bed, &id, None).await;
        assert_tied(&collector, &id, &at_vendor).await;
    }
    observed(&bed, 3.0).await;
}

#[tokio::test]
async fn calls_are_tied_to_their_message_though_envoy_begins_a_trace_for_each() {
    let (bed, collector) = bed("auto", Some(false)).await;
    for (id, callers) in [("m1", Some(INCOMING)), ("m2", None)] {
        let request = pushes::service(&json!({"id": id}));
        let request = match callers {
            Some(callers) => pushes::with(request, "traceparent", callers.as_bytes()),
            None => request,
        };
        assert_eq!(bed.inbound(request).await.status, 200);
        let at_service = Context::of(&bed.service.last().headers).parent();
        let at_vendor = push(&bed, id, None).await.parent();
        assert_ne!(at_service.trace_id, at_vendor.trace_id, "the application has handed nothing on");
        let of_node = |told: &[Record], node: &str| {
            let mut spans = told.iter().filter(|told| told.word("messaging.message.id") == id);
            spans.find(|told| told.signal == Signal::Span && told.word("push.node") == node).cloned()
        };
        let both = |told: &[Record]| Some((of_node(told, "PUSH")?, of_node(told, "OPPO_PUSH")?));
        let told = collector.until("both spans", |told| both(told).is_some()).await;
        let (inbound, outbound) = both(&told).unwrap();
        assert_eq!((&outbound.trace_id, &outbound.parent_span_id), (&inbound.trace_id, &inbound.span_id), "{id}");
        let envoys = (at_vendor.trace_id, at_vendor.parent_id.to_string());
        assert!(outbound.links.iter().any(|link| linked(link) == envoys), "{id}: {outbound:?}");
        assert_eq!(inbound.trace_id == TRACE_ID, callers.is_some());
    }
}

#[tokio::test]
async fn our_own_is_written_whatever_envoy_does_if_the_config_says_so() {
    let (bed, _collector) = bed("own", Some(true)).await;
    assert_eq!(push(&bed, "m1", Some(INCOMING)).await.parent().trace_id, TRACE_ID);
    assert_eq!(push(&bed, "m2", None).await.parent().trace_id, derived("m2").0);
}
