//! x
pub(crate) struct Callback;
