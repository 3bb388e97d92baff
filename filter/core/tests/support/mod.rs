//! What the tests of vendors share.

pub(crate) mod cases;
pub(crate) mod run;
