//! The shipped Envoy files on a real Envoy, with a filter that does nothing in Pointsman's place.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pointsman_host::envoy::{Envoy, EnvoyError, Filter, Options, Protocol, Rules, Upstream, binary_from_env};
use pointsman_host::http::{Version, full, send, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const CONFIG_RELOAD: &str = "envoy_extension_config_discovery_http_filter_pointsman_config_reload";

#[tokio::test]
async fn it_listens_on_free_ports_and_can_be_scraped() -> Result<()> {
    let (one, two) = tokio::try_join!(Envoy::start(options()?), Envoy::start(options()?))?;
    for envoy in [&one, &two] {
        let scrape = envoy.scrape().await?;
        assert_eq!(scrape.value("envoy_server_live", &[]), Some(1.0));
        assert_eq!(get(envoy.admin(), "/ready").await?, (StatusCode::OK, "LIVE\n".to_owned()));
        assert!(envoy.log().contains("starting main dispatch loop"));
    }
    let ports = |e: &Envoy| [e.inbound(), e.outbound(), e.scrape_addr(), e.admin()];
    assert!(ports(&one).iter().all(|port| !ports(&two).contains(port)));
    assert_ne!(one.pid(), two.pid());
    Ok(())
}

#[tokio::test]
async fn the_scrape_listener_shows_two_paths_and_nothing_else() -> Result<()> {
    let envoy = Envoy::start(options()?).await?;
    let shown = ["/ready", "/stats/prometheus", "/stats/prometheus?usedonly"];
    for path in shown {
        assert_eq!(get(envoy.scrape_addr(), path).await?.0, StatusCode::OK, "{path}");
    }
    let hidden =
        ["/", "/config_dump", "/stats", "/ready/", "//config_dump", "/ready/../config_dump", "/stats/prometheus/x"];
    for path in hidden {
        assert_eq!(get(envoy.scrape_addr(), path).await?.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/quitquitquit", "/stats/prometheus", "/ready"] {
        let request = Request::post(path).body(Bytes::new())?;
        let response = send(envoy.scrape_addr(), Version::Http1, request).await?;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "POST {path}");
    }
    Ok(())
}

#[tokio::test]
async fn every_authority_leads_to_its_own_cluster() -> Result<()> {
    let routes = [
        ("apns", "api.push.apple.com"),
        ("apns-sandbox", "api.sandbox.push.apple.com"),
        ("fcm", "fcm.googleapis.com"),
        ("oppo", "api.push.oppomobile.com"),
        ("oppo-intl", "api-intl.push.oppomobile.com"),
        ("wechat", "api.weixin.qq.com"),
        ("sms-tencent", "sms.tencentcloudapi.com"),
        ("twilio", "api.twilio.com"),
        ("gateway", "lc.internal"),
    ];
    let mut options = options()?;
    for (cluster, _) in routes {
        options = options.upstream(cluster, upstream(cluster, StatusCode::OK).await?.addr);
    }
    let envoy = Envoy::start(options).await?;
    for (cluster, authority) in routes {
        for authority in [authority.to_owned(), format!("{authority}:443"), authority.to_uppercase()] {
            for version in [Version::Http1, Version::Http2] {
                let answer = push(envoy.outbound(), &authority, version).await?;
                assert_eq!(answer, (StatusCode::OK, cluster.to_owned()), "{authority} {version:?}");
            }
        }
    }
    for unknown in ["example.com", "push.apple.com", "127.0.0.1"] {
        let (status, _) = push(envoy.outbound(), unknown, Version::Http1).await?;
        assert_eq!(status, StatusCode::NOT_FOUND, "{unknown}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cluster_puts_its_credential_in_the_place_of_the_callers() -> Result<()> {
    let gateway = echo_of("authorization").await?;
    let options = options()?.upstream("gateway", gateway).upstream("oppo", gateway).credential("gateway", "Bearer one");
    let envoy = Envoy::start(options).await?;
    let seen = async |authority: &str| -> Result<String> {
        let request = Request::post("/push").header("host", authority).header("authorization", "Bearer of-the-caller");
        let response = send(envoy.outbound(), Version::Http1, request.body(Bytes::from_static(b"{}"))?).await?;
        Ok(response.text())
    };
    assert_eq!(seen("lc.internal").await?, "Bearer one");
    assert_eq!(seen("api.push.oppomobile.com").await?, "Bearer of-the-caller", "no other cluster has it");
    envoy.set_credential("gateway", "Bearer two")?;
    let deadline = Instant::now() + Duration::from_secs(5);
    while seen("lc.internal").await? != "Bearer two" {
        ensure!(Instant::now() < deadline, "the old one is still in force; {}", envoy.log());
        sleep(Duration::from_millis(20)).await;
    }
    let (_, config) = get(envoy.admin(), "/config_dump").await?;
    assert!(!config.contains("Bearer"), "no config shows it");
    assert!(matches!(envoy.set_credential("oppo", "x"), Err(EnvoyError::NoCredential { .. })));
    Ok(())
}

#[tokio::test]
async fn without_a_credential_the_callers_own_passes() -> Result<()> {
    let envoy = Envoy::start(options()?.upstream("gateway", echo_of("authorization").await?)).await?;
    let request = Request::post("/push").header("host", "lc.internal").header("authorization", "Bearer of-the-caller");
    let response = send(envoy.outbound(), Version::Http1, request.body(Bytes::from_static(b"{}"))?).await?;
    assert_eq!((response.status, response.text().as_str()), (StatusCode::OK, "Bearer of-the-caller"));
    Ok(())
}

#[tokio::test]
async fn the_service_is_spoken_to_as_the_options_say() -> Result<()> {
    let service = upstream("service", StatusCode::OK).await?;
    let cases = [
        (Protocol::AsShipped, Version::Http1, "HTTP/1.1"),
        (Protocol::AsShipped, Version::Http2, "HTTP/2.0"),
        (Protocol::Http1, Version::Http2, "HTTP/1.1"),
        (Protocol::Http2, Version::Http1, "HTTP/2.0"),
    ];
    for (protocol, version, expected) in cases {
        let to = Upstream { addr: service.addr, protocol };
        let envoy = Envoy::start(options()?.upstream("service", to)).await?;
        let request = Request::post("/push").body(Bytes::from_static(b"{}"))?;
        let response = send(envoy.inbound(), version, request).await?;
        assert_eq!(response.header("x-version"), Some(expected), "{protocol:?} {version:?}");
    }
    Ok(())
}

#[tokio::test]
async fn no_header_of_a_caller_makes_envoy_send_twice() -> Result<()> {
    let vendor = upstream("vendor", StatusCode::SERVICE_UNAVAILABLE).await?;
    let mut options = options()?.upstream("service", vendor.addr).upstream("gateway", vendor.addr);
    // What else would hold a retry back is taken away, so that only the removal of the headers is left.
    options.edit = Some(Box::new(|bootstrap| {
        trust_everyone(bootstrap);
        allow_retries(bootstrap);
    }));
    let envoy = Envoy::start(options).await?;
    for addr in [envoy.inbound(), envoy.outbound()] {
        let before = vendor.requests.load(Ordering::SeqCst);
        let request = Request::post("/push")
            .header("host", "lc.internal")
            .header("x-forwarded-for", "127.0.0.1")
            .header("x-envoy-retry-on", "5xx,reset,retriable-status-codes")
            .header("x-envoy-retry-grpc-on", "unavailable")
            .header("x-envoy-max-retries", "3")
            .header("x-envoy-retriable-status-codes", "503")
            .header("x-envoy-upstream-rq-per-try-timeout-ms", "10000")
            .header("x-envoy-hedge-on-per-try-timeout", "true")
            .body(Bytes::from_static(b"{}"))?;
        let response = send(addr, Version::Http1, request).await?;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(vendor.requests.load(Ordering::SeqCst) - before, 1);
    }
    Ok(())
}

#[tokio::test]
async fn pushes_pass_whatever_the_rules_file_holds_and_good_rules_take_effect_later() -> Result<()> {
    let service = upstream("service", StatusCode::OK).await?;
    let useless = [Rules::Missing, Rules::Raw("{ no json".to_owned()), Rules::Raw("{}".to_owned())];
    for rules in useless {
        let mut options = options()?.upstream("service", service.addr);
        options.rules = rules.clone();
        let envoy = Envoy::start(options).await?;
        let pass = (StatusCode::OK, "service".to_owned());
        assert_eq!(push(envoy.inbound(), "push", Version::Http1).await?, pass, "{rules:?}");
        let before = envoy.scrape().await?.sum(CONFIG_RELOAD, &[]);
        envoy.apply(r#"{"service": "push"}"#)?;
        reloaded(&envoy, before + 1.0).await?;
        assert_eq!(push(envoy.inbound(), "push", Version::Http1).await?, pass, "{rules:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_shipped_rules_file_is_accepted() -> Result<()> {
    let shipped = fs::read_to_string(folder().join("rules/pointsman.ecds.json"))?;
    let mut options = options()?;
    options.rules = Rules::Raw(shipped.replace("/etc/pointsman/pointsman.wasm", &noop()?.to_string_lossy()));
    let envoy = Envoy::start(options).await?;
    reloaded(&envoy, 1.0).await
}

#[tokio::test]
async fn without_the_filter_there_are_no_rules_to_apply() -> Result<()> {
    let service = upstream("service", StatusCode::OK).await?;
    let mut options = options()?.upstream("service", service.addr);
    options.filter = Filter::None;
    let envoy = Envoy::start(options).await?;
    let pass = (StatusCode::OK, "service".to_owned());
    assert_eq!(push(envoy.inbound(), "push", Version::Http1).await?, pass);
    assert!(matches!(envoy.apply("{}"), Err(EnvoyError::NoFilter)));
    Ok(())
}

#[tokio::test]
async fn a_start_that_fails_says_what_envoy_said() -> Result<()> {
    let options = options()?.upstream("gatway", SocketAddr::from(([127, 0, 0, 1], 1)));
    let error = Envoy::start(options).await.err().context("it started")?;
    assert_eq!(error.to_string(), "the bootstrap has no cluster named gatway");

    let mut options = self::options()?;
    options.filter = Filter::Wasm(PathBuf::from("/nonexistent.wasm"));
    let error = Envoy::start(options).await.err().context("it started")?;
    assert!(matches!(error, EnvoyError::Exited { .. }));
    assert!(error.to_string().contains("/nonexistent.wasm"), "{error}");
    Ok(())
}

#[tokio::test]
async fn envoy_leaves_nothing_behind() -> Result<()> {
    let envoy = Envoy::start(options()?).await?;
    let (admin, rules) = (envoy.admin(), envoy.rules_path().to_owned());
    assert!(rules.exists());
    drop(envoy);
    assert!(!rules.exists());
    assert!(get(admin, "/ready").await.is_err());
    Ok(())
}

#[test]
fn envoy_validates_the_deployed_folder() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let text = fs::read_to_string(folder().join("bootstrap.yaml"))?;
    let deployed = directory.path().to_string_lossy();
    fs::write(directory.path().join("bootstrap.yaml"), text.replace("/etc/pointsman", &deployed))?;
    fs::copy(noop()?, directory.path().join("pointsman.wasm"))?;
    fs::copy(folder().join("start"), directory.path().join("start"))?;
    // The script also makes the rules file without which Envoy would not start.
    let output = Command::new(directory.path().join("start"))
        .args(["--mode", "validate"])
        .env("ENVOY", binary_from_env()?)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    // An empty credential is none. Of the one cluster that nothing waits for, Envoy looks at it even here, and says so.
    let empty = |line: &&str| line.contains("credentials/otlp.sds.json") && line.contains("unexpected EOF");
    for line in said.lines().filter(|line| !empty(line)) {
        for word in ["[warning]", "[error]", "eprecated"] {
            ensure!(!line.contains(word), "{said}");
        }
    }
    let rules = directory.path().join("rules/pointsman.ecds.json");
    assert_eq!(fs::metadata(&rules)?.len(), 0);
    Ok(())
}

fn options() -> Result<Options> {
    let filter = Filter::Wasm(noop()?);
    Ok(Options::new(binary_from_env()?, folder().join("bootstrap.yaml"), filter))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn folder() -> PathBuf {
    root().join("envoy")
}

fn noop() -> Result<PathBuf> {
    let module = root().join("target/wasm32-unknown-unknown/wasm/noop_guest.wasm");
    ensure!(module.exists(), "there is no {}: run ./scripts/test", module.display());
    Ok(module.canonicalize()?)
}

/// A server that answers every request with one status and its own name.
struct Server {
    addr: SocketAddr,
    requests: Arc<AtomicUsize>,
}

async fn upstream(name: &'static str, status: StatusCode) -> Result<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&requests);
    let handler = move |request: Request<_>| {
        counter.fetch_add(1, Ordering::SeqCst);
        let mut response = Response::new(full(name));
        *response.status_mut() = status;
        let version = format!("{:?}", request.version());
        if let Ok(version) = version.parse() {
            response.headers_mut().insert("x-version", version);
        }
        async move { Ok::<_, Infallible>(response) }
    };
    tokio::spawn(serve(listener, handler, std::future::pending()));
    Ok(Server { addr, requests })
}

/// A server that answers with the values of a header.
async fn echo_of(header: &'static str) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let handler = move |request: Request<_>| {
        let values = request.headers().get_all(header).iter();
        let values: Vec<&str> = values.map(|value| value.to_str().unwrap_or("?")).collect();
        let response = Response::new(full(values.join("; ")));
        async move { Ok::<_, Infallible>(response) }
    };
    tokio::spawn(serve(listener, handler, std::future::pending()));
    Ok(addr)
}

async fn get(addr: SocketAddr, path: &str) -> Result<(StatusCode, String)> {
    let response = send(addr, Version::Http1, Request::get(path).body(Bytes::new())?).await?;
    Ok((response.status, response.text()))
}

async fn push(addr: SocketAddr, authority: &str, version: Version) -> Result<(StatusCode, String)> {
    let request = Request::post("/push").header("host", authority);
    let response = send(addr, version, request.body(Bytes::from_static(b"{}"))?).await?;
    Ok((response.status, response.text()))
}

/// Waits until Envoy has put this many configurations in force on all its threads.
async fn reloaded(envoy: &Envoy, count: f64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let seen = envoy.scrape().await?.sum(CONFIG_RELOAD, &[]);
        if seen >= count {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{seen} of {count}; {}", envoy.log());
        sleep(Duration::from_millis(20)).await;
    }
}

fn trust_everyone(bootstrap: &mut Value) {
    let loopback = json!({ "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] });
    for listener in items(bootstrap, "/static_resources/listeners") {
        if let Some(manager) = listener.pointer_mut("/filter_chains/0/filters/0/typed_config") {
            manager["internal_address_config"] = loopback.clone();
        }
    }
}

fn allow_retries(bootstrap: &mut Value) {
    for cluster in items(bootstrap, "/static_resources/clusters") {
        if let Some(thresholds) = cluster.pointer_mut("/circuit_breakers/thresholds/0") {
            thresholds["max_retries"] = json!(3);
        }
    }
}

fn items<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).into_iter().flatten()
}
