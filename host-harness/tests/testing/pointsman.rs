//! The filter of this project in the library for tests.

use super::{proxy, stopped_clock, words};
use pointsman_host::testing::{Filter, Proxy, Request, Stub, TestError, TrafficDirection};

type Result = std::result::Result<(), TestError>;

const CONFIGURATION: &str = r#"{"service": "push", "channels": ["oppo"], "hold_request": true}"#;
const NO_QUOTA: &str = r#"{"code":33,"message":"The number of messages exceeds the daily limit"}"#;

fn oppo(stub: &Stub) -> Proxy {
    let filter =
        Filter::pointsman().configuration(CONFIGURATION).environment("POINTSMAN_SECRET", "test-test-test-test");
    let proxy = proxy(filter).upstream("oppo", stub).direction(TrafficDirection::Outbound);
    proxy.clock(stopped_clock()).seed(7)
}

fn push(id: &str) -> Request<String> {
    let message = format!("message=%7B%22title%22%3A%22t%22%2C%22app_message_id%22%3A%22{id}%22%7D");
    let request = Request::post("http://api.push.oppomobile.com/server/v1/message/notification/unicast");
    request.header("content-type", "application/x-www-form-urlencoded").body(message).unwrap()
}

#[tokio::test]
async fn a_push_that_was_refused_with_200_is_counted_as_refused() -> Result {
    let vendor = Stub::answering(200, NO_QUOTA);
    let proxy = oppo(&vendor).start().await?;
    let response = proxy.send(push("m-1")).await?;
    assert_eq!((response.status.as_u16(), response.text().as_str()), (200, NO_QUOTA));
    assert!(vendor.received()[0].header("traceparent").is_some_and(|trace| trace.starts_with("00-")));
    let labels = [("node", "OPPO_PUSH"), ("channel", "oppo"), ("outcome", "quota_app")];
    proxy.wait_for_metric("pointsman_node_calls_total", &labels, 1.0).await?;
    proxy.wait_for_metric("pointsman_vendor_codes_total", &[("code", "33")], 1.0).await?;
    Ok(())
}

#[tokio::test]
async fn clock_and_seed_make_ids_repeatable() -> Result {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let vendor = Stub::answering(200, NO_QUOTA);
        let proxy = oppo(&vendor);
        for id in ["m-1", "m-2"] {
            proxy.send(push(id)).await?;
        }
        let traces = vendor.received();
        runs.push(traces.iter().map(|sent| sent.header("traceparent").unwrap().to_owned()).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0][0], runs[0][1]);
    Ok(())
}

#[tokio::test]
async fn a_configuration_with_a_fault_is_named_by_the_filter() -> Result {
    let filter = Filter::pointsman().configuration(r#"{"service": "push", "chanels": []}"#);
    let Err(error) = proxy(filter).start().await else { panic!("it starts") };
    assert!(words(&error).contains("chanels"), "{error:?}");
    Ok(())
}

#[tokio::test]
async fn counts_survive_a_reload_with_two_workers() -> Result {
    let vendor = Stub::answering(200, NO_QUOTA);
    let proxy = oppo(&vendor).workers(2).start().await?;
    for id in ["m-1", "m-2"] {
        proxy.send(push(id)).await?;
    }
    proxy.configure(CONFIGURATION.replace("true", "false")).await?;
    for id in ["m-3", "m-4"] {
        proxy.send(push(id)).await?;
    }
    proxy.wait_for_metric("pointsman_node_calls_total", &[("outcome", "quota_app")], 4.0).await?;
    Ok(())
}
