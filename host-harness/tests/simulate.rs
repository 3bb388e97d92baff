//! Rehearsals as a user sees them: the real filter, shipped scenarios, files and exit codes.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a helper that fails has failed its test")]

use pointsman_host::simulate::{Figure, Figures, Filter, Rehearsal, SHIPPED, Scenario, Summary, rehearse, shipped};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// By how much the shipped scenarios are shortened here.
const SHORTER: u32 = 20;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The filter with the shipped config; `scripts/build-filter` builds it.
fn filter() -> Filter {
    let wasm = std::fs::read(root().join("target/pointsman.wasm")).expect("scripts/build-filter has been run");
    let engine = Engine::new(EngineOptions::default()).unwrap();
    Filter {
        module: Module::new(&engine, &wasm).unwrap(),
        configuration: std::fs::read(root().join("envoy/pointsman.json")).unwrap().into(),
        secret: "a-secret-of-the-tests".to_owned(),
        log: None,
        records: None,
    }
}

/// The filter with the config whose rules stand the shipped scenarios, or with that config less its rules.
fn with_rules(rules: bool) -> Filter {
    let config = std::fs::read(root().join("host-harness/scenarios/rules.json")).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    if !rules {
        config.as_object_mut().unwrap().remove("rules").expect("a config with rules");
    }
    Filter { configuration: config.to_string().into(), ..filter() }
}

fn short(name: &str) -> Scenario {
    Scenario::parse(shipped(name).unwrap()).unwrap().shortened(SHORTER)
}

fn run(name: &str, filter: &Filter) -> Rehearsal {
    rehearse(&short(name), Some(filter), |_| {}).unwrap()
}

fn count(figures: &Figures, name: &str) -> u64 {
    match figures.get(name) {
        Some(Figure::Count { count, .. }) => *count,
        other => panic!("{name} is {other:?}"),
    }
}

fn share(figures: &Figures, name: &str) -> f64 {
    figures.get(name).and_then(Figure::share).unwrap()
}

fn channel<'a>(summary: &'a Summary, name: &str) -> &'a Figures {
    &summary.channels[name].figures
}

#[test]
fn every_fault_of_a_scenario_is_told_at_once() {
    let files = std::fs::read_dir(root().join("host-harness/tests/scenarios")).unwrap();
    let mut tried = 0;
    for file in files.map(|file| file.unwrap().path()) {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#! ")).collect();
        let faults = Scenario::parse(&text).expect_err("a scenario with faults");
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let mut found: Vec<&str> = faults.iter().filter_map(|fault| fault.lines().next()).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", file.display());
        tried += 1;
    }
    assert!(tried > 3);
}

#[test]
fn the_filter_counts_what_the_vendors_count() {
    let filter = filter();
    for name in SHIPPED.into_iter().filter(|name| *name != "brown-out") {
        let summary = run(name, &filter).summary();
        assert_eq!(summary.traps, 0, "{name}");
        for (channel, found) in &summary.channels {
            let of = |figure| count(&found.figures, figure);
            assert!(of("messages") > 100, "{name} {channel}");
            assert_eq!(of("messages"), of("sent") + of("lost") + of("undeliverable"), "{name} {channel}");
            assert_eq!(of("sent"), of("on_time") + of("late"), "{name} {channel}");
            assert_eq!(of("seen_ok"), of("accepted"), "{name} {channel}");
            assert_eq!(of("seen"), of("accepted") + of("refused") + of("failed"), "{name} {channel}");
        }
    }
}

#[test]
fn who_does_not_wait_sends_twice_what_the_vendor_has_accepted() {
    let text = shipped("brown-out").unwrap().replace("timeout = \"35s\"", "timeout = \"5s\"");
    let impatient = Scenario::parse(&text).unwrap().shortened(SHORTER);
    let summary = rehearse(&impatient, Some(&filter()), |_| {}).unwrap().summary();
    let fcm = channel(&summary, "fcm");
    assert!(share(fcm, "late") > 0.1 && share(fcm, "lost") < 0.01, "{}", summary.to_table());
    assert!(count(fcm, "duplicated") > 50, "{}", summary.to_table());
    // Of an answer that no one waited for the filter knows nothing.
    assert!(count(fcm, "seen_ok") < count(fcm, "accepted"));
    assert_eq!(count(fcm, "seen"), count(fcm, "calls"));
    assert_eq!(count(channel(&summary, "apns"), "late"), 0);
}

#[test]
fn each_shipped_scenario_goes_wrong_in_its_own_way() {
    let filter = filter();
    let outage = run("oppo-outage", &filter).summary();
    let lost = share(channel(&outage, "oppo"), "lost");
    assert!((0.3..0.6).contains(&lost), "{lost}");
    assert_eq!(count(channel(&outage, "apns"), "lost"), 0);
    let quota = run("quota-exhausted", &filter).summary();
    assert_eq!(count(channel(&quota, "oppo"), "retries"), 0, "a code in a success looks like a success");
    assert!(quota.channels["oppo"].outcomes["quota_app"] > 1_000);
    let accepted = count(channel(&quota, "oppo"), "accepted");
    assert!((4_000..8_000).contains(&accepted), "the quota of one day and a part of the next: {accepted}");
    let flapping = run("flapping", &filter).summary();
    assert!((0.0..0.6).contains(&share(channel(&flapping, "wechat"), "lost")));
    let down = run("all-down", &filter).summary();
    for (name, found) in down.channels.iter().filter(|(name, _)| *name != "lc") {
        assert!(count(&found.figures, "failed") > 100, "{name}");
    }
    assert_eq!(count(channel(&down, "lc"), "failed"), 0);
    let burst = run("double-eleven-burst", &filter).summary();
    assert!(burst.channels["sms-tencent"].outcomes["rate_limited"] > 1_000);
    assert_eq!(count(channel(&burst, "wechat"), "lost"), 0);
}

/// A shipped scenario with a part of its traffic, all of it through one sidecar. `scripts/rehearse` runs them in full.
fn thin(name: &str, factor: u32) -> Scenario {
    let mut scenario = Scenario::parse(shipped(name).unwrap()).unwrap().thinned(factor);
    scenario.sidecars = 1;
    scenario
}

/// What a scenario asserts and a run did not keep.
fn unmet(scenario: &Scenario, filter: &Filter) -> (Vec<String>, String) {
    let summary = rehearse(scenario, Some(filter), |_| {}).unwrap().summary();
    let unmet = scenario.asserts.iter().filter_map(|assertion| assertion.check(&summary).err());
    (unmet.map(|unmet| unmet.to_string()).collect(), summary.to_table())
}

fn stand(names: &[&str]) {
    let filter = with_rules(true);
    for name in names {
        // A quarter leaves the one sidecar about as much to do as each of the full run has.
        let (unmet, table) = unmet(&thin(name, 4), &filter);
        assert!(unmet.is_empty(), "{name}: {unmet:?}\n{table}");
    }
}

// Two tests, so that two cores have something to do.

#[test]
fn the_shipped_rules_stand_the_first_shipped_scenarios() {
    stand(&SHIPPED[..3]);
}

#[test]
fn the_shipped_rules_stand_the_other_shipped_scenarios() {
    stand(&SHIPPED[3..]);
}

#[test]
fn no_shipped_scenario_keeps_what_it_asserts_without_the_rules() {
    let filter = with_rules(false);
    for name in SHIPPED {
        let scenario = thin(name, 4).shortened(5);
        let asserted: Vec<String> = scenario.asserts.iter().map(ToString::to_string).collect();
        for needed in ["lost==0", "duplicated==0"] {
            assert!(asserted.iter().any(|it| it == needed), "{name}: {asserted:?}");
        }
        assert!(asserted.iter().any(|it| it.ends_with("time_to_switch<=2s")), "{name}: {asserted:?}");
        let (unmet, _) = unmet(&scenario, &filter);
        // That nothing is switched without rules is no news; more than that has to go wrong.
        assert!(unmet.iter().any(|it| it.starts_with("lost") || it.starts_with("late")), "{name}: {unmet:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let filter = filter();
    let all = |scenario: &Scenario| {
        let rehearsal = rehearse(scenario, Some(&filter), |_| {}).unwrap();
        let summary = rehearsal.summary();
        (summary.to_table(), summary.to_json().unwrap(), rehearsal.report())
    };
    let mut scenario = short("oppo-outage");
    let first = all(&scenario);
    assert_eq!(first, all(&scenario));
    scenario.seed += 1;
    assert_ne!(first, all(&scenario));
}

#[test]
fn without_a_filter_nothing_is_seen_and_the_rest_is_the_same() {
    let (with, without) =
        (run("oppo-outage", &filter()).summary(), rehearse(&short("oppo-outage"), None, |_| {}).unwrap());
    let without = without.summary();
    assert_eq!(without.total.get("seen"), Some(&Figure::None));
    for name in ["messages", "sent", "lost", "late", "calls", "refused", "failed", "p99"] {
        assert_eq!(with.total.get(name), without.total.get(name), "{name}");
    }
}

/// A run of the program in a directory of its own, with a small scenario.
fn pointsman(arguments: &[&str]) -> (Output, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let scenario = "duration = \"20s\"\ntraffic.rate = 50\n[channels.apns]\n[channels.oppo]\n\
                    phases = [{ kind = \"outage\", start = \"5s\", duration = \"5s\" }]\n";
    std::fs::write(directory.path().join("small.toml"), scenario).unwrap();
    std::fs::write(directory.path().join("faulty.toml"), "duration = 1").unwrap();
    let root = root().canonicalize().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .current_dir(directory.path())
        .arg("simulate")
        .args(["--config".as_ref(), root.join("envoy/pointsman.json").as_os_str()])
        .args(["--wasm".as_ref(), root.join("target/pointsman.wasm").as_os_str()])
        .args(arguments)
        .output()
        .unwrap();
    (output, directory)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_run_prints_a_table_and_writes_what_it_is_told_to() {
    let (output, directory) = pointsman(&["small.toml", "--json", "run.json", "--report", "run.html", "--seed", "7"]);
    assert!(output.status.success(), "{}", said(&output));
    let table = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(table.contains("oppo") && table.contains("seed 7"), "{table}");
    assert!(said(&output).is_empty(), "no progress bar where no one looks: {}", said(&output));
    let json = std::fs::read_to_string(directory.path().join("run.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["seed"], 7);
    assert!(json["channels"]["oppo"]["lost"].as_u64().unwrap() > 10, "{json:#}");
    assert_eq!(json["total"]["time_to_switch"], serde_json::Value::Null);
    let html = std::fs::read_to_string(directory.path().join("run.html")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
}

#[test]
fn an_assertion_that_does_not_hold_fails_the_run_with_what_was_found() {
    let (output, _directory) = pointsman(&["small.toml", "--assert", "apns.lost==0", "--assert", "oppo.p99<5s"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (output, _directory) = pointsman(&[
        "small.toml",
        "--assert",
        "oppo.lost<1%",
        "--assert",
        "time_to_switch<=2s",
        "--assert",
        "apns.late==0",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<String> = said(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("not met: oppo.lost<1%: it is ") && lines[0].contains('%'), "{lines:?}");
    assert_eq!(lines[1], "not met: time_to_switch<=2s: it is not measured");
}

#[test]
fn what_a_scenario_asserts_is_checked_unasked() {
    let text = "duration = \"20s\"\nasserts = [\"lost==0\", \"oppo.late<1%\"]\ntraffic.rate = 50\n[channels.oppo]\n\
                phases = [{ kind = \"outage\", start = \"5s\", duration = \"5s\" }]\n";
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let (output, _directory) = pointsman(&[file.path().to_str().unwrap(), "--without-rules"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).starts_with("not met: lost==0: it is "), "{}", said(&output));
    assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
}

#[test]
fn what_cannot_be_run_is_said_before_anything_runs() {
    for (arguments, expected) in [
        (&["faulty.toml"][..], "faulty.toml: 3 faults\nduration: must be a duration"),
        (&["small.toml", "--assert", "losses==0"], "no figure is named losses; there are messages, sent, lost"),
        (&["small.toml", "--assert", "fcm.lost==0"], "the scenario has no channel fcm; there are apns, oppo"),
        (&["no-such-name"], "no scenario is named no-such-name; there are oppo-outage, brown-out"),
    ] {
        let (output, _directory) = pointsman(arguments);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
}
