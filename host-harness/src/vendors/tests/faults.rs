//! Every kind of fault over a real socket.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};

use super::super::{Counts, Effect, Fault, ResetAt, Vendors};
use super::{call, codes, example, is_accepted, try_call, with_json};
use crate::http::{ClientError, Response, Version, open, send_within};

/// Ends when the counts are as wanted, and says what they were if that takes more than 5 s.
async fn until(vendors: &Vendors, vendor: &str, wanted: impl Fn(&Counts) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let counts = vendors.counts(vendor).unwrap();
        if wanted(&counts) {
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn faulty(vendors: &Vendors, vendor: &str, fault: Fault) -> Response {
    vendors.set_fault(vendor, fault).unwrap();
    call(vendors, vendor, example(vendors, vendor)).await
}

#[tokio::test]
async fn a_delay_only_delays() {
    let vendors = Vendors::start().await.unwrap();
    let before = Instant::now();
    let response = faulty(&vendors, "fcm", Fault::delay(120)).await;
    assert!(before.elapsed() >= Duration::from_millis(120));
    assert!(is_accepted("fcm", &response));
    assert_eq!(vendors.counts("fcm").unwrap().calls_by_fault["delay"], 1);
}

#[tokio::test]
async fn errors_come_in_the_shape_of_the_vendor() {
    let vendors = Vendors::start().await.unwrap();

    let response = faulty(&vendors, "oppo", Fault::error("33")).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.json().unwrap()["code"], 33);

    let response = faulty(&vendors, "wechat", Fault::error("45009")).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.json().unwrap()["errcode"], 45009);

    let response = faulty(&vendors, "apns", Fault::error("Unregistered")).await;
    assert_eq!(response.status, 410);
    assert!(response.header("apns-id").is_some());
    assert!(response.json().unwrap()["timestamp"].is_u64());

    let response = faulty(&vendors, "fcm", Fault::error("QUOTA_EXCEEDED")).await;
    assert_eq!(response.status, 429);
    assert_eq!(response.header("retry-after"), Some("60"));
    let error = &response.json().unwrap()["error"];
    assert_eq!(error["details"][0]["errorCode"], "QUOTA_EXCEEDED");

    let response = faulty(&vendors, "lc", Fault::error("7")).await;
    assert_eq!(response.json().unwrap()["code"], 7);

    let fault = Fault::error("LimitExceeded.DailyLimit");
    let response = faulty(&vendors, "sms-tencent", fault).await;
    let error = &response.json().unwrap()["Response"]["Error"];
    assert_eq!(error["Code"], "LimitExceeded.DailyLimit");
    assert_eq!(codes(&vendors, "sms-tencent")[0].1, 2);
}

#[tokio::test]
async fn one_phone_of_a_batch_is_refused() {
    let vendors = Vendors::start().await.unwrap();
    let code = "FailedOperation.PhoneNumberInBlacklist";
    let response = faulty(&vendors, "sms-tencent", Fault::error_for(code, 1)).await;
    let set = &response.json().unwrap()["Response"]["SendStatusSet"];
    assert_eq!(set[0]["Code"], code);
    assert_eq!(set[1]["Code"], "Ok");
    let counts = vendors.counts("sms-tencent").unwrap();
    assert_eq!((counts.messages_accepted, counts.messages_refused), (1, 1));
}

#[tokio::test]
async fn a_vendor_refuses_a_fault_that_it_cannot_have() {
    let vendors = Vendors::start().await.unwrap();
    for (vendor, fault, message) in [
        ("apns", Fault::error("33"), "code: apns has no code \"33\""),
        ("oppo", Fault::error("busy"), "code: oppo has no code \"busy\""),
        ("wechat", Fault::error_for("45009", 1), "recipients: wechat accepts or refuses a call as a whole"),
    ] {
        let error = vendors.set_fault(vendor, fault).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[tokio::test]
async fn a_share_hits_that_many_and_a_cleared_fault_none() {
    let vendors = Vendors::start().await.unwrap();
    let fault = Fault::error("33").share(0.3);
    vendors.set_fault("oppo", fault).unwrap();
    for _ in 0..10 {
        call(&vendors, "oppo", example(&vendors, "oppo")).await;
    }
    vendors.clear_fault("oppo").unwrap();
    call(&vendors, "oppo", example(&vendors, "oppo")).await;
    let expected = [("0".to_owned(), 8), ("33".to_owned(), 3)];
    assert_eq!(codes(&vendors, "oppo"), expected);
}

#[tokio::test]
async fn a_hang_is_open_until_the_client_leaves() {
    let vendors = Vendors::start().await.unwrap();
    vendors.set_fault("sms-tencent", Fault::new(Effect::Hang)).unwrap();
    let addr = vendors.addr("sms-tencent").unwrap();
    for version in [Version::Http1, Version::Http2] {
        let request = example(&vendors, "sms-tencent").map(Full::new);
        let limit = Duration::from_secs(30);
        let waiting = tokio::spawn(send_within(addr, version, request, limit));
        until(&vendors, "sms-tencent", |counts| counts.open == 1).await;
        waiting.abort();
        until(&vendors, "sms-tencent", |counts| counts.open == 0).await;
    }
    let counts = vendors.counts("sms-tencent").unwrap();
    assert_eq!((counts.calls, counts.unanswered), (2, 2));
    assert_eq!(counts.messages_unanswered, 4);
    assert!(counts.messages_by_code.is_empty());
}

#[tokio::test]
async fn a_reset_breaks_off_the_request_or_the_response() {
    let vendors = Vendors::start().await.unwrap();
    for at in [ResetAt::Request, ResetAt::Response] {
        let fault = Fault::new(Effect::Reset(at));
        vendors.set_fault("fcm", fault).unwrap();
        for version in [Version::Http1, Version::Http2] {
            let request = example(&vendors, "fcm");
            let error = try_call(&vendors, "fcm", version, request).await;
            let broken = matches!(error, Err(ClientError::Exchange { .. }));
            assert!(broken, "{at:?} {version:?}: {error:?}");
        }
    }
    until(&vendors, "fcm", |counts| counts.unanswered == 4).await;
    assert_eq!(vendors.counts("fcm").unwrap().calls, 4);
    assert_eq!(vendors.requests("fcm").unwrap().len(), 2);
}

#[tokio::test]
async fn a_reset_mid_response_comes_after_headers_and_first_bytes() {
    let vendors = Vendors::start().await.unwrap();
    for vendor in ["oppo", "apns"] {
        let fault = Fault::new(Effect::Reset(ResetAt::Response));
        vendors.set_fault(vendor, fault).unwrap();
        let addr = vendors.addr(vendor).unwrap();
        let request = example(&vendors, vendor).map(Full::new);
        let response = open(addr, Version::Http1, request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        let mut bytes = 0;
        let end = loop {
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.into_data().unwrap().len(),
                end => break end,
            }
        };
        assert!(matches!(end, Some(Err(_))), "{vendor}: {end:?}");
        assert_eq!(bytes > 0, vendor == "oppo", "{bytes}");
    }
}

#[tokio::test]
async fn a_cut_body_is_the_first_half_in_good_framing() {
    let vendors = Vendors::start().await.unwrap();
    let whole = call(&vendors, "oppo", example(&vendors, "oppo")).await;
    let cut = faulty(&vendors, "oppo", Fault::new(Effect::Cut)).await;
    assert_eq!(cut.status, 200);
    assert_eq!(cut.body.len(), whole.body.len() / 2);
    assert!(cut.json().is_none());
    assert_eq!(cut.header("content-length"), Some(&*cut.body.len().to_string()));
}

#[tokio::test]
async fn an_html_page_is_no_word_of_the_vendor() {
    let vendors = Vendors::start().await.unwrap();
    let page = faulty(&vendors, "fcm", Fault::new(Effect::Html)).await;
    assert_eq!(page.status, 502);
    assert_eq!(page.header("content-type"), Some("text/html"));
    assert_eq!(codes(&vendors, "fcm"), [("502".to_owned(), 1)]);
}

#[tokio::test]
async fn an_endless_response_goes_on_until_the_client_leaves() {
    let vendors = Vendors::start().await.unwrap();
    let fault = Fault::new(Effect::Endless { interval_ms: 2 });
    vendors.set_fault("wechat", fault).unwrap();
    let addr = vendors.addr("wechat").unwrap();
    for version in [Version::Http1, Version::Http2] {
        let request = example(&vendors, "wechat").map(Full::new);
        let response = open(addr, version, request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        for _ in 0..5 {
            let frame = body.frame().await.unwrap().unwrap();
            assert!(!frame.into_data().unwrap().is_empty());
        }
        assert_eq!(vendors.counts("wechat").unwrap().open, 1);
        drop(body);
        until(&vendors, "wechat", |counts| counts.open == 0).await;
    }
    assert_eq!(vendors.counts("wechat").unwrap().unanswered, 2);
}

#[tokio::test]
async fn gzip_holds_the_ordinary_answer() {
    let vendors = Vendors::start().await.unwrap();
    let zipped = faulty(&vendors, "lc", Fault::new(Effect::Gzip)).await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    let mut json = String::new();
    let mut decoder = flate2::read::GzDecoder::new(&zipped.body[..]);
    std::io::Read::read_to_string(&mut decoder, &mut json).unwrap();
    assert!(json.starts_with(r#"{"code":0"#), "{json}");
}

#[tokio::test]
async fn trailers_follow_the_ordinary_answer() {
    let vendors = Vendors::start().await.unwrap();
    let fault = Fault::new(Effect::Trailers);
    vendors.set_fault("lc", fault).unwrap();
    for version in [Version::Http1, Version::Http2] {
        let mut request = with_json(example(&vendors, "lc"), |_| {});
        let te = http::HeaderValue::from_static("trailers");
        request.headers_mut().insert("te", te);
        let response = try_call(&vendors, "lc", version, request).await.unwrap();
        assert!(is_accepted("lc", &response));
        let trailers = response.trailers.unwrap();
        assert_eq!(trailers["x-vendor-trailer"], "done");
    }
}
