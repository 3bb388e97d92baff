//! The program: its words, its codes, its end, and what it never says.

use crate::bed::{PROTOBUF, export};
use crate::records::{self, sent};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use pointsman_host::http::{Version, send};
use pointsman_tracker::access::new_token;
use pointsman_tracker::serve::now_ms;
use prost::Message as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pointsman-tracker");
const SECRET: &str = "pointsman-test-secret-1";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).current_dir(folder).env_remove("POINTSMAN_SECRET").output().expect("it runs")
}

/// The program while it serves; killed if a test ends before it does.
struct Serving {
    child: Child,
    lines: BufReader<ChildStdout>,
    said: String,
    addr: SocketAddr,
}

impl Serving {
    fn start(folder: &Path, config: &str) -> Self {
        std::fs::write(folder.join("tracker.yaml"), config).expect("a file");
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--config", "tracker.yaml", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env("POINTSMAN_SECRET", SECRET)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut said = String::new();
        lines.read_line(&mut said).expect("a line");
        let addr = said.trim().strip_prefix("pointsman-tracker serves http://").and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("{said:?}"));
        Self { child, lines, said, addr }
    }

    /// Tells it to stop; its code, and all that it has said.
    fn stop(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        let mut said = std::mem::take(&mut self.said);
        self.lines.read_to_string(&mut said).expect("text");
        let code = self.child.wait().expect("its end").code();
        self.child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
        (code, said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn check_tells_every_fault_and_ends_with_64() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("good.yaml"), "listen: 127.0.0.1:0\n").expect("a file");
    std::fs::write(folder.path().join("bad.yaml"), "listen: 0.0.0.0:1\nlimits: {connections: 0}\nx: 1\n")
        .expect("a file");
    let good = run(folder.path(), &["check", "good.yaml"]);
    assert_eq!(
        (good.status.code(), String::from_utf8_lossy(&good.stdout).into_owned()),
        (Some(0), "good.yaml: ok\n".to_owned())
    );
    let bad = run(folder.path(), &["check", "bad.yaml"]);
    let told = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(bad.status.code(), Some(64), "{told}");
    assert!(told.starts_with("bad.yaml: 2 faults\nlimits.connections: ") && told.contains("\nx: "), "{told}");
    let refused = run(folder.path(), &["serve", "--listen", "0.0.0.0:0"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(64), "{told}");
    assert!(told.contains("ingest.tokens") && told.contains("access.tokens"), "{told}");
    assert_eq!(run(folder.path(), &["check", "nowhere.yaml"]).status.code(), Some(1));
}

#[test]
fn a_token_is_given_with_its_hash() {
    let folder = TempDir::new().expect("a folder");
    let output = run(folder.path(), &["token"]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let (token, hash) = told.trim_end().split_once("\nsha256: ").expect("two lines");
    assert_eq!(pointsman_tracker::access::TokenHash::of(token).to_string(), hash);
}

#[tokio::test]
async fn without_a_whole_operations_log_it_serves_all_the_same_and_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("pointsman.json"), "{}").expect("a file");
    std::fs::write(folder.path().join("operations.jsonl"), "no line\n").expect("a file");
    let config = "access: {anonymous: true}\n\
                  store: {memory: {}}\n\
                  operations: {file: {config: pointsman.json}, log: operations.jsonl}\n";
    let serving = Serving::start(folder.path(), config);
    let get = async |path: &str| {
        let request = http::Request::get(path).body(bytes::Bytes::new()).expect("a request");
        send(serving.addr, Version::Http1, request).await.expect("an answer")
    };
    assert_eq!(get("/api/v1/session").await.json().expect("JSON")["operations"], false);
    assert_eq!(get("/api/v1/find?id=order-42").await.status.as_u16(), 200);
    let (code, said) = serving.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("operations are off") && said.contains("operations.jsonl is broken"), "{said}");
}

#[tokio::test]
async fn what_it_has_taken_is_there_after_it_was_started_again_and_no_secret_is_ever_said() {
    let folder = TempDir::new().expect("a folder");
    let token = new_token().expect("random bits");
    let config = format!(
        "store: {{embedded: {{directory: data}}}}\n\
         ingest: {{tokens: [{{name: envoy, sha256: {}}}]}}\n",
        token.hash
    );
    let serving = Serving::start(folder.path(), &config);
    let addr = serving.addr;
    let record = LogRecord { time_unix_nano: now_ms() * 1_000_000, ..sent("order-42", 0) };
    let body = records::request(vec![record]).encode_to_vec();
    let with = |token: &str, body: Vec<u8>| {
        let mut request = export("/v1/logs", PROTOBUF, body);
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().expect("a value"));
        request
    };
    let mut statuses = Vec::new();
    for request in [with(&token.token, body), with("pmt_wrong", Vec::new()), with(&token.token, b"junk".to_vec())] {
        statuses.push(send(addr, Version::Http1, request).await.expect("an answer").status.as_u16());
    }
    assert_eq!(statuses, [200, 401, 400]);
    let find = async |addr: SocketAddr| {
        let request = http::Request::get("/api/v1/find?id=order-42").body(bytes::Bytes::new()).expect("a request");
        send(addr, Version::Http1, request).await.expect("an answer").json().expect("JSON")
    };
    let plain = http::Request::get("/api/v1/find?id=13800138000").body(bytes::Bytes::new()).expect("a request");
    assert_eq!(send(addr, Version::Http1, plain).await.expect("an answer").status.as_u16(), 200);
    let metrics = http::Request::get("/metrics").body(bytes::Bytes::new()).expect("a request");
    let metrics = send(addr, Version::Http1, metrics).await.expect("an answer").text();
    assert_eq!(find(addr).await["messages"][0]["id"], "order-42");
    let (code, said) = serving.stop();
    assert_eq!(code, Some(0), "{said}");
    for secret in [&token.token, "pmt_wrong", SECRET, "13800138000", "order-42"] {
        assert!(!said.contains(secret) && !metrics.contains(secret), "{secret}: {said}");
    }
    let again = Serving::start(folder.path(), &config);
    assert_eq!(find(again.addr).await["messages"][0]["id"], "order-42");
    assert_eq!(again.stop().0, Some(0));
}
