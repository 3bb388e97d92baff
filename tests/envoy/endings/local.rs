//! Answers that Envoy gives in the vendor's place.

use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::send;
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::counts::node::{FCM, OPPO};
use pointsman_tests::counts::{Counts, Node};
use pointsman_tests::{Bed, Setup, pushes};
use serde_json::{Value, json};

const RULES: &str = r#"{"channels": ["oppo", "fcm"], "hold_request": true}"#;

fn to_host(host: &'static str, push: http::Request<bytes::Bytes>) -> http::Request<bytes::Bytes> {
    let mut push = push;
    push.headers_mut().insert("host", http::HeaderValue::from_static(host));
    push
}

/// Every object below that has this key gets this value.
fn set_all(value: &mut Value, key: &str, new: &Value) {
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                if name == key { *inner = new.clone() } else { set_all(inner, key, new) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| set_all(inner, key, new)),
        _ => {}
    }
}

fn routes(bootstrap: &mut Value) -> &mut Value {
    let route_config = "/static_resources/listeners/1/filter_chains/0/filters/0/typed_config/route_config";
    bootstrap.pointer_mut(route_config).expect("the outbound routes")
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_authority_are_told_apart() {
    // The intl host of OPPO leads to a port that refuses connections; nothing leads to the other one.
    let rules = r#"{
        "channels": ["oppo", {"name": "sms", "adapter": "generic-json", "hosts": ["sms.example.com"]}],
        "hold_request": true
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    let sms = Node("SMS_PUSH", "sms");
    let mut expected = Counts::default();
    for version in [Http1, Http2] {
        let refused = to_host("api-intl.push.oppomobile.com", pushes::oppo("m1"));
        assert_eq!(send(bed.envoy.outbound(), version, refused).await.unwrap().status, 503);
        expected = expected.call(OPPO, "vendor_unavailable").messages(OPPO, "vendor_unavailable", 1).trace("derived");
        let unknown = to_host("sms.example.com", pushes::lc("m2"));
        assert_eq!(send(bed.envoy.outbound(), version, unknown).await.unwrap().status, 404);
        expected = expected.call(sms, "invalid_request").messages(sms, "invalid_request", 1).trace("derived");
        // What visits no node is not judged at all.
        let unwatched = to_host("nobody.example.com", pushes::lc("m3"));
        assert_eq!(send(bed.envoy.outbound(), version, unwatched).await.unwrap().status, 404);
        expected = expected.bypassed("no_node");
    }
    bed.expect_counts(&expected).await;
    bed.expect_in_flight(OPPO, 0).await;
}

#[tokio::test]
async fn envoys_504_is_a_timeout() {
    let bed =
        Setup::with_rules(RULES).edit(|bootstrap| set_all(routes(bootstrap), "timeout", &json!("0.2s"))).start().await;
    let mut expected = Counts::default();
    for effect in [Effect::Hang, Effect::Endless { interval_ms: 10 }] {
        bed.vendors.set_fault("oppo", Fault::new(effect.clone())).unwrap();
        bed.vendors.set_fault("fcm", Fault::new(effect.clone())).unwrap();
        let by_form = send(bed.envoy.outbound(), Http1, pushes::oppo("m1")).await;
        let by_json = send(bed.envoy.outbound(), Http2, pushes::fcm("registration-1")).await;
        if effect == Effect::Hang {
            assert_eq!((by_form.unwrap().status.as_u16(), by_json.unwrap().status.as_u16()), (504, 504));
        } else {
            // The head of the answer is out already, so all that is left is to break it off.
            assert!(by_form.is_err() && by_json.is_err());
        }
        expected = expected.call(OPPO, "timeout").messages(OPPO, "timeout", 1).trace("derived");
        expected = expected.call(FCM, "timeout").messages(FCM, "timeout", 1).trace("random");
    }
    bed.expect_counts(&expected).await;
    bed.expect_in_flight(OPPO, 0).await;
    bed.expect_in_flight(FCM, 0).await;
}

#[tokio::test]
async fn envoys_503_of_a_full_cluster_is_a_vendor_that_is_unavailable() {
    let limits = json!([{"max_connections": 1, "max_pending_requests": 1, "max_requests": 1, "max_retries": 0}]);
    let bed = Setup::with_rules(RULES)
        .edit(move |bootstrap| set_all(&mut bootstrap["static_resources"]["clusters"], "thresholds", &limits))
        .start()
        .await;
    bed.vendors.set_fault("fcm", Fault::new(Effect::Hang)).unwrap();
    let hanging = hang(&bed);
    bed.expect_in_flight(FCM, 1).await;
    let answer = send(bed.envoy.outbound(), Http2, pushes::fcm("registration-2")).await.unwrap();
    assert_eq!(answer.status, 503);
    let refused = Counts::default().call(FCM, "vendor_unavailable").messages(FCM, "vendor_unavailable", 1);
    bed.expect_counts(&refused.clone().trace("random").trace("random")).await;
    bed.expect_in_flight(FCM, 1).await;
    hanging.abort();
    bed.expect_in_flight(FCM, 0).await;
}

fn hang(bed: &Bed) -> tokio::task::JoinHandle<()> {
    let addr = bed.envoy.outbound();
    tokio::spawn(async move {
        let _ = send(addr, Http2, pushes::fcm("registration-1")).await;
    })
}
