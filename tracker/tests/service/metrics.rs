//! What it tells of itself.

use crate::bed::{Bed, PROTOBUF, export};
use crate::ill::Mood;
use crate::records::{body, request, sent};
use pointsman_host::scrape::Scrape;
use prost::Message as _;

async fn scrape(bed: &Bed) -> Scrape {
    let response = bed.get("/metrics").await;
    let content_type = response.header("content-type").unwrap_or_default().to_owned();
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text();
    assert!(text.ends_with("# EOF\n"));
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("pointsman_tracker_"), "{line}");
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap_or_default();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} says what it is");
    }
    Scrape::parse(&text).expect("the text format")
}

#[tokio::test]
async fn everything_that_comes_and_goes_is_counted() {
    let bed = Bed::plain().await;
    bed.logs(body(&["a", "b"])).await;
    bed.logs(body(&["a"])).await;
    bed.logs(request(vec![sent("old", 90_000_000), sent("new", 0)]).encode_to_vec()).await;
    bed.send(export("/v1/traces", PROTOBUF, "junk")).await;
    bed.mood(Mood::Busy);
    bed.logs(body(&["c"])).await;
    bed.mood(Mood::Well);
    bed.get("/api/v1/find?id=a").await;
    bed.get("/api/v1/messages/ffffffffffffffffffffffff").await;
    let seen = scrape(&bed).await;
    let is = |name: &str, labels: &[(&str, &str)]| seen.value(&format!("pointsman_tracker_{name}"), labels);
    for (result, count) in [("new", 3.0), ("repeated", 1.0), ("expired", 1.0), ("refused", 1.0)] {
        assert_eq!(is("ingest_events_total", &[("result", result)]), Some(count), "{result}");
    }
    for (signal, status, count) in [("logs", "200", 3.0), ("logs", "503", 1.0), ("traces", "400", 1.0)] {
        let labels = [("signal", signal), ("status", status)];
        assert_eq!(is("ingest_requests_total", &labels), Some(count), "{labels:?}");
    }
    assert!(is("ingest_received_bytes_total", &[]) > Some(100.0));
    assert_eq!(is("ingest_append_duration_seconds_count", &[]), Some(4.0));
    assert_eq!(is("ingest_events_in_flight", &[]), Some(0.0));
    assert_eq!(is("newest_event_age_seconds", &[]), Some(0.0));
    assert_eq!(is("queries_total", &[("route", "/api/v1/find"), ("status", "200")]), Some(1.0));
    let by_key = [("route", "/api/v1/messages/{key}"), ("status", "404")];
    assert_eq!(is("queries_total", &by_key), Some(1.0), "no path is a label");
    assert_eq!(is("query_duration_seconds_count", &[("route", "/api/v1/find")]), Some(1.0));
    assert_eq!(is("connections", &[]).map(|open| open >= 1.0), Some(true));
}

#[tokio::test]
async fn a_store_that_has_failed_does_not_hide_the_rest() {
    let bed = Bed::plain().await;
    bed.mood(Mood::Broken);
    let seen = scrape(&bed).await;
    assert_eq!(seen.value("pointsman_tracker_store_up", &[]), Some(0.0));
    bed.mood(Mood::Well);
    assert_eq!(scrape(&bed).await.value("pointsman_tracker_store_up", &[]), Some(1.0));
}
