//! The Pointsman filter.
