//! Trace context: what comes in, what is derived, what goes on.
//!
//! The headers follow W3C Trace Context Level 2. A message that arrives without a context gets a trace id derived from
//! its tenant and id under a secret, so that sidecars on both sides of a queue arrive at one trace with no shared state.

mod b3;
mod derive;
mod flags;
mod hex;
mod ids;
mod recipient;
mod sampling;
mod traceparent;
mod tracer;
pub mod tracestate;

pub use b3::B3;
pub use derive::{InvalidSecret, Key, KeyId, MIN_SECRET_BYTES, RecipientHash};
pub use flags::Flags;
pub use ids::{SpanId, TraceId, random_span_id, random_trace_id};
pub use recipient::{CountryCode, Recipient};
pub use sampling::{InvalidRatio, Ratio, sampled};
pub use traceparent::{InvalidTraceParent, TRACEPARENT_LEN, TraceParent};
pub use tracer::{Tracer, Tracers};
pub use tracestate::StateVerdict;

/// The trace context of a request as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// No `traceparent`.
    None,
    /// One that can be continued.
    Valid(TraceParent),
    /// One that must be ignored: a new trace begins, and `tracestate` goes.
    Invalid(InvalidTraceParent),
}

/// Reads the values of all `traceparent` lines of a request.
pub fn incoming<'a>(traceparent_values: impl IntoIterator<Item = &'a [u8]>) -> Incoming {
    let mut values = traceparent_values.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Incoming::None,
        (Some(value), None) => TraceParent::parse(value).map_or_else(Incoming::Invalid, Incoming::Valid),
        (Some(_), Some(_)) => Incoming::Invalid(InvalidTraceParent::Several),
    }
}

impl Incoming {
    /// The context that can be continued.
    pub const fn valid(&self) -> Option<&TraceParent> {
        match self {
            Self::Valid(context) => Some(context),
            Self::None | Self::Invalid(_) => None,
        }
    }

    /// Judges the `tracestate` lines that came with this context. Without a valid one they are not even read.
    pub fn tracestate<'a>(&self, tracestate_values: impl IntoIterator<Item = &'a [u8]>) -> StateVerdict {
        match self {
            Self::Valid(_) => tracestate::inspect(tracestate_values),
            Self::None | Self::Invalid(_) => match tracestate_values.into_iter().next() {
                None => StateVerdict::Absent,
                Some(_) => StateVerdict::Drop,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn valid() -> Incoming {
        Incoming::Valid(TraceParent::parse(VALUE).unwrap())
    }

    #[test]
    fn no_line_is_no_context() {
        assert_eq!(incoming([]), Incoming::None);
    }

    #[test]
    fn one_valid_line_is_continued() {
        assert_eq!(incoming([VALUE]), valid());
    }

    #[test]
    fn one_invalid_line_begins_a_new_trace() {
        assert_eq!(incoming([b"".as_slice()]), Incoming::Invalid(InvalidTraceParent::TooShort { bytes: 0 }));
        assert_eq!(
            incoming([b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".as_slice()]),
            Incoming::Invalid(InvalidTraceParent::ForbiddenVersion)
        );
    }

    #[test]
    fn several_lines_begin_a_new_trace_even_if_all_are_valid_or_equal() {
        assert_eq!(incoming([VALUE, VALUE]), Incoming::Invalid(InvalidTraceParent::Several));
        assert_eq!(incoming([VALUE, b"", VALUE]), Incoming::Invalid(InvalidTraceParent::Several));
    }

    #[test]
    fn tracestate_goes_if_traceparent_is_missing_or_invalid_and_is_not_read() {
        for context in [incoming([]), incoming([VALUE, VALUE]), incoming([b"nonsense".as_slice()])] {
            let first_only = std::iter::once(b"foo=1".as_slice()).chain(std::iter::from_fn(|| panic!("read on")));
            assert_eq!(context.tracestate(first_only), StateVerdict::Drop);
            assert_eq!(context.tracestate([]), StateVerdict::Absent);
        }
    }

    #[test]
    fn tracestate_is_judged_if_traceparent_is_valid() {
        assert_eq!(valid().tracestate([]), StateVerdict::Absent);
        assert_eq!(valid().tracestate([b"foo=1".as_slice()]), StateVerdict::KeepAsIs);
        assert_eq!(valid().tracestate([b"foo=1".as_slice(), b""]), StateVerdict::Rewrite("foo=1".to_owned()));
    }

    #[test]
    fn an_invalid_tracestate_goes_alone() {
        assert_eq!(valid().tracestate([b"FOO=1".as_slice()]), StateVerdict::Drop);
    }
}
