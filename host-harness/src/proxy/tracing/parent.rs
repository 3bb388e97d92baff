//! The span that a request says it belongs to: `traceparent` and `tracestate` of W3C Trace Context, level 2.

use crate::abi::Headers;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use std::str::FromStr;

/// The length of a `traceparent` of version 00.
const LENGTH: usize = 55;

/// The caller's span; `None` if there is none or if it is not valid.
pub(super) fn read(request: &Headers) -> Option<SpanContext> {
    let mut values = request.iter().filter(|(name, _)| *name == b"traceparent");
    let (_, value) = values.next()?;
    if values.next().is_some() {
        return None;
    }
    let [trace_id, span_id, flags] = fields(std::str::from_utf8(value).ok()?)?;
    let trace_id = TraceId::from_hex(trace_id).ok().filter(|id| *id != TraceId::INVALID)?;
    let span_id = SpanId::from_hex(span_id).ok().filter(|id| *id != SpanId::INVALID)?;
    // All bits but the first are for others to read.
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let state = request.get_str("tracestate").and_then(|state| TraceState::from_str(state).ok());
    Some(SpanContext::new(trace_id, span_id, flags, true, state.unwrap_or_default()))
}

/// Trace id, span id and flags. The SDK's own reader takes ids that are too short.
fn fields(value: &str) -> Option<[&str; 3]> {
    let mut parts = value.get(..LENGTH)?.split('-');
    let (version, ids) = (parts.next()?, [parts.next()?, parts.next()?, parts.next()?]);
    let rest = value.get(LENGTH..)?;
    let long = version != "00" && rest.starts_with('-');
    let whole = parts.next().is_none() && (rest.is_empty() || long);
    let hex =
        |part: &str, length| part.len() == length && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let digits = hex(version, 2) && ids.iter().zip([32, 16, 2]).all(|(part, length)| hex(part, length));
    (whole && digits && version != "ff").then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::abi::Headers;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    /// Trace id, span id and whether it is sampled.
    fn parent(values: &[&str]) -> Option<(String, String, bool)> {
        let headers: Headers = values.iter().map(|value| ("traceparent", *value)).collect();
        let parent = read(&headers)?;
        Some((parent.trace_id().to_string(), parent.span_id().to_string(), parent.is_sampled()))
    }

    #[test]
    fn a_valid_parent_is_taken_with_its_decision() {
        let cases = [
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-01"), true),
            (format!("00-{TRACE}-{SPAN}-02"), false),
            (format!("00-{TRACE}-{SPAN}-03"), true),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-01-what-comes"), true),
        ];
        for (value, sampled) in cases {
            assert_eq!(parent(&[&value]), Some((TRACE.to_owned(), SPAN.to_owned(), sampled)), "{value}");
        }
    }

    #[test]
    fn a_parent_that_is_not_valid_is_no_parent() {
        let zeros = "0".repeat(32);
        let cases = [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("cc-{TRACE}-{SPAN}-01more"),
            format!("00-{zeros}-{SPAN}-01"),
            format!("00-{TRACE}-{}-01", &zeros[..16]),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-\u{e9}{}-01", &SPAN[2..]),
        ];
        for value in cases {
            assert_eq!(parent(&[&value]), None, "{value}");
        }
        let twice = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(parent(&[&twice, &twice]), None);
    }

    #[test]
    fn a_state_that_is_not_valid_costs_only_itself() {
        let traceparent = format!("00-{TRACE}-{SPAN}-01");
        for (state, expected) in [("a=1,b=2", "a=1,b=2"), ("no state", "")] {
            let headers: Headers = [("traceparent", traceparent.as_str()), ("tracestate", state)].into_iter().collect();
            assert_eq!(read(&headers).unwrap().trace_state().header(), expected);
        }
    }
}
