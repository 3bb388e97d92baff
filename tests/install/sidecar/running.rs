//! The real Envoy and what follows the rules, in a pod as the policy makes it.

use super::kubelet::Kubelet;
use super::{NAMESPACE, injected};
use http::Request;
use pointsman_core::config::digest;
use pointsman_host::envoy::{Rules, binary_from_env};
use pointsman_host::follow::{Files, Follower};
use pointsman_host::rules::PluginSettings;
use pointsman_tests::manifests::render;
use pointsman_tests::smoke::{OTHER_RULES, Place, other_rules, smoke};
use pointsman_tests::{Bed, PATIENCE, Setup, pushes, repository};
use serde_json::{Value, json};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How often `pointsman follow` looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// A config by which OPPO's messages may go to the gateway.
fn config() -> Value {
    let text = std::fs::read_to_string(repository("envoy/pointsman.json")).unwrap();
    config_map("pointsman", "pointsman.json", &text)
}

fn config_map(name: &str, key: &str, text: &str) -> Value {
    json!({"kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": {key: text}})
}

fn overrides(rules: &Value) -> Value {
    config_map("pointsman-overrides", "overrides.json", &json!({"rules": rules}).to_string())
}

fn oppo_to_lc() -> Value {
    json!([{
        "name": "switch-oppo", "force": {"channel": "oppo", "action": "switch", "to": ["lc"]},
        "by": "alice", "reason": "OPPO answers 503", "until": "2099-01-01T00:00:00Z",
    }])
}

/// A Secret of the file that `envoy/credential` writes.
fn credentials(value: &str) -> Value {
    let file = json!({"resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "gateway",
        "generic_secret": {"secret": {"inline_string": value}},
    }]});
    let metadata = json!({"name": "pointsman-credentials", "namespace": NAMESPACE});
    json!({"kind": "Secret", "metadata": metadata, "stringData": {"gateway.sds.json": file.to_string()}})
}

/// The container `pointsman-rules`.
struct Following {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    told: mpsc::Receiver<String>,
}

impl Following {
    /// Runs what the container's arguments say.
    fn start(kubelet: &Kubelet, container: &Value) -> Self {
        let arguments: Vec<&str> =
            container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        let of = |flag: &str| {
            let at = arguments.iter().position(|argument| *argument == flag).unwrap();
            kubelet.path(arguments[at + 1])
        };
        assert_eq!(arguments[0], "follow");
        let bootstrap = std::fs::read_to_string(of("--bootstrap")).unwrap();
        let files = Files {
            config: of("--config"),
            overrides: Some(of("--overrides")),
            destination: kubelet.path(arguments[7]),
            plugin: PluginSettings::from_yaml(&bootstrap).unwrap(),
        };
        let mut follower = Follower::new(files).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Some(followed) = follower.step() {
                    let _ = tell.send(followed.to_string());
                }
                std::thread::sleep(INTERVAL);
            }
        });
        Self { stop, thread: Some(thread), told }
    }

    fn next(&self) -> String {
        self.told.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A pod that runs.
struct Installed {
    bed: Bed,
    following: Following,
    kubelet: Kubelet,
}

impl Installed {
    /// With the rendered objects, and others beside or instead of them.
    async fn start(others: &[Value]) -> Self {
        let pod = injected();
        let mut kubelet = mounted(&pod);
        others.iter().for_each(|object| kubelet.apply(object));
        let [rules, envoy] = pod["spec"]["initContainers"].as_array().unwrap().as_slice() else {
            panic!("two sidecars")
        };
        let following = Following::start(&kubelet, rules);
        let told = following.next();
        assert!(told.starts_with("applied") || told.ends_with("in force"), "{told}");
        let bootstrap = bootstrap(&kubelet, envoy);
        let home = kubelet.path("/etc/pointsman");
        let setup = Setup::with_rules("{}").bootstrap(bootstrap).rules_file(Rules::Missing);
        let bed = setup.edit(move |bootstrap| watch(bootstrap, &home)).start().await;
        Self { bed, following, kubelet }
    }

    fn place(&self) -> Place<'_> {
        Place {
            inbound: self.bed.envoy.inbound(),
            outbound: self.bed.envoy.outbound(),
            scrape: self.bed.envoy.scrape_addr(),
            vendors: &self.bed.vendors,
        }
    }

    /// Waits until a push to OPPO arrives at this vendor.
    async fn until_oppo_goes_to(&self, vendor: &str) {
        let deadline = Instant::now() + PATIENCE;
        let count = || self.bed.vendors.requests(vendor).unwrap().len();
        for number in 0.. {
            let before = count();
            assert_eq!(self.bed.outbound(pushes::oppo(&format!("m-{vendor}-{number}"))).await.status, 200);
            if count() > before {
                return;
            }
            assert!(Instant::now() < deadline, "OPPO's messages do not go to {vendor}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn mounted(pod: &Value) -> Kubelet {
    let kubelet = Kubelet::mount(pod, &render("k8s/sidecar"));
    symlink(repository("target/pointsman.wasm").canonicalize().unwrap(), kubelet.path("/etc/pointsman/pointsman.wasm"))
        .unwrap();
    kubelet
}

/// The file that the container's arguments name.
fn bootstrap(kubelet: &Kubelet, container: &Value) -> PathBuf {
    let arguments = container["args"].as_array().unwrap();
    let at = arguments.iter().position(|argument| argument == "--config-path").unwrap();
    kubelet.path(arguments[at + 1].as_str().unwrap())
}

/// Lets Envoy watch the pod's mounts, as the bootstrap says, and not files that are the bed's own.
fn watch(value: &mut Value, home: &Path) {
    if let Some(source) = value.get_mut("path_config_source") {
        let path = PathBuf::from(source["path"].as_str().unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let directory = home.join(if name.ends_with(".sds.json") { "credentials" } else { "rules" });
        source["path"] = directory.join(name).to_string_lossy().into();
        source["watched_directory"]["path"] = directory.to_string_lossy().into();
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|inner| watch(inner, home)),
        Value::Array(items) => items.iter_mut().for_each(|inner| watch(inner, home)),
        _ => {}
    }
}

#[test]
fn envoy_takes_the_rendered_files_as_they_are_mounted() {
    let pod = injected();
    let kubelet = mounted(&pod);
    let rules = Following::start(&kubelet, &pod["spec"]["initContainers"][0]);
    rules.next();
    let validated = Command::new(binary_from_env().unwrap())
        .args(["--mode", "validate", "--config-path"])
        .arg(bootstrap(&kubelet, &pod["spec"]["initContainers"][1]))
        .output()
        .unwrap();
    assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sidecar_passes_the_smoke_test_and_a_swap_of_the_config_takes_effect() {
    let mut installed = Installed::start(&[]).await;
    smoke(&installed.place()).await;
    installed.kubelet.apply(&config_map("pointsman", "pointsman.json", OTHER_RULES));
    let swapped = Instant::now();
    other_rules(&installed.place()).await;
    println!("from the swap of a mount to rules in force: {:?}", swapped.elapsed());
    assert_eq!(installed.following.next(), format!("applied {}", digest(OTHER_RULES)));
    installed.kubelet.apply(&config_map("pointsman", "pointsman.json", r#"{"service": "", "colour": 1}"#));
    assert!(installed.following.next().ends_with(&format!("{} is in force", digest(OTHER_RULES))));
    other_rules(&installed.place()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_in_an_object_of_their_own_take_effect_and_are_taken_back() {
    let mut installed = Installed::start(&[config()]).await;
    installed.until_oppo_goes_to("oppo").await;
    let orders = overrides(&oppo_to_lc());
    installed.kubelet.apply(&orders);
    installed.until_oppo_goes_to("lc").await;
    assert!(installed.following.next().starts_with("applied"));
    installed.kubelet.apply(&overrides(&json!([{"name": "a", "auto": {"channel": "oppo", "to": ["lc"]}}])));
    let told = installed.following.next();
    assert!(told.contains("overrides.json is refused") && told.ends_with("is in force"), "{told}");
    installed.until_oppo_goes_to("lc").await;
    installed.kubelet.delete(&orders);
    installed.until_oppo_goes_to("oppo").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_comes_by_secret_and_is_replaced_by_a_swap() {
    let mut installed = Installed::start(&[]).await;
    let sent = async |installed: &Installed| {
        installed.bed.outbound(pushes::lc("c-1")).await;
        let header = installed.bed.last_at("lc").headers.get("authorization").cloned();
        header.map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(sent(&installed).await, None, "without a Secret the empty file stands, and Envoy runs");
    for value in ["Bearer one", "Bearer two"] {
        installed.kubelet.apply(&credentials(value));
        let deadline = Instant::now() + PATIENCE;
        while sent(&installed).await.as_deref() != Some(value) {
            assert!(Instant::now() < deadline, "{value} is not in force");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The two ways by which an application's calls come here with the vendor's own authority: as to a proxy, and to the port.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_as_to_a_proxy_and_to_an_alias_arrive_with_the_vendors_own_authority() {
    let installed = Installed::start(&[]).await;
    let (parts, body) = pushes::oppo("proxied").into_parts();
    let host = "api.push.oppomobile.com";
    let head = format!(
        "POST http://{host}{} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        parts.uri.path(),
        body.len()
    );
    let mut stream = TcpStream::connect(installed.bed.envoy.outbound()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(installed.bed.last_at("oppo").headers["host"], host);

    let (mut parts, body) = pushes::oppo("aliased").into_parts();
    parts.headers.insert("host", format!("{host}:15001").parse().unwrap());
    assert_eq!(installed.bed.outbound(Request::from_parts(parts, body)).await.status, 200);
    assert_eq!(installed.bed.last_at("oppo").headers["host"], host);
    let sample = [("node", "OPPO_PUSH"), ("channel", "oppo"), ("outcome", "ok")];
    installed.bed.expect("pointsman_node_messages_total", &sample, 2.0).await;
}
