//! A message that is sent again.

use super::bed;
use pointsman_host::otlp::{Record, Signal};
use pointsman_tests::collector::{Told, events};
use pointsman_tests::pushes;
use serde_json::json;
use std::collections::BTreeMap;

/// Enough that each worker has had some of most messages' attempts: a connection goes to either by chance.
const MESSAGES: usize = 20;

/// The numbers of attempts by message, in the order of time, as both kinds of record have them.
fn attempts(told: &[Record]) -> BTreeMap<String, (Vec<i64>, Vec<i64>)> {
    let mut attempts: BTreeMap<String, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for span in told.iter().filter(|told| told.word("push.node") == "OPPO_PUSH" && told.signal == Signal::Span) {
        let of = attempts.entry(span.word("messaging.message.id").to_owned()).or_default();
        of.0.push(span.number("http.request.resend_count").unwrap_or_default() + 1);
    }
    for status in events(told, "push.message.status").iter().filter(|status| status.word("push.channel") == "oppo") {
        let of = attempts.entry(status.word("push.message.id").to_owned()).or_default();
        of.1.push(status.number("push.attempt").unwrap_or(1));
    }
    for (spans, statuses) in attempts.values_mut() {
        spans.sort_unstable();
        statuses.sort_unstable();
    }
    attempts
}

#[tokio::test]
async fn attempts_are_numbered_over_all_workers() {
    let (bed, collector) = bed(2, &json!({})).await;
    for _ in 0..3 {
        for number in 0..MESSAGES {
            // Each on a connection of its own.
            assert_eq!(bed.outbound(pushes::oppo(&format!("m{number}"))).await.status, 200);
        }
    }
    collector.spans(3 * MESSAGES).await;
    collector.events("push.message.status", 3 * MESSAGES).await;
    let told = collector.records();
    let attempts = attempts(&told);
    assert_eq!(attempts.len(), MESSAGES);
    for (id, numbers) in attempts {
        assert_eq!(numbers, (vec![1, 2, 3], vec![1, 2, 3]), "{id}");
    }
}

#[tokio::test]
async fn other_recipients_of_a_message_are_no_repeats() {
    let (bed, collector) = bed(1, &json!({})).await;
    for phone in ["+447700900001", "+447700900002", "+447700900001"] {
        assert_eq!(bed.outbound(pushes::sms("m1", &[phone])).await.status, 200);
    }
    let statuses = collector.events("push.message.status", 3).await;
    let mut attempts: Vec<_> = statuses.iter().map(|status| status.number("push.attempt")).collect();
    attempts.sort_unstable();
    assert_eq!(attempts, [None, None, Some(2)]);
}
