//! Why a change is not made, in words for the person who wanted it.

use super::object::Object;
use crate::switch::Unfit;
use std::time::Duration;
use thiserror::Error;

/// Why an object cannot become what is wished, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unable {
    /// The order does not fit the text.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// There is no text to change.
    #[error("it holds no rules: neither `pointsman.json`, nor overrides, nor an EnvoyFilter's one `configuration`")]
    NoRulesInIt,
    /// Overrides that belong to nothing.
    #[error("it holds overrides and does not say of which config: annotate it with `pointsman.io/config`")]
    NamesNoConfig,
    /// A whole config was to take the place of overrides.
    #[error("it holds overrides, and a config does not belong there: apply it to the ConfigMap that it names")]
    IsNoConfig,
    /// Somebody agrees with themselves.
    #[error("who has approved must be somebody else than who orders")]
    SamePerson,
    /// The object demands somebody who agrees.
    #[error("it demands somebody else who has approved (`pointsman.io/approval: required`)")]
    NeedsApproval,
    /// A new config would end what somebody has ordered by hand.
    #[error(
        "it would end orders that hold now ({names}): put them into the config, take them back, or say that they end"
    )]
    EndsOrders {
        /// Their rules.
        names: String,
    },
}

/// Why nothing was changed in a cluster, or may have been.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// There is no way to the cluster: no kubeconfig, no such context, credentials that cannot be read.
    #[error("cannot tell how to reach the cluster")]
    Access(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer, or none in time.
    #[error("the API server gives no answer ({what}); docs/runbook.md says what to do without it")]
    NoAnswer {
        /// What was asked.
        what: String,
        /// What went wrong; none if it took too long.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The API server does not know the caller.
    #[error("the API server does not know you: sign in again ({message})")]
    NotSignedIn {
        /// Its words.
        message: String,
    },
    /// The caller may not do this.
    #[error("you may not: {message}")]
    Forbidden {
        /// The API server's words; they name who, what and where.
        message: String,
    },
    /// A policy has refused the object.
    #[error("refused by a policy of the cluster: {message}")]
    Refused {
        /// The API server's words; they name the policy.
        message: String,
    },
    /// It does not exist.
    #[error("there is no {object}")]
    NotFound {
        /// What.
        object: Object,
    },
    /// Somebody else was faster, again and again.
    #[error("{object} is changed by others all the time: not changed after {tries} tries")]
    Busy {
        /// What.
        object: Object,
        /// How often it was tried.
        tries: usize,
    },
    /// An answer that is no API server's, or that nobody can do anything with.
    #[error("the API server answers {code}: {message}")]
    Answer {
        /// The HTTP status; 0 if the answer could not be read.
        code: u16,
        /// What it says, cut short.
        message: String,
    },
    /// The change was sent, and nobody can tell what has become of it.
    #[error("the change of {object} was sent and not confirmed: it may hold; look before you try again")]
    Unclear {
        /// What.
        object: Object,
        /// What has gone wrong.
        #[source]
        source: Box<ClusterError>,
    },
    /// The name is not the one that the API server knows.
    #[error("the API server knows you as `{user}`, not as `{claimed}`: leave --by out")]
    NotYou {
        /// Who the caller is.
        user: String,
        /// Who they say that they are.
        claimed: String,
    },
    /// The object as it stands does not allow it; it was not changed.
    #[error("{object}: {reason}")]
    Unable {
        /// What.
        object: Object,
        /// Why.
        reason: Unable,
    },
}

/// The longest message that is passed on.
const MAX_MESSAGE_CHARS: usize = 600;

impl ClusterError {
    /// What a call has come to.
    pub(super) fn of_call(what: &str, object: Option<&Object>, error: kube::Error) -> Self {
        let status = match error {
            kube::Error::Api(status) => status,
            kube::Error::SerdeError(error) => return Self::Answer { code: 0, message: format!("no object: {error}") },
            error @ kube::Error::Auth(_) => return Self::Access(Box::new(error)),
            error => return Self::NoAnswer { what: what.to_owned(), source: Some(Box::new(error)) },
        };
        let message = plain(&status.message);
        match (status.code, object) {
            (401, _) => Self::NotSignedIn { message },
            (403 | 422, _)
                if message.contains("ValidatingAdmissionPolicy") || message.contains("admission webhook") =>
            {
                Self::Refused { message }
            }
            (403, _) => Self::Forbidden { message },
            (404, Some(object)) if status.is_not_found() => Self::NotFound { object: object.clone() },
            (409, Some(object)) => Self::Busy { object: object.clone(), tries: 1 },
            (code, _) => Self::Answer { code, message },
        }
    }

    /// A call that has taken too long.
    pub(super) fn too_slow(what: &str, limit: Duration) -> Self {
        Self::NoAnswer { what: format!("{what}, within {} s", limit.as_secs()), source: None }
    }

    /// Whether a change may be in place all the same.
    pub(super) const fn leaves_doubt(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Answer { code: 0 | 500.., .. })
    }
}

/// One line, and not a whole page of a load balancer.
fn plain(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
