//! What a test can see of a filter: client, upstream, operator.

use super::guest::filter;
use super::{proxy, words};
use pointsman_host::testing::{
    Engine, EngineOptions, FailurePolicy, Filter, LogLevel, Proxy, Request, Stub, TestError, Version, WorkerStats,
};
use std::time::Duration;

type Result = std::result::Result<(), TestError>;

fn get(path: &str) -> Request<&'static str> {
    Request::get(path).body("").unwrap()
}

fn with(name: &str) -> Request<&'static str> {
    Request::get("/").header(name, "1").body("").unwrap()
}

#[tokio::test]
async fn a_scenario_reads_as_a_sentence() -> Result {
    let service = Stub::answering(200, "hello");
    let response = proxy(filter()).upstream("service", &service).workers(2).send(get("/greeting")).await?;
    assert_eq!((response.status.as_u16(), response.text().as_str()), (200, "hello"));
    let received = service.received();
    assert_eq!((received.len(), received[0].path(), received[0].header("seen")), (1, "/greeting", Some("a")));
    Ok(())
}

#[tokio::test]
async fn the_operator_sees_metrics_log_and_traps() -> Result {
    let proxy = proxy(filter()).upstream("service", Stub::answering(200, "")).start().await?;
    proxy.send(get("/")).await?;
    proxy.send_http2(get("/")).await?;
    let metrics = proxy.wait_for_metric("seen_total", &[("side", "request")], 2.0).await?;
    assert_eq!(metrics.value("seen_total", &[("side", "request")]), Some(2.0));
    let line = proxy.wait_for_log("seen a").await?;
    assert_eq!((line.level, line.message.as_str(), line.plugin.as_str()), (LogLevel::Info, "seen a request", "filter"));
    assert_eq!(proxy.stats().await, [WorkerStats::default()]);
    assert_eq!(
        metrics.sum("envoy_cluster_upstream_rq_total", &[("envoy_cluster_name", "service")]),
        2.0,
        "{metrics:?}"
    );
    let stopped = proxy.stop().await?;
    assert_eq!(stopped.log.len(), 2);
    assert_eq!(stopped.metrics.sum("seen_total", &[]), 2.0);
    Ok(())
}

#[tokio::test]
async fn requests_go_to_the_upstream_that_they_name() -> Result {
    let (one, two) = (Stub::answering(200, "one"), Stub::answering(200, "two"));
    let proxy = proxy(filter()).upstream("one", &one).upstream("two", &two).route("api.example.com", "two");
    for (url, answer) in [("http://one/", "one"), ("http://TWO/a", "two"), ("http://api.example.com/b", "two")] {
        assert_eq!(proxy.send(get(url)).await?.text(), answer, "{url}");
    }
    assert_eq!(proxy.send(get("http://elsewhere/")).await?.status, 404);
    let paths: Vec<String> = two.received().iter().map(|request| request.path().to_owned()).collect();
    assert_eq!(paths, ["/a", "/b"]);
    Ok(())
}

#[tokio::test]
async fn two_workers_share_data() -> Result {
    let proxy = proxy(filter()).workers(2);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(proxy.send(with("x-meet")).await?.status.as_u16());
    }
    assert_eq!(seen, [201, 200, 200, 200]);
    Ok(())
}

#[tokio::test]
async fn two_proxies_know_nothing_of_each_other() -> Result {
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let proxies = [1, 2].map(|_| proxy(filter()).engine(&engine).upstream("service", Stub::answering(200, "")));
    for proxy in &proxies {
        assert_eq!(proxy.send(with("x-meet")).await?.status, 201);
    }
    proxies[0].send(get("/")).await?;
    let [first, second] = [proxies[0].running().await?, proxies[1].running().await?];
    first.wait_for_metric("seen_total", &[], 1.0).await?;
    assert_eq!((second.metrics().await?.sum("seen_total", &[]), second.log().len()), (0.0, 0));
    Ok(())
}

#[tokio::test]
async fn calls_of_the_filter_go_to_upstreams_by_name() -> Result {
    let (service, auth) = (Stub::answering(200, "granted"), Stub::answering(204, ""));
    let proxy = proxy(filter()).upstream("service", &service).upstream("auth", &auth).route("*", "service");
    assert_eq!(proxy.send(with("x-asks")).await?.text(), "granted");
    assert_eq!((auth.received()[0].path(), auth.received()[0].header("host")), ("/may-i", Some("auth")));
    Ok(())
}

#[tokio::test]
async fn stopping_waits_for_streams_and_says_so_if_they_do_not_end() -> Result {
    let service = Stub::answering(200, "late").held();
    let proxy = proxy(filter()).upstream("service", &service).start().await?;
    let address = proxy.addr();
    let client = tokio::spawn(pointsman_host::http::send(address, Version::Http1, get("/").map(Into::into)));
    service.wait_for_received(1).await?;
    let release = async { service.release() };
    let (stopped, ()) = tokio::join!(proxy.stop(), release);
    assert_eq!(stopped?.log.len(), 1);
    assert_eq!(client.await.unwrap().unwrap().text(), "late");

    let service = Stub::answering(200, "never").held();
    let proxy =
        super::proxy(filter()).upstream("service", &service).patience(Duration::from_millis(50)).start().await?;
    let address = proxy.addr();
    let client = tokio::spawn(pointsman_host::http::send(address, Version::Http1, get("/").map(Into::into)));
    service.wait_for_received(1).await?;
    assert!(matches!(proxy.stop().await, Err(TestError::NotDrained { .. })));
    // Broken off, or told by the proxy that its upstream has gone: the stub goes when the test has let go of everything.
    assert!(!client.await.unwrap().is_ok_and(|response| response.text() == "never"));
    Ok(())
}

#[tokio::test]
async fn a_new_configuration_comes_below_requests_that_go_on() -> Result {
    let service = Stub::answering(200, "late").held();
    let proxy = proxy(filter()).upstream("service", &service).workers(2).start().await?;
    let reload = async {
        service.wait_for_received(2).await?;
        proxy.configure("another").await?;
        proxy.replace_filter(&filter().vm_configuration("another")).await?;
        service.release();
        Ok::<_, TestError>(())
    };
    let (one, two, reloaded) = tokio::join!(proxy.send(get("/")), proxy.send_http2(get("/")), reload);
    reloaded?;
    assert_eq!((one?.text().as_str(), two?.text().as_str()), ("late", "late"));
    assert_eq!(proxy.send(get("/")).await?.text(), "late");
    proxy.wait_for_metric("seen_total", &[], 3.0).await?;
    Ok(())
}

#[tokio::test]
async fn a_trap_answers_503_and_the_next_request_passes() -> Result {
    let policy = FailurePolicy::Reload { backoff: Duration::ZERO };
    let filter = filter().failure_policy(policy);
    let proxy = proxy(filter).upstream("service", Stub::answering(200, "")).start().await?;
    assert_eq!(proxy.send(with("x-trap")).await?.status, 503);
    assert_eq!(proxy.send(get("/")).await?.status, 200);
    assert_eq!(proxy.stats().await, [WorkerStats { traps: 1, reloads: 1, ..WorkerStats::default() }]);
    proxy.wait_for_log("unreachable").await?;
    Ok(())
}

#[tokio::test]
async fn a_rejected_configuration_shows_what_the_filter_says() -> Result {
    let Err(error) = proxy(filter().configuration("no")).start().await else { panic!("it starts") };
    assert!(words(&error).contains("Error: the configuration says no"), "{error:?}");

    let running = proxy(filter()).upstream("service", Stub::answering(200, "")).workers(2).start().await?;
    let refused = running.configure("no").await;
    assert!(matches!(&refused, Err(TestError::Rejected { log, .. }) if log.len() == 1), "{refused:?}");
    assert_eq!(running.send(get("/")).await?.status, 200);
    running.configure("yes").await?;
    assert_eq!(running.send(get("/")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn another_filter_takes_the_place_of_the_first() -> Result {
    let service = Stub::answering(200, "");
    let running = proxy(filter()).upstream("service", &service).start().await?;
    running.send(get("/")).await?;
    let silent = r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 0)))"#;
    running.replace_filter(&Filter::from_bytes(wat::parse_str(silent).unwrap())).await?;
    running.send(get("/")).await?;
    let marks: Vec<bool> = service.received().iter().map(|request| request.header("seen").is_some()).collect();
    assert_eq!(marks, [true, false]);
    Ok(())
}

#[tokio::test]
async fn errors_say_what_to_do() -> Result {
    let Err(error) = Proxy::with_filter(Filter::from_file("no/such.wasm")).start().await else { panic!("it starts") };
    assert!(words(&error).contains("no/such.wasm cannot be read: build it before the tests"), "{error:?}");

    let Err(error) = Proxy::with_filter(filter()).route("a", "nowhere").start().await else { panic!("it starts") };
    assert!(words(&error).contains("no cluster is named \"nowhere\""), "{error:?}");

    let hasty = proxy(filter()).patience(Duration::from_millis(50)).start().await?;
    let Err(error) = hasty.wait_for_metric("seen_total", &[], 1.0).await else { panic!("it was not sent") };
    assert!(words(&error).contains("seen_total{\"side\": \"request\"} 0"), "{error:?}");
    let Err(error) = hasty.wait_for_log("a line").await else { panic!("it was not logged") };
    assert!(words(&error).contains("last saw nothing"), "{error:?}");
    Ok(())
}
