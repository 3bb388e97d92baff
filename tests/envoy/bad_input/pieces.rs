//! Bodies that come byte by byte.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use pointsman_host::envoy::Protocol;
use pointsman_host::http::{TIMEOUT, Version, send, send_within};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::LC;
use pointsman_tests::pair::{Exchange, Expected, Message, Pair};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::wire::Wire;
use pointsman_tests::{Bed, pushes};

use super::broken::RULES;

fn ok(counts: Counts) -> Counts {
    counts.call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1)
}

/// Chunks announce no length, so only the first would be waited for; the head tells the id.
async fn by_chunks(bed: &Bed, push: &Request<Bytes>) -> Exchange {
    let mut wire = Wire::connect(bed.envoy.outbound()).await;
    let lines = "x-message-id: m1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n";
    wire.write(format!("POST /push HTTP/1.1\r\nhost: lc.internal\r\n{lines}\r\n").as_bytes()).await;
    wire.write_byte_chunks(push.body()).await;
    let answer = Message::of_wire(wire.answer().await);
    Exchange { request: Message::of_request(&bed.last_at("lc")), answer }
}

async fn by_frames(bed: &Bed, push: &Request<Bytes>) -> Exchange {
    let length = push.body().len();
    let mut push = push.clone().map(|body| Pieces::of(&body, 1));
    push.headers_mut().insert("content-length", length.into());
    let answer = send_within(bed.envoy.outbound(), Version::Http2, push, TIMEOUT).await.unwrap();
    Exchange { request: Message::of_request(&bed.last_at("lc")), answer: Message::of_response(&answer) }
}

#[tokio::test]
async fn a_push_in_pieces_of_one_byte_goes_through_and_is_understood_unless_there_are_too_many() {
    let pair = Pair::start(RULES).await;
    let short = pushes::lc("m1");
    let long = format!(r#"{{"message_id":"m1","to":"u","title":"t","body":"{}"}}"#, "b".repeat(2_000));
    let long = short.clone().map(|_| Bytes::from(long));
    let counted = |trace: &str| ok(ok(ok(Counts::default()).trace("derived")).trace(trace)).trace(trace);
    // A held body is read once, when all of its pieces are in.
    let expected = Expected { held: counted("derived"), passing: counted("too_late").bypassed("body_in_pieces") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            vec![by_chunks(bed, &short).await, by_frames(bed, &short).await, by_frames(bed, &long).await]
        })
        .await;
    for (seen, sent) in seen.iter().zip([&short, &short, &long]) {
        assert_eq!(seen.request.body, **sent.body());
    }
}

#[tokio::test]
async fn an_answer_in_pieces_of_one_byte_comes_back_whole() {
    let gateway = Recorder::start(|request| {
        let padding = if request.body.len() > 1_000 { "x".repeat(2_000) } else { String::new() };
        let answer = format!(r#"{{"code":0,"padding":"{padding}"}}"#);
        Response::new(Pieces::of(answer.as_bytes(), 1).boxed())
    })
    .await;
    let pair = Pair::with_upstreams(RULES, &[("gateway", gateway.addr, Protocol::Http2)]).await;
    let short = pushes::lc("m1");
    let long = format!(r#"{{"message_id":"m1","to":"u","body":"{}"}}"#, "b".repeat(1_000));
    let long = short.clone().map(|_| Bytes::from(long));
    let counted = |trace: &str| ok(ok(Counts::default())).trace(trace).trace(trace).bypassed("body_in_pieces");
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    pair.same(&expected, async |bed: &Bed| {
        let mut seen = Vec::new();
        for push in [&short, &long] {
            let answer = send(bed.envoy.outbound(), Version::Http2, push.clone()).await.unwrap();
            let answer = Message::of_response(&answer);
            seen.push(Exchange { request: Message::of_request(&gateway.last()), answer });
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_for_its_body_is_asked_and_one_that_never_waits_is_served() {
    let pair = Pair::start(RULES).await;
    let counted = |trace: &str| (0..3).fold(Counts::default(), |counts, _| ok(counts).trace(trace));
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    pair.same(&expected, async |bed: &Bed| {
        bed.vendors.forget_requests("lc").unwrap();
        let answers = [expecting(bed).await, pipelined(bed).await];
        let requests = bed.vendors.requests("lc").unwrap();
        assert_eq!(requests.len(), 3);
        let answers = [&answers[0], &answers[1], &answers[1]].into_iter().cloned();
        let both = requests.iter().zip(answers);
        both.map(|(request, answer)| Exchange { request: Message::of_request(request), answer }).collect()
    })
    .await;
}

/// One push, in HTTP/1.1 by hand.
fn by_hand(id: &str, lines: &str) -> (String, String) {
    let body = String::from_utf8_lossy(pushes::lc(id).body()).into_owned();
    let head = format!("POST /push HTTP/1.1\r\nhost: lc.internal\r\ncontent-length: {}\r\n{lines}\r\n", body.len());
    (head, body)
}

/// Sends the body only when asked for it.
async fn expecting(bed: &Bed) -> Message {
    let (head, body) = by_hand("m1", "expect: 100-continue\r\nconnection: close\r\n");
    let mut wire = Wire::connect(bed.envoy.outbound()).await;
    wire.write(head.as_bytes()).await;
    wire.wait_for(b"HTTP/1.1 100 Continue\r\n\r\n").await;
    wire.write(body.as_bytes()).await;
    answers(wire).await
}

/// Sends two pushes in one segment.
async fn pipelined(bed: &Bed) -> Message {
    let (first, second) = (by_hand("m2", ""), by_hand("m3", "connection: close\r\n"));
    let mut wire = Wire::connect(bed.envoy.outbound()).await;
    wire.write([first.0, first.1, second.0, second.1].concat().as_bytes()).await;
    answers(wire).await
}

/// All answers on the connection; the second stands in what looks like the body of the first.
async fn answers(wire: Wire) -> Message {
    let mut answer = Message::of_wire(wire.answer().await);
    answer.body = without_dates(&answer.body);
    answer
}

fn without_dates(bytes: &[u8]) -> Vec<u8> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"date:")).flatten().copied().collect()
}
