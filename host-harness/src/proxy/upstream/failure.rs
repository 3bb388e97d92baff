//! Why an upstream did not answer, in Envoy's words.

use crate::abi::Headers;
use crate::filter::{LocalReply, flags};
use bytes::Bytes;
use std::error::Error;

/// Why an upstream did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum Failure {
    /// The cluster has no endpoint.
    #[error("no healthy upstream")]
    NoHealthyUpstream,
    /// The cluster takes no more.
    #[error("overflow")]
    Overflow,
    /// No connection came about.
    #[error("remote connection failure")]
    Connect {
        /// What the network or TLS said.
        reason: String,
    },
    /// No connection came about in time.
    #[error("connection timeout")]
    ConnectTimeout,
    /// The upstream closed the connection.
    #[error("connection termination")]
    Terminated,
    /// The upstream reset the stream.
    #[error("remote reset")]
    Reset,
    /// What the upstream sent is not HTTP.
    #[error("protocol error")]
    Protocol,
}

impl Failure {
    /// What a failed exchange on an existing connection comes from.
    pub(in crate::proxy) fn of(error: &hyper::Error) -> Self {
        let h2 = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
        match h2 {
            // Whoever finds the error.
            Some(h2) if h2.reason() == Some(h2::Reason::PROTOCOL_ERROR) => Self::Protocol,
            Some(h2) if h2.is_reset() && h2.is_remote() => Self::Reset,
            _ if error.is_parse() => Self::Protocol,
            _ => Self::Terminated,
        }
    }

    /// The response flag.
    pub(in crate::proxy) const fn flag(&self) -> u64 {
        match self {
            Self::NoHealthyUpstream => flags::NO_HEALTHY_UPSTREAM,
            Self::Overflow => flags::UPSTREAM_OVERFLOW,
            Self::Connect { .. } | Self::ConnectTimeout => flags::UPSTREAM_CONNECTION_FAILURE,
            Self::Terminated => flags::UPSTREAM_CONNECTION_TERMINATION,
            Self::Reset => flags::UPSTREAM_REMOTE_RESET,
            Self::Protocol => flags::UPSTREAM_PROTOCOL_ERROR,
        }
    }

    /// What `upstream.transport_failure_reason` says.
    pub(in crate::proxy) fn transport_reason(&self) -> &str {
        match self {
            Self::Connect { reason } => reason,
            _ => "",
        }
    }

    /// The reply that a client gets in place of a response, or if one has begun, why it was broken off.
    pub(in crate::proxy) fn reply(&self, responding: bool) -> LocalReply {
        if *self == Self::NoHealthyUpstream {
            return reply(503, "no healthy upstream".to_owned(), "no_healthy_upstream".to_owned());
        }
        let when = if responding { "after" } else { "before" };
        let mut detail = self.to_string();
        // Envoy keeps what the network said from the client.
        if !self.transport_reason().is_empty() {
            detail += &format!("|{}", self.transport_reason());
        }
        let status = if *self == Self::Protocol { 502 } else { 503 };
        let body = format!("upstream connect error or disconnect/reset before headers. reset reason: {self}");
        let detail = detail.replace(char::is_whitespace, "_");
        reply(status, body, format!("upstream_reset_{when}_response_started{{{detail}}}"))
    }
}

fn reply(status: u16, body: String, details: String) -> LocalReply {
    LocalReply { status, body: Bytes::from(body), headers: Headers::new(), grpc_status: None, details }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn a_failure_is_told_in_envoys_words() {
        let reply = Failure::Terminated.reply(false);
        assert_eq!(
            (reply.status, &reply.details[..]),
            (503, "upstream_reset_before_response_started{connection_termination}")
        );
        let refused = Failure::Connect { reason: "Connection refused".to_owned() };
        let reply = refused.reply(true);
        let details = "upstream_reset_after_response_started{remote_connection_failure|Connection_refused}";
        assert_eq!(reply.details, details);
        assert!(reply.body.ends_with(b"reset reason: remote connection failure"));
        assert_eq!(Failure::Protocol.reply(false).status, 502);
        assert_eq!(Failure::NoHealthyUpstream.reply(false).body, "no healthy upstream");
    }
}
