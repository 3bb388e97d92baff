//! Every visit is timed, judged and counted.

use bytes::Bytes;
use http::Request;
use pointsman_host::vendors::Fault;
use pointsman_tests::Setup;

/// A unicast of OPPO whose message id is `id`.
fn oppo_unicast(id: &str) -> Request<Bytes> {
    let message = format!(
        r#"{{"target_type":2,"target_value":"registration-{id}","notification":{{"app_message_id":"{id}","title":"t","content":"c"}}}}"#
    );
    let form = format!("auth_token=stand-in&message={}", percent(&message));
    Request::post("/server/v1/message/notification/unicast")
        .header("host", "api.push.oppomobile.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into())
        .unwrap()
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn a_200_with_an_error_code_is_a_failure() {
    let bed = Setup::with_rules(r#"{"service": "push", "channels": ["oppo"], "hold_request": true}"#).start().await;
    let ok = bed.outbound(oppo_unicast("m1")).await;
    bed.vendors.set_fault("oppo", Fault::error("33")).unwrap();
    let refused = bed.outbound(oppo_unicast("m2")).await;
    assert_eq!((ok.status.as_u16(), refused.status.as_u16()), (200, 200));
    let node = [("node", "OPPO_PUSH"), ("channel", "oppo"), ("business", "none")];
    bed.expect("pointsman_node_messages_total", &[&node[..], &[("outcome", "ok")]].concat(), 1.0).await;
    bed.expect("pointsman_node_messages_total", &[&node[..], &[("outcome", "quota_app")]].concat(), 1.0).await;
    bed.expect("pointsman_vendor_codes_total", &[("channel", "oppo"), ("code", "33")], 1.0).await;
    bed.expect("pointsman_trace_contexts_total", &[("result", "derived")], 2.0).await;
    println!("{:?}", bed.last_at("oppo").header_lines());
}
