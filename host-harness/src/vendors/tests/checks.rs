//! What vendors refuse, in their own words.

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};

use super::super::Vendors;
use super::{call, codes, example, with_json};

/// Makes a good request a bad one.
type Spoil = fn(&mut Request<Bytes>);

#[tokio::test]
async fn apns_names_what_is_wrong_with_a_header_the_path_or_the_payload() {
    let vendors = Vendors::start().await.unwrap();
    let cases: [(u16, &str, Spoil); 8] = [
        (403, "MissingProviderToken", |it| {
            it.headers_mut().remove("authorization");
        }),
        (400, "MissingTopic", |it| {
            it.headers_mut().remove("apns-topic");
        }),
        (400, "BadMessageId", |it| {
            it.headers_mut().insert("apns-id", HeaderValue::from_static("no-uuid"));
        }),
        (400, "BadDeviceToken", |it| {
            *it.uri_mut() = "/3/device/xyz".parse().unwrap();
        }),
        (400, "MissingDeviceToken", |it| {
            *it.uri_mut() = "/3/device/".parse().unwrap();
        }),
        (400, "PayloadEmpty", |it| *it.body_mut() = Bytes::new()),
        (413, "PayloadTooLarge", |it| {
            *it.body_mut() = format!("{{\"a\":\"{}\"}}", "x".repeat(4096)).into();
        }),
        (405, "MethodNotAllowed", |it| *it.method_mut() = Method::PUT),
    ];
    for (status, reason, spoil) in cases {
        let mut request = example(&vendors, "apns");
        spoil(&mut request);
        let response = call(&vendors, "apns", request).await;
        assert_eq!(response.status, status, "{reason}");
        assert_eq!(response.json().unwrap(), json!({ "reason": reason }));
    }
    assert_eq!(vendors.counts("apns").unwrap().messages_refused, 7);
}

#[tokio::test]
async fn apns_echoes_a_given_id() {
    let vendors = Vendors::start().await.unwrap();
    let id = "123e4567-e89b-42d3-a456-426614174000";
    let mut request = example(&vendors, "apns");
    request.headers_mut().insert("apns-id", id.parse().unwrap());
    let response = call(&vendors, "apns", request).await;
    assert_eq!(response.header("apns-id"), Some(id));
}

#[tokio::test]
async fn fcm_tells_a_bad_request_from_missing_credentials() {
    let vendors = Vendors::start().await.unwrap();
    let mut request = example(&vendors, "fcm");
    request.headers_mut().remove("authorization");
    let response = call(&vendors, "fcm", request).await;
    assert_eq!(response.status, 401);
    assert_eq!(response.json().unwrap()["error"]["status"], "UNAUTHENTICATED");

    let request = with_json(example(&vendors, "fcm"), |json| {
        json["message"].as_object_mut().unwrap().remove("token");
    });
    let response = call(&vendors, "fcm", request).await;
    assert_eq!(response.status, 400);
    let error = &response.json().unwrap()["error"];
    assert_eq!(error["status"], "INVALID_ARGUMENT");
    let detail = &error["details"][0]["@type"];
    assert_eq!(detail, "type.googleapis.com/google.rpc.BadRequest");
}

#[tokio::test]
async fn a_dry_run_and_a_token_call_are_no_sends() {
    let vendors = Vendors::start().await.unwrap();
    let request = with_json(example(&vendors, "fcm"), |json| {
        json["validate_only"] = json!(true);
    });
    assert_eq!(call(&vendors, "fcm", request).await.status, 200);

    let form = "app_key=k&sign=s&timestamp=1";
    let request = Request::post("/server/v1/auth").body(form.into()).unwrap();
    let token = call(&vendors, "oppo", request).await.json().unwrap();
    assert!(token["data"]["auth_token"].is_string());

    let uri = "/cgi-bin/token?grant_type=client_credential&appid=a&secret=s";
    let request = Request::get(uri).body(Bytes::new()).unwrap();
    let token = call(&vendors, "wechat", request).await.json().unwrap();
    assert_eq!(token["expires_in"], 7200);

    for vendor in ["fcm", "oppo", "wechat"] {
        let counts = vendors.counts(vendor).unwrap();
        assert_eq!((counts.requests, counts.calls, counts.open), (1, 0, 0));
        assert!(counts.messages_by_code.is_empty());
    }
}

#[tokio::test]
async fn oppo_checks_the_token_and_the_json_in_the_form() {
    let vendors = Vendors::start().await.unwrap();
    for (form, code) in [
        ("message=%7B%7D", 11),
        ("auth_token=t", 40),
        ("auth_token=t&message=%7B", 41),
        ("auth_token=t&message=%7B%7D", 40),
    ] {
        let mut request = example(&vendors, "oppo");
        *request.body_mut() = form.into();
        let response = call(&vendors, "oppo", request).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json().unwrap()["code"], code, "{form}");
    }
}

#[tokio::test]
async fn oppo_answers_a_batch_per_target() {
    let vendors = Vendors::start().await.unwrap();
    let target =
        |id: &str| json!({"target_type": 2, "target_value": id, "notification": {"title": "t", "content": "c"}});
    let messages = json!([target("a"), target("b"), target("c")]);
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("auth_token", "t")
        .append_pair("messages", &messages.to_string())
        .finish();
    let uri = "/server/v1/message/notification/unicast_batch";
    let request = Request::post(uri).body(form.into()).unwrap();
    let response = call(&vendors, "oppo", request).await.json().unwrap();
    let targets: Vec<&Value> = response["data"].as_array().unwrap().iter().collect();
    assert_eq!(targets.len(), 3);
    assert_eq!(targets[1]["registrationId"], "b");
    assert_eq!(codes(&vendors, "oppo"), [("0".to_owned(), 3)]);
}

#[tokio::test]
async fn wechat_answers_200_and_a_code_for_each_fault_of_the_request() {
    let vendors = Vendors::start().await.unwrap();
    let cases: [(i64, Spoil); 3] = [
        (41001, |it| {
            *it.uri_mut() = "/cgi-bin/message/template/send".parse().unwrap();
        }),
        (44002, |it| *it.body_mut() = Bytes::new()),
        (47001, |it| *it.body_mut() = Bytes::from_static(b"{\"touser\":")),
    ];
    for (code, spoil) in cases {
        let mut request = example(&vendors, "wechat");
        spoil(&mut request);
        let response = call(&vendors, "wechat", request).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json().unwrap()["errcode"], code);
    }
    for (key, code) in [("touser", 40003), ("template_id", 40037), ("data", 47003)] {
        let request = with_json(example(&vendors, "wechat"), |json| {
            json.as_object_mut().unwrap().remove(key);
        });
        let response = call(&vendors, "wechat", request).await;
        assert_eq!(response.json().unwrap()["errcode"], code);
    }
}

#[tokio::test]
async fn tencent_refuses_a_request_as_a_whole_and_a_phone_by_itself() {
    let vendors = Vendors::start().await.unwrap();
    let request = with_json(example(&vendors, "sms-tencent"), |json| {
        json.as_object_mut().unwrap().remove("TemplateId");
    });
    let response = call(&vendors, "sms-tencent", request).await;
    let error = &response.json().unwrap()["Response"]["Error"];
    assert_eq!(error["Code"], "MissingParameter");

    let request = with_json(example(&vendors, "sms-tencent"), |json| {
        json["PhoneNumberSet"] = json!(["+447700900001", "12"]);
    });
    let response = call(&vendors, "sms-tencent", request).await;
    let set = &response.json().unwrap()["Response"]["SendStatusSet"];
    assert_eq!(set[0]["Code"], "Ok");
    assert_eq!(set[0]["SessionContext"], "m-1");
    let bad = "InvalidParameterValue.IncorrectPhoneNumber";
    assert_eq!(set[1]["Code"], bad);
    let expected = [(bad, 1), ("MissingParameter", 2), ("Ok", 1)];
    let expected = expected.map(|(code, count)| (code.to_owned(), count));
    assert_eq!(codes(&vendors, "sms-tencent"), expected);
}

#[tokio::test]
async fn the_gateway_names_the_missing_field_and_counts_every_recipient() {
    let vendors = Vendors::start().await.unwrap();
    let request = with_json(example(&vendors, "lc"), |json| {
        json.as_object_mut().unwrap().remove("to");
    });
    let response = call(&vendors, "lc", request).await;
    assert_eq!(response.status, 400);
    assert_eq!(response.json().unwrap()["message"], "missing field: to");
    let request = with_json(example(&vendors, "lc"), |json| json["to"] = json!(["a", "b"]));
    call(&vendors, "lc", request).await;
    assert_eq!(vendors.counts("lc").unwrap().messages_accepted, 2);
}
