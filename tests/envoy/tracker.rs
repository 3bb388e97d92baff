//! What a push leaves behind, found in the tracker by whatever somebody may know of it.

use crate::stitching::config;
use bytes::Bytes;
use http::Request;
use pointsman_core::lifecycle::Lifecycle;
use pointsman_core::trace::CountryCode;
use pointsman_host::http::{Version, send};
use pointsman_tests::{Bed, SECRET, Setup, pushes};
use pointsman_tracker::serve::{self, App, RecipientKeys, Settings};
use pointsman_tracker::store::embedded::{self, Embedded};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// How soon a message is to be found.
const SOON: Duration = Duration::from_secs(3);

struct Tracker {
    addr: SocketAddr,
    _folder: TempDir,
}

impl Tracker {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = embedded::Settings::in_directory(folder.path());
        let store = Embedded::open(settings, Lifecycle::builtin()).unwrap();
        let keys = RecipientKeys::new([SECRET.as_bytes()], CountryCode::default()).unwrap();
        let app = App { keys: Some(Arc::new(keys)), ..App::new(Arc::new(store), Arc::new(Lifecycle::builtin())) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(serve::run(listener, app, Settings::default(), std::future::pending()));
        Self { addr, _folder: folder }
    }

    async fn get(&self, path: &str) -> Value {
        let request = Request::get(format!("http://{}/api/v1/{path}", self.addr)).body(Bytes::new()).unwrap();
        let answer = send(self.addr, Version::Http1, request).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json().unwrap()
    }

    /// The one message that an id is of, as soon as it is as wanted.
    async fn finds(&self, id: &str, status: &str) -> Value {
        let until = Instant::now() + SOON;
        loop {
            let found = self.get(&format!("find?id={id}")).await;
            let messages = found["messages"].as_array().unwrap();
            if let [message] = &messages[..]
                && message["status"] == status
            {
                return message.clone();
            }
            assert!(Instant::now() < until, "{id} is not {status} after {SOON:?}: {found}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn started() -> (Bed, Tracker) {
    let tracker = Tracker::start().await;
    let more = json!({
        "channels": ["oppo", "wechat"],
        "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}],
    });
    let bed = Setup::with_rules(&config(&more)).collector(tracker.addr).start().await;
    (bed, tracker)
}

#[tokio::test]
async fn a_message_is_found_by_its_openid_and_by_the_vendors_id_within_three_seconds() {
    let (bed, tracker) = started().await;
    assert_eq!(bed.inbound(pushes::service(&json!({"id": "m1"}))).await.status, 200);
    assert_eq!(bed.outbound(pushes::wechat("m1")).await.status, 200);
    let by_openid = tracker.finds("user-m1", "sent").await;
    assert_eq!((&by_openid["id"], &by_openid["channel"]), (&json!("m1"), &json!("wechat")));
    let vendor_id = by_openid["vendor_ids"][0].as_str().unwrap();
    assert_eq!(tracker.finds(vendor_id, "sent").await["key"], by_openid["key"]);
    let trace_id = by_openid["trace_ids"][0].as_str().unwrap();
    assert_eq!(tracker.finds(trace_id, "sent").await["key"], by_openid["key"]);
}

#[tokio::test]
async fn a_receipt_turns_a_message_to_delivered_and_its_way_is_one_chain() {
    let (bed, tracker) = started().await;
    assert_eq!(bed.inbound(pushes::service(&json!({"id": "m1"}))).await.status, 200);
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let sent = tracker.finds("m1", "sent").await;
    let report = json!([{
        "messageId": sent["vendor_ids"][0],
        "registrationIds": pushes::oppo_registration("m1"),
        "eventType": "push_arrive",
    }]);
    let mut receipt = pushes::service(&report);
    *receipt.uri_mut() = "/callbacks/oppo".parse().unwrap();
    assert_eq!(bed.inbound(receipt).await.status, 200);
    tracker.finds(&pushes::oppo_registration("m1"), "delivered").await;

    let key = sent["key"].as_str().unwrap();
    let view = tracker.get(&format!("messages/{key}")).await;
    let nodes: Vec<&Value> = view["visits"].as_array().unwrap().iter().map(|visit| &visit["node"]).collect();
    assert_eq!(nodes, ["PUSH", "OPPO_PUSH", "OPPO_RECEIPT"], "{view}");
    assert_eq!(view["visits"][1]["edge"], "propagated", "{view}");
}
