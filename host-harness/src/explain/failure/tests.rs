//! The words of recorders, as they write them.

use super::*;
use crate::explain::Har;

fn entry(response: &str, rest: &str) -> Entry {
    let text = format!(
        r#"{{"log": {{"entries": [{{"request": {{"method": "POST", "url": "u"}}, "response": {response}{rest}}}]}}}}"#
    );
    Har::parse(text.as_bytes()).unwrap().entries()[0].clone()
}

#[test]
fn words_are_understood_whoever_wrote_them() {
    use Failure::{ClientGone, ConnectTimeout, Handshake, Refused, Reset, Timeout, Unresolved};
    let cases = [
        // Chrome
        ("net::ERR_CONNECTION_REFUSED", Refused),
        ("net::ERR_CONNECTION_FAILED", Refused),
        ("net::ERR_ADDRESS_UNREACHABLE", Refused),
        ("net::ERR_INTERNET_DISCONNECTED", Refused),
        ("net::ERR_BLOCKED_BY_CLIENT", Refused),
        ("net::ERR_PROXY_CONNECTION_FAILED", Refused),
        ("net::ERR_TUNNEL_CONNECTION_FAILED", Refused),
        ("net::ERR_NAME_NOT_RESOLVED", Unresolved),
        ("net::ERR_CONNECTION_TIMED_OUT", ConnectTimeout),
        ("net::ERR_CERT_AUTHORITY_INVALID", Handshake),
        ("net::ERR_SSL_PROTOCOL_ERROR", Handshake),
        ("net::ERR_TIMED_OUT", Timeout),
        ("net::ERR_EMPTY_RESPONSE", Reset),
        ("net::ERR_CONNECTION_RESET", Reset),
        ("net::ERR_CONNECTION_CLOSED", Reset),
        ("net::ERR_CONNECTION_ABORTED", Reset),
        ("net::ERR_HTTP2_PROTOCOL_ERROR", Reset),
        ("net::ERR_ABORTED", ClientGone),
        ("net::ERR_BLOCKED_BY_RESPONSE", ClientGone),
        ("ConnectionRefused", Refused),
        ("NameNotResolved", Unresolved),
        ("TimedOut", Timeout),
        // Firefox
        ("NS_ERROR_CONNECTION_REFUSED", Refused),
        ("NS_ERROR_OFFLINE", Refused),
        ("NS_ERROR_UNKNOWN_HOST", Unresolved),
        ("SEC_ERROR_UNKNOWN_ISSUER", Handshake),
        ("NS_ERROR_NET_TIMEOUT", Timeout),
        ("NS_ERROR_NET_RESET", Reset),
        ("NS_ERROR_NET_INTERRUPT", Reset),
        ("NS_BINDING_ABORTED", ClientGone),
        // curl
        ("Failed to connect to api.example.com port 443 after 5001 ms: Timeout was reached", Refused),
        ("Couldn't connect to server", Refused),
        ("Could not resolve host: api.example.com", Unresolved),
        ("Couldn't resolve host name", Unresolved),
        ("Resolving timed out after 5000 milliseconds", Unresolved),
        ("Connection timed out after 5000 milliseconds", ConnectTimeout),
        ("SSL certificate problem: certificate has expired", Handshake),
        ("Operation timed out after 5000 milliseconds with 0 bytes received", Timeout),
        ("Recv failure: Connection timed out", Timeout),
        ("Recv failure: Connection reset by peer", Reset),
        ("Empty reply from server", Reset),
        // Node.js
        ("connect ECONNREFUSED 127.0.0.1:443", Refused),
        ("connect EHOSTUNREACH 10.0.0.1:443", Refused),
        ("getaddrinfo ENOTFOUND api.example.com", Unresolved),
        ("getaddrinfo EAI_AGAIN api.example.com", Unresolved),
        ("connect ETIMEDOUT 10.0.0.1:443", ConnectTimeout),
        ("UND_ERR_CONNECT_TIMEOUT", ConnectTimeout),
        ("CERT_HAS_EXPIRED", Handshake),
        ("ETIMEDOUT", Timeout),
        ("read ETIMEDOUT", Timeout),
        ("timeout of 5000ms exceeded", Timeout),
        ("read ECONNRESET", Reset),
        ("socket hang up", Reset),
        ("write EPIPE", Reset),
        ("The operation was canceled", ClientGone),
        // Go
        ("dial tcp 10.0.0.1:443: connect: connection refused", Refused),
        ("dial tcp: lookup api.example.com: no such host", Unresolved),
        ("dial tcp 10.0.0.1:443: i/o timeout", ConnectTimeout),
        ("net/http: TLS handshake timeout", ConnectTimeout),
        ("x509: certificate signed by unknown authority", Handshake),
        ("context deadline exceeded", Timeout),
        ("read tcp 10.0.0.2:1->10.0.0.1:443: read: connection timed out", Timeout),
        ("read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer", Reset),
        ("unexpected EOF", Reset),
        ("context canceled", ClientGone),
        // Java and Python
        ("java.net.ConnectException: Connection refused", Refused),
        ("java.net.UnknownHostException: api.example.com", Unresolved),
        ("java.net.SocketTimeoutException: connect timed out", ConnectTimeout),
        ("javax.net.ssl.SSLHandshakeException: PKIX path building failed", Handshake),
        ("java.net.SocketTimeoutException: Read timed out", Timeout),
        ("[Errno 111] Connect call failed ('127.0.0.1', 443)", Refused),
        ("[Errno -2] Name or service not known", Unresolved),
        ("ConnectTimeout", ConnectTimeout),
        ("ReadTimeout", Timeout),
        ("Remote end closed connection without response", Reset),
        // mitmproxy and Envoy
        ("Client disconnected.", ClientGone),
        ("Connection killed.", Reset),
        ("upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_111}", Refused),
        ("upstream_reset_before_response_started{overflow}", Refused),
        ("upstream_reset_before_response_started{connection_timeout}", ConnectTimeout),
        ("upstream_reset_before_response_started{connection_termination}", Reset),
        ("upstream_reset_before_response_started{remote_reset}", Reset),
        ("upstream_response_timeout", Timeout),
        ("downstream_remote_disconnect", ClientGone),
    ];
    for (text, expected) in cases {
        assert_eq!(of_words(text), Some(expected), "{text}");
    }
    for text in ["", "net::ERR_FAILED", "recorded on Friday", "Service Unavailable"] {
        assert_eq!(of_words(text), None, "{text}");
    }
}

#[test]
fn envoys_words_mean_in_the_core_what_the_recorder_meant() {
    use OutcomeClass::{Timeout, VendorUnavailable};
    let cases = [
        (Failure::Refused, (VendorUnavailable, Fate::NotSent)),
        (Failure::Unresolved, (VendorUnavailable, Fate::NotSent)),
        (Failure::ConnectTimeout, (VendorUnavailable, Fate::NotSent)),
        (Failure::Handshake, (VendorUnavailable, Fate::NotSent)),
        (Failure::Timeout, (Timeout, Fate::Unsure)),
        (Failure::Reset, (VendorUnavailable, Fate::Unsure)),
        (Failure::ClientGone, (OutcomeClass::Unknown, Fate::Unsure)),
    ];
    for (failure, expected) in cases {
        assert_eq!(failure.verdict(), expected, "{failure:?}");
    }
    assert_eq!(Transport::of_details(Failure::ClientGone.details()), Transport::ClientGone);
}

#[test]
fn the_recorders_own_word_goes_before_a_persons_and_before_the_times() {
    let refused = r#""_error": "net::ERR_CONNECTION_REFUSED""#;
    let waited = r#", "timings": {"send": 1, "wait": 900, "receive": 0}"#;
    let cases = [
        (format!(r#"{{"status": 0, {refused}, "statusText": "timeout"}}"#), String::new(), Failure::Refused),
        (r#"{"status": 0, "_failureText": "net::ERR_TIMED_OUT"}"#.into(), String::new(), Failure::Timeout),
        (r#"{"status": 0, "statusText": "ECONNRESET"}"#.into(), format!(", {refused}"), Failure::Refused),
        (r#"{"status": 0, "statusText": "", "comment": "ENOTFOUND"}"#.into(), waited.into(), Failure::Unresolved),
        (r#"{"status": 0, "_error": {"code": 7}}"#.into(), r#", "comment": "timed out""#.into(), Failure::Timeout),
        (r#"{"status": 0, "_error": "net::ERR_FAILED"}"#.into(), waited.into(), Failure::Reset),
        ("null".into(), format!(", {refused}"), Failure::Refused),
    ];
    for (response, rest, expected) in cases {
        assert_eq!(of(&entry(&response, &rest)), Some(expected), "{response}{rest}");
    }
}

#[test]
fn without_a_word_the_times_tell_whether_anything_left() {
    let cases = [
        (r#"{"send": 0, "wait": 0, "receive": 0}"#, Failure::Refused),
        (r#"{"send": -1, "wait": -1, "receive": -1, "connect": 12}"#, Failure::Refused),
        (r#"{"send": 0, "wait": 0.2, "receive": 0}"#, Failure::Reset),
        (r#"{"send": 0.1, "wait": 0, "receive": 0}"#, Failure::Reset),
        (r#"{"receive": 0}"#, Failure::Reset),
        ("null", Failure::Reset),
    ];
    for (timings, expected) in cases {
        let entry = entry(r#"{"status": 0}"#, &format!(r#", "timings": {timings}"#));
        assert_eq!(of(&entry), Some(expected), "{timings}");
    }
}

#[test]
fn an_answer_is_one_unless_it_broke_off() {
    let cases = [
        (r#"{"status": 503, "statusText": "upstream timeout", "comment": "timeout"}"#, None),
        (r#"{"status": 200, "_error": "net::ERR_ABORTED"}"#, None),
        (r#"{"status": 200, "_error": "net::ERR_CONNECTION_REFUSED"}"#, None),
        (r#"{"status": 200, "_error": "net::ERR_CONTENT_LENGTH_MISMATCH"}"#, Some(Failure::Reset)),
        (r#"{"status": 200, "_error": "net::ERR_TIMED_OUT"}"#, Some(Failure::Timeout)),
    ];
    for (response, expected) in cases {
        assert_eq!(of(&entry(response, "")), expected, "{response}");
    }
}
