//! The smoke test that whatever is installed must pass, however it was rendered and mounted: pushes are watched on both sides,
//! a failure behind a 200 is seen, labels and buckets are those of the shipped bootstrap, and new rules take effect.

use crate::{PATIENCE, pushes};
use bytes::Bytes;
use http::Request;
use pointsman_host::http::{Response, Version, send};
use pointsman_host::rules::shipped_buckets_ms;
use pointsman_host::scrape::Scrape;
use pointsman_host::vendors::{Fault, Vendors};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Rules under which the service is another, so that it shows that they are in force.
pub const OTHER_RULES: &str = r#"{"service": "another", "channels": ["oppo"], "hold_request": true}"#;

/// An installed sidecar, with stand-ins behind it. Its rules name the service `push` and the channel `oppo`.
pub struct Place<'a> {
    /// Where callers of the push service connect.
    pub inbound: SocketAddr,
    /// Where the service connects to reach vendors.
    pub outbound: SocketAddr,
    /// Where Prometheus connects.
    pub scrape: SocketAddr,
    /// The stand-ins of vendors behind it.
    pub vendors: &'a Vendors,
}

/// Passes if pushes are watched as they should be.
///
/// # Panics
/// If they are not, with what was seen last.
pub async fn smoke(place: &Place<'_>) {
    assert_eq!(place.send(place.inbound, pushes::lc("smoke-1")).await.status, 200);
    place.counts(&[("node", "PUSH"), ("channel", "none"), ("outcome", "ok")], 1.0).await;

    assert_eq!(place.send(place.outbound, pushes::oppo("smoke-2")).await.status, 200);
    place.counts(&[("node", "OPPO_PUSH"), ("channel", "oppo"), ("outcome", "ok")], 1.0).await;

    place.vendors.set_fault("oppo", Fault::error("33")).expect("a known vendor");
    let answer = place.send(place.outbound, pushes::oppo("smoke-3")).await;
    place.vendors.clear_fault("oppo").expect("a known vendor");
    assert_eq!(answer.status, 200, "OPPO says so behind a 200");
    place.counts(&[("node", "OPPO_PUSH"), ("channel", "oppo"), ("outcome", "quota_app")], 1.0).await;

    labels_and_buckets(place).await;
}

/// Passes if [`OTHER_RULES`] are in force, or soon are.
///
/// # Panics
/// If they are not.
pub async fn other_rules(place: &Place<'_>) {
    let deadline = Instant::now() + PATIENCE;
    let labels = [("node", "ANOTHER"), ("outcome", "ok")];
    while place.scrape().await.sum(MESSAGES, &labels) < 1.0 {
        assert!(Instant::now() < deadline, "the other rules are not in force");
        assert_eq!(place.send(place.inbound, pushes::lc("smoke-4")).await.status, 200);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

const MESSAGES: &str = "pointsman_node_messages_total";

/// As Prometheus sees them: a label is a label and no part of a name, and the bounds are those of the shipped bootstrap.
async fn labels_and_buckets(place: &Place<'_>) {
    let bucket = "pointsman_node_duration_milliseconds_bucket";
    let of_oppo = [("node", "OPPO_PUSH"), ("channel", "oppo")];
    // Histograms are shown at Envoy's next flush.
    let scrape = place.until("the durations to be shown", |scrape| scrape.sum(bucket, &of_oppo) > 0.0).await;

    let bounds: BTreeSet<&str> =
        scrape.samples(bucket).filter_map(|sample| Some(sample.labels.get("le")?.as_str())).collect();
    let shipped = shipped_buckets_ms().expect("the shipped bootstrap");
    let mut expected: BTreeSet<String> = shipped.iter().map(u64::to_string).collect();
    expected.insert("+Inf".to_owned());
    assert_eq!(bounds, expected.iter().map(String::as_str).collect());

    for (metric, labels) in [
        (MESSAGES, &["business", "channel", "node", "outcome"][..]),
        ("pointsman_vendor_codes_total", &["channel", "code"]),
        ("pointsman_node_on_time_total", &["channel", "met", "node"]),
        ("pointsman_channel_state", &["channel", "state"]),
        ("pointsman_config_total", &["result"]),
        ("pointsman_build_info", &["version"]),
    ] {
        let sample = scrape.samples(metric).next().unwrap_or_else(|| panic!("{metric} is not exported"));
        let found: Vec<&str> = sample.labels.keys().map(String::as_str).collect();
        assert_eq!(found, labels, "{metric}");
    }
}

impl Place<'_> {
    async fn send(&self, to: SocketAddr, request: Request<Bytes>) -> Response {
        send(to, Version::Http1, request).await.expect("an answer through the proxy")
    }

    async fn scrape(&self) -> Scrape {
        let request = Request::get("/stats/prometheus").body(Bytes::new()).expect("a valid request");
        let stats = send(self.scrape, Version::Http1, request).await.expect("the proxy is scraped");
        Scrape::parse(&stats.text()).expect("the Prometheus text format")
    }

    async fn counts(&self, labels: &[(&str, &str)], expected: f64) {
        let what = format!("{MESSAGES}{labels:?} to be {expected}");
        self.until(&what, |scrape| (scrape.sum(MESSAGES, labels) - expected).abs() < f64::EPSILON).await;
    }

    async fn until(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let scrape = self.scrape().await;
            if holds(&scrape) {
                return scrape;
            }
            assert!(Instant::now() < deadline, "waited for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
