//! Messages of which one event is as asked, page by page and as a table.

use crate::failing::Failing;
use crate::world::{World, event, ids, json};
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use pointsman_core::trace::{CountryCode, Key, Recipient};
use pointsman_tracker::event::Event;
use pointsman_tracker::serve::RecipientKeys;
use pointsman_tracker::store::StoreError;
use serde_json::json as value;
use std::sync::Arc;

const EVIL: &str = "=HYPERLINK(\"https://evil.example.com\",\"x\")";

#[tokio::test]
async fn messages_are_found_by_what_one_event_says_and_by_where_they_are() {
    let world = World::of("shop").await;
    let all = ["order-9", EVIL, "order-5", "order-7", "order-6", "order-4", "order-2", "order-1", "order-3"];
    let cases: [(&str, &[&str]); 21] = [
        ("", &all),
        ("channel=&status=&cursor=&on_time=&limit=&from_ms=&status=", &all),
        ("status=failed", &[EVIL, "order-6"]),
        ("event_status=failed", &[EVIL, "order-7", "order-6", "order-2"]),
        ("channel=xiaomi", &["order-4", "order-2"]),
        ("switched=true", &["order-2"]),
        ("drill=true", &["order-6"]),
        ("on_time=false", &["order-6", "order-2"]),
        ("business=code", &["order-6", "order-4"]),
        ("code=-1", &["order-6", "order-2"]),
        ("node=OPPO_RECEIPT", &["order-1"]),
        ("service=receipts", &["order-7", "order-1"]),
        ("template=T7", &["order-1"]),
        ("outcome=timeout", &["order-6"]),
        ("doubled=true", &["order-4"]),
        ("tenant=other", &[]),
        ("text=service+currently+unavailable", &["order-2"]),
        ("recipient=5d1e00000000000000000000000000aa&status=delivered", &["order-7", "order-1"]),
        ("channel=oppo&outcome=ok&switched=true", &[]),
        ("from_ms=1799999690000&to_ms=1799999750000", &["order-2"]),
        ("status=sent&on_time=false", &["order-2"]),
    ];
    for (question, expected) in cases {
        let found = world.get(&format!("search?{question}")).await;
        assert_eq!(ids(&found["messages"]), expected, "{question}");
        assert!(found["next"].is_null(), "{question}");
    }
}

#[tokio::test]
async fn what_is_asked_in_a_body_is_answered_as_what_is_asked_in_the_address() {
    let world = World::of("shop").await;
    let recipient = "5d1e00000000000000000000000000aa";
    let body = value!({ "recipient": recipient, "status": "delivered", "limit": 1, "channel": "", "on_time": null });
    let (status, found) = world.post("search", body.to_string()).await;
    assert_eq!((status, ids(&found["messages"])), (StatusCode::OK, vec!["order-7"]));
    assert_eq!(found, world.get(&format!("search?recipient={recipient}&status=delivered&limit=1")).await);
    let (status, answer) = world.post("search", value!({ "recipient": recipient, "colour": "blue" }).to_string()).await;
    assert!(status == StatusCode::BAD_REQUEST && !answer.to_string().contains(recipient), "{answer}");
}

#[tokio::test]
async fn pages_make_the_same_list_as_one_page() {
    let world = World::of("shop").await;
    let whole = world.get("search").await;
    let (mut cursor, mut pages) = (String::new(), Vec::new());
    loop {
        let page = world.get(&format!("search?limit=2&cursor={cursor}")).await;
        pages.extend(ids(&page["messages"]).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(pages, ids(&whole["messages"]));
}

/// Sent events of messages to a phone, under the hashes of two secrets in turn.
fn to_phone(secrets: [&str; 2], n: u64) -> Vec<Event> {
    let phone = Recipient::Phone { number: "13800138000", country: CountryCode::default() };
    let hashes = secrets
        .map(|secret| Key::new(secret.as_bytes()).expect("a secret").recipient_hash("default", phone).to_string());
    let line = |n: u64| {
        let hash = &hashes[usize::from(n.is_multiple_of(3))];
        event(
            &value!({ "ago_ms": 1_000 * n, "kind": "status", "status": "sent", "message_id": format!("m{n}"), "recipient": hash }),
        )
    };
    (1..=n).map(line).collect()
}

#[tokio::test]
async fn a_recipient_in_plain_is_found_under_the_hashes_of_both_secrets_of_a_rotation() {
    let secrets = ["pointsman-test-secret-1", "pointsman-test-secret-2"];
    let mut world = World::with(to_phone(secrets, 20)).await;
    assert_eq!(ids(&world.get("search?recipient=13800138000").await["messages"]), [""; 0]);
    let keys = RecipientKeys::new(secrets.map(str::as_bytes), CountryCode::default()).expect("secrets");
    world.app.keys = Some(Arc::new(keys));
    let expected: Vec<String> = (1..=20).map(|n| format!("m{n}")).collect();
    for plain in ["13800138000", "%2B86%20138%200013%208000"] {
        let found = world.get(&format!("find?id={plain}")).await;
        assert_eq!(
            (found["matched"].as_str(), ids(&found["messages"])),
            (Some("recipient"), expected.iter().map(String::as_str).collect())
        );
        for limit in [1, 3, 7, 20] {
            let (mut cursor, mut pages) = (String::new(), Vec::new());
            loop {
                let page = world.get(&format!("search?recipient={plain}&limit={limit}&cursor={cursor}")).await;
                assert!(ids(&page["messages"]).len() <= limit);
                pages.extend(ids(&page["messages"]).into_iter().map(str::to_owned));
                match page["next"].as_str() {
                    Some(next) => next.clone_into(&mut cursor),
                    None => break,
                }
            }
            assert_eq!(pages, expected, "{plain} by {limit}");
        }
    }
    assert_eq!(ids(&world.get("search?recipient=13800138001").await["messages"]), [""; 0]);
}

#[tokio::test]
async fn lost_doubled_and_late_messages_are_found() {
    let world = World::of("shop").await;
    let cases: [(&str, &[&str]); 9] = [
        ("lost", &["order-3"]),
        ("lost?after=15m", &["order-3"]),
        ("lost?after=16m", &[]),
        ("lost?business=code", &[]),
        ("lost?to_ms=1799999000000", &[]),
        ("doubled", &["order-4"]),
        ("doubled?channel=fcm", &[]),
        ("late", &["order-6", "order-2"]),
        ("late?business=code", &["order-6"]),
    ];
    for (question, expected) in cases {
        assert_eq!(ids(&world.get(question).await["messages"]), expected, "{question}");
    }
}

/// The head and the lines of a table.
async fn table(world: &World, path: &str) -> (http::HeaderMap, String) {
    let response = world.send(Request::get(format!("/api/v1/{path}")), Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let headers = response.headers().clone();
    let bytes = response.into_body().collect().await.expect("a whole table").to_bytes();
    (headers, String::from_utf8(bytes.to_vec()).expect("text"))
}

#[tokio::test]
async fn in_a_table_nothing_is_a_formula_and_nothing_gets_into_the_head() {
    let world = World::of("shop").await;
    let (headers, table) = table(&world, "search.csv?status=failed&channel=oppo").await;
    let told: Vec<(&str, &str)> =
        headers.iter().map(|(name, text)| (name.as_str(), text.to_str().expect("text"))).collect();
    let expected = [
        ("content-type", "text/csv; charset=utf-8; header=present"),
        ("content-disposition", "attachment; filename=\"pointsman-messages.csv\""),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ];
    for header in expected {
        assert!(told.contains(&header), "{told:?}");
    }
    assert!(!headers.contains_key("set-cookie"));
    assert!(table.starts_with("\"key\",\"tenant\",\"id\",\"status\",\"channel\","), "{table}");
    for cell in [
        "\"'=HYPERLINK(\"\"https://evil.example.com\"\",\"\"x\"\")\"",
        "\"'@SUM(A1:A9)\"",
        "\"'+1\r\nSet-Cookie: a=b\"",
        "\"'-2+3+cmd|' /C calc'!A0\"",
        "\"'-1\"",
    ] {
        assert!(table.contains(cell), "{cell} is not in {table}");
    }
}

fn many(n: u64) -> Vec<Event> {
    (1..=n)
        .map(|n| event(&value!({ "ago_ms": n, "kind": "status", "status": "sent", "message_id": format!("m{n}") })))
        .collect()
}

#[tokio::test]
async fn a_long_table_has_every_row_once() {
    let world = World::with(many(2_300)).await;
    let mut rows: Vec<String> = table(&world, "search.csv").await.1.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(rows.len(), 2_300);
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 2_300);
    assert_eq!(table(&world, "search.csv?limit=1500").await.1.lines().count(), 1_501);
    assert_eq!(table(&world, "search.csv?status=read").await.1.lines().count(), 1);
}

#[tokio::test]
async fn a_table_that_breaks_off_does_not_look_whole() {
    let broken = || StoreError::Broken { reason: "/data/x is gone".to_owned() };
    let world = World::on(Arc::new(Failing::after(1, many(1_500), broken).await));
    let response = world.send(Request::get("/api/v1/search.csv"), Body::empty()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let fault = response.into_body().collect().await.expect_err("a table that is not whole");
    assert!(!fault.to_string().contains("/data"), "{fault}");
    let world = World::on(Arc::new(Failing::after(0, Vec::new(), broken).await));
    let (status, _) = json(world.send(Request::get("/api/v1/search.csv"), Body::empty()).await).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn statistics_are_a_table_too() {
    let world = World::of("shop").await;
    let (_, table) = table(&world, "statistics.csv?by=channel,status").await;
    assert!(
        table.starts_with("\"channel\",\"status\",\"events\",\"on_time\",\"late\",\"p50_ms\",\"p99_ms\"\r\n"),
        "{table}"
    );
    assert!(table.contains("\"oppo\",\"failed\",\"4\",\"0\",\"2\","), "{table}");
}
