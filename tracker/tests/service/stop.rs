//! How it ends.

use crate::bed::{Bed, Wish, until};
use crate::ill::Mood;
use crate::records::body;
use http::StatusCode;
use pointsman_tracker::serve::Settings;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_is_under_way_ends_and_nothing_new_is_taken() {
    let mut bed = Bed::plain().await;
    bed.mood(Mood::Silent);
    let (store, state) = (bed.store.clone(), bed.app.state.clone());
    let addr = bed.addr;
    let answer = tokio::spawn(async move {
        let request = crate::bed::export("/v1/logs", crate::bed::PROTOBUF, body(&["a"]));
        pointsman_host::http::send(addr, pointsman_host::http::Version::Http1, request).await
    });
    until("the events come to the store", async || {
        let batches = store.batches.lock().unwrap().clone();
        (batches == [1], batches)
    })
    .await;
    bed.tell_to_stop();
    until("nobody is let in any more", async || {
        let refused = TcpStream::connect(addr).await.is_err();
        (refused && state.is_stopping(), refused)
    })
    .await;
    store.set(Mood::Well);
    let response = answer.await.expect("a task").expect("an answer");
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.header("connection"), Some("close"));
    assert_eq!(bed.found("a").await, ["a"]);
    bed.stopped().await;
}

#[tokio::test]
async fn what_does_not_end_is_not_waited_for_without_end() {
    let server = Settings { stop_timeout: Duration::from_millis(100), ..Settings::default() };
    let mut bed = Bed::start(Wish { server, ..Wish::default() }).await;
    bed.mood(Mood::Silent);
    let (store, addr) = (bed.store.clone(), bed.addr);
    let answer = tokio::spawn(async move {
        let request = crate::bed::export("/v1/logs", crate::bed::PROTOBUF, body(&["a"]));
        pointsman_host::http::send(addr, pointsman_host::http::Version::Http2, request).await
    });
    until("the events come to the store", async || {
        let batches = store.batches.lock().unwrap().clone();
        (batches == [1], batches)
    })
    .await;
    bed.tell_to_stop();
    bed.stopped().await;
    assert!(answer.await.expect("a task").is_err(), "it was not acknowledged");
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_it_up() {
    let mut bed = Bed::plain().await;
    let mut idle = TcpStream::connect(bed.addr).await.expect("a connection");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("it is written");
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    bed.tell_to_stop();
    let began = std::time::Instant::now();
    bed.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
