//! Twenty thousand messages through an application that knows nothing of traces, a thousand at a time: what is told of
//! them must be the truth, call by call.

use crate::failover::bed::adapt;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use pointsman_core::trace::{Key, TraceParent};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::{Client, Version, full};
use pointsman_host::otlp::Record;
use pointsman_tests::app::{App, absolute};
use pointsman_tests::collector::{Collector, Told, spans};
use pointsman_tests::context::Context;
use pointsman_tests::recorder::Recorder;
use pointsman_tests::{Bed, SECRET, Setup, pushes};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const MESSAGES: usize = 20_000;
const AT_ONCE: usize = 1_000;

/// Decides how long the application waits for what.
const SEED: u64 = 0x5eed;

/// How long records may take to come in once all messages are done.
const EXPORTED_WITHIN: Duration = Duration::from_secs(15);

const CONFIG: &str = r#"{
    "service": "push",
    "hold_request": true,
    "channels": ["oppo", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
    "nodes": [{
        "name": "FREQUENCY_FILTER",
        "direction": "outbound",
        "hosts": ["frequency.internal"],
        "message_id": [{"header": "x-message-id"}]
    }],
    "message": {"id": [{"json": "/id"}]},
    "records": {"cluster": "otlp", "max_batch": 2048, "buffer": 65536}
}"#;

/// What a message makes the application do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A form with JSON in a field.
    Form,
    /// JSON.
    Json,
    /// An internal node, with the id in a header, and then a form.
    Node,
    /// JSON with an id of the application's own.
    OtherId,
    /// A form without an id.
    NoId,
}

impl Kind {
    fn of(number: usize) -> Self {
        match number % 16 {
            0..=5 => Self::Form,
            6..=10 => Self::Json,
            11..=13 => Self::Node,
            14 => Self::OtherId,
            _ => Self::NoId,
        }
    }

    /// The nodes that it visits under the message's own id.
    const fn nodes(self) -> &'static [&'static str] {
        match self {
            Self::Form => &["OPPO_PUSH"],
            Self::Json => &["LC_PUSH"],
            Self::Node => &["FREQUENCY_FILTER", "OPPO_PUSH"],
            Self::OtherId | Self::NoId => &[],
        }
    }
}

fn id(number: usize) -> String {
    format!("m-{number:06}")
}

fn other_id(number: usize) -> String {
    format!("other-{number:06}")
}

/// Every fifth message comes in a trace of its caller's.
fn callers(number: usize) -> Option<TraceParent> {
    let line = format!("00-ca11e4{number:026x}-ca11e4{number:010x}-01");
    number.is_multiple_of(5).then(|| TraceParent::parse(line.as_bytes()).unwrap())
}

fn message(number: usize) -> Request<Bytes> {
    let request = pushes::service(&json!({"id": id(number), "number": number}));
    match callers(number) {
        Some(parent) => pushes::with(request, "traceparent", parent.to_string().as_bytes()),
        None => request,
    }
}

/// What the application asks others for a message.
fn work(message: &Value) -> Vec<Request<Bytes>> {
    let number = usize::try_from(message["number"].as_u64().unwrap()).unwrap();
    let id = id(number);
    match Kind::of(number) {
        Kind::Form => vec![pushes::oppo(&id)],
        Kind::Json => vec![pushes::lc(&id)],
        Kind::Node => {
            let check = Request::get(format!("/check/{number}")).header("host", "frequency.internal");
            vec![check.header("x-message-id", &id).body(Bytes::new()).unwrap(), pushes::oppo(&id)]
        }
        Kind::OtherId => vec![pushes::lc(&other_id(number))],
        Kind::NoId => vec![pushes::oppo_nameless(&pushes::oppo_registration(&id))],
    }
}

/// Accepts everything, each under a number of its own.
async fn vendor() -> Recorder {
    let numbers = Arc::new(AtomicU64::new(0));
    Recorder::start(move |_| {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let body = json!({"code": 0, "message": "ok", "data": {"messageId": format!("v-{number}")}});
        let mut response = Response::new(full(body.to_string()));
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
        response
    })
    .await
}

/// Room for a thousand calls at once, and a way to the internal node.
fn edit(bootstrap: &mut Value) {
    adapt(bootstrap, Duration::from_secs(30));
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().unwrap() {
        // A worker that has five hundred requests to begin may look at its connections late.
        cluster["connect_timeout"] = "10s".into();
    }
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().unwrap() {
        let hosts = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"];
        for host in hosts.as_array_mut().into_iter().flatten().filter(|host| host["name"] == "gateway") {
            host["domains"] = json!(["lc.internal", "frequency.internal"]);
        }
    }
}

/// All messages, a thousand at a time.
async fn load(bed: &Bed) {
    let client = Client::new(bed.envoy.inbound(), Version::Http1).timeout(Duration::from_secs(30));
    let mut senders = JoinSet::new();
    for first in 0..AT_ONCE {
        let client = client.clone();
        senders.spawn(async move {
            // Connections come one after the other, as everywhere.
            sleep(Duration::from_millis(first as u64 / 2)).await;
            for number in (first..MESSAGES).step_by(AT_ONCE) {
                let answer = client.send(absolute(message(number))).await.expect("an answer");
                assert_eq!(answer.status, StatusCode::OK, "{}", id(number));
            }
        });
    }
    senders.join_all().await;
}

/// What has become of the calls whose message's id is visible on both sides, and of the others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// Calls under the message's own id.
    visible: usize,
    /// Of them: children of the inbound visit.
    edges: usize,
    /// Without a parent, in the inbound visit's trace all the same: both derive it from the id.
    same_trace: usize,
    /// Without a parent in the trace that the id stands for, to which the inbound visit, in its caller's trace, has a link.
    linked_trace: usize,
    /// In another trace.
    wrong_trace: usize,
    /// Children of something else.
    wrong_edges: usize,
    /// Calls under another id, or none.
    hidden: usize,
    /// Of them: children of anything, or in the inbound visit's trace.
    wrong_hidden: usize,
}

impl Tally {
    fn of(spans: &[Record]) -> Self {
        let key = Key::new(SECRET.as_bytes()).unwrap();
        let inbound: BTreeMap<&str, &Record> = spans
            .iter()
            .filter(|span| span.word("push.node") == "PUSH")
            .map(|span| (span.word("messaging.message.id"), span))
            .collect();
        let mut tally = Self::default();
        for span in spans.iter().filter(|span| span.word("push.node") != "PUSH") {
            let id = span.word("messaging.message.id");
            match inbound.get(id) {
                Some(inbound) => tally.visible(span, inbound, &key.trace_id("default", id).to_string()),
                None => tally.hidden(span, &inbound),
            }
        }
        tally
    }

    fn visible(&mut self, span: &Record, inbound: &Record, derived: &str) {
        self.visible += 1;
        let is_linked = inbound.links.iter().any(|link| link.trace_id == span.trace_id);
        let count = match span.parent_span_id.as_str() {
            parent if parent == inbound.span_id && span.trace_id == inbound.trace_id => &mut self.edges,
            "" if span.trace_id == inbound.trace_id => &mut self.same_trace,
            "" if span.trace_id == derived && is_linked => &mut self.linked_trace,
            "" => &mut self.wrong_trace,
            _ => &mut self.wrong_edges,
        };
        *count += 1;
    }

    fn hidden(&mut self, span: &Record, inbound: &BTreeMap<&str, &Record>) {
        self.hidden += 1;
        let id = span.word("messaging.message.id").replacen("other-", "m-", 1);
        let in_trace = inbound.get(id.as_str()).is_some_and(|inbound| inbound.trace_id == span.trace_id);
        self.wrong_hidden += usize::from(in_trace || !span.parent_span_id.is_empty());
    }

    /// Calls that have an id and no parent.
    fn missed(&self) -> usize {
        self.visible - self.edges
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { visible, edges, same_trace, linked_trace, wrong_trace, wrong_edges, hidden, wrong_hidden } = self;
        write!(
            f,
            "{visible} calls under the message's id: {edges} under their parent, {same_trace} without it in its trace, \
             {linked_trace} in a trace that is linked, {wrong_trace} in another trace, {wrong_edges} under a wrong parent; \
             {hidden} under another id or none, {wrong_hidden} of them tied"
        )
    }
}

/// Waits until everything that was made has come, and returns the spans.
async fn exported(bed: &Bed, collector: &Collector) -> Vec<Record> {
    let calls: usize = (0..MESSAGES).map(|number| 1 + calls(number)).sum();
    bed.expect("pointsman_records_total", &[("kind", "span")], f64::from(u32::try_from(calls).unwrap())).await;
    let all = timeout(EXPORTED_WITHIN, async {
        loop {
            let spans = spans(&collector.records());
            if spans.len() >= calls {
                return spans;
            }
            sleep(Duration::from_millis(500)).await;
        }
    });
    let spans = all.await.expect("all spans come in");
    assert_eq!(spans.len(), calls, "none comes twice");
    bed.expect("pointsman_records_dropped_total", &[], 0.0).await;
    spans
}

/// How many calls a message makes.
fn calls(number: usize) -> usize {
    Kind::of(number).nodes().len().max(1)
}

/// How many of the messages are of this kind.
fn of_kind(kind: Kind) -> usize {
    (0..MESSAGES).filter(|number| Kind::of(*number) == kind).count()
}

/// The places that others were told of are those that were exported, and no other.
fn assert_written_is_told(spans: &[Record], others: &[&Recorder]) {
    let told: BTreeSet<_> = spans.iter().filter(|span| span.word("push.node") != "PUSH").map(Record::place).collect();
    let requests = others.iter().flat_map(|other| other.requests());
    let written: BTreeSet<_> = requests
        .map(|request| Context::of(&request.headers))
        .filter(|context| !context.is_none())
        .map(|context| context.parent())
        .map(|parent| (parent.trace_id, parent.parent_id.to_string()))
        .collect();
    let nowhere: Vec<_> = written.difference(&told).take(5).collect();
    assert!(nowhere.is_empty(), "written, but of no span: {nowhere:?}");
    assert_eq!(written.len(), calls_in_all() - of_kind(Kind::NoId), "one for each call that has an id");
}

fn calls_in_all() -> usize {
    (0..MESSAGES).map(calls).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_thousand_messages_all_are_in_the_right_trace_and_nearly_all_under_the_right_parent() {
    let (collector, app) = (Collector::start(), App::start(SEED, work).await);
    let (oppo, gateway) = (vendor().await, vendor().await);
    let setup = Setup::with_rules(CONFIG).workers(2).collector(collector.addr()).edit(edit);
    let setup = setup.upstream("service", app.addr, Protocol::AsShipped);
    let setup = setup.upstream("oppo", oppo.addr, Protocol::Http1).upstream("gateway", gateway.addr, Protocol::Http1);
    let bed = setup.start().await;
    app.reaches(bed.envoy.outbound());

    let began = Instant::now();
    load(&bed).await;
    let took = began.elapsed();
    let spans = exported(&bed, &collector).await;
    let tally = Tally::of(&spans);
    let rate = u128::try_from(MESSAGES).unwrap() * 1_000 / took.as_millis();
    println!("{tally}; {rate} messages a second");

    let visible: usize = (0..MESSAGES).map(|number| Kind::of(number).nodes().len()).sum();
    assert_eq!((tally.visible, tally.hidden), (visible, of_kind(Kind::OtherId) + of_kind(Kind::NoId)));
    assert_eq!((tally.wrong_edges, tally.wrong_trace, tally.wrong_hidden), (0, 0, 0), "{tally}");
    assert!(tally.edges * 1_000 >= tally.visible * 995, "{tally}");
    assert_written_is_told(&spans, &[&oppo, &gateway]);

    // What it says of itself is the same.
    let scrape = bed.scrape().await;
    let of = |result| scrape.sum("pointsman_stitches_total", &[("result", result)]);
    let exact = |count: usize| f64::from(u32::try_from(count).unwrap());
    assert_eq!(of("found"), exact(tally.edges));
    assert_eq!(of("missed"), exact(tally.missed() + of_kind(Kind::OtherId)));
    assert_eq!(of("ambiguous"), 0.0);
    assert_eq!(of("kept") + of("displaced") + of("contended"), exact(MESSAGES));
    println!("kept {}, displaced {}, contended {}", of("kept"), of("displaced"), of("contended"));
}
