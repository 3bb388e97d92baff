//! The control endpoint over a real socket.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::Vendors;
use super::{call, example};
use crate::http::{Version, send};

async fn control(vendors: &Vendors, method: Method, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(body.to_owned().into()).unwrap();
    let response = send(vendors.control_addr(), Version::Http1, request).await.unwrap();
    (response.status, response.json().unwrap())
}

#[tokio::test]
async fn a_fault_is_put_shown_and_deleted() {
    let vendors = Vendors::start().await.unwrap();
    let fault = r#"{"kind":"error","code":33,"share":1.0}"#;
    let (status, echo) = control(&vendors, Method::PUT, "/faults/oppo", fault).await;
    assert_eq!(status, 200);
    assert_eq!(echo, json!({"kind": "error", "code": "33", "share": 1.0}));
    let response = call(&vendors, "oppo", example(&vendors, "oppo")).await;
    assert_eq!(response.json().unwrap()["code"], 33);
    let (_, faults) = control(&vendors, Method::GET, "/faults", "").await;
    assert_eq!(faults["oppo"]["code"], "33");
    assert_eq!(faults["fcm"], Value::Null);
    control(&vendors, Method::DELETE, "/faults/oppo", "").await;
    let response = call(&vendors, "oppo", example(&vendors, "oppo")).await;
    assert_eq!(response.json().unwrap()["code"], 0);
}

#[tokio::test]
async fn counts_and_requests_are_shown() {
    let vendors = Vendors::start().await.unwrap();
    call(&vendors, "wechat", example(&vendors, "wechat")).await;
    let (_, counts) = control(&vendors, Method::GET, "/counts", "").await;
    assert_eq!(counts["wechat"]["calls"], 1);
    assert_eq!(counts["wechat"]["messages_by_code"], json!({"0": 1}));
    let (_, requests) = control(&vendors, Method::GET, "/requests/wechat", "").await;
    let request = &requests[0];
    assert_eq!(request["method"], "POST");
    let headers = request["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["content-type", "application/json"])));
    assert!(request["body"].as_str().unwrap().contains("touser"));
    let (_, none) = control(&vendors, Method::GET, "/requests/wechat?last=0", "").await;
    assert_eq!(none, json!([]));
}

#[tokio::test]
async fn mistakes_are_explained() {
    let vendors = Vendors::start().await.unwrap();
    for (method, path, body, status, part) in [
        (Method::PUT, "/faults/oppo", "{", 400, "EOF"),
        (Method::PUT, "/faults/oppo", r#"{"kind":"hang","x":1}"#, 400, "`x`"),
        (Method::PUT, "/faults/nobody", r#"{"kind":"hang"}"#, 404, "apns, fcm"),
        (Method::GET, "/requests/nobody", "", 404, "apns, fcm"),
        (Method::GET, "/requests/oppo?first=1", "", 400, "last=NUMBER"),
        (Method::GET, "/", "", 404, "GET /faults"),
    ] {
        let (code, answer) = control(&vendors, method, path, body).await;
        assert_eq!(code, status, "{path}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(part), "{error}");
    }
}
