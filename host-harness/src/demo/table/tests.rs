//! The table as people see it.

use super::{Row, render, rows};
use crate::scrape::Scrape;

const SCRAPE: &str = r#"
pointsman_node_messages_total{node="OPPO_PUSH",channel="oppo",business="order",outcome="ok"} 60
pointsman_node_messages_total{node="OPPO_PUSH",channel="oppo",business="promo",outcome="ok"} 40
pointsman_node_messages_total{node="OPPO_PUSH",channel="oppo",business="promo",outcome="invalid_token"} 1
pointsman_node_messages_total{node="OPPO_PUSH",channel="oppo",business="order",outcome="quota_app"} 99
pointsman_node_messages_total{node="OPPO_PUSH",channel="oppo",business="order",outcome="timeout"} 0
pointsman_node_messages_total{node="PUSH",channel="none",business="order",outcome="ok"} 150
pointsman_node_calls_total{node="OPPO_PUSH",channel="oppo",outcome="ok"} 80
pointsman_node_calls_total{node="OPPO_PUSH",channel="oppo",outcome="quota_app"} 40
pointsman_vendor_codes_total{channel="oppo",code="0"} 100
pointsman_vendor_codes_total{channel="oppo",code="33"} 99
pointsman_vendor_codes_total{channel="fcm",code="33"} 7
pointsman_node_on_time_total{node="OPPO_PUSH",channel="oppo",met="true"} 119
pointsman_node_on_time_total{node="OPPO_PUSH",channel="oppo",met="false"} 1
pointsman_node_in_flight{node="OPPO_PUSH",channel="oppo",business="order"} 2
pointsman_node_in_flight{node="OPPO_PUSH",channel="oppo",business="promo"} 1
pointsman_node_in_flight{node="FCM_PUSH",channel="fcm",business="promo"} 4
pointsman_node_in_flight{node="FCM_TOKEN",channel="fcm",business="none"} 0
pointsman_node_blocked{node="OPPO_PUSH",channel="oppo",business="order",age="1s"} 1
pointsman_channel_state{channel="oppo",state="healthy"} 0
pointsman_channel_state{channel="oppo",state="degraded"} 1
pointsman_channel_state{channel="fcm",state="healthy"} 1
pointsman_channel_switches_total{from="oppo",to="lc",reason="quota"} 30
pointsman_channel_switches_total{from="oppo",to="lc",reason="failure_ratio"} 3
pointsman_node_duration_milliseconds_bucket{node="OPPO_PUSH",channel="oppo",le="50"} 60
pointsman_node_duration_milliseconds_bucket{node="OPPO_PUSH",channel="oppo",le="100"} 119
pointsman_node_duration_milliseconds_bucket{node="OPPO_PUSH",channel="oppo",le="4000"} 120
pointsman_node_duration_milliseconds_bucket{node="OPPO_PUSH",channel="oppo",le="+Inf"} 120
"#;

fn read() -> Vec<Row> {
    rows(&Scrape::parse(SCRAPE).unwrap())
}

#[test]
fn a_row_is_all_that_the_metrics_say_of_a_node() {
    let oppo = read().pop().unwrap();
    assert_eq!((oppo.messages, oppo.calls), (200, 120));
    assert_eq!((oppo.on_time, oppo.late), (119, 1));
    assert_eq!((oppo.in_flight, oppo.blocked), (3, 1));
    assert_eq!(oppo.p50_ms, Some(50.0));
    assert_eq!((oppo.state.as_deref(), oppo.moved), (Some("degraded"), 33));
    let codes: Vec<_> = oppo.codes.iter().map(|(code, n)| (code.as_str(), *n)).collect();
    assert_eq!(codes, [("0", 100), ("33", 99)]);
}

#[test]
fn the_table_has_the_services_node_first_and_ok_before_failures() {
    let expected = "\
NODE       CHANNEL  MESSAGES       P50       P99  ON TIME  IN FLIGHT  BLOCKED  STATE     MOVED  OUTCOMES
PUSH       none          150         -         -        -          0        0  -             0  ok 150
FCM_PUSH   fcm             0         -         -        -          4        0  healthy       0
OPPO_PUSH  oppo          200     50 ms    100 ms   99.2 %          3        1  degraded     33  ok 100, quota_app 99, invalid_token 1
";
    assert_eq!(render(&read()), expected);
}

#[test]
fn times_are_shown_in_the_unit_that_reads_best() {
    let shown = [0.04, 9.96, 12.4, 999.0, 3_012.0, 120_000.0].map(|ms| super::duration(Some(ms)));
    let expected = ["0.0 ms", "10.0 ms", "12 ms", "999 ms", "3.01 s", "120.00 s"];
    assert_eq!(shown, expected);
}

#[test]
fn a_scrape_without_the_filter_is_an_empty_table() {
    let rows = rows(&Scrape::parse("envoy_server_live 1\n").unwrap());
    assert_eq!(render(&rows).lines().count(), 1);
}
