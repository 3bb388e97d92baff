//! The same scripted exchanges through the real Envoy and through the proxy of this project, with the same observations.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod case;
mod client;
mod direct;
mod envoy;
mod observe;
mod paced;
mod run;
mod settings;
mod upstream;
mod world;

use std::collections::BTreeSet;

#[test]
fn cases_have_names_of_their_own_and_say_what_they_show() {
    let cases = case::all();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "a name stands twice");
    assert!(cases.iter().all(|case| case.says.ends_with('.')), "each case says what it shows in a sentence");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_and_the_harness_show_the_same() {
    let (_crashing, cases): (Vec<_>, Vec<_>) = case::all().into_iter().partition(|case| case.crashes_envoy);
    let settings = settings::of(&cases);
    let (upstream, calls) = run::upstreams(&cases).await;
    let envoy = envoy::EnvoyProxy::start(&settings, &upstream, &calls).await;
    let seen = run::run(&cases, &settings, &envoy, &upstream, &calls).await;
    std::fs::write("/tmp/prep/envoy.log", run::Proxy::whole_log(&envoy)).expect("debug");
    for case in &cases {
        println!("{} ({})\n{}", case.name, case.says, seen[&case.name]);
    }
}

#[test]
fn debug_direct() {
    let (_crashing, cases): (Vec<_>, Vec<_>) = case::all().into_iter().partition(|case| case.crashes_envoy);
    let settings = settings::of(&cases);
    let seen = direct::run(&cases, &settings);
    for case in &cases {
        println!("{} ({})\n{}", case.name, case.says, seen[&case.name]);
    }
}
