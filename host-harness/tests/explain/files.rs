//! Each `tests/cases/har/NAME.har` with what the program prints of it: `NAME.jsonl`, and `NAME.txt` as a table.
//!
//! `UPDATE_CASES=1` writes the second files anew after an intended change; review the difference.

use anyhow::{Context, Result};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SECRET: &str = "a secret of the tests alone";
/// What stands in the recorded traffic and never in what is printed: credentials, recipients, contents.
const SECRETS: [&str; 15] = [
    "58ad47319e8d725350a5afd5",
    "0d6f1a7b9c",
    "example-app-key",
    "eyJhbGci",
    "ya29.example",
    "SG.example",
    "YXBpOmtleS1leGFtcGxl",
    "N2Q0MzFlNDJkZmE2",
    "example-app-secret",
    "CN_8fa0618f",
    "00fc13adff785122",
    "bk3RNwTe3H0",
    "@example.com",
    "ui1HuExampleRegid",
    "on its way",
];

/// What a run has said, and its exit code.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/har")
}

fn explain(secret: Option<&str>, file: &Path, rest: &[&str], input: &[u8]) -> Result<Said> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.arg("explain").arg("--config").arg(folder().join("config.json")).arg(file).args(rest);
    command.env_remove("POINTSMAN_SECRET").envs(secret.map(|secret| ("POINTSMAN_SECRET", secret)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("the program starts")?;
    // A program that takes nothing from there has closed it, perhaps already.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = child.wait_with_output()?;
    Ok(Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout)?,
        err: String::from_utf8(output.stderr)?,
    })
}

fn assert_expected(file: &Path, said: &str) -> Result<()> {
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(file, said)?;
    }
    let expected = fs::read_to_string(file).with_context(|| format!("{} is to be read", file.display()))?;
    assert_eq!(said, expected, "{}", file.display());
    Ok(())
}

#[test]
fn every_file_is_explained_as_expected() -> Result<()> {
    let mut seen = 0;
    for file in fs::read_dir(folder())? {
        let file = file?.path();
        if file.extension().is_none_or(|extension| extension != "har") {
            continue;
        }
        seen += 1;
        for (arguments, extension) in [(&[][..], "jsonl"), (&["--table"], "txt")] {
            let said = explain(Some(SECRET), &file, arguments, b"")?;
            assert_eq!(said.code, Some(0), "{}: {}", file.display(), said.err);
            assert_expected(&file.with_extension(extension), &said.out)?;
            for secret in SECRETS {
                assert!(!said.out.contains(secret) && !said.err.contains(secret), "{secret} in {}", said.out);
            }
        }
    }
    assert!(seen > 0);
    Ok(())
}

#[test]
fn every_entry_gives_one_object() -> Result<()> {
    let file = folder().join("mixed.har");
    let har: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
    let said = explain(Some(SECRET), &file, &[], b"")?;
    for (index, line) in said.out.lines().enumerate() {
        let object: serde_json::Value = serde_json::from_str(line)?;
        assert_eq!(object["index"], index);
    }
    assert_eq!(Some(said.out.lines().count()), har["log"]["entries"].as_array().map(Vec::len));
    Ok(())
}

#[test]
fn the_standard_input_is_a_file_too() -> Result<()> {
    let file = folder().join("mixed.har");
    let said = explain(Some(SECRET), Path::new("-"), &[], &fs::read(&file)?)?;
    assert_eq!(said.out, fs::read_to_string(file.with_extension("jsonl"))?);
    Ok(())
}

#[test]
fn without_a_secret_recipients_are_left_out_and_it_is_said() -> Result<()> {
    let file = folder().join("mixed.har");
    let cases = [
        (None, "note: POINTSMAN_SECRET is not set, so recipients are left out"),
        (
            Some("short"),
            "note: POINTSMAN_SECRET is not used: the secret has 5 bytes, at least 16 are needed, so recipients are left out",
        ),
    ];
    for (secret, note) in cases {
        let said = explain(secret, &file, &[], b"")?;
        assert_eq!(said.code, Some(0));
        assert_eq!(said.err.lines().filter(|line| *line == note).count(), 1, "{}", said.err);
        for line in said.out.lines() {
            let object: serde_json::Value = serde_json::from_str(line)?;
            assert_eq!(object["recipients"], serde_json::json!([]), "{line}");
        }
    }
    Ok(())
}

#[test]
fn a_faulty_file_is_told_with_its_place_and_what_to_do() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("half.har");
    let said = |text: &str| {
        fs::write(&file, text)?;
        explain(Some(SECRET), &file, &[], b"")
    };
    let cut = said("{\"log\": {\"entries\": [")?;
    assert_eq!((cut.code, cut.out.as_str()), (Some(64), ""));
    let expected = format!(
        "{}: 1 fault\n$: is not JSON: EOF while parsing a list at line 1 column 21; \
         the file ends too soon: record it again, or copy it whole\n",
        file.display()
    );
    assert!(cut.err.ends_with(&expected), "{}", cut.err);
    let incomplete = said("{\"log\": {\"entries\": [{\"request\": {\"url\": \"u\"}}]}}")?;
    assert_eq!(incomplete.code, Some(64));
    assert!(incomplete.err.contains("\n$.log.entries[0].request: missing field `method`"), "{}", incomplete.err);
    Ok(())
}

#[test]
fn a_faulty_config_is_refused_as_check_refuses_it() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("config.json");
    fs::write(&config, r#"{"channels": ["nobody"]}"#)?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    let output = command.arg("explain").arg("--config").arg(&config).arg(folder().join("mixed.har")).output()?;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(64), 0));
    let said = String::from_utf8(output.stderr)?;
    assert!(said.starts_with(&format!("{}: 1 fault\n$.channels[0]: ", config.display())), "{said}");
    Ok(())
}

#[test]
fn what_is_not_there_is_no_fault_of_the_traffic() -> Result<()> {
    let said = explain(Some(SECRET), Path::new("missing.har"), &[], b"")?;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert!(said.err.starts_with("pointsman: cannot read missing.har: "), "{}", said.err);
    Ok(())
}
