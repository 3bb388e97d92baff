//! Switches from one vendor to another: a message is read from the request to the first ([`MessageReader`]), the request to
//! the second is composed from it ([`Composer`]), and what became of it is told in the first one's own words ([`Answers`]).
//!
//! Only a switch needs any of this, so it is plain rather than fast. Whatever a message says is encoded for the place where it
//! goes and never spliced into it; what does not fit makes no request at all, and the first vendor gets the message.

mod answers;
mod encode;
mod findings;
mod message;
mod read;
mod request;
mod shape;
mod template;

pub use answers::{Answer, Answers};
pub use message::Canonical;
pub use read::{Head, MessageReader, NoMessage, OwnSources};
pub use request::{CannotCompose, Composer, Outgoing};
pub use template::check_text;

use crate::source::SourceFault;

/// A longer body is not composed.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// A longer path is not composed.
pub const MAX_PATH_BYTES: usize = 4 << 10;
/// A header with a longer value is not composed.
pub const MAX_HEADER_BYTES: usize = 4 << 10;
/// A longer recipient is none.
pub const MAX_RECIPIENT_BYTES: usize = 4 << 10;

/// What is wrong with what an adapter or a config says of switches.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ComposeFault {
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceFault),
    /// One value of many is no value.
    #[error("goes through a list: a value is one, or a list as a whole")]
    Each,
    /// A brace without its other.
    #[error("{text:?} is no template: a placeholder is `{{name}}`, and a brace itself is written twice")]
    Template {
        /// The text given.
        text: String,
    },
    /// Nothing of that name.
    #[error("has the placeholder `{name}`: there are {known}, and a brace itself is written twice")]
    Placeholder {
        /// The name given.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// The same member twice.
    #[error("has the member `{0}` twice, with and without `?`")]
    Twice(String),
    /// The channel's API is only read.
    #[error("cannot be asked for messages of others: it has no `compose`")]
    NotComposed,
    /// No method.
    #[error("{0:?} is no method, such as \"POST\"")]
    Method(String),
    /// No path.
    #[error("{0:?} is no path: it starts with `/`, and has neither blanks nor `#`")]
    Path(String),
    /// No header, or none that a composed request may have.
    #[error("{0:?} is no header that can be set here: write its name in lower case")]
    Header(String),
    /// A secret in a config that anybody may dump.
    #[error("{0:?} carries a credential, which no config holds: the channel's cluster adds it")]
    Credential(String),
    /// No status.
    #[error("{0} is no status of an answer, 200 to 599")]
    Status(u16),
    /// The vendor's code is asked for and not told.
    #[error("has no `code`, which `{{code}}` asks for")]
    NoCode,
    /// Not every message has it.
    #[error("has the placeholder `{0}`, which not every message has: end its key with `?`")]
    NotAlways(&'static str),
}

/// Faults with the path of each below its adapter.
pub type Faults = Vec<(String, ComposeFault)>;
