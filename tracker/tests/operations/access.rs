//! Who may do what, by which way, and what a page of somebody else can do.

use super::bed::{ABROAD, Bed, CONFIG, PROXY, switch};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn each_role_may_do_only_what_it_may() {
    let bed = Bed::new().await;
    let waiting = bed.waiting("dave").await;
    let (approve, reject) = (format!("operations/{waiting}/approve"), format!("operations/{waiting}/reject"));
    let (order, why, none) = (switch(), json!({"reason": "no"}), Value::Null);
    // Who may not comes first, so that nothing is left to be done by the last.
    for (method, path, body, expected) in [
        (Method::GET, "session", &none, [200, 200, 200, 200]),
        (Method::GET, "operations", &none, [401, 200, 200, 200]),
        (Method::GET, "operations/targets", &none, [401, 403, 200, 200]),
        (Method::POST, "operations/preview", &order, [401, 403, 200, 200]),
        (Method::POST, approve.as_str(), &none, [401, 403, 403, 200]),
        (Method::POST, reject.as_str(), &why, [401, 403, 409, 409]),
        (Method::POST, "operations", &order, [401, 403, 201, 201]),
    ] {
        for (person, expected) in ["nobody", "carol", "alice", "bob"].into_iter().zip(expected) {
            let said = bed.call(person, method.clone(), path, body).await;
            assert_eq!(said.status.as_u16(), expected, "{person} {method} {path}: {said:?}");
        }
    }
    let nobody = bed.get("nobody", "session").await.body;
    assert_eq!(
        (&nobody["name"], &nobody["sign_in"], &nobody["operations"]),
        (&Value::Null, &json!(true), &json!(true))
    );
    let alice = bed.get("alice", "session").await.body;
    assert_eq!(
        (&alice["name"], &alice["role"], &alice["how"]),
        (&json!("alice@example.com"), &json!("operator"), &json!("token"))
    );
}

#[tokio::test]
async fn a_browser_signs_in_changes_something_and_signs_out() {
    let bed = Bed::new().await;
    let json = ("content-type", "application/json");
    let credentials = json!({"token": bed.token("alice")}).to_string();
    let host = ("host", "tracker.internal");
    let foreign = [json, host, ("origin", "https://evil.example.com")];
    assert_eq!(bed.send(Method::POST, "session", &foreign, &credentials, ABROAD).await.code(), (403, "foreign_origin"));
    let fixed = [json, host, ("cookie", "pointsman-session=fixed")];
    let said = bed.send(Method::POST, "session", &fixed, &credentials, ABROAD).await;
    let set = said.cookie.clone().expect("a cookie");
    assert_eq!((said.status.as_u16(), said.text("how")), (201, "session"));
    assert!(set.contains("; HttpOnly; SameSite=Strict; Max-Age=43200") && !set.contains("fixed"), "{set}");
    assert!(!said.body.to_string().contains(bed.token("alice")));
    let cookie = ("cookie", set.split(';').next().expect("a cookie"));
    let csrf = ("x-csrf-token", said.text("csrf"));
    assert_eq!(bed.send(Method::GET, "operations", &fixed, "", ABROAD).await.status, 401, "a fixed id is nobody's");

    let order = switch().to_string();
    let post = async |headers: &[(&str, &str)]| {
        let headers = [&[json, host, cookie], headers].concat();
        bed.send(Method::POST, "operations", &headers, &order, ABROAD).await
    };
    assert_eq!(post(&[]).await.code(), (403, "csrf"));
    assert_eq!(post(&[csrf, ("origin", "https://evil.example.com")]).await.code(), (403, "foreign_origin"));
    assert_eq!(post(&[csrf, ("sec-fetch-site", "cross-site")]).await.code(), (403, "foreign_origin"));
    assert_eq!(bed.text(), CONFIG);
    assert_eq!(post(&[csrf, ("origin", "http://tracker.internal")]).await.status, 201);

    let leave = [cookie, host, csrf];
    assert_eq!(bed.send(Method::DELETE, "session", &[cookie, host], "", ABROAD).await.code(), (403, "csrf"));
    let left = bed.send(Method::DELETE, "session", &leave, "", ABROAD).await;
    assert_eq!((left.status.as_u16(), left.cookie.expect("a cookie").contains("Max-Age=0")), (204, true));
    assert_eq!(bed.send(Method::GET, "operations", &[cookie], "", ABROAD).await.code(), (401, "not_signed_in"));
}

#[tokio::test(start_paused = true)]
async fn a_session_is_over_in_time_and_guesses_are_slowed() {
    let bed = Bed::new().await;
    let json = ("content-type", "application/json");
    let credentials = json!({"token": bed.token("alice")}).to_string();
    let set = bed.send(Method::POST, "session", &[json], &credentials, ABROAD).await.cookie.expect("a cookie");
    let cookie = ("cookie", set.split(';').next().expect("a cookie"));
    let look = async || bed.send(Method::GET, "operations", &[cookie], "", ABROAD).await.status.as_u16();
    assert_eq!(look().await, 200);
    tokio::time::advance(std::time::Duration::from_secs(3_600)).await;
    assert_eq!(look().await, 401);
    let guess = json!({"token": "guess"}).to_string();
    let mut codes = Vec::new();
    for _ in 0..11 {
        codes.push(bed.send(Method::POST, "session", &[json], &guess, ABROAD).await.status.as_u16());
    }
    assert_eq!((codes[0], codes[10]), (401, 429), "{codes:?}");
}

#[tokio::test]
async fn a_name_in_a_header_counts_only_from_the_proxy() {
    let bed = Bed::new().await;
    let (json, erin, order) = (("content-type", "application/json"), ("x-user", "erin"), switch().to_string());
    let spoofed = bed.send(Method::POST, "operations", &[json, erin], &order, ABROAD).await;
    assert_eq!(spoofed.code(), (401, "not_signed_in"));
    let session = bed.send(Method::GET, "session", &[erin], "", PROXY).await;
    assert_eq!((session.text("name"), session.text("how")), ("erin", "header"));
    assert_eq!(bed.send(Method::POST, "operations", &[json, erin], &order, PROXY).await.code(), (403, "csrf"));
    let csrf = ("x-csrf-token", session.text("csrf"));
    let done = bed.send(Method::POST, "operations", &[json, erin, csrf], &order, PROXY).await;
    assert_eq!((done.status.as_u16(), done.text("by")), (201, "erin"), "{done:?}");
    let unknown = bed.send(Method::GET, "operations", &[("x-user", "mallory")], "", PROXY).await;
    assert_eq!(unknown.code(), (403, "no_role"));
}

#[tokio::test]
async fn a_body_that_is_not_what_it_should_be_is_refused() {
    let bed = Bed::new().await;
    let token = format!("Bearer {}", bed.token("alice"));
    let (auth, json) = (("authorization", token.as_str()), ("content-type", "application/json"));
    let long = json!({"kind": "back", "channel": "xiaomi", "reason": "a".repeat(20_000)}).to_string();
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let (order, unknown) =
        (switch().to_string(), r#"{"kind": "back", "channel": "a", "reason": "b", "by": "mallory"}"#);
    let twice = format!("{order} {order}");
    for (kind, body, expected) in [
        (("content-type", "text/plain"), order.as_str(), (415, "media_type")),
        (("accept", "*/*"), &order, (415, "media_type")),
        (json, &long, (413, "too_large")),
        (json, &nested, (400, "bad_body")),
        (json, unknown, (400, "bad_body")),
        (json, "", (400, "bad_body")),
        (json, &twice, (400, "bad_body")),
        (json, r#"{"kind": "back", "channel": "a\u0000", "reason": "b"}"#, (400, "bad_order")),
    ] {
        let said = bed.send(Method::POST, "operations", &[auth, kind], body, ABROAD).await;
        assert_eq!(said.code(), expected, "{:.60}", body);
    }
    assert_eq!((bed.text(), bed.lines().len()), (CONFIG.to_owned(), 0));
}
