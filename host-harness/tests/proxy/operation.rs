//! What operators see, and how a proxy ends.

use crate::support::{PATIENCE, address, admin, config, echo, eventually, get, run, upstream};
use anyhow::Result;
use http::Response;
use pointsman_host::http::full;
use pointsman_host::proxy::config::AccessLogConfig;
use serde_json::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

#[tokio::test]
async fn the_admin_endpoint_tells_readiness_metrics_and_config() -> Result<()> {
    let mut config = config(echo().await?)?;
    config.plugin.environment_variables.insert("KEY".to_owned(), "hunter2".to_owned());
    let proxy = run(config).await?;
    get(&proxy, "/").await?;
    assert_eq!(admin(&proxy, "/ready").await?.text(), "LIVE\n");
    let shown = admin(&proxy, "/config").await?;
    assert!(!shown.text().contains("hunter2"));
    let shown = shown.json().unwrap_or_default();
    assert_eq!(shown["plugin"]["environment_variables"][0], "KEY");
    assert_eq!(shown["listeners"][0]["routes"][0]["cluster"], "service");
    let metrics = admin(&proxy, "/metrics").await?.text();
    for line in [
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"service\"} 1",
        "envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"inbound\"} 1",
        "envoy_wasm_wasm_vm_count 1",
    ] {
        assert!(metrics.contains(line), "{line} is missing: {metrics}");
    }
    assert_eq!(admin(&proxy, "/other").await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn the_access_log_has_a_line_for_each_stream_and_no_query() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("access.log");
    let mut config = config(echo().await?)?;
    config.access_log = Some(AccessLogConfig { path: path.clone(), failures_only: false, log_query: false });
    let proxy = run(config).await?;
    get(&proxy, "/path?token=hunter2").await?;
    let text = eventually(async || {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let holds = text.ends_with('\n');
        (text, holds)
    })
    .await?;
    let line: Value = serde_json::from_str(&text)?;
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/path".into()));
    assert_eq!((&line["response_code"], &line["response_flags"]), (&200.into(), &"-".into()));
    assert_eq!(line["response_code_details"], "via_upstream");
    assert_eq!(line["upstream_cluster"], "service");
    Ok(())
}

#[tokio::test]
async fn draining_lets_streams_end_and_takes_no_new_ones() -> Result<()> {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, wait) = (Arc::clone(&asked), Arc::clone(&answer));
    let upstream = upstream(move |_| {
        let (told, wait) = (Arc::clone(&told), Arc::clone(&wait));
        async move {
            told.notify_one();
            wait.notified().await;
            Response::new(full("late"))
        }
    })
    .await?;
    let proxy = run(config(upstream)?).await?;
    let listener = address(&proxy)?;
    let mut client = TcpStream::connect(listener).await?;
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    tokio::time::timeout(PATIENCE, asked.notified()).await?;
    let drained = tokio::spawn(proxy.drain());
    eventually(async || {
        let connected = TcpStream::connect(listener).await.is_ok();
        (connected, !connected)
    })
    .await?;
    assert!(!drained.is_finished());
    answer.notify_one();
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, client.read_to_string(&mut text)).await??;
    assert!(text.contains("connection: close") && text.ends_with("late"), "{text}");
    assert!(tokio::time::timeout(PATIENCE, drained).await??);
    Ok(())
}

#[tokio::test]
async fn two_proxies_in_one_process_know_nothing_of_each_other() -> Result<()> {
    let (one, other) = (run(config(echo().await?)?).await?, run(config(echo().await?)?).await?);
    get(&one, "/").await?;
    let metrics = admin(&other, "/metrics").await?.text();
    assert!(
        metrics.contains("envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"inbound\"} 0"),
        "{metrics}"
    );
    Ok(())
}
