//! Trailers, which end a body without its last piece saying so.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use pointsman_host::http::{TIMEOUT, Version, send_within};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::FCM;
use pointsman_tests::pair::{Exchange, Expected, Message, Pair};
use pointsman_tests::{Bed, pushes};

const RULES: &str = r#"{"channels": [{"name": "fcm", "message_id": [{"json": "/message/data/id"}]}]}"#;

/// Sends a push to FCM with this body, in HTTP/2 all the way, and a trailer behind it.
async fn with_trailer(bed: &Bed, body: &str) -> Exchange {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", HeaderValue::from_static("42"));
    let body = Pieces::of(body.as_bytes(), 64).with_trailers(trailers);
    let push = pushes::fcm("registration-1").map(|_: Bytes| body);
    let answer = send_within(bed.envoy.outbound(), Version::Http2, push, TIMEOUT).await.unwrap();
    Exchange { request: Message::of_request(&bed.last_at("fcm")), answer: Message::of_response(&answer) }
}

fn message(padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!(r#"{{"message":{{"token":"registration-1","data":{{"id":"m1","padding":"{padding}"}}}}}}"#)
}

fn ok(counts: Counts) -> Counts {
    counts.call(FCM, "ok").messages(FCM, "ok", 1).code(FCM, "200", 1)
}

#[tokio::test]
async fn trailers_go_through_in_both_directions_and_what_stands_before_them_is_understood() {
    let pair = Pair::start(RULES).await;
    let counted = |trace: &str, empty: &str| {
        let whole = ok(ok(Counts::default())).trace(trace).trace(trace);
        let too_long = ok(whole).trace(trace).bypassed("body_too_large");
        // Nothing but trailers: the stand-in says that the message is missing.
        let counts = too_long.call(FCM, "invalid_request").messages(FCM, "invalid_request", 1);
        counts.code(FCM, "INVALID_ARGUMENT", 1).trace(empty)
    };
    let expected = Expected {
        // Without a length, each that has a body goes on with its first piece, in which the id stands.
        held: (0..3).fold(counted("derived", "missing_id"), |held, _| held.released("length_unknown")),
        passing: counted("too_late", "too_late"),
    };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            let mut seen = Vec::new();
            for body in ["", &message(0), &message(30_000)] {
                seen.push(with_trailer(bed, body).await);
            }
            bed.vendors.set_fault("fcm", Fault::new(Effect::Trailers)).unwrap();
            seen.push(with_trailer(bed, &message(0)).await);
            bed.vendors.clear_fault("fcm").unwrap();
            seen
        })
        .await;
    for seen in &seen {
        assert_eq!(seen.request.trailers, [("x-checksum".to_owned(), b"42".to_vec())]);
    }
    assert_eq!(seen[3].answer.trailers, [("x-vendor-trailer".to_owned(), b"done".to_vec())]);
}
