//! HTTP/2 on either side of Envoy.

use http::Version as HttpVersion;
use pointsman_host::http::{Version, send};
use pointsman_host::vendors::Fault;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{APNS, OPPO};
use pointsman_tests::{Setup, pushes};

#[tokio::test]
async fn apns_is_spoken_to_in_http2_on_both_sides_and_counted_alike() {
    let rules = r#"{"channels": ["apns", "oppo"], "hold_request": true}"#;
    let bed = Setup::with_rules(rules).start().await;
    let ok = send(bed.envoy.outbound(), Version::Http2, pushes::apns(pushes::APNS_TOKEN)).await.unwrap();
    assert_eq!((ok.status.as_u16(), ok.body.len()), (200, 0));
    assert_eq!(bed.last_at("apns").version, HttpVersion::HTTP_2);
    bed.vendors.set_fault("apns", Fault::error("TooManyRequests")).unwrap();
    let refused = send(bed.envoy.outbound(), Version::Http2, pushes::apns(pushes::APNS_TOKEN)).await.unwrap();
    assert_eq!(refused.json().unwrap()["reason"], "TooManyRequests");
    // The two sides need not speak the same: here HTTP/2 comes in and HTTP/1.1 goes out, with the body held between.
    let form = send(bed.envoy.outbound(), Version::Http2, pushes::oppo("m1")).await.unwrap();
    assert_eq!(form.json().unwrap()["code"], 0);
    assert_eq!(bed.last_at("oppo").version, HttpVersion::HTTP_11);
    let expected = Counts::default()
        .call(APNS, "ok")
        .messages(APNS, "ok", 1)
        .code(APNS, "200", 1)
        .trace("random")
        .call(APNS, "quota_target")
        .messages(APNS, "quota_target", 1)
        .code(APNS, "TooManyRequests", 1)
        .trace("random")
        .call(OPPO, "ok")
        .messages(OPPO, "ok", 1)
        .code(OPPO, "0", 1)
        .trace("derived");
    bed.expect_counts(&expected).await;
}
