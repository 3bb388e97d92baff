//! The trace flags of W3C Trace Context Level 2.

/// The flags that this version of the specification knows. Others are cleared on reading, so they are never written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u8);

impl Flags {
    const SAMPLED: u8 = 0b01;
    const RANDOM: u8 = 0b10;

    /// Flags with these two bits.
    pub const fn new(sampled: bool, random: bool) -> Self {
        Self(sampled as u8 | (random as u8) << 1)
    }

    /// Takes the bits that are known and clears the others.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & (Self::SAMPLED | Self::RANDOM))
    }

    /// The byte as it is written.
    pub const fn as_byte(self) -> u8 {
        self.0
    }

    /// The caller may have recorded the trace.
    pub const fn sampled(self) -> bool {
        self.0 & Self::SAMPLED != 0
    }

    /// At least the right-most seven bytes of the trace id are random.
    pub const fn random(self) -> bool {
        self.0 & Self::RANDOM != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_told_apart_by_bit_and_unknown_ones_are_cleared() {
        for byte in 0..=u8::MAX {
            let flags = Flags::from_byte(byte);
            assert_eq!((flags.sampled(), flags.random()), (byte & 1 != 0, byte & 2 != 0), "{byte:02x}");
            assert_eq!(flags.as_byte(), byte & 3);
            assert_eq!(flags, Flags::new(flags.sampled(), flags.random()));
        }
    }
}
