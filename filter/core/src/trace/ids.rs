//! The two identifiers of a trace context. Neither can be zero, which the specification reserves for "none".

use std::fmt;

use rand_core::Rng;

use super::hex;

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, bytes: $bytes:literal, digits: $digits:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// `None` if every byte is zero.
            pub fn from_bytes(bytes: [u8; $bytes]) -> Option<Self> {
                bytes.iter().any(|byte| *byte != 0).then_some(Self(bytes))
            }

            #[doc = concat!("Reads exactly ", $digits, " lower-case hexadecimal digits that are not all zero.")]
            pub fn from_hex(digits: &[u8]) -> Option<Self> {
                hex::decode(digits).and_then(Self::from_bytes)
            }

            /// The identifier as it goes into OTLP.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The identifier itself, or 1 in place of zero: for bytes that are zero once in an age of the universe.
            pub(crate) fn never_zero(bytes: [u8; $bytes]) -> Self {
                Self::from_bytes(bytes).unwrap_or_else(|| {
                    let mut one = [0; $bytes];
                    if let Some(last) = one.last_mut() {
                        *last = 1;
                    }
                    Self(one)
                })
            }
        }

        /// Lower-case hexadecimal, as in `traceparent`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex::format::<$digits>(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id!(
    /// Names a whole trace.
    TraceId,
    bytes: 16,
    digits: 32
);

id!(
    /// Names one span of a trace. In `traceparent` it is called `parent-id`.
    SpanId,
    bytes: 8,
    digits: 16
);

/// Draws a trace id. A generator that yields only zeros gives the id 1.
pub fn random_trace_id(rng: &mut (impl Rng + ?Sized)) -> TraceId {
    let mut bytes = [0; 16];
    rng.fill_bytes(&mut bytes);
    TraceId::never_zero(bytes)
}

/// Draws a span id. A generator that yields only zeros gives the id 1.
pub fn random_span_id(rng: &mut (impl Rng + ?Sized)) -> SpanId {
    SpanId::never_zero(rng.next_u64().to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use rand_core::{SeedableRng, TryRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    struct Zeros;

    impl TryRng for Zeros {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(0)
        }

        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
            dst.fill(0);
            Ok(())
        }
    }

    #[test]
    fn zero_is_no_identifier() {
        assert_eq!(TraceId::from_bytes([0; 16]), None);
        assert_eq!(SpanId::from_bytes([0; 8]), None);
        assert_eq!(TraceId::from_hex(&[b'0'; 32]), None);
        assert_eq!(SpanId::from_hex(&[b'0'; 16]), None);
    }

    #[test]
    fn identifiers_are_read_and_shown_as_lower_case_hexadecimal() {
        let trace_id = TraceId::from_hex(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
        assert_eq!(trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(format!("{trace_id:?}"), "TraceId(4bf92f3577b34da6a3ce929d0e0e4736)");
        assert_eq!(TraceId::from_bytes(*trace_id.as_bytes()), Some(trace_id));

        let span_id = SpanId::from_hex(b"00f067aa0ba902b7").unwrap();
        assert_eq!(span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(format!("{span_id:?}"), "SpanId(00f067aa0ba902b7)");

        assert_eq!(SpanId::from_hex(b"00F067AA0BA902B7"), None);
        assert_eq!(SpanId::from_hex(b"00f067aa0ba902b"), None);
        assert_eq!(SpanId::from_hex(b"00f067aa0ba902b70"), None);
    }

    #[test]
    fn the_same_seed_draws_the_same_identifiers_and_the_next_draw_others() {
        let draw = |seed| {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            (random_trace_id(&mut rng), random_span_id(&mut rng), random_span_id(&mut rng))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7).0, draw(8).0);
        assert_ne!(draw(7).1, draw(7).2);
    }

    #[test]
    fn a_broken_generator_still_draws_no_zero() {
        let rng: &mut dyn Rng = &mut Zeros;
        assert_eq!(random_trace_id(rng).to_string(), "00000000000000000000000000000001");
        assert_eq!(random_span_id(rng).to_string(), "0000000000000001");
    }
}
