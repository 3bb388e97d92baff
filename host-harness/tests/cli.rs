//! The program as a user runs it: what it prints, where, and with which exit code.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};
use pointsman_host::rules::{PluginSettings, render_ecds};
use tempfile::TempDir;

const GOOD: &str = r#"{"service": "push", "channels": ["apns", "oppo"]}"#;

const FAULTY: &str = r#"{"servce": "push", "channels": ["apns", 7, {"name": "x y"}], "hold_timeout": "soon"}"#;
const FAULTY_PATHS: [&str; 4] = ["$.servce: ", "$.channels[1]: ", "$.channels[2].name: ", "$.hold_timeout: "];

/// What a run has said, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn pointsman(arguments: &[&str]) -> Result<Said> {
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman")).args(arguments).output();
    let Output { status, stdout, stderr } = output.context("the program starts")?;
    Ok(Said { code: status.code(), out: String::from_utf8(stdout)?, err: String::from_utf8(stderr)? })
}

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy").join(path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// A directory with a good and a faulty config, and an empty folder for rules.
struct Files {
    directory: TempDir,
    good: PathBuf,
    faulty: PathBuf,
    rules: PathBuf,
}

impl Files {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let (good, faulty, rules) = (path("good.json"), path("faulty.json"), path("rules/pointsman.ecds.json"));
        fs::write(&good, GOOD)?;
        fs::write(&faulty, FAULTY)?;
        fs::create_dir(path("rules"))?;
        Ok(Self { directory, good, faulty, rules })
    }

    fn apply(&self, config: &Path) -> Result<Said> {
        pointsman(&["apply", "--target", "ecds", text(config), text(&self.rules)])
    }

    /// What is in the folder of the rules.
    fn left(&self) -> Result<Vec<String>> {
        let folder = fs::read_dir(self.directory.path().join("rules"))?;
        folder.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

/// The run has refused the faulty config with every fault and its place.
fn assert_refused(said: &Said, first_line: &str) {
    assert_eq!((said.code, said.out.as_str()), (Some(64), ""), "{}", said.err);
    assert_eq!(said.err.lines().next(), Some(first_line));
    for path in FAULTY_PATHS {
        assert!(said.err.lines().any(|line| line.starts_with(path)), "{path} in {}", said.err);
    }
}

#[test]
fn check_shows_what_a_good_config_watches() -> Result<()> {
    let said = pointsman(&["check", text(&shipped("pointsman.json"))])?;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let rows: Vec<Vec<&str>> = said.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NODE", "CHANNEL", "ON", "TIME"]);
    let expected = [
        ["APNS_PUSH", "apns", "2s"],
        ["SMS_TENCENT_PUSH", "sms-tencent", "2s"],
        ["LC_PUSH", "lc", "2s"],
        ["PUSH", "none", "500ms"],
    ];
    for row in expected {
        assert!(rows.iter().any(|seen| seen == &row), "{row:?} in {}", said.out);
    }
    assert!(said.out.lines().last().is_some_and(|line| line.starts_with("ok: 13 nodes, 6 channels, ")), "{}", said.out);
    Ok(())
}

#[test]
fn check_says_which_objective_has_no_bucket() -> Result<()> {
    let files = Files::new()?;
    fs::write(&files.good, r#"{"channels": [{"name": "oppo", "objective": {"limit": "700ms"}}]}"#)?;
    let said = pointsman(&["check", text(&files.good)])?;
    assert_eq!(said.code, Some(0));
    assert!(said.out.contains("note: the objective of OPPO_PUSH is no bucket"), "{}", said.out);
    assert!(said.out.contains("add 700 to histogram_bucket_settings"), "{}", said.out);
    Ok(())
}

#[test]
fn check_says_that_an_empty_config_watches_nothing() -> Result<()> {
    let files = Files::new()?;
    fs::write(&files.good, "{}")?;
    let said = pointsman(&["check", text(&files.good)])?;
    assert_eq!((said.code, said.out.as_str()), (Some(0), "no rules: every push passes unseen\n"));
    Ok(())
}

#[test]
fn check_reports_every_fault_with_its_path() -> Result<()> {
    let files = Files::new()?;
    let said = pointsman(&["check", text(&files.faulty)])?;
    assert_refused(&said, &format!("{}: 5 faults", files.faulty.display()));
    fs::write(&files.faulty, "{ \"service\": \"push\",\n  nonsense }")?;
    let said = pointsman(&["check", text(&files.faulty)])?;
    assert_eq!(said.code, Some(64));
    let expected =
        format!("{}: 1 fault\n$: is not JSON: key must be a string at line 2 column 3\n", files.faulty.display());
    assert_eq!(said.err, expected);
    Ok(())
}

#[test]
fn a_config_that_cannot_be_read_is_no_fault_of_the_config() -> Result<()> {
    let files = Files::new()?;
    let missing = files.directory.path().join("missing.json");
    for command in [&["check"][..], &["render", "--target", "ecds"]] {
        let said = pointsman(&[command, &[text(&missing)]].concat())?;
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        let expected = format!("pointsman: cannot read {}: No such file or directory", missing.display());
        assert!(said.err.starts_with(&expected), "{}", said.err);
    }
    fs::write(&files.good, b"{\"service\": \"\xff\"}")?;
    let said = pointsman(&["check", text(&files.good)])?;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("UTF-8"), "{}", said.err);
    Ok(())
}

#[test]
fn render_makes_the_rules_file_that_ships() -> Result<()> {
    let said = pointsman(&["render", "--target", "ecds", text(&shipped("pointsman.json"))])?;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, fs::read_to_string(shipped("rules/pointsman.ecds.json"))?);
    Ok(())
}

#[test]
fn render_makes_the_objects_of_the_shipped_overlays() -> Result<()> {
    let istio = Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s/istio");
    let digest = "0".repeat(64);
    let fetched = ["--code", "oci://registry.example.com/pointsman/filter:0.1.0", "--sha256", &digest];
    for (target, options, config, object) in [
        ("envoyfilter", &[][..], "filter/pointsman.json", "filter/rules.yaml"),
        ("envoyfilter", &["--track", "canary"], "filter/pointsman.json", "canary/rules.yaml"),
        ("wasmplugin", &fetched, "wasmplugin/pointsman.json", "wasmplugin/pointsman.yaml"),
        ("trafficextension", &fetched, "trafficextension/pointsman.json", "trafficextension/pointsman.yaml"),
    ] {
        let said = pointsman(&[&["render", "--target", target], options, &[text(&istio.join(config))]].concat())?;
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert_eq!(said.out, fs::read_to_string(istio.join(object))?, "{object}");
    }
    Ok(())
}

#[test]
fn render_refuses_what_would_hold_where_nothing_can_and_code_without_its_digest() -> Result<()> {
    let holds = shipped("pointsman.json");
    for (options, because) in [
        (&["--target", "wasmplugin"][..], "`hold_request` is true"),
        (&["--target", "trafficextension"], "`hold_request` is true"),
        (&["--target", "envoyfilter", "--code", "oci://example.com/a:1"], "needs --sha256"),
        (&["--target", "envoyfilter", "--sha256", "00"], "is a file"),
    ] {
        let said = pointsman(&[&["render"], options, &[text(&holds)]].concat())?;
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        assert!(said.err.contains(because), "{}", said.err);
    }
    Ok(())
}

#[test]
fn render_takes_the_plugin_of_another_bootstrap() -> Result<()> {
    let files = Files::new()?;
    let bootstrap = files.directory.path().join("bootstrap.yaml");
    let other = fs::read_to_string(shipped("bootstrap.yaml"))?.replace("/etc/pointsman", "/opt/pointsman");
    fs::write(&bootstrap, &other)?;
    let said = pointsman(&["render", "--target", "ecds", "--bootstrap", text(&bootstrap), text(&files.good)])?;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out, render_ecds(GOOD, &PluginSettings::from_yaml(&other)?));
    assert!(said.out.contains("/opt/pointsman/pointsman.wasm"));

    fs::write(&bootstrap, "admin: {}")?;
    let said = pointsman(&["render", "--target", "ecds", "--bootstrap", text(&bootstrap), text(&files.good)])?;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.contains("config_discovery"), "{}", said.err);
    Ok(())
}

#[test]
fn render_refuses_a_faulty_config() -> Result<()> {
    let files = Files::new()?;
    let said = pointsman(&["render", "--target", "ecds", text(&files.faulty)])?;
    assert_refused(&said, &format!("{}: 5 faults, not rendered", files.faulty.display()));
    Ok(())
}

#[test]
fn apply_puts_a_new_file_in_place_by_rename() -> Result<()> {
    let files = Files::new()?;
    let expected = render_ecds(GOOD, &PluginSettings::shipped()?);
    let mut inodes = Vec::new();
    for _ in 0..2 {
        let said = files.apply(&files.good)?;
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        assert_eq!(said.out, format!("applied {} to {}\n", files.good.display(), files.rules.display()));
        assert_eq!(fs::read_to_string(&files.rules)?, expected);
        let metadata = fs::metadata(&files.rules)?;
        inodes.push(metadata.ino());
        // Envoy runs as a user of its own; nobody else may write, and it is no program.
        assert_eq!(metadata.permissions().mode() & 0o733, 0o600, "{:o}", metadata.permissions().mode());
        assert_eq!(files.left()?, ["pointsman.ecds.json"]);
    }
    assert_ne!(inodes[0], inodes[1], "an edit in place would go unseen by Envoy");
    Ok(())
}

#[test]
fn apply_leaves_the_old_file_untouched_by_a_faulty_config() -> Result<()> {
    let files = Files::new()?;
    files.apply(&files.good)?;
    let (before, inode) = (fs::read_to_string(&files.rules)?, fs::metadata(&files.rules)?.ino());
    let said = files.apply(&files.faulty)?;
    let (faulty, rules) = (files.faulty.display(), files.rules.display());
    assert_refused(&said, &format!("{faulty}: 5 faults, not applied; {rules} is as it was"));
    assert_eq!((fs::read_to_string(&files.rules)?, fs::metadata(&files.rules)?.ino()), (before, inode));
    assert_eq!(files.left()?, ["pointsman.ecds.json"]);
    Ok(())
}

#[test]
fn apply_names_the_file_that_it_cannot_replace() -> Result<()> {
    let files = Files::new()?;
    let nowhere = files.directory.path().join("nowhere/pointsman.ecds.json");
    let folder = files.directory.path().join("rules");
    for destination in [&nowhere, &folder] {
        let said = pointsman(&["apply", "--target", "ecds", text(&files.good), text(destination)])?;
        assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
        let expected = format!("pointsman: cannot replace {}: ", destination.display());
        assert!(said.err.starts_with(&expected), "{}", said.err);
    }
    let left = fs::read_dir(files.directory.path())?.count();
    assert_eq!(left, 3, "no temporary file stays behind");
    Ok(())
}

#[test]
fn every_command_has_help_and_a_mistake_says_how_it_is_used() -> Result<()> {
    let said = pointsman(&["--help"])?;
    assert_eq!(said.code, Some(0));
    for command in ["check", "render", "apply", "switch", "drill", "vendors", "demo", "otlp-sink"] {
        assert!(said.out.lines().any(|line| line.trim_start().starts_with(command)), "{command} in {}", said.out);
        let help = pointsman(&[command, "--help"])?;
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command}");
        assert!(help.out.contains(&format!("Usage: pointsman {command}")), "{}", help.out);
    }
    let version = pointsman(&["--version"])?;
    assert_eq!(version.out, format!("pointsman {}\n", env!("CARGO_PKG_VERSION")));
    for mistake in [&[][..], &["check"], &["render", "x.json"], &["render", "--target", "paper", "x.json"], &["aply"]] {
        let said = pointsman(mistake)?;
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{mistake:?}");
        assert!(said.err.contains("--help") || said.err.contains("Usage"), "{}", said.err);
    }
    Ok(())
}
