//! What the filter says of a push shows whom it was for only to those who hold the secret.

use bytes::Bytes;
use http::Request;
use pointsman_core::trace::{CountryCode, Key, Recipient};
use pointsman_host::http::{Version, send};
use pointsman_tests::{Bed, SECRET, Setup, pushes};

const PHONE: &str = "+447700900123";
const RULES: &str = r#"{"channels": ["apns", "oppo", "sms-tencent"], "hold_request": true, "tenant": "acme"}"#;

/// Sends one push to each of three vendors, with the log at debug level.
async fn three_pushes(setup: Setup) -> Bed {
    let bed = setup.log_level("wasm:debug").start().await;
    // A worker looks at the log level on its tick, and what it counts is seen only after that.
    bed.outbound(pushes::apns(pushes::APNS_TOKEN)).await;
    bed.expect("pointsman_node_calls_total", &[], 1.0).await;
    bed.outbound(pushes::apns(pushes::APNS_TOKEN)).await;
    bed.outbound(pushes::oppo("m1")).await;
    bed.outbound(pushes::sms("m2", &[PHONE])).await;
    bed.expect("pointsman_node_calls_total", &[], 4.0).await;
    bed
}

fn visits(bed: &Bed) -> Vec<String> {
    let log = bed.envoy.log();
    let visits = log.lines().filter_map(|line| line.split_once("visit {"));
    visits.map(|(_, visit)| visit.to_owned()).collect()
}

#[tokio::test]
async fn the_log_shows_a_recipient_as_the_documented_hash_and_nothing_shows_it_as_it_is() {
    let bed = three_pushes(Setup::with_rules(RULES)).await;
    let key = Key::new(SECRET.as_bytes()).unwrap();
    let phone = Recipient::Phone { number: PHONE, country: CountryCode::default() };
    let registration = pushes::oppo_registration("m1");
    let seen = visits(&bed);
    assert_eq!(seen.len(), 3);
    for (node, recipient, message_id) in [
        ("APNS_PUSH", Recipient::Token(pushes::APNS_TOKEN), None),
        ("OPPO_PUSH", Recipient::Token(&registration), Some("m1")),
        ("SMS_TENCENT_PUSH", phone, Some("m2")),
    ] {
        let visit = seen.iter().find(|visit| visit.contains(&format!("\"node\":\"{node}\""))).expect(node);
        let hash = key.recipient_hash("acme", recipient);
        assert!(visit.contains(&format!("\"recipients\":[\"{hash}\"]")), "{visit}");
        assert!(visit.contains("\"batch\":1,\"outcome\":\"ok\",\"fate\":\"accepted\""), "{visit}");
        if let Some(id) = message_id {
            assert!(visit.contains(&format!("\"trace_id\":\"{}\"", key.trace_id("acme", id))), "{visit}");
        }
    }
    let shown = everything_shown(&bed).await;
    let secrets = [pushes::APNS_TOKEN, &registration, PHONE, "447700900123", "7700900123", "bearer stand-in", SECRET];
    for secret in secrets.into_iter().chain(["auth_token", "TC3-HMAC-SHA256"]) {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

/// Envoy's log, all stats and the whole configuration.
async fn everything_shown(bed: &Bed) -> String {
    let mut shown = bed.envoy.log();
    for path in ["/stats", "/stats/prometheus", "/config_dump"] {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        shown.push_str(&send(bed.envoy.admin(), Version::Http1, request).await.unwrap().text());
    }
    shown
}

#[tokio::test]
async fn no_recipient_is_shown_at_all_where_the_config_or_a_missing_secret_says_so() {
    let dropped = RULES.replacen('{', r#"{"recipient": "drop", "#, 1);
    for setup in [Setup::with_rules(&dropped), Setup::with_rules(RULES).without_secret()] {
        let seen = visits(&three_pushes(setup).await);
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|visit| visit.contains("\"recipients\":[]")), "{seen:?}");
        assert!(seen.iter().all(|visit| visit.contains("\"batch\":1")), "{seen:?}");
    }
}
