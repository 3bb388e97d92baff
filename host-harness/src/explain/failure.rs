//! What a recorder's words say of an exchange without an answer, in the words that Envoy has for it.

use super::har::{Entry, Timings};
use pointsman_core::outcome::{Fate, OutcomeClass};
use pointsman_core::transport::Transport;
use serde_json::Value;

/// How the way to the other side failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// There was no connection, for whatever reason.
    Refused,
    /// The name has no address.
    Unresolved,
    /// The connection did not come about in time.
    ConnectTimeout,
    /// The other side's certificate, or ours, was not taken.
    Handshake,
    /// No answer, or not all of it, in time.
    Timeout,
    /// The connection ended before the answer did.
    Reset,
    /// The client did not wait for the answer.
    ClientGone,
}

impl Failure {
    /// What Envoy writes into `response.code_details` of such an exchange.
    pub(super) const fn details(self) -> &'static str {
        match self {
            Self::Refused => {
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}"
            }
            Self::Unresolved => "dns_resolution_failure",
            Self::ConnectTimeout => "upstream_reset_before_response_started{connection_timeout}",
            Self::Handshake => "upstream_reset_before_response_started{remote_connection_failure|TLS_error}",
            Self::Timeout => "upstream_response_timeout",
            Self::Reset => "upstream_reset_before_response_started{connection_termination}",
            Self::ClientGone => "downstream_remote_disconnect",
        }
    }

    /// Class and fate where no node is visited, so that nobody's patience is known.
    pub(super) fn verdict(self) -> (OutcomeClass, Fate) {
        match Transport::of_details(self.details()) {
            Transport::Failed(class, fate) => (class, fate),
            Transport::Answered | Transport::ClientGone | Transport::Local(_) => (OutcomeClass::Unknown, Fate::Unsure),
        }
    }
}

/// The connection was there, whatever else is said: these come from reading or writing it.
const UNDER_WAY: [&str; 8] = [
    "recvfailure",
    "sendfailure",
    "readtcp",
    "writetcp",
    "readeconn",
    "readetimedout",
    "readconnection",
    "afterresponsestarted",
];

/// Words of Chrome, Firefox, curl, Go, Java, Node.js, Python and Envoy, letters and digits only; the first that occurs
/// decides. What says that nothing was sent comes first, since the rest of such a text often tells of a time-out.
const WORDS: [(Failure, &[&str]); 7] = [
    (
        Failure::Refused,
        &[
            "connectionrefused",
            "connrefused",
            "connectionfail",
            "remoteconnectionfailure",
            "failedtoconnect",
            "couldntconnect",
            "couldnotconnect",
            "connectcallfailed",
            "newconnectionerror",
            "addressunreachable",
            "addressinvalid",
            "hostunreach",
            "hostisunreachable",
            "noroutetohost",
            "netunreach",
            "networkisunreachable",
            "internetdisconnected",
            "nserroroffline",
            "proxyconnectionfailed",
            "tunnelconnectionfailed",
            "socksconnectionfailed",
            "startedoverflow",
            "nohealthyupstream",
            "networkaccessdenied",
            "unsafeport",
            "blockedbyclient",
            "blockedbyadministrator",
            "blockedbycsp",
        ],
    ),
    (
        Failure::Unresolved,
        &[
            "namenotresolved",
            "nameresolution",
            "notresolve",
            "ntresolve",
            "dnsresolution",
            "dnsfail",
            "dnserror",
            "dnstimedout",
            "resolvingtimedout",
            "enotfound",
            "eaiagain",
            "eainoname",
            "getaddrinfo",
            "unknownhost",
            "unknownproxyhost",
            "nosuchhost",
            "nameorservicenotknown",
            "nodenamenorservname",
        ],
    ),
    (
        Failure::ConnectTimeout,
        &[
            "connectiontimedout",
            "connectiontimeout",
            "connecttimedout",
            "connecttimeout",
            "connectetimedout",
            "handshaketimeout",
            "handshaketimedout",
            "dialtcp",
        ],
    ),
    (
        Failure::Handshake,
        &[
            "handshake",
            "certificate",
            "errcert",
            "errssl",
            "errtlscert",
            "sslerror",
            "sslconnecterror",
            "secerror",
            "mozillapkix",
            "x509",
            "certhasexpired",
            "selfsigned",
            "unabletoverify",
            "tlserror",
        ],
    ),
    (Failure::Timeout, &["timeout", "timedout", "deadlineexceeded", "maxstreamduration"]),
    (
        Failure::Reset,
        &[
            "connectionreset",
            "connreset",
            "connectionclosed",
            "connectionaborted",
            "connectiontermination",
            "connectionkilled",
            "emptyresponse",
            "emptyreply",
            "sockethangup",
            "brokenpipe",
            "epipe",
            "netreset",
            "netinterrupt",
            "partialtransfer",
            "contentlengthmismatch",
            "incompletechunked",
            "errhttp2",
            "errquic",
            "networkchanged",
            "remotedisconnected",
            "remoteendclosed",
            "serverclosed",
            "serverdisconnected",
            "othersideclosed",
            "prematureclose",
            "unexpectedeof",
            "nohttpresponse",
            "underrsocket",
            "streamreset",
            "streamerror",
            "remotereset",
            "upstreamreset",
            "peerclosed",
            "invalidhttpresponse",
        ],
    ),
    (
        Failure::ClientGone,
        &["abort", "cancel", "clientdisconnected", "clientclosed", "downstream", "blockedbyresponse", "blockedbyorb"],
    ),
];

/// What `text` says, if it says anything of this.
fn of_words(text: &str) -> Option<Failure> {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| letters.contains(word));
    let (failure, _) = WORDS.iter().find(|(_, words)| says(words))?;
    match failure {
        Failure::ConnectTimeout if says(&UNDER_WAY) => Some(Failure::Timeout),
        Failure::Refused | Failure::Unresolved | Failure::Handshake if says(&UNDER_WAY) => Some(Failure::Reset),
        failure => Some(*failure),
    }
}

/// The failure of an exchange without an answer, or with one that broke off; `None` if it was answered.
pub(super) fn of(entry: &Entry) -> Option<Failure> {
    let response = &entry.response;
    if response.status().is_some() {
        // Browsers also note here that a page was left or that a script may not see the answer.
        let broken_off = |failure: &Failure| matches!(failure, Failure::Timeout | Failure::Reset);
        return words([&response.error, &response.failure_text]).filter(broken_off);
    }
    let told = [&response.error, &response.failure_text, &entry.error, &response.status_text, &response.comment];
    Some(words(told).or_else(|| words([&entry.comment])).unwrap_or_else(|| of_timings(entry.timings)))
}

fn words<'a>(places: impl IntoIterator<Item = &'a Value>) -> Option<Failure> {
    places.into_iter().filter_map(Value::as_str).find_map(of_words)
}

/// Without a word, what took time tells how far the request came. Without that either, it may have been sent.
fn of_timings(timings: Option<Timings>) -> Failure {
    let took = |step: Option<f64>| step.map(|millis| millis > 0.0);
    match timings.map(|timings| (took(timings.send), took(timings.wait))) {
        Some((Some(false), Some(false))) => Failure::Refused,
        _ => Failure::Reset,
    }
}

#[cfg(test)]
mod tests;
