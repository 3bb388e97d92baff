//! Stories of messages that never were.

use serde_json::{Map, Value, json};

use super::{Followed, Stories, Story};
use crate::otlp::{Kind, Record, Signal};

const MS: u64 = 1_000_000;
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn attributes(attributes: Value) -> Map<String, Value> {
    attributes.as_object().unwrap().clone()
}

fn span(kind: Kind, node: &str, (from, until): (u64, u64), (span_id, parent): (&str, &str)) -> Record {
    let channel = node.strip_suffix("_PUSH").map(str::to_lowercase);
    Record {
        signal: Signal::Span,
        kind: Some(kind),
        time_unix_nano: from,
        end_time_unix_nano: until,
        trace_id: TRACE.to_owned(),
        span_id: span_id.to_owned(),
        parent_span_id: parent.to_owned(),
        attributes: attributes(json!({
            "messaging.message.id": "m-1", "push.node": node, "push.channel": channel, "push.vendor.code": "0",
        })),
        ..Record::default()
    }
}

fn status(status: &str, node: &str, at: u64, span_id: &str, more: &Value) -> Record {
    let channel = node.split('_').next().map(str::to_lowercase);
    let mut all = attributes(json!({
        "push.message.id": "m-1", "push.node": node, "push.channel": channel, "push.status": status,
    }));
    all.extend(attributes(more.clone()));
    Record {
        event_name: "push.message.status".to_owned(),
        time_unix_nano: at,
        trace_id: TRACE.to_owned(),
        span_id: span_id.to_owned(),
        attributes: all,
        ..Record::default()
    }
}

/// A message of FCM that has gone to the gateway.
fn moved() -> Vec<Record> {
    vec![
        status("delivered", "LC_RECEIPT", 615 * MS, "bb", &json!({})),
        status("sent", "LC_PUSH", 13 * MS, "bb", &json!({"push.switched_from": "fcm"})),
        span(Kind::Client, "LC_PUSH", (MS * 4 / 5, 13 * MS), ("bb", "aa")),
        status("submitted", "PUSH", 18 * MS, "aa", &json!({})),
        span(Kind::Server, "PUSH", (0, 18 * MS), ("aa", "")),
    ]
}

fn told(records: &[Record]) -> Stories {
    let mut stories = Stories::default();
    records.iter().for_each(|record| stories.put(record));
    stories
}

#[test]
fn a_message_is_followed_by_its_id_alone_whatever_the_order_of_its_records() {
    let stories = told(&moved());
    let story = stories.example(1).unwrap();
    assert!(story.has_moved());
    assert_eq!(stories.followed(), Followed { whole: 1, sent: 1 });
    let expected = "\
message m-1, found by its id; the service passes no header on
trace   4bf92f3577b34da6a3ce929d0e0e4736, 1 attempt, 1 switch: fcm to lc
     +0 ms     18 ms  aa                PUSH        submitted
     +0 ms    0.8 ms                    wait        until the service calls a vendor
   +0.8 ms     12 ms  bb                LC_PUSH     sent, code 0, in the place of fcm
   +615 ms                              LC_RECEIPT  delivered
";
    assert_eq!(story.to_string(), expected);
}

#[test]
fn a_story_is_whole_only_if_one_trace_leads_through_all_of_it() {
    type Break = fn(&mut Record);
    let breaks: [(usize, Break); 4] = [
        (4, |inbound| inbound.trace_id = "0".repeat(32)),
        (2, |send| send.parent_span_id = "cc".to_owned()),
        (0, |report| report.span_id = "cc".to_owned()),
        (0, |report| report.time_unix_nano = 0),
    ];
    for (place, change) in breaks {
        let mut records = moved();
        change(&mut records[place]);
        let stories = told(&records);
        assert_eq!(stories.followed(), Followed { whole: 0, sent: 1 }, "{place}");
        assert_eq!(stories.broken().map(|story| story.id), Some("m-1".to_owned()));
        assert!(stories.example(1).is_none());
    }
    for missing in [0, 2, 4] {
        let mut records = moved();
        records.remove(missing);
        assert!(stories_are_broken(&records), "{missing}");
    }
}

fn stories_are_broken(records: &[Record]) -> bool {
    told(records).by_id.values().all(|story| !Story::is_whole(story))
}

#[test]
fn messages_of_vendors_that_report_nothing_need_no_report() {
    let stories = told(&[status("sent", "APNS_PUSH", MS, "bb", &json!({}))]);
    assert_eq!(stories.followed(), Followed { whole: 0, sent: 0 });
}

#[test]
fn no_more_messages_are_kept_than_there_is_room_for() {
    let mut stories = Stories::default();
    for number in 0..=super::MAX_MESSAGES {
        let mut record = status("sent", "LC_PUSH", MS, "bb", &json!({}));
        record.attributes.insert("push.message.id".to_owned(), json!(format!("m-{number}")));
        stories.put(&record);
    }
    assert_eq!(stories.by_id.len(), super::MAX_MESSAGES);
    assert!(!stories.by_id.contains_key("m-0"));
}
