//! All answers to those who send records.

use crate::bed::{Bed, JSON, NOW_MS, PROTOBUF, Parts, SOON, Wish, export, request, until};
use crate::ill::Mood;
use crate::records::{self, body, gzip, sent};
use bytes::Bytes;
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use pointsman_host::http::{Response, Version, send, send_within};
use pointsman_tracker::access::TokenHash;
use pointsman_tracker::event::Kind;
use pointsman_tracker::ingest::{Settings, Token};
use pointsman_tracker::store::{Id, Store as _};
use prost::Message as _;
use std::time::Duration;

fn status_of(response: &Response) -> (u16, Option<String>) {
    (response.status.as_u16(), response.header("retry-after").map(str::to_owned))
}

/// What a `google.rpc.Status` says: 1 is its code, 2 its message.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[tokio::test]
async fn both_encodings_come_in_by_both_protocols_packed_or_not_and_are_answered_alike() {
    let bed = Bed::plain().await;
    let mut number = 0;
    for version in [Version::Http1, Version::Http2] {
        for content_type in [PROTOBUF, JSON, "application/json; charset=utf-8"] {
            for packed in [false, true] {
                number += 1;
                let id = format!("order-{number}");
                let records = records::request(vec![sent(&id, 0)]);
                let json = serde_json::to_vec(&records).expect("JSON");
                let body = if content_type == PROTOBUF { records.encode_to_vec() } else { json };
                let mut request = export("/v1/logs", content_type, if packed { gzip(&body) } else { body });
                if packed {
                    request.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
                }
                let response = send(bed.addr, version, request).await.expect("an answer");
                let case = format!("{version:?} {content_type} packed: {packed}");
                assert_eq!(response.status, StatusCode::OK, "{case}: {}", response.text());
                let same = content_type.split(';').next();
                assert_eq!(response.header("content-type"), same, "{case}");
                assert_eq!(response.text(), if content_type == PROTOBUF { "" } else { "{}" }, "{case}");
                assert_eq!(bed.found(&id).await, [id], "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_may_come_in_chunks_of_any_size() {
    let bed = Bed::plain().await;
    for (id, size) in [("order-1", 1), ("order-2", 7), ("order-3", 1_000)] {
        let whole = body(&[id]);
        let parts = Parts(whole.chunks(size).map(Bytes::copy_from_slice).collect(), false);
        let request = request(Method::POST, "/v1/logs").header("content-type", PROTOBUF).body(parts);
        let response =
            send_within(bed.addr, Version::Http1, request.expect("a request"), SOON).await.expect("an answer");
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(bed.found(id).await, [id]);
    }
}

#[tokio::test]
async fn an_empty_request_is_a_success_and_measurements_are_dropped() {
    let bed = Bed::plain().await;
    for path in ["/v1/logs", "/v1/traces", "/v1/metrics"] {
        let response = bed.send(export(path, PROTOBUF, "")).await;
        assert_eq!((response.status, response.text()), (StatusCode::OK, String::new()), "{path}");
        let response = bed.send(export(path, JSON, "{}")).await;
        assert_eq!((response.status, response.text()), (StatusCode::OK, "{}".to_owned()), "{path}");
    }
    let response = bed.send(export("/v1/metrics", PROTOBUF, "whatever it is")).await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_status_in_the_senders_encoding() {
    let bed = Bed::plain().await;
    let cut = body(&["order-42"]);
    let response = bed.logs(cut.split_at(cut.len() - 1).0.to_vec()).await;
    let status = Status::decode(response.body.clone()).expect("a status");
    assert_eq!((response.status, status.code), (StatusCode::BAD_REQUEST, 3), "{}", status.message);
    assert_eq!(response.header("content-type"), Some(PROTOBUF));
    let deep = format!("{}{}", r#"{"resourceLogs":"#, "[".repeat(100_000));
    for text in ["{", "[]", r#"{"resourceLogs": 1}"#, &deep] {
        let response = bed.send(export("/v1/logs", JSON, text.to_owned())).await;
        let answer = response.json().expect("JSON");
        assert_eq!((response.status, &answer["code"]), (StatusCode::BAD_REQUEST, &3.into()), "{answer}");
        assert!(answer["message"].as_str().is_some_and(|message| message.contains("line 1")), "{answer}");
    }
    let mut packed = export("/v1/logs", PROTOBUF, "no gzip");
    packed.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    assert_eq!(bed.send(packed).await.status, StatusCode::BAD_REQUEST);
    let mut half = gzip(&body(&["order-42"]));
    half.truncate(half.len() / 2);
    let mut half = export("/v1/logs", PROTOBUF, half);
    half.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    assert_eq!(bed.send(half).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(bed.found("order-42").await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_no_export_is_told_so() {
    let bed = Bed::plain().await;
    let mut packed = export("/v1/logs", JSON, "{}");
    packed.headers_mut().insert("content-encoding", "br".parse().expect("a value"));
    let cases = [
        (export("/v1/logs", "text/plain", "hello"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (packed, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (export("/v1/profiles", PROTOBUF, ""), StatusCode::NOT_FOUND),
        (request(Method::GET, "/v1/logs").body(Bytes::new()).expect("a request"), StatusCode::METHOD_NOT_ALLOWED),
    ];
    for (request, expected) in cases {
        let path = request.uri().clone();
        assert_eq!(bed.send(request).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_larger_than_it_may_be_is_refused_before_it_is_there() {
    let bed = Bed::plain().await;
    // 70 MiB of zeros are 70 KiB: it must not be unpacked to its end.
    let mut bomb = export("/v1/logs", PROTOBUF, gzip(&vec![0; 70 << 20]));
    bomb.headers_mut().insert("content-encoding", "gzip".parse().expect("a value"));
    let response = bed.send(bomb).await;
    let status = Status::decode(response.body.clone()).expect("a status");
    assert_eq!((response.status, status.code), (StatusCode::PAYLOAD_TOO_LARGE, 8), "{}", status.message);
    let head =
        "POST /v1/logs HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 67108865\r\n\r\n";
    let answer = pointsman_host::http::raw(bed.addr, head.as_bytes()).await.expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(bed.logs(body(&["order-42"])).await.status, StatusCode::OK, "the room is free again");
}

#[tokio::test]
async fn records_that_are_too_old_are_told_of_and_the_others_are_taken() {
    let bed = Bed::plain().await;
    let records = records::request(vec![sent("late", 23 * 3_600_000), sent("gone", 25 * 3_600_000), sent("now", 0)]);
    let response = bed.logs(records.encode_to_vec()).await;
    assert_eq!(response.status, StatusCode::OK);
    let partial = ExportLogsServiceResponse::decode(response.body).expect("an answer").partial_success;
    let partial = partial.expect("a part of it");
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.contains("older than the 1d"), "{}", partial.error_message);
    let response = bed.send(export("/v1/logs", JSON, serde_json::to_vec(&records).expect("JSON"))).await;
    let answer = response.json().expect("JSON");
    assert_eq!(answer["partialSuccess"]["rejectedLogRecords"], "1", "{answer}");
    for (id, found) in [("late", 1), ("now", 1), ("gone", 0)] {
        assert_eq!(bed.found(id).await.len(), found, "{id}");
    }
}

#[tokio::test]
async fn a_record_from_the_future_is_of_now_and_keeps_what_it_claims() {
    let bed = Bed::plain().await;
    let mut record = sent("ahead", 0);
    record.time_unix_nano += 3_600_000 * 1_000_000;
    assert_eq!(bed.logs(records::request(vec![record]).encode_to_vec()).await.status, StatusCode::OK);
    let found = bed.store.find(&Id::Message("ahead".to_owned()), 1).await.expect("a message");
    let event = &found[0].events[0];
    assert_eq!((event.at_ms, &*event.rest), (NOW_MS, &*format!("{{\"claimed_unix_ms\":{}}}", NOW_MS + 3_600_000)));
}

#[tokio::test]
async fn a_batch_that_is_sent_twice_is_there_once() {
    let bed = Bed::plain().await;
    let batch = body(&["a", "b", "c"]);
    for _ in 0..2 {
        assert_eq!(bed.logs(batch.clone()).await.status, StatusCode::OK);
    }
    for id in ["a", "b", "c"] {
        let found = bed.store.find(&Id::Message(id.to_owned()), 5).await.expect("messages");
        assert_eq!(found.iter().map(|message| message.events.len()).collect::<Vec<_>>(), [1], "{id}");
    }
    let text = bed.get("/metrics").await.text();
    assert!(text.contains("ingest_events_total{result=\"new\"} 3\n"), "{text}");
    assert!(text.contains("ingest_events_total{result=\"repeated\"} 3\n"), "{text}");
}

#[tokio::test]
async fn what_nobody_knows_is_kept_as_it_came() {
    let bed = Bed::plain().await;
    let mut record = sent("odd", 0);
    record.event_name = "shop.order.paid".to_owned();
    assert_eq!(bed.logs(records::request(vec![record]).encode_to_vec()).await.status, StatusCode::OK);
    let found = bed.store.find(&Id::Message("odd".to_owned()), 1).await.expect("a message");
    assert_eq!((found[0].events[0].facts.kind, &*found[0].events[0].facts.name), (Kind::Other, "shop.order.paid"));
}

#[tokio::test]
async fn only_who_has_a_token_may_send_and_it_opens_nothing_else() {
    let token = Token { name: "envoy".to_owned(), sha256: TokenHash::of("pmt_of_envoy") };
    let other = Token { name: "collector".to_owned(), sha256: TokenHash::of("pmt_of_collector") };
    let ingest = Settings { tokens: vec![token, other], ..Settings::default() };
    let bed = Bed::start(Wish { ingest, ..Wish::default() }).await;
    let cases = [
        (None, StatusCode::UNAUTHORIZED),
        (Some("Bearer pmt_of_nobody"), StatusCode::UNAUTHORIZED),
        (Some("Bearer "), StatusCode::UNAUTHORIZED),
        (Some("Basic pmt_of_envoy"), StatusCode::UNAUTHORIZED),
        (Some("Bearer pmt_of_envoy"), StatusCode::OK),
        (Some("bearer pmt_of_collector"), StatusCode::OK),
    ];
    for (authorization, expected) in cases {
        let mut request = export("/v1/logs", PROTOBUF, body(&["a"]));
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().expect("a value"));
        }
        let response = bed.send(request).await;
        assert_eq!(response.status, expected, "{authorization:?}");
        assert_eq!(response.header("www-authenticate").is_some(), expected == StatusCode::UNAUTHORIZED);
    }
    let query = request(Method::GET, "/api/v1/find?id=a").header("authorization", "Bearer pmt_of_envoy");
    assert_eq!(bed.send(query.body(Bytes::new()).expect("a request")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_store_that_takes_nothing_says_when_to_come_again_and_nothing_else() {
    let bed = Bed::plain().await;
    for mood in [Mood::Busy, Mood::Broken] {
        bed.mood(mood);
        let response = bed.logs(body(&["a"])).await;
        assert_eq!(status_of(&response), (503, Some("2".to_owned())), "{mood:?}");
        assert!(!response.text().contains("a secret of the disk"), "{}", response.text());
    }
    bed.mood(Mood::Well);
    assert_eq!(bed.logs(body(&["a"])).await.status, StatusCode::OK);
    assert_eq!(bed.found("a").await, ["a"]);
}

#[tokio::test]
async fn nothing_is_acknowledged_before_the_store_has_it() {
    let bed = Bed::plain().await;
    bed.mood(Mood::Silent);
    let mut answer = std::pin::pin!(bed.logs(body(&["a"])));
    until("the events come to the store", async || {
        let early = tokio::time::timeout(Duration::ZERO, answer.as_mut()).await;
        assert!(early.is_err(), "it is answered");
        let batches = bed.store.batches.lock().unwrap().clone();
        (batches == [1], batches)
    })
    .await;
    bed.mood(Mood::Well);
    assert_eq!(answer.await.status, StatusCode::OK);
    assert_eq!(bed.found("a").await, ["a"]);
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for_without_end() {
    let ingest = Settings { append_timeout: Duration::from_millis(100), ..Settings::default() };
    let bed = Bed::start(Wish { ingest, ..Wish::default() }).await;
    bed.mood(Mood::Silent);
    assert_eq!(status_of(&bed.logs(body(&["a"])).await), (503, Some("2".to_owned())));
    let waiting = async || bed.get("/metrics").await.text().contains("ingest_events_in_flight 1\n");
    assert!(waiting().await, "the store still has it, so it still takes room");
    bed.mood(Mood::Well);
    until("the room is given back", async || (!waiting().await, ())).await;
}

#[tokio::test]
async fn what_is_more_than_can_wait_is_sent_away_for_a_moment() {
    let ingest = Settings { max_in_flight: 64 << 10, max_body: 64 << 10, ..Settings::default() };
    let bed = Bed::start(Wish { ingest, ..Wish::default() }).await;
    bed.mood(Mood::Silent);
    let mut first = sent("a", 0);
    first.attributes.push(records::text("long", &"x".repeat(60_000)));
    let mut first = std::pin::pin!(bed.logs(records::request(vec![first]).encode_to_vec()));
    until("the events come to the store", async || {
        let _ = tokio::time::timeout(Duration::ZERO, first.as_mut()).await;
        let batches = bed.store.batches.lock().unwrap().clone();
        (batches == [1], batches)
    })
    .await;
    assert_eq!(status_of(&bed.logs(body(&["b"])).await), (429, Some("1".to_owned())));
    bed.mood(Mood::Well);
    assert_eq!(first.await.status, StatusCode::OK);
    assert_eq!(bed.logs(body(&["b"])).await.status, StatusCode::OK, "the room is free again");
}

#[tokio::test]
async fn a_large_request_goes_to_the_store_in_parts_and_is_answered_once() {
    let bed = Bed::plain().await;
    let records = (0..10_000).map(|number| sent(&format!("m-{number}"), 0)).collect();
    assert_eq!(bed.logs(records::request(records).encode_to_vec()).await.status, StatusCode::OK);
    assert_eq!(*bed.store.batches.lock().unwrap(), [4_096, 4_096, 1_808]);
    assert_eq!(bed.found("m-9999").await, ["m-9999"]);
}
