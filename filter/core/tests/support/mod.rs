//! What the tests of vendors share.

pub(crate) mod run;
