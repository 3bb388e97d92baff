//! The page in a real Chromium: on made-up answers, in which everything is hostile, and on the program itself.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says by a panic what is wrong")]

use pointsman_tracker::access::{NewToken, new_token};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const TOOLS: &str = "POINTSMAN_PAGE_TOOLS";

/// What operations change: OPPO with a channel to go to.
const RULES: &str = r#"{
  "channels": [
    "oppo",
    {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"], "cluster": "gateway", "authority": "lc.internal:8443", "path": "/v1/messages"}
  ],
  "message": {"id": [{"header": "x-message-id"}]},
  "hold_request": true,
  "rules": [
    {"name": "oppo-auto", "auto": {"channel": "oppo", "to": ["lc"]}}
  ]
}
"#;

/// The program on a port of its own, with somebody who may switch and somebody who may agree. It ends with this.
struct Program {
    child: Child,
    url: String,
    operator: String,
    approver: String,
    _folder: TempDir,
}

impl Program {
    fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let [operator, approver] = [(); 2].map(|()| new_token().expect("random bits"));
        fs::write(folder.path().join("pointsman.json"), RULES).expect("a config of filters");
        let config = folder.path().join("tracker.yaml");
        fs::write(&config, settings(folder.path(), &operator, &approver)).expect("a config");
        let mut child = Command::new(env!("CARGO_BIN_EXE_pointsman-tracker"))
            .args(["serve", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines().map_while(Result::ok);
        let url = lines.filter_map(|line| Some(line.split_once("http://")?.1.trim().to_owned())).next();
        let url = url.unwrap_or_else(|| panic!("it ends before it serves: {:?}", child.wait()));
        let url = format!("http://{}/", url.trim_end_matches('/'));
        Self { child, url, operator: operator.token, approver: approver.token, _folder: folder }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(folder: &Path, operator: &NewToken, approver: &NewToken) -> String {
    let folder = folder.display();
    format!(
        "listen: 127.0.0.1:0
store: {{memory: {{}}}}
access:
  tokens:
    - {{name: alice, role: operator, sha256: \"{}\"}}
    - {{name: bob, role: approver, sha256: \"{}\"}}
operations:
  file: {{config: {folder}/pointsman.json}}
  log: {folder}/operations.jsonl
  approval: {{all: true}}
page:
  trace_link: https://jaeger.example.com/trace/{{trace_id}}
",
        operator.hash, approver.hash
    )
}

/// Runs the tests of a file, with what they have to know.
fn run(file: &str, known: &[(&str, &str)]) {
    let Some(tools) = std::env::var_os(TOOLS).map(PathBuf::from) else {
        panic!(
            "{TOOLS} is not set: run `{TOOLS}=$(scripts/get-page-tools) cargo test -p pointsman-tracker --test tracker-page`"
        );
    };
    let status = Command::new(tools.join("bin/node"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(file))
        .env(TOOLS, &tools)
        .envs(known.iter().copied())
        .status()
        .expect("node starts");
    assert!(status.success(), "{file}: {status}");
}

#[test]
fn the_page_is_safe_and_usable_whatever_the_answers_say() {
    run("made-up.test.mjs", &[]);
}

#[test]
fn the_page_finds_shows_and_switches_what_the_program_knows() {
    let program = Program::start();
    let known = [
        ("POINTSMAN_PAGE_URL", program.url.as_str()),
        ("POINTSMAN_PAGE_OPERATOR", &program.operator),
        ("POINTSMAN_PAGE_APPROVER", &program.approver),
    ];
    run("program.test.mjs", &known);
}
