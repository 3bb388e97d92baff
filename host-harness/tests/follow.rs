//! `pointsman follow` as a container runs it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long the program may take to say or do what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

fn pointsman() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
}

/// The lines of a program's standard error, as they come.
fn lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    told
}

#[test]
fn it_tells_what_came_of_each_change_and_ends_on_sigterm() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let replace = |name: &str, content: &str| {
        fs::write(at("new"), content).unwrap();
        fs::rename(at("new"), at(name)).unwrap();
    };
    let destination = at("pointsman.ecds.json");
    let started = || pointsman().args(["follow", "--started"]).arg(&destination).status().unwrap().success();
    assert!(!started());
    replace("pointsman.json", r#"{"channels": ["oppo"]}"#);
    let mut child = pointsman()
        .args(["follow", "--config"])
        .arg(at("pointsman.json"))
        .arg(&destination)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let told = lines(&mut child);
    let next = || told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(next(), format!("pointsman: applied {}", pointsman_core::config::digest(r#"{"channels": ["oppo"]}"#)));
    assert!(started());
    assert!(fs::read_to_string(&destination).unwrap().contains("oppo"));
    replace("pointsman.json", r#"{"channels": ["nobody"]}"#);
    assert!(next().ends_with("pointsman.json is refused"));
    assert!(next().contains("nobody"));
    assert!(next().ends_with("is in force"));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_config_must_be_named() {
    let output = pointsman().args(["follow", "x.json"]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--config"));
}
