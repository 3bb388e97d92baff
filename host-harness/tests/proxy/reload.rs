//! A new config takes over without a request being lost, or the old one stays.

use crate::support::{admin, config, echo, eventually, get, put, run};
use anyhow::{Context, Result};
use bytes::Bytes;
use pointsman_host::proxy::config::{Source, load};
use pointsman_host::proxy::{ProxyError, ProxyHandle, Reloaded, Surroundings, follow, start};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Sends requests until told to stop; gives how many were answered with 200 and how many were not.
async fn load_on(proxy: &ProxyHandle, stop: &AtomicBool) -> (u32, u32) {
    let (good, bad) = (AtomicU32::new(0), AtomicU32::new(0));
    while !stop.load(Ordering::Relaxed) {
        let is_good = get(proxy, "/").await.is_ok_and(|response| response.status == 200);
        if is_good { &good } else { &bad }.fetch_add(1, Ordering::Relaxed);
    }
    (good.into_inner(), bad.into_inner())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_under_load_loses_no_request() -> Result<()> {
    let (one, other) = (echo().await?, echo().await?);
    let mut config = config(one)?;
    config.workers = 2;
    let proxy = Arc::new(run(config.clone()).await?);
    let stop = Arc::new(AtomicBool::new(false));
    let loads: Vec<_> = (0..4)
        .map(|_| {
            let (proxy, stop) = (Arc::clone(&proxy), Arc::clone(&stop));
            tokio::spawn(async move { load_on(&proxy, &stop).await })
        })
        .collect();
    for round in 0_u8..10 {
        // By turns another cluster, another plugin configuration, and another VM.
        let cluster = pointsman_host::proxy::config::Endpoint::Socket(if round % 2 == 0 { other } else { one });
        config.clusters[0].endpoints = vec![cluster];
        config.plugin.configuration = Source::Inline(Bytes::from(vec![b'x'; usize::from(round / 2) + 10]));
        config.plugin.vm_configuration = Source::Inline(Bytes::from(vec![b'x'; usize::from(round / 3)]));
        proxy.reload(config.clone()).await?;
    }
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for load in loads {
        let (good, bad) = load.await?;
        assert_eq!(bad, 0, "{good} were answered");
        answered += good;
    }
    assert!(answered > 0);
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_the_filter_rejects_leaves_the_old_one_in_force() -> Result<()> {
    let mut config = config(echo().await?)?;
    let proxy = run(config.clone()).await?;
    config.plugin.configuration = Source::Inline(Bytes::from_static(b"bad"));
    let refused = proxy.reload(config.clone()).await;
    assert!(matches!(refused, Err(ProxyError::Filter(_))), "{refused:?}");
    assert_eq!(get(&proxy, "/").await?.status, 200);
    let metrics = admin(&proxy, "/metrics").await?.text();
    assert!(metrics.contains("envoy_listener_manager_lds_update_rejected 1"), "{metrics}");
    assert!(matches!(start(config, Surroundings::default()).await, Err(ProxyError::Filter(_))));
    Ok(())
}

#[tokio::test]
async fn what_is_fixed_at_the_start_is_named() -> Result<()> {
    let mut config = config(echo().await?)?;
    let proxy = run(config.clone()).await?;
    config.workers = 2;
    assert!(matches!(proxy.reload(config).await, Err(ProxyError::NeedsRestart("workers"))));
    Ok(())
}

#[tokio::test]
async fn listeners_come_and_go() -> Result<()> {
    let mut config = config(echo().await?)?;
    let proxy = run(config.clone()).await?;
    let first = proxy.listener("inbound").context("it is bound")?;
    let mut second = config.listeners[0].clone();
    second.name = "second".to_owned();
    config.listeners.push(second);
    proxy.reload(config.clone()).await?;
    assert_eq!(proxy.listener("inbound"), Some(first));
    assert!(proxy.listener("second").is_some());
    config.listeners.remove(0);
    proxy.reload(config).await?;
    assert_eq!(proxy.listener("inbound"), None);
    eventually(async || {
        let connected = tokio::net::TcpStream::connect(first).await.is_ok();
        (connected, !connected)
    })
    .await?;
    Ok(())
}

fn write(directory: &Path, path_prefix: &str, upstream: std::net::SocketAddr) -> Result<()> {
    let text = format!(
        "plugin: {{ wasm: guest.wasm, configuration: plugin.json }}\nworkers: 1\nlisteners:\n- name: inbound\n  \
         address: 127.0.0.1:0\n  routes: [{{ path_prefix: {path_prefix}, cluster: service }}]\nclusters:\n- name: \
         service\n  endpoints: [\"{upstream}\"]\n"
    );
    put(directory, "proxy.yaml", &text)
}

#[tokio::test]
async fn a_file_is_followed_and_a_bad_one_changes_nothing() -> Result<()> {
    let (directory, upstream) = (tempfile::tempdir()?, echo().await?);
    let file = directory.path().join("proxy.yaml");
    let Source::Inline(wasm) = crate::support::guest()? else { anyhow::bail!("the guest is in memory") };
    fs::write(directory.path().join("guest.wasm"), wasm)?;
    fs::write(directory.path().join("plugin.json"), "{}")?;
    write(directory.path(), "/one", upstream)?;
    let config = load(&fs::read_to_string(&file)?, directory.path(), |_| None)?;
    let proxy = start(config.clone(), Surroundings::default()).await?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    // Before anybody follows it.
    write(directory.path(), "/two", upstream)?;
    let following = follow(&proxy, &file, config, |_| None, |config| config, |reloaded| drop(tell.send(reloaded)));
    let acting = async {
        assert!(matches!(told.recv().await, Some(Reloaded::Taken)));
        assert_eq!(get(&proxy, "/one").await?.status, 404);
        assert_eq!(get(&proxy, "/two").await?.status, 200);
        write(directory.path(), "no-slash", upstream)?;
        let Some(Reloaded::Faulty(faults)) = told.recv().await else { anyhow::bail!("no faults were told") };
        assert!(faults.to_string().starts_with("$.listeners[0].routes[0].path_prefix: "), "{faults}");
        assert_eq!(get(&proxy, "/two").await?.status, 200);
        write(directory.path(), "/three", upstream)?;
        assert!(matches!(told.recv().await, Some(Reloaded::Taken)));
        put(directory.path(), "plugin.json", "bad")?;
        assert!(matches!(told.recv().await, Some(Reloaded::Refused(ProxyError::Filter(_)))));
        assert_eq!(get(&proxy, "/three").await?.status, 200);
        Ok(())
    };
    tokio::select! {
        () = following => anyhow::bail!("following never ends by itself"),
        done = tokio::time::timeout(crate::support::PATIENCE, acting) => done?,
    }
}
