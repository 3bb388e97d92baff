//! Every stand-in over a real socket.

mod books;
mod checks;
mod control;
mod faults;

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::Vendors;
use super::api::Example;
use crate::http::{ClientError, Response, Version, send};

/// A send that the vendor accepts.
fn example(vendors: &Vendors, vendor: &str) -> Request<Bytes> {
    let running = super::find(&vendors.running, vendor).unwrap();
    let Example { path, headers, body } = running.stand_in.api.example();
    let mut request = Request::post(path).body(body.into()).unwrap();
    for (name, value) in headers {
        let value = value.parse().unwrap();
        request.headers_mut().insert(*name, value);
    }
    request
}

/// The same send with another JSON body.
fn with_json(mut request: Request<Bytes>, change: impl FnOnce(&mut Value)) -> Request<Bytes> {
    let mut json = serde_json::from_slice(request.body()).unwrap();
    change(&mut json);
    *request.body_mut() = json.to_string().into();
    request
}

async fn call(vendors: &Vendors, vendor: &str, request: Request<Bytes>) -> Response {
    try_call(vendors, vendor, Version::Http1, request).await.unwrap()
}

async fn try_call(
    vendors: &Vendors,
    vendor: &str,
    version: Version,
    request: Request<Bytes>,
) -> Result<Response, ClientError> {
    send(vendors.addr(vendor).unwrap(), version, request).await
}

fn codes(vendors: &Vendors, vendor: &str) -> Vec<(String, u64)> {
    let counts = vendors.counts(vendor).unwrap();
    counts.messages_by_code.into_iter().collect()
}

fn is_accepted(vendor: &str, response: &Response) -> bool {
    let json = response.json().unwrap_or_default();
    let ok = match vendor {
        "apns" => response.body.is_empty() && response.header("apns-id").is_some(),
        "fcm" => json["name"].as_str().is_some_and(|name| name.starts_with("projects/example-app/messages/")),
        "oppo" => json["code"] == 0 && json["data"]["messageId"].is_string(),
        "wechat" => json["errcode"] == 0 && json["msgid"].is_number(),
        "sms-tencent" => json["Response"]["SendStatusSet"]
            .as_array()
            .is_some_and(|set| set.iter().all(|phone| phone["Code"] == "Ok")),
        "twilio" => return response.status == 201 && json["sid"].is_string(),
        _ => json["code"] == 0 && json["id"].is_string(),
    };
    response.status == 200 && ok
}

#[tokio::test]
async fn a_good_send_is_accepted_in_both_versions_and_counted() {
    let vendors = Vendors::start().await.unwrap();
    for vendor in Vendors::names() {
        for version in [Version::Http1, Version::Http2] {
            let request = example(&vendors, vendor);
            let response = try_call(&vendors, vendor, version, request).await.unwrap();
            assert!(is_accepted(vendor, &response), "{vendor}: {response:?}");
        }
        let counts = vendors.counts(vendor).unwrap();
        assert_eq!((counts.requests, counts.calls, counts.answered), (2, 2, 2));
        assert_eq!((counts.open, counts.unanswered), (0, 0));
        let recipients = if vendor == "sms-tencent" { 4 } else { 2 };
        assert_eq!(counts.messages_accepted, recipients, "{vendor}");
        assert_eq!(counts.messages_by_code.values().sum::<u64>(), recipients);
        assert_eq!(counts.calls_by_status.values().sum::<u64>(), 2);
    }
}

#[tokio::test]
async fn requests_are_kept_as_received() {
    let vendors = Vendors::start().await.unwrap();
    let mut request = example(&vendors, "oppo");
    let odd = http::HeaderValue::from_bytes(b"caf\xe9").unwrap();
    request.headers_mut().append("x-odd", odd);
    for value in ["00-a", "00-b"] {
        let value = value.parse().unwrap();
        request.headers_mut().append("traceparent", value);
    }
    let body = request.body().clone();
    call(&vendors, "oppo", request).await;
    let kept = vendors.requests("oppo").unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].body, body);
    assert_eq!(kept[0].header_values("traceparent"), [b"00-a", b"00-b"]);
    let lines = kept[0].header_lines();
    assert!(lines.contains(&("x-odd".to_owned(), b"caf\xe9".to_vec())));
    vendors.forget_requests("oppo").unwrap();
    assert!(vendors.requests("oppo").unwrap().is_empty());
    assert_eq!(vendors.counts("oppo").unwrap().calls, 1);
}

#[tokio::test]
async fn a_name_that_no_stand_in_has_is_an_error_that_lists_the_names() {
    let vendors = Vendors::start().await.unwrap();
    let error = vendors.addr("opppo").unwrap_err().to_string();
    assert!(error.contains("oppo, wechat"), "{error}");
}

#[tokio::test]
async fn fixed_ports_follow_the_base_and_are_free_again_after_stop() {
    let free = Vendors::start().await.unwrap();
    let taken = free.addr("apns").unwrap().port();
    let error = Vendors::start_on(taken, 0).await.unwrap_err();
    assert!(matches!(error, super::VendorsError::Listen { .. }));
    assert!(matches!(
        Vendors::start_on(u16::MAX - 1, 0).await.unwrap_err(),
        super::VendorsError::BasePort { .. } | super::VendorsError::Listen { .. }
    ));
    let control = free.control_addr().port();
    free.stop().await;
    let again = Vendors::start_on(0, control).await.unwrap();
    assert_eq!(again.control_addr().port(), control);
}
