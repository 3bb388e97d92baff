//! What the filter understands of recorded traffic: every exchange of a HAR goes through the core that the filter runs, and
//! its report comes out.

mod entry;
mod failure;
mod har;
mod run;
mod table;
mod text;

pub use har::{Har, HarFault};
pub use run::{Explained, Explainer};
pub use table::table;
