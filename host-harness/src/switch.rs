//! Switching by hand: an operator's order becomes a `force` or `drill` rule in the config, and a line in the operations log.
//!
//! The config is the only truth, so a switch is an edit of that file and nothing else: reviewed as a diff, ended by its own
//! `until`, taken back by removing the rule. The edit is textual, so that all that an operator wrote stays as it is.

mod diff;
mod drill;
mod order;
mod perform;
mod sheet;
mod text;

pub(crate) use diff::unified;
pub use drill::{Drill, Fault, NotAFault, NotAShare, Share};
pub use order::{Action, Force, LONGEST, Order, Refusal};
pub use perform::{Crash, Destination, Done, Files, Planned, Point, SwitchError, World, perform, preview};
pub use sheet::{Draft, Sheet, Unfit, is_same_person, valid};
pub(crate) use text::RulesText;
