//! What a host function answers.

/// The status that every `proxy_*` function returns to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// There is no such thing, or there is none in this phase.
    NotFound = 1,
    /// An argument is out of its range, or the object takes no such call now.
    BadArgument = 2,
    /// A value could not be turned into bytes.
    SerializationFailure = 3,
    /// Bytes could not be turned into a value.
    ParseFailure = 4,
    /// A CEL expression is not valid.
    BadExpression = 5,
    /// A pointer leads out of the guest's memory.
    InvalidMemoryAccess = 6,
    /// The queue has nothing.
    Empty = 7,
    /// The value was changed since the version that the caller named.
    CasMismatch = 8,
    /// A result has another type than expected.
    ResultMismatch = 9,
    /// The host could not do it.
    InternalFailure = 10,
    /// The connection broke.
    BrokenConnection = 11,
    /// The host has no such function here.
    Unimplemented = 12,
}
