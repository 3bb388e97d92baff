//! The same scripted exchanges through the real Envoy and through the proxy of this project, with the same observations.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod allowed;
mod envoy;
mod harness;

use envoy::EnvoyProxy;
use harness::HarnessProxies;
use pointsman_tests::exchanges::case::{self, Case};
use pointsman_tests::exchanges::run::Proxy;
use pointsman_tests::exchanges::{client, run, settings};
use pointsman_tests::repository;
use std::collections::BTreeSet;

#[test]
fn cases_have_names_of_their_own_and_say_what_they_show() {
    let cases = case::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "a name stands twice");
    assert!(cases.iter().all(|case| case.says.ends_with('.')), "each case says what it shows in a sentence");
}

/// All cases that both proxies run.
fn shared_cases() -> Vec<Case> {
    case::all().into_iter().filter(|case| !case.crashes_envoy).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_and_the_harness_show_the_same() {
    let cases = shared_cases();
    let settings = settings::of(&cases);
    let envoy = {
        let (upstream, calls) = run::upstreams(&cases).await;
        let proxy = EnvoyProxy::start(&settings, &upstream, &calls).await;
        run::run(&cases, &settings, &proxy, &upstream, &calls).await
    };
    let harness = {
        let (upstream, calls) = run::upstreams(&cases).await;
        let proxies = HarnessProxies::start(&settings, &upstream, &calls).await;
        run::run(&cases, &settings, &proxies, &upstream, &calls).await
    };
    keep("envoy", &cases, &envoy);
    keep("harness", &cases, &harness);
    let allowed = allowed::list();
    let mut faults = Vec::new();
    for case in &cases {
        let (envoy, harness) = (&envoy.exchanges[&case.name], &harness.exchanges[&case.name]);
        if envoy.is_empty() {
            faults.push(format!("{}: nothing was seen of it in Envoy", case.name));
        }
        match (envoy == harness, allowed.contains_key(&case.name)) {
            (true, true) => faults.push(format!("{}: docs/abi.md lists a difference that is none", case.name)),
            (false, false) => faults.push(different(case, &envoy.to_string(), &harness.to_string())),
            _ => {}
        }
    }
    for name in allowed.keys().filter(|name| !cases.iter().any(|case| case.name == **name)) {
        faults.push(format!("{name}: docs/abi.md lists a case that is none"));
    }
    let differ = lines_that_differ(&envoy.metrics.join("\n"), &harness.metrics.join("\n"));
    if !differ.is_empty() {
        faults.push(format!("metrics:{differ}"));
    }
    assert!(faults.is_empty(), "{} of {} cases:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kills_envoy_does_not_kill_the_harness() {
    for case in case::all().into_iter().filter(|case| case.crashes_envoy) {
        let cases = [case];
        let settings = settings::of(&cases);
        let (upstream, calls) = run::upstreams(&cases).await;
        let envoy = EnvoyProxy::start(&settings, &upstream, &calls).await;
        client::run(envoy.addr(0), &cases[0]).await;
        assert!(envoy.dies().await, "{} does not kill Envoy any more", cases[0].name);
        let harness = HarnessProxies::start(&settings, &upstream, &calls).await;
        for _ in 0..2 {
            let answers = client::run(harness.addr(0), &cases[0]).await;
            assert_eq!(answers[0].first, "200", "{}: {}", cases[0].name, answers[0]);
        }
    }
}

/// Leaves what was seen in `target/differential`, to read and to compare.
fn keep(name: &str, cases: &[Case], seen: &run::Seen) {
    let folder = repository("target/differential");
    let mut text = String::new();
    for case in cases {
        text.push_str(&format!("{} ({})\n{}\n", case.name, case.says, seen.exchanges[&case.name]));
    }
    text.push_str(&seen.metrics.join("\n"));
    std::fs::create_dir_all(&folder).expect("a folder for what was seen");
    std::fs::write(folder.join(name).with_extension("txt"), text).expect("a file for what was seen");
}

fn different(case: &Case, envoy: &str, harness: &str) -> String {
    format!("{} ({}){}", case.name, case.says, lines_that_differ(envoy, harness))
}

/// The lines that only one of two texts has, in order.
fn lines_that_differ(envoy: &str, harness: &str) -> String {
    let (left, right): (Vec<&str>, Vec<&str>) = (envoy.lines().collect(), harness.lines().collect());
    // How many lines two tails have in common, in order.
    let mut common = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (i, one) in left.iter().enumerate().rev() {
        for (j, other) in right.iter().enumerate().rev() {
            common[i][j] = if one == other { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i] == right[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && common[i + 1][j] >= common[i][j + 1]) {
            text.push_str(&format!("\n  Envoy   {}", left[i]));
            i += 1;
        } else {
            text.push_str(&format!("\n  harness {}", right[j]));
            j += 1;
        }
    }
    text
}
