//! The B3 headers of Zipkin: `b3` alone, or `X-B3-*`.
//!
//! <https://github.com/openzipkin/b3-propagation>. Trace ids may have 64 bits there. `ParentSpanId` is for clients and
//! servers that share one span: it is not read, and never written.

use super::flags::Flags;
use super::hex;
use super::ids::{SpanId, TraceId};
use super::traceparent::TraceParent;
use crate::headers::Headers;

/// The trace context of a request in B3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum B3 {
    /// None of the headers.
    Absent,
    /// Headers that say nothing: they are ignored.
    Invalid,
    /// No trace, only whether the one that begins here is to be recorded.
    Decision(bool),
    /// A trace, of which the receiver decides whether it is recorded; as it stands here it is not.
    Undecided(TraceParent),
    /// A trace, with the decision.
    Context(TraceParent),
}

impl B3 {
    /// Every header of it.
    pub const HEADERS: [&'static str; 6] =
        ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"];

    /// Reads `b3`, or the `X-B3-*` where that is missing or invalid. Debug is a decision to record. No claim is made about
    /// how the trace id came about.
    pub fn read(headers: &Headers<'_>) -> Self {
        let single = match only(headers, "b3") {
            Ok(None) => Self::Absent,
            Ok(Some(value)) => Self::single(value).unwrap_or(Self::Invalid),
            Err(Several) => Self::Invalid,
        };
        match (single, Self::several(headers)) {
            (Self::Absent, several) => several,
            (Self::Invalid, several) if several != Self::Absent => several,
            (single, _) => single,
        }
    }

    fn single(value: &[u8]) -> Option<Self> {
        if let Some(sampled) = decision(value) {
            return Some(Self::Decision(sampled));
        }
        let mut fields = value.split(|byte| *byte == b'-');
        let (trace_id, span_id) = (trace_id(fields.next()?)?, SpanId::from_hex(fields.next()?)?);
        let Some(third) = fields.next() else { return Some(Self::context(trace_id, span_id, None)) };
        // The decision may be left out where the parent is not.
        let sampled = decision(third);
        let parent = if sampled.is_some() { fields.next() } else { Some(third) };
        let whole = parent.is_none_or(|parent| hex::decode::<8>(parent).is_some()) && fields.next().is_none();
        whole.then_some(Self::context(trace_id, span_id, sampled))
    }

    fn several(headers: &Headers<'_>) -> Self {
        let names = ["x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"];
        let [Ok(trace), Ok(span), Ok(sampled), Ok(flags)] = names.map(|name| only(headers, name)) else {
            return Self::Invalid;
        };
        let sampled = match (flags, sampled) {
            (Some(b"1"), _) => Some(true),
            (_, None) => None,
            (_, Some(b"1" | b"true")) => Some(true),
            (_, Some(b"0" | b"false")) => Some(false),
            (_, Some(_)) => return Self::Invalid,
        };
        match (trace, span) {
            (None, None) => sampled.map_or(Self::Absent, Self::Decision),
            (Some(trace), Some(span)) => match (trace_id(trace), SpanId::from_hex(span)) {
                (Some(trace_id), Some(span_id)) => Self::context(trace_id, span_id, sampled),
                _ => Self::Invalid,
            },
            _ => Self::Invalid,
        }
    }

    fn context(trace_id: TraceId, parent_id: SpanId, sampled: Option<bool>) -> Self {
        let context = TraceParent { trace_id, parent_id, flags: Flags::new(sampled == Some(true), false) };
        if sampled.is_some() { Self::Context(context) } else { Self::Undecided(context) }
    }

    /// The value of `b3`.
    pub fn write_single(context: &TraceParent) -> String {
        format!("{}-{}-{}", context.trace_id, context.parent_id, sampled(context))
    }

    /// Names and values of the `X-B3-*`.
    pub fn write_multi(context: &TraceParent) -> [(&'static str, String); 3] {
        [
            ("x-b3-traceid", context.trace_id.to_string()),
            ("x-b3-spanid", context.parent_id.to_string()),
            ("x-b3-sampled", sampled(context).to_owned()),
        ]
    }
}

struct Several;

/// The one value of a header, as with `traceparent`: of several, none can be preferred.
fn only<'a>(headers: &Headers<'a>, name: &str) -> Result<Option<&'a [u8]>, Several> {
    let mut values = headers.all(name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Several),
        (value, None) => Ok(value.map(<[u8]>::trim_ascii)),
    }
}

fn decision(value: &[u8]) -> Option<bool> {
    match value {
        b"0" => Some(false),
        b"1" | b"d" => Some(true),
        _ => None,
    }
}

/// A trace id of 128 bits, or one of 64, which zeros precede.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    TraceId::from_hex(digits).or_else(|| {
        let low: [u8; 8] = hex::decode(digits)?;
        TraceId::from_bytes(u128::from(u64::from_be_bytes(low)).to_be_bytes())
    })
}

const fn sampled(context: &TraceParent) -> &'static str {
    if context.flags.sampled() { "1" } else { "0" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SHORT: &str = "64fe8b2a57d3eff7";
    const ZERO: &str = "0000000000000000";
    const SPAN: &str = "e457b5a2e4d86bd1";
    const PARENT: &str = "05e3ac9a4f6e3b90";

    fn read(lines: &[(&str, &str)]) -> B3 {
        B3::read(&lines.iter().copied().collect())
    }

    fn single(value: &str) -> B3 {
        read(&[("b3", value)])
    }

    fn context(trace: &str, sampled: bool) -> TraceParent {
        TraceParent {
            trace_id: TraceId::from_hex(trace.as_bytes()).unwrap(),
            parent_id: SpanId::from_hex(SPAN.as_bytes()).unwrap(),
            flags: Flags::new(sampled, false),
        }
    }

    #[test]
    fn the_single_header_is_read() {
        let (yes, no) = (context(TRACE, true), context(TRACE, false));
        let cases = [
            (format!("{TRACE}-{SPAN}-1-{PARENT}"), B3::Context(yes)),
            (format!("{TRACE}-{SPAN}-1"), B3::Context(yes)),
            (format!(" {TRACE}-{SPAN}-d "), B3::Context(yes)),
            (format!("{TRACE}-{SPAN}-0"), B3::Context(no)),
            (format!("{TRACE}-{SPAN}"), B3::Undecided(no)),
            (format!("{TRACE}-{SPAN}-{PARENT}"), B3::Undecided(no)),
            (format!("{SHORT}-{SPAN}-1"), B3::Context(context(&format!("{ZERO}{SHORT}"), true))),
            ("0".to_owned(), B3::Decision(false)),
            ("1".to_owned(), B3::Decision(true)),
            ("d".to_owned(), B3::Decision(true)),
        ];
        for (value, expected) in cases {
            assert_eq!(single(&value), expected, "{value}");
        }
    }

    #[test]
    fn what_is_no_context_is_ignored() {
        for value in [
            "",
            "2",
            "-",
            TRACE,
            &format!("{TRACE}-"),
            &format!("{TRACE}-{SPAN}0"),
            &format!("{TRACE}0-{SPAN}-1"),
            &format!("{ZERO}{ZERO}-{SPAN}-1"),
            &format!("{ZERO}-{SPAN}-1"),
            &format!("{TRACE}-{ZERO}-1"),
            &format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-"),
            &format!("{TRACE}-{SPAN}-1-"),
            &format!("{TRACE}-{SPAN}-1-{PARENT}-"),
        ] {
            assert_eq!(single(value), B3::Invalid, "{value}");
        }
        assert_eq!(read(&[("b3", "0"), ("b3", "0")]), B3::Invalid);
        assert_eq!(read(&[]), B3::Absent);
    }

    #[test]
    fn several_headers_are_read() {
        let (yes, no) = (context(TRACE, true), context(TRACE, false));
        let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-parentspanid", "whatever")];
        let cases = [
            (vec![], B3::Undecided(no), B3::Absent),
            (vec![("x-b3-sampled", "1")], B3::Context(yes), B3::Decision(true)),
            (vec![("x-b3-sampled", "true")], B3::Context(yes), B3::Decision(true)),
            (vec![("x-b3-sampled", "0")], B3::Context(no), B3::Decision(false)),
            (vec![("x-b3-sampled", "false")], B3::Context(no), B3::Decision(false)),
            (vec![("x-b3-sampled", "d")], B3::Invalid, B3::Invalid),
            (vec![("x-b3-flags", "1"), ("x-b3-sampled", "0")], B3::Context(yes), B3::Decision(true)),
            (vec![("x-b3-flags", "0")], B3::Undecided(no), B3::Absent),
            (vec![("x-b3-sampled", "1"), ("x-b3-sampled", "1")], B3::Invalid, B3::Invalid),
        ];
        for (more, expected, alone) in cases {
            assert_eq!(read(&[&ids, more.as_slice()].concat()), expected, "{more:?}");
            assert_eq!(read(&more), alone, "{more:?}");
        }
        assert_eq!(read(&ids[..1]), B3::Invalid);
        assert_eq!(read(&ids[1..]), B3::Invalid);
        assert_eq!(read(&[("x-b3-traceid", "x"), ids[1]]), B3::Invalid);
    }

    #[test]
    fn the_single_header_comes_first_if_it_is_valid() {
        let ids = [("x-b3-traceid", TRACE), ("x-b3-spanid", SPAN), ("x-b3-sampled", "1")];
        assert_eq!(read(&[&ids[..], &[("b3", "0")]].concat()), B3::Decision(false));
        assert_eq!(read(&[&ids[..], &[("b3", "x")]].concat()), B3::Context(context(TRACE, true)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            trace_id in any::<[u8; 16]>().prop_filter_map("zero", TraceId::from_bytes),
            parent_id in any::<[u8; 8]>().prop_filter_map("zero", SpanId::from_bytes),
            sampled: bool,
            random: bool,
        ) {
            let context = TraceParent { trace_id, parent_id, flags: Flags::new(sampled, random) };
            let expected = B3::Context(TraceParent { flags: Flags::new(sampled, false), ..context });
            let several = B3::write_multi(&context);
            let several: Vec<_> = several.iter().map(|(name, value)| (*name, value.as_str())).collect();
            prop_assert_eq!(single(&B3::write_single(&context)), expected);
            prop_assert_eq!(read(&several), expected);
        }

        #[test]
        fn any_bytes_are_read_without_panic(value: Vec<u8>) {
            let names = ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"];
            let lines = names.iter().map(|name| (name.as_bytes(), value.as_slice()));
            let _ = B3::read(&lines.collect());
        }
    }
}
