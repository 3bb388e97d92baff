//! W3C Trace Context, Level 2: the cases of `tests/cases/trace/w3c.toml` through the real Envoy, and through the pure core.

use pointsman_core::trace::{Incoming, StateVerdict, incoming};
use pointsman_tests::context::{Context, Parent};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::PUSH;
use pointsman_tests::wire::Wire;
use pointsman_tests::{Setup, repository};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;

const TRACE: &str = "c0ffee00c0ffee00c0ffee00c0ffee42";
const SPAN: &str = "b7ad6b7169203331";

/// The flags of a trace that begins here: sampled and random.
const OF_OWN: &str = "03";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    lines: Vec<String>,
    trace: Trace,
    flags: Option<String>,
    state: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Trace {
    Continues,
    Restarts,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(repository("tests/cases/trace/w3c.toml")).unwrap();
    let cases: Cases = toml::from_str(&text).unwrap();
    let filled = cases.case.into_iter().map(|case| Case {
        lines: case.lines.iter().map(|line| fill(line)).collect(),
        state: case.state.as_deref().map(fill),
        ..case
    });
    filled.collect()
}

/// Puts the ids in their places, and as many characters as are named.
fn fill(text: &str) -> String {
    let text = text.replace("<t>", TRACE).replace("<s>", SPAN);
    let mut parts = text.split('<');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let repeated = part.split_once('>').and_then(|(repeated, rest)| Some((repeated.split_once('*')?, rest)));
        let Some(((what, count), rest)) =
            repeated.and_then(|((what, count), rest)| Some(((what, count.parse().ok()?), rest)))
        else {
            filled.push('<');
            filled.push_str(part);
            continue;
        };
        filled.push_str(&what.repeat(count));
        filled.push_str(rest);
    }
    filled
}

/// The values of a header's lines, without the space around them.
fn values<'a>(case: &'a Case, name: &str) -> Vec<&'a [u8]> {
    let lines = case.lines.iter().filter_map(|line| line.split_once(':'));
    let named = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim_matches([' ', '\t']).as_bytes()).collect()
}

async fn send(addr: SocketAddr, lines: &[String]) -> String {
    let mut wire = Wire::connect(addr).await;
    wire.write(b"POST /push HTTP/1.1\r\nhost: push.internal\r\ncontent-length: 0\r\nconnection: close\r\n").await;
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    wire.write(format!("{lines}\r\n").as_bytes()).await;
    wire.answer().await.status
}

#[tokio::test]
async fn a_service_behind_envoy_sees_of_each_case_what_the_specification_says() {
    let bed = Setup::with_rules(r#"{"service": "push"}"#).start().await;
    let mut span_ids = BTreeSet::from([SPAN.to_owned()]);
    let mut expected = Counts::default();
    for case in cases() {
        let name = &case.name;
        assert_eq!(send(bed.envoy.inbound(), &case.lines).await, "HTTP/1.1 200 OK", "{name}");
        let seen = Context::of(&bed.service.last().headers);
        let Parent { trace_id, parent_id, flags } = seen.parent();
        let became = if trace_id == TRACE { Trace::Continues } else { Trace::Restarts };
        assert_eq!(became, case.trace, "{name}: {seen:?}");
        assert!(span_ids.insert(parent_id.to_string()), "{name}: not a new parent id");
        assert_eq!(seen.states, Vec::from_iter(case.state.clone()), "{name}");
        expected = expected.call(PUSH, "ok").messages(PUSH, "ok", 1);
        let is_named = !values(&case, "traceparent").is_empty();
        expected = match case.trace {
            Trace::Continues => {
                assert!(case.flags.as_ref().is_none_or(|expected| *expected == flags), "{name}: flags {flags}");
                expected.trace("continued")
            }
            Trace::Restarts => {
                assert_eq!(flags, OF_OWN, "{name}");
                let expected = expected.trace("random");
                if is_named { expected.trace("invalid") } else { expected }
            }
        };
    }
    bed.expect_counts(&expected).await;
}

#[test]
fn the_core_reads_each_case_as_the_specification_says() {
    for case in cases() {
        let name = &case.name;
        let context = incoming(values(&case, "traceparent"));
        match (&context, case.trace) {
            (Incoming::Valid(parent), Trace::Continues) => {
                assert_eq!((parent.trace_id.to_string(), parent.parent_id.to_string()), (TRACE.into(), SPAN.into()));
                let line = parent.to_string();
                let flags = line.rsplit('-').next().unwrap_or_default();
                assert!(case.flags.as_ref().is_none_or(|expected| expected == flags), "{name}: flags {flags}");
            }
            (Incoming::None | Incoming::Invalid(_), Trace::Restarts) => {}
            _ => panic!("{name}: {context:?}"),
        }
        let states = values(&case, "tracestate");
        let goes_on = match context.tracestate(states.iter().copied()) {
            StateVerdict::KeepAsIs => Some(String::from_utf8_lossy(&states.concat()).into_owned()),
            StateVerdict::Rewrite(state) => Some(state),
            StateVerdict::Absent | StateVerdict::Drop => None,
        };
        assert_eq!(goes_on, case.state, "{name}");
    }
}
