//! The service against the stand-ins, with no Envoy between: one tiny proxy per test picks the vendor by authority.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use super::{Push, Service, serve};
use crate::http::{Body, Version, full, send};
use crate::vendors::{Effect, Fault, ResetAt, Vendors};

/// Hands a request on to the stand-in of its authority, in HTTP/2 where it came so.
async fn forward(
    vendors: Arc<Vendors>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>> {
    let version = match request.version() {
        http::Version::HTTP_2 => Version::Http2,
        _ => Version::Http1,
    };
    let (head, body) = request.into_parts();
    let host = match head.uri.authority() {
        Some(authority) => authority.to_string(),
        None => head.headers["host"].to_str()?.to_owned(),
    };
    let vendor = Vendors::names().find(|name| vendors.host(name).unwrap() == host);
    let addr = vendors.addr(vendor.unwrap())?;
    let body = body.collect().await?.to_bytes();
    let response = send(addr, version, Request::from_parts(head, body)).await?;
    let mut forwarded = Response::new(full(response.body));
    *forwarded.status_mut() = response.status;
    *forwarded.headers_mut() = response.headers;
    Ok(forwarded)
}

async fn start() -> (Service, Arc<Vendors>) {
    let vendors = Arc::new(Vendors::start().await.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let outbound = listener.local_addr().unwrap();
    let handler = {
        let vendors = Arc::clone(&vendors);
        move |request| forward(Arc::clone(&vendors), request)
    };
    tokio::spawn(serve(listener, handler, std::future::pending()));
    let service = Service::start().await.unwrap();
    service.send_through(outbound);
    (service, vendors)
}

async fn post(addr: SocketAddr, body: impl Into<Bytes>) -> (u16, String) {
    let request = Request::post("/push").body(body.into()).unwrap();
    let response = send(addr, Version::Http1, request).await.unwrap();
    (response.status.as_u16(), response.text())
}

/// A push of the stream, or one of its text messages for the channel that it has none of.
fn numbered(channel: &str, recipients: usize) -> Push {
    if channel == "twilio" {
        return Push { channel: channel.to_owned(), ..numbered("sms-tencent", recipients) };
    }
    (0..).map(Push::numbered).find(|push| push.channel == channel && push.recipients.len() == recipients).unwrap()
}

fn body(push: &Push) -> String {
    serde_json::to_string(push).unwrap()
}

#[tokio::test]
async fn a_push_becomes_a_send_that_its_vendor_accepts() {
    let (service, vendors) = start().await;
    for vendor in Vendors::names() {
        let push = numbered(vendor, 1);
        let answer = post(service.addr(), body(&push)).await;
        assert_eq!(answer, (200, r#"{"accepted":1,"failed":0}"#.to_owned()), "{vendor}");
        let counts = vendors.counts(vendor).unwrap();
        assert_eq!((counts.calls, counts.messages_accepted), (1, 1), "{vendor}");
        let sent = &vendors.requests(vendor).unwrap()[0];
        let is_http2 = sent.version == http::Version::HTTP_2;
        assert_eq!(is_http2, vendor == "apns", "{vendor}");
        assert!(sent.header("traceparent").is_none());
    }
}

#[tokio::test]
async fn a_batch_is_one_call_and_its_refusals_are_counted() {
    let (service, vendors) = start().await;
    for (vendor, recipients, code) in [("oppo", 3, "10000"), ("sms-tencent", 5, "FailedOperation.X")] {
        vendors.set_fault(vendor, Fault::error_for(code, 2)).unwrap();
        let push = numbered(vendor, recipients);
        let answer = post(service.addr(), body(&push)).await;
        let accepted = recipients - 2;
        let expected = format!(r#"{{"accepted":{accepted},"failed":2}}"#);
        assert_eq!(answer, (200, expected), "{vendor}");
        assert_eq!(vendors.counts(vendor).unwrap().calls, 1);
    }
}

#[tokio::test]
async fn a_vendors_refusal_is_no_fault_of_the_service() {
    let (service, vendors) = start().await;
    for (vendor, code) in
        [("apns", "Unregistered"), ("fcm", "UNAVAILABLE"), ("oppo", "33"), ("wechat", "45009"), ("lc", "5")]
    {
        vendors.set_fault(vendor, Fault::error(code)).unwrap();
        let answer = post(service.addr(), body(&numbered(vendor, 1))).await;
        assert_eq!(answer, (200, r#"{"accepted":0,"failed":1}"#.to_owned()), "{vendor}");
    }
}

#[tokio::test]
async fn what_cannot_be_handed_on_is_400_or_502() {
    let (service, vendors) = start().await;
    let (status, text) = post(service.addr(), "{").await;
    assert_eq!(status, 400, "{text}");
    let mut push = numbered("lc", 1);
    push.channel = "pigeon".to_owned();
    let (status, text) = post(service.addr(), body(&push)).await;
    assert_eq!((status, text.contains("pigeon")), (400, true));
    let reset = Fault::new(Effect::Reset(ResetAt::Request));
    vendors.set_fault("lc", reset).unwrap();
    let (status, text) = post(service.addr(), body(&numbered("lc", 1))).await;
    assert_eq!(status, 502, "{text}");
}
