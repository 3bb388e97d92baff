//! What Envoy's own words say of an exchange that the upstream did not answer.

use crate::outcome::{Fate, OutcomeClass};

/// How an exchange ended, as far as the way to the upstream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The upstream answered: its own status and body count.
    Answered,
    /// The client left before the answer was there.
    ClientGone,
    /// Envoy ended it, with this class and fate.
    Failed(OutcomeClass, Fate),
    /// Envoy answered by itself for a reason that is no fault of the way: its status tells the class.
    Local(Fate),
}

impl Transport {
    /// Reads `response.code_details`. These texts are Envoy's own; nothing a vendor sends gets into them.
    ///
    /// Source: Envoy's `StreamInfo::ResponseCodeDetails` and the router's use of it.
    pub fn of_details(details: &str) -> Self {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| details.starts_with(prefix));
        if details == "via_upstream" {
            return Self::Answered;
        }
        if starts(&["downstream_", "http1.", "http2.", "http3."]) || details.contains("downstream_remote_disconnect") {
            return Self::ClientGone;
        }
        // The reason in braces outranks the name before them: a reset by a refused connection was never sent.
        if details.contains("connection_failure")
            || details.contains("connection_timeout")
            || details.contains("{overflow")
            || starts(&[
                "no_healthy_upstream",
                "cluster_not_found",
                "overflow",
                "maintenance_mode",
                "dns_resolution_failure",
            ])
        {
            return Self::Failed(OutcomeClass::VendorUnavailable, Fate::NotSent);
        }
        if details.contains("timeout") || details.contains("max_stream_duration") || starts(&["max_duration"]) {
            return Self::Failed(OutcomeClass::Timeout, Fate::Unsure);
        }
        if starts(&["upstream_", "early_upstream_reset"]) || details.contains("reset") {
            return Self::Failed(OutcomeClass::VendorUnavailable, Fate::Unsure);
        }
        if starts(&["route_not_found", "direct_response"]) {
            return Self::Local(Fate::NotSent);
        }
        Self::Local(Fate::Unsure)
    }
}

#[cfg(test)]
mod tests {
    use super::Transport::{Answered, ClientGone, Failed, Local};
    use super::*;

    #[test]
    fn envoys_words_are_told_apart() {
        let not_sent = Failed(OutcomeClass::VendorUnavailable, Fate::NotSent);
        let broken = Failed(OutcomeClass::VendorUnavailable, Fate::Unsure);
        let late = Failed(OutcomeClass::Timeout, Fate::Unsure);
        let cases = [
            ("via_upstream", Answered),
            ("no_healthy_upstream", not_sent),
            ("cluster_not_found", not_sent),
            (
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                not_sent,
            ),
            ("upstream_reset_before_response_started{connection_failure}", not_sent),
            ("upstream_reset_before_response_started{connection_timeout}", not_sent),
            ("upstream_reset_before_response_started{overflow}", not_sent),
            ("upstream_reset_before_response_started{connection_termination}", broken),
            ("upstream_reset_before_response_started{remote_reset}", broken),
            ("upstream_reset_after_response_started{connection_termination}", broken),
            ("response_timeout", late),
            ("upstream_response_timeout", late),
            ("upstream_per_try_timeout", late),
            ("stream_idle_timeout", late),
            ("max_duration_timeout", late),
            ("upstream_max_stream_duration_reached", late),
            ("downstream_remote_disconnect", ClientGone),
            ("downstream_local_disconnect", ClientGone),
            ("http2.remote_reset", ClientGone),
            ("route_not_found", Local(Fate::NotSent)),
            ("direct_response", Local(Fate::NotSent)),
            ("request_payload_too_large", Local(Fate::Unsure)),
            ("", Local(Fate::Unsure)),
        ];
        for (details, expected) in cases {
            assert_eq!(Transport::of_details(details), expected, "{details}");
        }
    }
}
