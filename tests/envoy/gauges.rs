//! What is in flight, and what is blocked by age: exact sums over all workers, and down again to zero.

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use pointsman_host::http::{Client, Version};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::load::Waiting;
use pointsman_tests::{Bed, Setup, pushes};
use std::time::Duration;
use tokio::task::JoinSet;

/// Longer than a test.
const ENDLESS: Duration = Duration::from_secs(60);

fn rules(channels: &str) -> String {
    format!(
        r#"{{
            "service": "push",
            "channels": [{{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}}, {channels}],
            "message": {{"business": [{{"header": "x-business"}}]}},
            "businesses": [{{"name": "order"}}, {{"name": "marketing"}}],
            "blocked_after": ["1s", "3s", "1m"],
            "hold_request": true
        }}"#
    )
}

/// Sends as many pushes of a business as it says; they wait until they are answered or dropped.
fn push(bed: &Bed, make: fn(&str) -> Request<Bytes>, businesses: &[(&str, usize)]) -> Waiting {
    let each = businesses.iter().flat_map(|(business, number)| (0..*number).map(move |index| (*business, index)));
    let requests = each.map(|(business, index)| match business {
        "none" => make(&format!("none-{index}")),
        _ => pushes::with(make(&format!("{business}-{index}")), "x-business", business.as_bytes()),
    });
    Waiting::send(bed.envoy.outbound(), requests)
}

fn hang(bed: &Bed, vendor: &str) {
    bed.vendors.set_fault(vendor, Fault::new(Effect::Hang)).unwrap();
}

async fn in_flight(bed: &Bed, node: &str, expected: f64) {
    bed.expect("pointsman_node_in_flight", &[("node", node)], expected).await;
}

/// Waits until this many are blocked in a node, by age and by business, and no others.
async fn blocked(bed: &Bed, node: &str, expected: &[(&str, &str, f64)]) {
    bed.until(&format!("{expected:?} to be blocked in {node}"), |scrape| {
        let sum = |labels: &[(&str, &str)]| scrape.sum("pointsman_node_blocked", &[&[("node", node)], labels].concat());
        let (mut all, mut seen) = (sum(&[]), Vec::new());
        for (age, business, _) in expected {
            let of = sum(&[("age", age), ("business", business)]);
            seen.push((*age, *business, of));
            all -= of;
        }
        if seen == expected && all == 0.0 { Ok(()) } else { Err(format!("{seen:?} and {all} others")) }
    })
    .await;
}

#[tokio::test]
async fn gauges_are_exact_by_node_business_and_age_over_all_workers() {
    let bed = Setup::with_rules(&rules(r#""wechat""#)).workers(4).start().await;
    hang(&bed, "lc");
    bed.vendors.set_fault("wechat", Fault::delay(2_000)).unwrap();
    let answered = push(&bed, pushes::wechat, &[("order", 4)]);
    let first = push(&bed, pushes::lc, &[("order", 3), ("marketing", 2), ("surprise", 1), ("none", 2)]);
    in_flight(&bed, "LC_PUSH", 8.0).await;
    in_flight(&bed, "WECHAT_PUSH", 4.0).await;
    for (business, number) in [("order", 3.0), ("marketing", 2.0), ("other", 1.0), ("none", 2.0)] {
        bed.expect("pointsman_node_in_flight", &[("node", "LC_PUSH"), ("business", business)], number).await;
    }
    let all =
        |age: &'static str| [(age, "order", 3.0), (age, "marketing", 2.0), (age, "other", 1.0), (age, "none", 2.0)];
    blocked(&bed, "LC_PUSH", &all("1s")).await;

    assert_eq!(answered.answers().await, [Some(StatusCode::OK); 4]);

    // A visit is in its highest age only. The second lot is two seconds younger than the first.
    let second = push(&bed, pushes::lc, &[("order", 5)]);
    blocked(&bed, "LC_PUSH", &[&all("3s")[..], &[("1s", "order", 5.0)]].concat()).await;
    in_flight(&bed, "LC_PUSH", 13.0).await;
    in_flight(&bed, "WECHAT_PUSH", 0.0).await;
    blocked(&bed, "WECHAT_PUSH", &[]).await;
    drop(first);
    blocked(&bed, "LC_PUSH", &[("3s", "order", 5.0)]).await;
    in_flight(&bed, "LC_PUSH", 5.0).await;
    drop(second);
    blocked(&bed, "LC_PUSH", &[]).await;
    in_flight(&bed, "LC_PUSH", 0.0).await;
    bed.expect("pointsman_node_in_flight", &[], 0.0).await;
}

#[tokio::test]
async fn a_visit_is_counted_once_while_rules_change() {
    let bed = Setup::with_rules(&rules(r#""wechat""#)).workers(2).start().await;
    hang(&bed, "lc");
    let before = push(&bed, pushes::lc, &[("order", 6)]);
    in_flight(&bed, "LC_PUSH", 6.0).await;
    bed.apply(&rules(r#""wechat", "oppo""#)).await;
    let after = push(&bed, pushes::lc, &[("order", 4)]);
    bed.until("ten to be in flight", |scrape| {
        let seen = scrape.sum("pointsman_node_in_flight", &[("node", "LC_PUSH")]);
        assert!((6.0..=10.0).contains(&seen), "{seen} in flight");
        if seen == 10.0 { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    blocked(&bed, "LC_PUSH", &[("3s", "order", 10.0)]).await;
    drop(before);
    in_flight(&bed, "LC_PUSH", 4.0).await;
    blocked(&bed, "LC_PUSH", &[("3s", "order", 4.0)]).await;
    bed.apply(&rules(r#""wechat", "apns""#)).await;
    drop(after);
    in_flight(&bed, "LC_PUSH", 0.0).await;
    blocked(&bed, "LC_PUSH", &[]).await;
}

#[tokio::test]
async fn every_stream_of_an_http2_connection_is_counted() {
    let bed = Setup::with_rules(&rules(r#""apns""#)).workers(2).start().await;
    let client = Client::new(bed.envoy.outbound(), Version::Http2).timeout(ENDLESS);
    // Streams that begin before the connection is there would make connections of their own.
    assert_eq!(client.send(absolute(pushes::apns(pushes::APNS_TOKEN))).await.unwrap().status, 200);
    hang(&bed, "apns");
    let mut streams = JoinSet::new();
    let mut some = JoinSet::new();
    for index in 0..100 {
        let (client, push) = (client.clone(), absolute(pushes::apns(pushes::APNS_TOKEN)));
        let set = if index % 5 < 2 { &mut some } else { &mut streams };
        set.spawn(async move { client.send(push).await });
    }
    in_flight(&bed, "APNS_PUSH", 100.0).await;
    let outbound = [("envoy_http_conn_manager_prefix", "outbound")];
    bed.expect("envoy_http_downstream_cx_active", &outbound, 1.0).await;
    drop(some);
    in_flight(&bed, "APNS_PUSH", 60.0).await;
    blocked(&bed, "APNS_PUSH", &[("3s", "none", 60.0)]).await;
    bed.vendors.clear_fault("apns").unwrap();
    assert_eq!(client.send(absolute(pushes::apns(pushes::APNS_TOKEN))).await.unwrap().status, 200);
    in_flight(&bed, "APNS_PUSH", 60.0).await;
    drop(streams);
    in_flight(&bed, "APNS_PUSH", 0.0).await;
    blocked(&bed, "APNS_PUSH", &[]).await;
}

/// The same request as a pool of connections takes it: the authority in the URI.
fn absolute(mut request: Request<Bytes>) -> Request<Bytes> {
    let host = request.headers_mut().remove("host").expect("a host");
    let uri = format!("http://{}{}", host.to_str().unwrap(), request.uri());
    *request.uri_mut() = Uri::try_from(uri).unwrap();
    request
}
