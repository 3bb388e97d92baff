//! `pointsman switch` and `pointsman apply` as somebody runs them against a cluster.

use super::bed::{Bed, CONFIG};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The program, which is built with the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("pointsman");
    assert!(program.is_file(), "{} is not built: cargo build", program.display());
    program
}

/// Runs it beside the server, which must go on.
async fn run(bed: &Bed, person: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(program());
    command.args(arguments).env("KUBECONFIG", bed.server.kubeconfig(person));
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

const OBJECT: [&str; 2] = ["--configmap", "push/pointsman-overrides"];

#[tokio::test]
async fn a_switch_tells_how_to_see_that_it_is_in_force_and_the_log_shows_it() {
    let bed = Bed::start().await;
    let order = [&["switch", "xiaomi", "--to", "xiaomi-b", "--reason", "down", "--for", "30m"][..], &OBJECT].concat();
    let (code, out, err) = run(&bed, "alice", &[&order[..], &["--dry-run"]].concat()).await;
    assert_eq!((code, bed.orders().len()), (Some(0), 0), "{err}");
    assert!(out.starts_with("--- overrides.json"), "{out}");
    let (code, out, err) = run(&bed, "alice", &order).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("switched xiaomi to xiaomi-b until 20"), "{out}");
    assert!(out.contains("in ConfigMap push/pointsman-overrides") && out.contains("push.rule.applied"), "{out}");
    assert_eq!(bed.orders(), ["switch-xiaomi"]);
    let (code, out, _) = run(&bed, "viewer", &[&["switch", "--log"][..], &OBJECT].concat()).await;
    let rows: Vec<&str> = out.lines().collect();
    assert_eq!((code, rows.len()), (Some(0), 2), "{out}");
    assert!(rows[1].contains("switch") && rows[1].contains("alice") && rows[1].ends_with("down"), "{out}");
    let (code, _, err) =
        run(&bed, "bob", &[&["switch", "--back", "xiaomi", "--reason", "up"][..], &OBJECT].concat()).await;
    assert_eq!((code, err.as_str(), bed.orders().len()), (Some(0), "", 0));
}

#[tokio::test]
async fn each_refusal_has_its_exit_code() {
    let bed = Bed::start().await;
    let order = |channel| [&["switch", channel, "--shed", "--reason", "down", "--for", "30m"][..], &OBJECT].concat();
    for (person, arguments, expected, words) in [
        ("alice", order("nobody"), 64, ", not changed; ConfigMap push/pointsman-overrides is as it was"),
        ("alice", [&order("oppo")[..], &["--by", "bob"]].concat(), 2, "leave --by out"),
        ("alice", [&order("oppo")[..], &["--approved-by", "Alice"]].concat(), 64, "somebody else"),
        ("viewer", order("oppo"), 1, "you may not: "),
        ("editor", order("oppo"), 1, "refused by a policy of the cluster: "),
        ("stranger", order("oppo"), 1, "does not know you"),
        ("alice", [&order("oppo")[..], &["--as", "admin"]].concat(), 1, "cannot impersonate"),
        ("alice", [&order("oppo")[..], &["--config", "x"]].concat(), 2, "cannot be used with"),
        ("alice", ["switch", "--log", "x", OBJECT[0], OBJECT[1]].to_vec(), 2, "--log with --configmap"),
    ] {
        let (code, out, err) = run(&bed, person, &arguments).await;
        assert_eq!((code, out.as_str()), (Some(expected), ""), "{person} {arguments:?}: {err}");
        assert!(err.contains(words), "{person} {arguments:?}: {err}");
        assert!(!err.contains("token-of"), "no secret is told: {err}");
    }
    assert!(bed.orders().is_empty());
}

#[tokio::test]
async fn an_owner_applies_a_file_and_overrides_are_checked_with_it() {
    let bed = Bed::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_string_lossy().into_owned()
    };
    let config = file("pointsman.json", &CONFIG.replace("\"push\"", "\"other\""));
    let apply = ["apply", "--target", "configmap", "--configmap", "push/pointsman", &config];
    let (code, _, err) = run(&bed, "owner", &apply).await;
    assert_eq!((code, err.contains("--reason")), (Some(2), true), "{err}");
    let (code, out, err) = run(&bed, "owner", &[&apply[..], &["--reason", "another name"]].concat()).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with(&format!("applied {config} in ConfigMap push/pointsman\n")), "{out}");
    assert!(bed.server.object("ConfigMap", "pointsman")["data"]["pointsman.json"].as_str().unwrap().contains("other"));

    let bad = file("bad.json", "{\"rules\": [{\"name\": \"a\", \"auto\": {\"channel\": \"xiaomi\"}}]}");
    let (code, _, err) = run(&bed, "owner", &["check", "--overrides", &bad, &config]).await;
    assert_eq!((code, err.contains("overrides: $.rules[0]: ")), (Some(64), true), "{err}");
    let good = file("good.json", "{\"rules\": []}");
    let (code, out, _) = run(&bed, "owner", &["render", "--target", "configmap", "--overrides", &good, &config]).await;
    assert_eq!((code, out.contains("kind: ConfigMap")), (Some(0), true), "{out}");
}
