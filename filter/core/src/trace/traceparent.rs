//! The `traceparent` header of W3C Trace Context Level 2.
//!
//! Whatever the version that comes in, version 00 goes out: that is what the specification asks of those who know no
//! higher one.

use std::fmt;

use super::flags::Flags;
use super::hex;
use super::ids::{SpanId, TraceId};

/// The length of a `traceparent` of version 00, in bytes. Those of higher versions may be longer, never shorter.
pub const TRACEPARENT_LEN: usize = 55;

const FORBIDDEN_VERSION: u8 = 0xff;

/// A trace context as it travels from one service to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that sends the request: the parent of whatever the receiver records.
    pub parent_id: SpanId,
    /// Whether the trace is recorded, and how its id came about.
    pub flags: Flags,
}

/// Why a `traceparent` must be ignored. Offsets count bytes from the first that is not a space or tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTraceParent {
    /// It is shorter than any version allows.
    #[error("traceparent has {bytes} bytes, at least {TRACEPARENT_LEN} are needed")]
    TooShort {
        /// Its length without surrounding spaces and tabs.
        bytes: usize,
    },
    /// The version `ff`.
    #[error("traceparent has the forbidden version ff")]
    ForbiddenVersion,
    /// No dash between two fields.
    #[error("traceparent has no dash at byte {at}")]
    Delimiter {
        /// Where the dash should be.
        at: usize,
    },
    /// A character that is not a hexadecimal digit.
    #[error("traceparent has a character that is not hexadecimal at byte {at}")]
    NotHex {
        /// Where it stands.
        at: usize,
    },
    /// A hexadecimal digit in upper case.
    #[error("traceparent has an upper-case digit at byte {at}")]
    UpperCase {
        /// Where it stands.
        at: usize,
    },
    /// The trace id is zero.
    #[error("traceparent has the trace id zero")]
    ZeroTraceId,
    /// The parent id is zero.
    #[error("traceparent has the parent id zero")]
    ZeroParentId,
    /// Version 00, and something behind the flags.
    #[error("traceparent of version 00 is longer than {TRACEPARENT_LEN} bytes")]
    TrailingData,
    /// A higher version, and something other than a dash behind the flags.
    #[error("traceparent of a higher version has no dash behind its flags")]
    Extension,
    /// More than one header line, so that it is open which one counts.
    #[error("there is more than one traceparent")]
    Several,
}

impl TraceParent {
    /// A context that begins here. Every trace id begun here is random or pseudo-random, and its flags say so.
    pub const fn begin(trace_id: TraceId, parent_id: SpanId, sampled: bool) -> Self {
        Self { trace_id, parent_id, flags: Flags::new(sampled, true) }
    }

    /// The same trace as seen by the next service: `span_id` is the span that sends it. This is also the one way to
    /// change `sampled`, because the specification lets it change only together with the parent id.
    pub const fn child(&self, span_id: SpanId, sampled: bool) -> Self {
        Self { trace_id: self.trace_id, parent_id: span_id, flags: Flags::new(sampled, self.flags.random()) }
    }

    /// Reads the value of the header. Spaces and tabs around it are no part of it.
    ///
    /// # Errors
    /// The first reason, from the left, for which the specification has the header ignored.
    pub fn parse(value: &[u8]) -> Result<Self, InvalidTraceParent> {
        let value = trim_ows(value);
        let Some((known, extension)) = value.split_first_chunk::<TRACEPARENT_LEN>() else {
            return Err(InvalidTraceParent::TooShort { bytes: value.len() });
        };
        let [version] = field(known, 0)?;
        dash(known, 2)?;
        check_extension(version, extension)?;
        let trace_id = field(known, 3)?;
        dash(known, 35)?;
        let parent_id = field(known, 36)?;
        dash(known, 52)?;
        let [flags] = field(known, 53)?;
        Ok(Self {
            trace_id: TraceId::from_bytes(trace_id).ok_or(InvalidTraceParent::ZeroTraceId)?,
            parent_id: SpanId::from_bytes(parent_id).ok_or(InvalidTraceParent::ZeroParentId)?,
            flags: Flags::from_byte(flags),
        })
    }

    /// The value of the header, in version 00.
    pub fn to_header(&self) -> [u8; TRACEPARENT_LEN] {
        let mut header = [b'-'; TRACEPARENT_LEN];
        let mut slots = header.iter_mut();
        hex::write(&[0], &mut slots);
        slots.next();
        hex::write(self.trace_id.as_bytes(), &mut slots);
        slots.next();
        hex::write(self.parent_id.as_bytes(), &mut slots);
        slots.next();
        hex::write(&[self.flags.as_byte()], &mut slots);
        header
    }
}

/// The value of the header, in version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_header()).unwrap_or_default())
    }
}

fn trim_ows(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn field<const N: usize>(known: &[u8; TRACEPARENT_LEN], at: usize) -> Result<[u8; N], InvalidTraceParent> {
    let digits = known.get(at..at + 2 * N).unwrap_or_default();
    hex::decode(digits).ok_or_else(|| not_hex(digits, at))
}

fn not_hex(digits: &[u8], at: usize) -> InvalidTraceParent {
    let wrong = digits.iter().position(|digit| !hex::is_digit(*digit)).unwrap_or_default();
    let at = at + wrong;
    match digits.get(wrong) {
        Some(b'A'..=b'F') => InvalidTraceParent::UpperCase { at },
        _ => InvalidTraceParent::NotHex { at },
    }
}

fn dash(known: &[u8; TRACEPARENT_LEN], at: usize) -> Result<(), InvalidTraceParent> {
    if known.get(at) == Some(&b'-') { Ok(()) } else { Err(InvalidTraceParent::Delimiter { at }) }
}

fn check_extension(version: u8, extension: &[u8]) -> Result<(), InvalidTraceParent> {
    match (version, extension) {
        (FORBIDDEN_VERSION, _) => Err(InvalidTraceParent::ForbiddenVersion),
        (_, []) => Ok(()),
        (0, _) => Err(InvalidTraceParent::TrailingData),
        (_, [b'-', ..]) => Ok(()),
        _ => Err(InvalidTraceParent::Extension),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE_ID: &str = "12345678901234567890123456789012";
    const PARENT_ID: &str = "1234567890123456";

    fn parse(value: &str) -> Result<String, InvalidTraceParent> {
        TraceParent::parse(value.as_bytes()).map(|parent| parent.to_string())
    }

    fn check(cases: &[(&str, Result<&str, InvalidTraceParent>)]) {
        for (value, expected) in cases {
            assert_eq!(parse(value), expected.map(str::to_owned), "{value:?}");
        }
    }

    fn header(version: &str, flags: &str) -> String {
        format!("{version}-{TRACE_ID}-{PARENT_ID}-{flags}")
    }

    #[test]
    fn a_valid_header_is_read_into_its_parts() {
        let parent = TraceParent::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.parent_id.to_string(), "00f067aa0ba902b7");
        assert!(parent.flags.sampled());
        assert!(!parent.flags.random());
        assert_eq!(&parent.to_header(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    }

    #[test]
    fn the_version_is_two_digits_and_not_ff() {
        check(&[
            (&header(".0", "01"), Err(InvalidTraceParent::NotHex { at: 0 })),
            (&header("0.", "01"), Err(InvalidTraceParent::NotHex { at: 1 })),
            (&header("0A", "01"), Err(InvalidTraceParent::UpperCase { at: 1 })),
            (&header("000", "01"), Err(InvalidTraceParent::Delimiter { at: 2 })),
            (&header("0000", "01"), Err(InvalidTraceParent::Delimiter { at: 2 })),
            (&header("0", "01"), Err(InvalidTraceParent::TooShort { bytes: 54 })),
            (&header("ff", "01"), Err(InvalidTraceParent::ForbiddenVersion)),
            (&header("ff", "01-more"), Err(InvalidTraceParent::ForbiddenVersion)),
        ]);
    }

    #[test]
    fn a_trace_id_that_is_zero_or_not_32_lower_case_digits_is_refused() {
        check(&[
            ("00-00000000000000000000000000000000-1234567890123456-01", Err(InvalidTraceParent::ZeroTraceId)),
            ("00-.2345678901234567890123456789012-1234567890123456-01", Err(InvalidTraceParent::NotHex { at: 3 })),
            ("00-1234567890123456789012345678901.-1234567890123456-01", Err(InvalidTraceParent::NotHex { at: 34 })),
            ("00-1234567890123456789012345678901F-1234567890123456-01", Err(InvalidTraceParent::UpperCase { at: 34 })),
            ("00-123456789012345678901234567890123-1234567890123456-01", Err(InvalidTraceParent::TrailingData)),
            ("cc-123456789012345678901234567890123-1234567890123456-01", Err(InvalidTraceParent::Extension)),
            ("00-1234567890123456789012345678901-1234567890123456-01", Err(InvalidTraceParent::TooShort { bytes: 54 })),
            ("00-1234567890123456789012345678901-12345678901234567-01", Err(InvalidTraceParent::NotHex { at: 34 })),
        ]);
    }

    #[test]
    fn a_parent_id_that_is_zero_or_not_16_lower_case_digits_is_refused() {
        check(&[
            ("00-12345678901234567890123456789012-0000000000000000-01", Err(InvalidTraceParent::ZeroParentId)),
            ("00-12345678901234567890123456789012-.234567890123456-01", Err(InvalidTraceParent::NotHex { at: 36 })),
            ("00-12345678901234567890123456789012-123456789012345.-01", Err(InvalidTraceParent::NotHex { at: 51 })),
            ("00-12345678901234567890123456789012-123456789012345B-01", Err(InvalidTraceParent::UpperCase { at: 51 })),
            ("00-12345678901234567890123456789012-12345678901234567-1", Err(InvalidTraceParent::Delimiter { at: 52 })),
            ("00-12345678901234567890123456789012-123456789012345-01", Err(InvalidTraceParent::TooShort { bytes: 54 })),
            ("00-12345678901234567890123456789012.1234567890123456-01", Err(InvalidTraceParent::Delimiter { at: 35 })),
        ]);
    }

    #[test]
    fn flags_are_two_lower_case_digits() {
        check(&[
            (&header("00", ".0"), Err(InvalidTraceParent::NotHex { at: 53 })),
            (&header("00", "0."), Err(InvalidTraceParent::NotHex { at: 54 })),
            (&header("00", "0B"), Err(InvalidTraceParent::UpperCase { at: 54 })),
            (&header("cc", "0."), Err(InvalidTraceParent::NotHex { at: 54 })),
            (&header("00", "001"), Err(InvalidTraceParent::TrailingData)),
            (&header("00", "1"), Err(InvalidTraceParent::TooShort { bytes: 54 })),
            ("", Err(InvalidTraceParent::TooShort { bytes: 0 })),
            (" \t ", Err(InvalidTraceParent::TooShort { bytes: 0 })),
        ]);
    }

    #[test]
    fn version_00_ends_with_its_flags() {
        check(&[
            (&header("00", "01."), Err(InvalidTraceParent::TrailingData)),
            (&header("00", "01-"), Err(InvalidTraceParent::TrailingData)),
            (&header("00", "01-what-the-future-will-be-like"), Err(InvalidTraceParent::TrailingData)),
        ]);
    }

    #[test]
    fn a_higher_version_is_read_up_to_its_flags_and_leaves_as_version_00() {
        let expected = header("00", "01");
        check(&[
            (&header("01", "01"), Ok(&expected)),
            (&header("cc", "01"), Ok(&expected)),
            (&header("fe", "01-"), Ok(&expected)),
            (&header("cc", "01-what-the-future-will-be-like"), Ok(&expected)),
            (&header("cc", "01.what-the-future-will-be-like"), Err(InvalidTraceParent::Extension)),
            (&header("cc", "012"), Err(InvalidTraceParent::Extension)),
            (&header("cc", "1"), Err(InvalidTraceParent::TooShort { bytes: 54 })),
            ("cc-12345678901234567890123456789012.1234567890123456-01", Err(InvalidTraceParent::Delimiter { at: 35 })),
            ("cc-12345678901234567890123456789012-1234567890123456.01", Err(InvalidTraceParent::Delimiter { at: 52 })),
            ("cc-1234567890123456789012345678901g-1234567890123456-01", Err(InvalidTraceParent::NotHex { at: 34 })),
            ("cc-12345678901234567890123456789012-123456789012345g-01", Err(InvalidTraceParent::NotHex { at: 51 })),
        ]);
    }

    #[test]
    fn spaces_and_tabs_around_the_value_are_ignored() {
        let expected = header("00", "01");
        check(&[
            (&format!(" {expected}"), Ok(&expected)),
            (&format!("\t{expected}"), Ok(&expected)),
            (&format!("{expected} "), Ok(&expected)),
            (&format!("{expected}\t"), Ok(&expected)),
            (&format!("\t {expected} \t"), Ok(&expected)),
            (&format!("\n{expected}"), Err(InvalidTraceParent::NotHex { at: 0 })),
        ]);
    }

    #[test]
    fn flags_are_compared_by_bit_and_unknown_ones_are_written_as_zero() {
        for byte in 0..=u8::MAX {
            let parent = TraceParent::parse(header("00", &format!("{byte:02x}")).as_bytes()).unwrap();
            assert_eq!(parent.flags.sampled(), byte & 1 != 0, "{byte:02x}");
            assert_eq!(parent.flags.random(), byte & 2 != 0, "{byte:02x}");
            assert_eq!(parent.to_string(), header("00", &format!("{:02x}", byte & 3)));
        }
    }

    #[test]
    fn a_child_keeps_the_trace_id_and_the_random_flag_whatever_becomes_of_sampled() {
        let span_id = SpanId::from_hex(b"00f067aa0ba902b7").unwrap();
        for (flags, sampled, expected) in
            [("00", true, "01"), ("01", false, "00"), ("02", true, "03"), ("03", false, "02"), ("03", true, "03")]
        {
            let child = TraceParent::parse(header("00", flags).as_bytes()).unwrap().child(span_id, sampled);
            assert_eq!(child.to_string(), format!("00-{TRACE_ID}-00f067aa0ba902b7-{expected}"));
        }
    }

    #[test]
    fn a_context_that_begins_here_carries_the_random_flag() {
        let trace_id = TraceId::from_hex(TRACE_ID.as_bytes()).unwrap();
        let span_id = SpanId::from_hex(PARENT_ID.as_bytes()).unwrap();
        assert_eq!(TraceParent::begin(trace_id, span_id, true).to_string(), header("00", "03"));
        assert_eq!(TraceParent::begin(trace_id, span_id, false).to_string(), header("00", "02"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceParent::parse(&value);
        }

        #[test]
        fn a_header_with_one_wrong_byte_never_gives_another_trace(at in 0..TRACEPARENT_LEN, wrong in any::<u8>()) {
            let mut value = header("00", "01").into_bytes();
            let meant = value[at];
            value[at] = wrong;
            let same_alphabet = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            match TraceParent::parse(&value) {
                Ok(_) => prop_assert!(wrong == meant || (same_alphabet(wrong) && same_alphabet(meant))),
                Err(_) => prop_assert!(wrong != meant),
            }
        }

        #[test]
        fn any_valid_context_survives_writing_and_reading(
            trace_id in any::<[u8; 16]>().prop_filter_map("zero", TraceId::from_bytes),
            parent_id in any::<[u8; 8]>().prop_filter_map("zero", SpanId::from_bytes),
            flags in any::<u8>(),
        ) {
            let parent = TraceParent { trace_id, parent_id, flags: Flags::from_byte(flags) };
            prop_assert_eq!(TraceParent::parse(&parent.to_header()), Ok(parent));
        }
    }
}
