//! What is refused, and that a refusal gives nothing away.

use crate::failing::Failing;
use crate::world::{MINUTE, NOW, World};
use axum::body::Body;
use http::{Request, StatusCode};
use pointsman_tracker::access::{self, Access};
use pointsman_tracker::config::fault::Faults;
use pointsman_tracker::store::StoreError;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const DAY: u64 = 24 * 60 * MINUTE;

#[tokio::test]
async fn questions_that_cannot_be_meant_are_refused() {
    let world = World::of("shop").await;
    let long = "x".repeat(257);
    let longer = format!("search?text={}", "x".repeat(9_000));
    let recipient = format!("search?recipient={}", "1".repeat(257));
    let cases = [
        "find",
        "find?id=",
        "find?id=%20",
        &format!("find?id={long}"),
        "find?id=a&id=b",
        "find?id=a&limit=0",
        "find?id=a&limit=501",
        "find?id=a&limit=-1",
        "find?id=a&limit=ten",
        "search?limit=1001",
        "search?on_time=maybe",
        "search?cursor=1-2",
        "search?cursor=x",
        "search?from_ms=2&to_ms=1",
        "search?from_ms=-1",
        "search?from_ms=1e3",
        "search?Status=failed",
        &longer,
        &recipient,
        "trend?points=0",
        "trend?points=1441",
        "series?by=recipient",
        "series?by=channel&kind=rule",
        "series?by=channel&kind=spans",
        "nodes?minutes=1441",
        "nodes?blocked_after=soon",
        "blocked?after=25h",
        "lost?after=5",
        "freshness?x=1",
        "channels?now=1",
    ];
    for question in cases {
        let (status, code, message) = world.refused(question).await;
        assert_eq!((status, &*code, message.is_empty()), (400, "bad_request", false), "{question}: {message}");
        assert!(message.len() < 1_000 && !message.contains("xxx"), "{question}: {message}");
    }
}

#[tokio::test]
async fn a_question_that_looks_at_too_much_is_refused_and_told_what_to_narrow() {
    let world = World::of("shop").await;
    let from = NOW - 32 * DAY;
    for route in [
        "search",
        "lost",
        "doubled",
        "late",
        "trend",
        "statistics",
        "funnel",
        "waits",
        "patterns",
        "history",
        "search.csv",
    ] {
        let by = if matches!(route, "series" | "statistics") { "&by=channel" } else { "" };
        let (status, answer) = world.ask(&format!("{route}?from_ms={from}{by}")).await;
        assert_eq!((status.as_u16(), &answer["error"]["code"]), (422, &json!("too_much")), "{route}: {answer}");
        assert_eq!(answer["error"]["hint"], "ask for a shorter time");
        assert_eq!(world.ask(&format!("{route}?from_ms={}{by}", NOW - 31 * DAY)).await.0, StatusCode::OK, "{route}");
    }
    let found = world.get("search?from_ms=0&recipient=5d1e00000000000000000000000000aa").await;
    assert_eq!(found["messages"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.refused(&format!("search?from_ms=0&to_ms={}", u64::MAX)).await.0, 422);
    assert_eq!(world.ask(&format!("trend?from_ms={}&to_ms={}", u64::MAX - 5, u64::MAX)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let world = World::of("shop").await;
    let nested = "[".repeat(200_000);
    let long = json!({ "ids": ["13800138000", "x".repeat(300)] }).to_string();
    let cases: [(&str, u16); 9] = [
        ("{}", 400),
        (r#"{"ids": []}"#, 400),
        (r#"{"ids": "a"}"#, 400),
        (r#"{"ids": [1]}"#, 400),
        (r#"{"ids": ["a"], "all": true}"#, 400),
        (r#"{"ids": ["a"]"#, 400),
        (&nested, 400),
        (&long, 400),
        ("", 400),
    ];
    for (body, expected) in cases {
        let (status, answer) = world.post("lookup", body.to_owned()).await;
        assert_eq!(status.as_u16(), expected, "{answer}");
        assert!(!answer.to_string().contains("13800138000"), "{answer}");
    }
    let (status, _) = world.post("lookup", json!({ "ids": vec!["a"; 1_001] }).to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = world.post("lookup", vec![b' '; (1 << 20) + 1]).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = world.post("lookup?limit=1", r#"{"ids": ["a"]}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let form = Request::post("/api/v1/lookup").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(world.send(form, r#"{"ids": ["a"]}"#).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

/// What fails, and the status and the code that are answered.
type Case = (fn() -> StoreError, u16, &'static str);

#[tokio::test]
async fn what_the_store_says_of_itself_is_not_passed_on() {
    let reason = || "cannot write /data/tracker at 10.1.2.3".to_owned();
    let cases: [Case; 4] = [
        (|| StoreError::Busy { reason: "cannot write /data/tracker at 10.1.2.3".to_owned() }, 503, "busy"),
        (|| StoreError::Broken { reason: "cannot write /data/tracker at 10.1.2.3".to_owned() }, 500, "failed"),
        (|| StoreError::TooMuch { events: 60_000_000, most: 50_000_000, narrow: "name a channel" }, 422, "too_much"),
        (|| StoreError::TooLong, 504, "too_long"),
    ];
    for (how, status, code) in cases {
        let world = World::on(Arc::new(Failing::after(0, Vec::new(), how).await));
        for question in [
            "find?id=a",
            "search",
            "trend",
            "series?by=code",
            "funnel",
            "nodes",
            "blocked",
            "waits",
            "patterns",
            "channels",
            "history",
            "freshness",
        ] {
            let (told, answer) = world.ask(question).await;
            assert_eq!((told.as_u16(), &answer["error"]["code"]), (status, &json!(code)), "{question}: {answer}");
            assert!(!answer.to_string().contains(&reason()) && !answer.to_string().contains("/data"), "{answer}");
        }
    }
    let too_much = || StoreError::TooMuch { events: 60_000_000, most: 50_000_000, narrow: "name a channel" };
    let world = World::on(Arc::new(Failing::after(0, Vec::new(), too_much).await));
    assert_eq!(world.ask("search").await.1["error"]["hint"], "name a channel");
    let busy = || StoreError::Busy { reason: String::new() };
    let world = World::on(Arc::new(Failing::after(0, Vec::new(), busy).await));
    let response = world.send(Request::get("/api/v1/search"), Body::empty()).await;
    assert!(response.headers().contains_key("retry-after"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_does_not_hold_up_its_caller() {
    let world = World::on(Arc::new(Failing::silent()));
    for question in ["find?id=a", "search", "search.csv", "trend", "channels", "freshness", "statistics.csv?by=code"] {
        let asked = tokio::time::timeout(Duration::from_secs(60), world.refused(question)).await;
        let (status, code, _) = asked.expect("an answer");
        assert_eq!((status, &*code), (504, "too_long"), "{question}");
    }
}

#[tokio::test]
async fn nobody_gets_an_answer_who_may_not_look() {
    let mut world = World::of("shop").await;
    let document = world.get("openapi.json").await;
    let mut faults = Faults::default();
    let settings = access::Wire::default().validate("access", &mut faults);
    world.app.access = Arc::new(Access::new(settings, false).expect("random bytes"));
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{key}", "000000000000000000000001");
        for method in operations.as_object().expect("operations").keys() {
            let request = Request::builder().method(&*method.to_ascii_uppercase()).uri(&path);
            let response = world.send(request, Body::empty()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn what_callers_and_vendors_write_is_text_in_an_answer_that_is_no_page() {
    let world = World::of("shop").await;
    let response = world.send(Request::get("/api/v1/patterns"), Body::empty()).await;
    let header =
        |name: &str| response.headers().get(name).and_then(|text| text.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!(
        (&*header("content-type"), &*header("x-content-type-options"), &*header("cache-control")),
        ("application/json", "nosniff", "no-store")
    );
    let (_, answer) = crate::world::json(response).await;
    assert!(
        answer["patterns"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|pattern| pattern["text"] == "<script>alert(1)</script>")
    );
}
