//! Who was reached, how often, and with whose credential.

use std::time::Duration;

use http::HeaderValue;
use serde_json::json;

use super::super::{Effect, Fault, ResetAt, Sends, Vendors};
use super::{call, example, try_call, with_json};
use crate::http::{ClientError, Version, send_within};

const OPPO: (&str, &str) = ("m-1", "OPPO_CN_00000000000000000000000000000000");
const LC: (&str, &str) = ("m-1", "user-1");
const PHONE: (&str, &str) = ("m-1", "+447700900001");

#[tokio::test]
async fn the_books_tell_what_was_lost_doubled_and_seen_twice() {
    let vendors = Vendors::start().await.unwrap();
    for vendor in ["oppo", "oppo", "lc", "sms-tencent", "sms-tencent"] {
        call(&vendors, vendor, example(&vendors, vendor)).await;
    }
    let books = vendors.books();
    let oppo = books.of_message(OPPO.0, OPPO.1);
    assert_eq!(oppo.by("oppo"), Sends { accepted: 2, seen: 1 }, "one id, one notification");
    assert_eq!(books.of_message(PHONE.0, PHONE.1).by("sms-tencent"), Sends { accepted: 2, seen: 2 });
    assert_eq!(books.of_message(LC.0, LC.1).accepted(), 1);
    assert_eq!(books.doubled(), [PHONE, ("m-1", "+447700900002"), OPPO]);
    assert_eq!(books.seen_twice(), [PHONE, ("m-1", "+447700900002")]);
    assert_eq!(books.lost([LC, ("m-2", "user-1")].into_iter()), [("m-2", "user-1")]);
}

#[tokio::test]
async fn one_message_sent_by_two_vendors_is_doubled() {
    let vendors = Vendors::start().await.unwrap();
    call(&vendors, "oppo", example(&vendors, "oppo")).await;
    let moved = with_json(example(&vendors, "lc"), |json| json["to"] = json!(OPPO.1));
    call(&vendors, "lc", moved).await;
    let books = vendors.books();
    assert_eq!(books.doubled(), [OPPO]);
    assert_eq!(books.seen_twice(), [OPPO], "no vendor knows what another has shown");
}

#[tokio::test]
async fn what_is_refused_is_not_booked_and_what_is_slow_is_at_once() {
    let vendors = Vendors::start().await.unwrap();
    vendors.set_fault("oppo", Fault::error("33")).unwrap();
    call(&vendors, "oppo", example(&vendors, "oppo")).await;
    assert_eq!(vendors.books().of_message(OPPO.0, OPPO.1).accepted(), 0);
    vendors.set_fault("oppo", Fault::delay(60_000)).unwrap();
    let request = example(&vendors, "oppo").map(http_body_util::Full::new);
    let limit = Duration::from_millis(300);
    let late = send_within(vendors.addr("oppo").unwrap(), Version::Http1, request, limit).await;
    assert!(late.is_err());
    assert_eq!(vendors.books().of_message(OPPO.0, OPPO.1).accepted(), 1, "who gives up does not take it back");
}

#[tokio::test]
async fn a_lost_answer_says_nothing_of_the_message() {
    let vendors = Vendors::start().await.unwrap();
    let mut expected = 0;
    for fault in [Fault::new(Effect::Reset(ResetAt::Read)), Fault::new(Effect::Html)] {
        for (fault, accepted) in [(fault.clone(), 0), (fault.accepting(), 1)] {
            expected += accepted;
            vendors.set_fault("lc", fault).unwrap();
            let answer = try_call(&vendors, "lc", Version::Http1, example(&vendors, "lc")).await;
            assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 502));
            assert_eq!(vendors.books().of_message(LC.0, LC.1).accepted(), expected);
        }
    }
}

#[tokio::test]
async fn a_vendor_that_refuses_connections_takes_them_again() {
    let vendors = Vendors::start().await.unwrap();
    call(&vendors, "oppo", example(&vendors, "oppo")).await;
    vendors.set_fault("oppo", Fault::new(Effect::Refused)).unwrap();
    vendors.settled("oppo").await.unwrap();
    let refused = try_call(&vendors, "oppo", Version::Http1, example(&vendors, "oppo")).await;
    assert!(matches!(refused, Err(ClientError::Connect { .. })), "{refused:?}");
    vendors.clear_fault("oppo").unwrap();
    vendors.settled("oppo").await.unwrap();
    call(&vendors, "oppo", example(&vendors, "oppo")).await;
    assert_eq!(vendors.counts("oppo").unwrap().calls, 2);
}

#[tokio::test]
async fn a_vendor_wants_its_own_credential_and_counts_those_of_others() {
    let vendors = Vendors::start().await.unwrap();
    vendors.require_credential("lc", "Bearer own").unwrap();
    let mut request = example(&vendors, "lc");
    assert_eq!(call(&vendors, "lc", request.clone()).await.status, 401);
    assert_eq!(vendors.counts("lc").unwrap().foreign_credentials, 0, "none is no other's");
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer other"));
    assert_eq!(call(&vendors, "lc", request.clone()).await.status, 401);
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer own"));
    assert_eq!(call(&vendors, "lc", request.clone()).await.status, 200);
    request.headers_mut().insert("auth_token", HeaderValue::from_static("of-oppo"));
    assert_eq!(call(&vendors, "lc", request).await.status, 200);
    let counts = vendors.counts("lc").unwrap();
    assert_eq!((counts.foreign_credentials, counts.messages_refused, counts.messages_accepted), (2, 2, 2));
}

#[tokio::test]
async fn twilio_wants_an_account_and_a_whole_form() {
    let vendors = Vendors::start().await.unwrap();
    let mut request = example(&vendors, "twilio");
    request.headers_mut().remove("authorization");
    let answer = call(&vendors, "twilio", request).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].clone()), (401, json!(20003)));
    let mut request = example(&vendors, "twilio");
    *request.body_mut() = "From=x&Body=y".into();
    let answer = call(&vendors, "twilio", request).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].clone()), (400, json!(21604)));
}
