//! Switching in a cluster: the change of one object through the API server, with the caller's own rights.
//!
//! Nobody but the API server says who somebody is and what they may do. What a change is, is a pure function of the object
//! as it stands ([`change`]); around it are one read and one write that holds only if nobody else has written since
//! ([`perform`]). Who has done what and why stands in annotations, which the policies of `k8s/permissions` check.

mod access;
mod change;
mod error;
mod history;
mod object;
mod perform;
mod place;

pub use access::{Access, Cluster, Person};
pub use change::{Changed, NewConfig, Wish, change};
pub use error::{ClusterError, Unable};
pub use history::{MAX_ENTRIES, MAX_HISTORY_BYTES, Record, records};
pub use object::{Kind, NotAName, Object};
pub use perform::{Done, Mode, history, loaded, perform};

/// What the annotations of Pointsman are called.
pub mod annotation {
    /// The ConfigMap beside an object of overrides that holds the config which they are put in front of.
    pub const CONFIG: &str = "pointsman.io/config";
    /// `required`: whoever forces something needs somebody else who has agreed.
    pub const APPROVAL: &str = "pointsman.io/approval";
    /// What was done last.
    pub const OPERATION: &str = "pointsman.io/operation";
    /// Who has done it.
    pub const BY: &str = "pointsman.io/by";
    /// Who else has agreed.
    pub const APPROVED_BY: &str = "pointsman.io/approved-by";
    /// Why.
    pub const REASON: &str = "pointsman.io/reason";
    /// When it was done, by the clock of who has done it.
    pub const AT: &str = "pointsman.io/at";
    /// When it ends by itself.
    pub const UNTIL: &str = "pointsman.io/until";
    /// What was done before, one JSON object a line, the newest last.
    pub const HISTORY: &str = "pointsman.io/history";
}
