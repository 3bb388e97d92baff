//! The credential of a cluster: from a file, into every request, and never shown.

use crate::support::{admin, config, echo, eventually, get, put, run};
use anyhow::Result;
use pointsman_host::proxy::config::{CredentialConfig, Source, load};
use pointsman_host::proxy::{ProxyHandle, Reloaded, Surroundings, follow, start};
use std::path::Path;

async fn seen(proxy: &ProxyHandle) -> Result<Vec<String>> {
    let text = get(proxy, "/").await?.text();
    Ok(text.lines().filter_map(|line| line.strip_prefix("authorization: ")).map(str::to_owned).collect())
}

#[tokio::test]
async fn it_takes_the_place_of_what_the_request_has_and_is_shown_nowhere() -> Result<()> {
    let mut config = config(echo().await?)?;
    let value = Source::Inline("Bearer one\n".into());
    config.clusters[0].credential = Some(CredentialConfig { header: "authorization".to_owned(), value });
    let proxy = run(config).await?;
    assert_eq!(seen(&proxy).await?, ["Bearer one"]);
    let shown = admin(&proxy, "/config").await?.text();
    assert!(shown.contains("\"header\"") && !shown.contains("Bearer"), "{shown}");
    Ok(())
}

fn text(upstream: std::net::SocketAddr) -> String {
    format!(
        "plugin: {{ wasm: guest.wasm }}\nworkers: 1\nlisteners:\n- name: inbound\n  address: 127.0.0.1:0\n  routes: \
         [{{ cluster: service }}]\nclusters:\n- name: service\n  endpoints: [\"{upstream}\"]\n  credential: {{ file: \
         secret }}\n"
    )
}

#[tokio::test]
async fn it_comes_and_changes_with_its_file() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    let Source::Inline(wasm) = crate::support::guest()? else { anyhow::bail!("the guest is in memory") };
    std::fs::write(path.join("guest.wasm"), wasm)?;
    put(path, "proxy.yaml", &text(echo().await?))?;
    let file = path.join("proxy.yaml");
    let config = load(&std::fs::read_to_string(&file)?, path, |_| None)?;
    let proxy = start(config.clone(), Surroundings::default()).await?;
    assert!(seen(&proxy).await?.is_empty(), "there is no file yet");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let following = follow(&proxy, &file, config, |_| None, |config| config, |reloaded| drop(tell.send(reloaded)));
    let acting = async {
        for value in ["Bearer one", "Bearer two"] {
            put(path, "secret", value)?;
            comes(&proxy, &[value]).await?;
            assert!(matches!(told.recv().await, Some(Reloaded::Taken)));
        }
        put(path, "secret", "two\nlines: x")?;
        let Some(Reloaded::Refused(error)) = told.recv().await else { anyhow::bail!("it was taken") };
        let said = error.to_string();
        assert!(said.contains("$.clusters[0].credential.file") && !said.contains("lines: x"), "{said}");
        comes(&proxy, &["Bearer two"]).await
    };
    tokio::select! {
        // It must have looked before anything changes.
        biased;
        () = following => anyhow::bail!("following never ends by itself"),
        done = tokio::time::timeout(crate::support::PATIENCE, acting) => done?,
    }
}

async fn comes(proxy: &ProxyHandle, expected: &[&str]) -> Result<()> {
    eventually(async || {
        let seen = seen(proxy).await.unwrap_or_default();
        let holds = seen == expected;
        (seen, holds)
    })
    .await?;
    Ok(())
}

#[test]
fn a_header_that_says_where_a_request_goes_is_none_for_credentials() {
    let text = "plugin: { wasm: a }\nlisteners: [{ name: a, address: '127.0.0.1:0', routes: [{ cluster: b }] }]\nclusters: \
                [{ name: b, endpoints: [], credential: { header: Host, file: c } }]\n";
    let faults = load(text, Path::new("/"), |_| None).unwrap_err().to_string();
    assert!(faults.starts_with("$.clusters[0].credential.header: \"host\""), "{faults}");
}
