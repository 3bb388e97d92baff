//! W3C Trace Context, Level 2, from the outside: what the working group's own test suite (w3c/trace-context,
//! `test/test.py`) asks a service, as data, asked of a service behind the filter.
//!
//! That suite was written for Level 1. Where Level 2 has changed the rule, the case says what Level 2 wants.

use pointsman_tests::Setup;
use pointsman_tests::context::{Context, Parent};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::PUSH;
use pointsman_tests::wire::Wire;
use std::collections::BTreeSet;
use std::net::SocketAddr;

const TRACE: &str = "c0ffee00c0ffee00c0ffee00c0ffee42";
const SPAN: &str = "b7ad6b7169203331";
const VALID: &str = "traceparent: 00-<t>-<s>-01";

/// What must become of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trace {
    /// It goes on: same trace id, new parent id.
    Continues,
    /// A new one begins.
    Restarts,
}

use Trace::{Continues, Restarts};

/// Header lines as they are written, with `<t>` and `<s>` for a valid trace id and parent id; what becomes of the trace;
/// the `tracestate` that the service must see, if any.
type Case<'a> = (&'a [&'a str], Trace, Option<&'a str>);

async fn send(addr: SocketAddr, lines: &[String]) -> String {
    let mut wire = Wire::connect(addr).await;
    wire.write(b"POST /push HTTP/1.1\r\nhost: push.internal\r\ncontent-length: 0\r\nconnection: close\r\n").await;
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    wire.write(format!("{lines}\r\n").as_bytes()).await;
    wire.answer().await.status
}

async fn check(cases: &[Case<'_>]) {
    let bed = Setup::with_rules(r#"{"service": "push"}"#).start().await;
    let mut span_ids = BTreeSet::from([SPAN.to_owned()]);
    let mut expected = Counts::default();
    for (lines, trace, state) in cases {
        let lines: Vec<String> = lines.iter().map(|line| line.replace("<t>", TRACE).replace("<s>", SPAN)).collect();
        assert_eq!(send(bed.envoy.inbound(), &lines).await, "HTTP/1.1 200 OK", "{lines:?}");
        let seen = Context::of(&bed.service.last().headers);
        let Parent { trace_id, parent_id, .. } = seen.parent();
        let became = if trace_id == TRACE { Continues } else { Restarts };
        assert_eq!(became, *trace, "{lines:?} became {seen:?}");
        assert!(span_ids.insert(parent_id.to_string()), "{lines:?}: not a new parent id");
        assert_eq!(seen.states, Vec::from_iter(state.map(str::to_owned)), "{lines:?}");
        expected = expected.call(PUSH, "ok").messages(PUSH, "ok", 1);
        let named = lines.iter().any(|line| line.to_ascii_lowercase().starts_with("traceparent:"));
        expected = match trace {
            Continues => expected.trace("continued"),
            Restarts if named => expected.trace("invalid").trace("random"),
            Restarts => expected.trace("random"),
        };
    }
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn a_parent_is_taken_up_if_it_is_valid_and_replaced_if_it_is_not() {
    check(&[
        (&[], Restarts, None),
        (&[VALID], Continues, None),
        (&[VALID, VALID], Restarts, None),
        (&["traceparent: 00-c0ffee00c0ffee00c0ffee00c0ffee43-<s>-01", VALID], Restarts, None),
        // The name, in any case but in no other spelling.
        (&["trace-parent: 00-<t>-<s>-01"], Restarts, None),
        (&["trace.parent: 00-<t>-<s>-01"], Restarts, None),
        (&["TraceParent: 00-<t>-<s>-01"], Continues, None),
        (&["tRaCePaReNt: 00-<t>-<s>-01"], Continues, None),
        (&["TRACEPARENT: 00-<t>-<s>-01"], Continues, None),
        // The version.
        (&["traceparent: 00-<t>-<s>-01."], Restarts, None),
        (&["traceparent: 00-<t>-<s>-01-and-more"], Restarts, None),
        (&["traceparent: cc-<t>-<s>-01"], Continues, None),
        (&["traceparent: cc-<t>-<s>-01-and-more"], Continues, None),
        (&["traceparent: cc-<t>-<s>-01.and-more"], Restarts, None),
        (&["traceparent: ff-<t>-<s>-01"], Restarts, None),
        (&["traceparent: .0-<t>-<s>-01"], Restarts, None),
        (&["traceparent: 0.-<t>-<s>-01"], Restarts, None),
        (&["traceparent: 000-<t>-<s>-01"], Restarts, None),
        (&["traceparent: 0000-<t>-<s>-01"], Restarts, None),
        (&["traceparent: 0-<t>-<s>-01"], Restarts, None),
        // The trace id.
        (&["traceparent: 00-00000000000000000000000000000000-<s>-01"], Restarts, None),
        (&["traceparent: 00-.0ffee00c0ffee00c0ffee00c0ffee42-<s>-01"], Restarts, None),
        (&["traceparent: 00-c0ffee00c0ffee00c0ffee00c0ffee4.-<s>-01"], Restarts, None),
        (&["traceparent: 00-C0FFEE00C0FFEE00C0FFEE00C0FFEE42-<s>-01"], Restarts, None),
        (&["traceparent: 00-<t>a-<s>-01"], Restarts, None),
        (&["traceparent: 00-c0ffee00c0ffee00c0ffee00c0ffee4-<s>-01"], Restarts, None),
        // The parent id.
        (&["traceparent: 00-<t>-0000000000000000-01"], Restarts, None),
        (&["traceparent: 00-<t>-.7ad6b7169203331-01"], Restarts, None),
        (&["traceparent: 00-<t>-b7ad6b716920333.-01"], Restarts, None),
        (&["traceparent: 00-<t>-<s>a-01"], Restarts, None),
        (&["traceparent: 00-<t>-b7ad6b716920333-01"], Restarts, None),
        // The flags.
        (&["traceparent: 00-<t>-<s>-.0"], Restarts, None),
        (&["traceparent: 00-<t>-<s>-0."], Restarts, None),
        (&["traceparent: 00-<t>-<s>-001"], Restarts, None),
        (&["traceparent: 00-<t>-<s>-1"], Restarts, None),
        // Space around the value is no part of it.
        (&["traceparent:  00-<t>-<s>-01"], Continues, None),
        (&["traceparent:\t00-<t>-<s>-01"], Continues, None),
        (&["traceparent: 00-<t>-<s>-01 "], Continues, None),
        (&["traceparent: 00-<t>-<s>-01\t"], Continues, None),
        (&["traceparent: \t 00-<t>-<s>-01 \t"], Continues, None),
    ])
    .await;
}

#[tokio::test]
async fn a_state_goes_on_beside_a_valid_parent_and_never_alone() {
    check(&[
        (&["tracestate: foo=1"], Restarts, None),
        (&["tracestate: foo=1,bar=2"], Restarts, None),
        (&["traceparent: 00-<t>-<s>-1", "tracestate: foo=1"], Restarts, None),
        (&[VALID, "tracestate: foo=1,bar=2"], Continues, Some("foo=1,bar=2")),
        // The name, in any case but in no other spelling.
        (&[VALID, "trace-state: foo=1"], Continues, None),
        (&[VALID, "trace.state: foo=1"], Continues, None),
        (&[VALID, "TraceState: foo=1"], Continues, Some("foo=1")),
        (&[VALID, "tRaCeStAtE: foo=1"], Continues, Some("foo=1")),
        (&[VALID, "TRACESTATE: foo=1"], Continues, Some("foo=1")),
        // Empty lines are no fault, and no line is sent on empty.
        (&[VALID, "tracestate:"], Continues, None),
        (&[VALID, "tracestate: foo=1", "tracestate:"], Continues, Some("foo=1")),
        (&[VALID, "tracestate:", "tracestate: foo=1"], Continues, Some("foo=1")),
        // Several lines are one list.
        (
            &[VALID, "tracestate: foo=1,bar=2", "tracestate: rojo=1,congo=2", "tracestate: baz=3"],
            Continues,
            Some("foo=1,bar=2,rojo=1,congo=2,baz=3"),
        ),
        // Level 1 had the whole list dropped; Level 2 lets the older entry of one key go.
        (&[VALID, "tracestate: foo=1,foo=1"], Continues, Some("foo=1")),
        (&[VALID, "tracestate: foo=1,foo=2"], Continues, Some("foo=1")),
        (&[VALID, "tracestate: foo=1", "tracestate: foo=1"], Continues, Some("foo=1")),
        (&[VALID, "tracestate: foo=1", "tracestate: foo=2"], Continues, Some("foo=1")),
        // Space around an entry is no part of it.
        (&[VALID, "tracestate: foo=1 \t , \t bar=2, \t baz=3"], Continues, Some("foo=1 \t , \t bar=2, \t baz=3")),
        (&[VALID, "tracestate:  foo=1"], Continues, Some("foo=1")),
        (&[VALID, "tracestate:\tfoo=1"], Continues, Some("foo=1")),
        (&[VALID, "tracestate: foo=1 "], Continues, Some("foo=1")),
        (&[VALID, "tracestate: foo=1\t"], Continues, Some("foo=1")),
        (&[VALID, "tracestate: \t foo=1 \t"], Continues, Some("foo=1")),
    ])
    .await;
}

#[tokio::test]
async fn a_state_that_is_not_in_the_grammar_is_dropped_and_the_trace_goes_on() {
    let key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    let value: String = (' '..='~').filter(|char| !matches!(char, ',' | '=')).collect();
    let plain = format!("{key}={value}");
    let of_tenant = format!("{key}@a-z0-9_-*/={value}");
    let key_of = |length| format!("{}=1", "z".repeat(length));
    let (longest, too_long) = (key_of(256), key_of(257));
    let members = |from: u32, to: u32| (from..=to).map(|n| format!("bar{n:02}={n:02}")).collect::<Vec<_>>().join(",");
    let line = |state: &str| format!("tracestate: {state}");
    let parts = [members(1, 10), members(11, 20), members(21, 30), members(31, 32), members(31, 33)];
    let [a, b, c, d, one_more] = parts.each_ref().map(|part| line(part));
    check(&[
        (&[VALID, &line(&plain)], Continues, Some(&plain)),
        (&[VALID, &line(&of_tenant)], Continues, Some(&of_tenant)),
        // Keys.
        (&[VALID, "tracestate: foo =1"], Continues, None),
        (&[VALID, "tracestate: FOO=1"], Continues, None),
        (&[VALID, "tracestate: foo.bar=1"], Continues, None),
        (&[VALID, "tracestate: @foo=1,bar=2"], Continues, None),
        (&[VALID, "tracestate: foo=1", &line(&longest)], Continues, Some(&format!("foo=1,{longest}"))),
        (&[VALID, "tracestate: foo=1", &line(&too_long)], Continues, None),
        // Level 1 cut keys in two at the `@`; in Level 2 it is a character like any other but the first.
        (&[VALID, "tracestate: foo@=1,bar=2"], Continues, Some("foo@=1,bar=2")),
        (&[VALID, "tracestate: foo@@bar=1,bar=2"], Continues, Some("foo@@bar=1,bar=2")),
        (&[VALID, "tracestate: foo@bar@baz=1,bar=2"], Continues, Some("foo@bar@baz=1,bar=2")),
        // Values.
        (&[VALID, "tracestate: foo=bar=baz"], Continues, None),
        (&[VALID, "tracestate: foo=,bar=3"], Continues, None),
        // 32 entries, in as many lines as one likes.
        (&[VALID, &a, &b, &c, &d], Continues, Some(&members(1, 32))),
        (&[VALID, &a, &b, &c, &one_more], Continues, None),
    ])
    .await;
}
