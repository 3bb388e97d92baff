//! Configs in `tests/cases/config`, each with what becomes of it beside it: `.nodes` for one that is valid, `.faults` for
//! one that is not. `UPDATE_CASES=1 cargo test -p pointsman-core config` writes these files anew; read the difference.

use super::*;
use crate::lifecycle::Status;
use crate::plan::{B3Style, TraceMode, TraceSettings};
use crate::policy::Policy;
use crate::time::{WallClock, format_duration, parse_rfc3339};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/config");

/// The extension and the content of the file beside a config.
fn verdict(text: &str) -> (&'static str, String) {
    match load(text) {
        Ok(plan) => ("nodes", nodes(&plan).chain(rules(&plan)).chain(telemetry(&plan)).collect()),
        Err(faults) => ("faults", format!("{faults}\n")),
    }
}

fn nodes(plan: &Plan) -> impl Iterator<Item = String> {
    plan.nodes().map(|(_, node)| line(plan, node))
}

fn line(plan: &Plan, node: &crate::plan::Node) -> String {
    let counts = if node.counts_messages { "messages" } else { "calls" };
    let limit = format_duration(node.objective.limit);
    let statuses =
        node.statuses.iter().map(|(class, status)| format!(" {}={}", class.as_str(), plan.lifecycle.name(*status)));
    format!(
        "{} channel={} counts={counts} objective={limit} target={}{}{}\n",
        node.name,
        node.channel,
        node.objective.target,
        statuses.collect::<String>(),
        if node.enter { " enter" } else { "" }
    )
}

/// What is told beside metrics, where it is not the convention.
fn telemetry(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let settings = &plan.settings;
    if settings.trace != TraceSettings::default() {
        lines.push(format!("{:?}\n", settings.trace));
    }
    lines.extend(settings.records.iter().map(|records| format!("{records:?}\n")));
    let lifecycle = &plan.lifecycle;
    for status in lifecycle.all().filter(|status| matches!(status, Status::Custom(_))) {
        let after = lifecycle.all().filter(|from| *from != status && lifecycle.allows(*from, status));
        let after: Vec<&str> = after.map(|from| lifecycle.name(from)).collect();
        let name = lifecycle.name(status);
        lines.push(format!("status {name} rank={} after={}\n", lifecycle.rank(status), after.join(",")));
    }
    lines
}

/// Every rule with the channel that it is for.
fn rules(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for (_, channel) in plan.channels().filter(|(_, channel)| !channel.policy.is_empty()) {
        let Policy { force, auto, shed, failover, limit, drills } = &channel.policy;
        let mut line = |rule: &dyn fmt::Debug| lines.push(format!("{} {rule:?}\n", channel.name));
        force.iter().for_each(|rule| line(rule));
        auto.iter().for_each(|rule| line(rule));
        shed.iter().for_each(|rule| line(rule));
        failover.iter().for_each(|rule| line(rule));
        limit.iter().for_each(|rule| line(rule));
        drills.iter().for_each(|rule| line(rule));
    }
    lines
}

fn files() -> BTreeSet<PathBuf> {
    fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn configs_become_nodes_or_faults_as_the_cases_say() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for config in files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let (extension, content) = verdict(&fs::read_to_string(&config).unwrap());
        let beside = config.with_extension(extension);
        if fs::read_to_string(&beside).ok().as_ref() == Some(&content) {
            continue;
        }
        if update {
            let other = if extension == "nodes" { "faults" } else { "nodes" };
            let _ = fs::remove_file(config.with_extension(other));
            fs::write(beside, content).unwrap();
        } else {
            wrong.push(format!("{}:\n{content}", beside.display()));
        }
    }
    assert!(wrong.is_empty(), "not as it stands there:\n{}", wrong.join("\n"));
}

#[test]
fn every_case_has_one_config_and_one_verdict() {
    let files = files();
    let stems: BTreeSet<PathBuf> = files.iter().map(|file| file.with_extension("")).collect();
    assert!(stems.len() > 20, "{} cases in {CASES}", stems.len());
    for stem in stems {
        let has = |extension: &str| files.contains(&stem.with_extension(extension));
        assert!(has("json") && (has("nodes") != has("faults")), "{}", stem.display());
    }
}

#[test]
fn a_config_says_what_the_convention_leaves_open() {
    let path = Path::new(CASES).join("every_setting.json");
    let settings = load(&fs::read_to_string(path).unwrap()).unwrap().settings;
    assert_eq!((&*settings.tenant, settings.edge_ports.as_slice()), ("acme", [8443].as_slice()));
    assert_eq!((settings.hold_request, format_duration(settings.hold_timeout)), (true, "1m".to_owned()));
    assert_eq!((settings.max_body_bytes, settings.blocked_after.len()), (262_144, 8));
    assert_eq!((settings.sample_ratio.get(), settings.hash_recipients), (0.25, false));
    assert_eq!(settings.country_code, crate::trace::CountryCode::new(852).unwrap());
    assert_eq!(format_duration(settings.message_objective.limit), "5m");
    assert_eq!((settings.service.as_deref(), settings.access_log), (Some("message-push"), true));
}

#[test]
fn the_convention_is_what_the_documents_say() {
    let settings = load(r#"{"service": "push"}"#).unwrap().settings;
    assert_eq!((&*settings.tenant, settings.edge_ports.len()), ("default", 0));
    assert_eq!((settings.hold_request, format_duration(settings.hold_timeout)), (false, "5s".to_owned()));
    assert_eq!(settings.max_body_bytes, 24 * 1_024);
    let ages: Vec<String> = settings.blocked_after.into_iter().map(format_duration).collect();
    assert_eq!(ages, ["1s", "5s", "30s", "1m", "5m"]);
    assert_eq!((settings.sample_ratio.get(), settings.hash_recipients), (1.0, true));
    assert_eq!(settings.country_code, crate::trace::CountryCode::new(86).unwrap());
    assert_eq!((settings.message_objective.limit.as_secs(), settings.message_objective.target), (10, 0.99));
    assert_eq!((settings.service.as_deref(), settings.records, settings.access_log), (Some("push"), None, false));
    let trace = settings.trace;
    assert_eq!((trace.mode, trace.b3), (TraceMode::Auto, B3Style::None));
    assert_eq!((trace.buckets, format_duration(trace.remember)), (4_096, "10m".to_owned()));
}

fn at(time: &str) -> WallClock {
    parse_rfc3339(time).unwrap()
}

#[test]
fn a_channel_says_how_it_is_called_and_where_it_does_not_its_name_and_host_do() {
    let plan = load(&fs::read_to_string(Path::new(CASES).join("rules.json")).unwrap()).unwrap();
    let (id, lc) = plan.channel_by_name("lc").unwrap();
    assert_eq!((&*lc.adapter, &*lc.cluster), ("generic-json", "outbound|8443||lc.internal"));
    assert_eq!(lc.authority.as_deref(), Some("lc.internal:8443"));
    assert_eq!(lc.composer.as_ref().unwrap().params().into_iter().collect::<Vec<_>>(), [("room", false)]);
    assert!(lc.credential_headers.iter().any(|name| **name == *"x-api-key"));
    assert_eq!(lc.params.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), [("room", "eu-1")]);
    let node = plan.node(lc.node).unwrap();
    assert_eq!(&*node.name, "LC_PUSH");
    let (_, other) = plan.channel_by_name("lc-b").unwrap();
    assert_eq!((&*other.cluster, other.authority.as_deref()), ("lc-b", Some("lc-b.internal")));
    assert_eq!(plan.channel(id).unwrap().name, lc.name);
    let value = |name| plan.business_by_id(plan.business(Some(name))).unwrap().value;
    assert_eq!((value("order"), value("promo"), value("unlisted")), (500, 1, 1));
}

#[test]
fn rules_whose_time_is_over_are_told_to_those_who_write_them() {
    let text = fs::read_to_string(Path::new(CASES).join("rules.json")).unwrap();
    let found = |time| check_time(&text, at(time)).iter().map(ToString::to_string).collect::<Vec<_>>();
    let before = found("2026-11-27T14:29:59Z");
    assert_eq!(
        before,
        [
            "$.rules[15].drill: is for channel `lc`, for which rule `lc-rehearsal` is at the same time: end that one first"
        ]
    );
    let after = found("2026-11-27T14:30:00Z");
    assert_eq!(
        after.first().unwrap(),
        "$.rules[0].until: is in the past: it is 2026-11-27T14:30:00Z; take the rule out, or set a later time"
    );
    assert_eq!(after.len(), 2, "{after:#?}");
    // What is over is in nobody's way.
    let later = found("2026-11-27T22:30:00Z");
    assert!(later.len() == 6 && !later.iter().any(|fault| fault.contains("at the same time")), "{later:#?}");
    assert_eq!(found("2100-01-01T00:00:00Z").len(), 8);
    assert!(check_time("{", at("2100-01-01T00:00:00Z")).is_empty());
}

#[test]
fn two_orders_for_one_channel_are_told_while_both_hold() {
    let order = |name: &str, until: &str| {
        format!(
            r#"{{"name": "{name}", "by": "alice@example.com", "reason": "a test", "until": "{until}",
                "force": {{"channel": "oppo", "action": "shed"}}}}"#
        )
    };
    let (first, second) = (order("a", "2026-11-27T10:00:00Z"), order("b", "2026-11-27T12:00:00Z"));
    let text = format!(r#"{{"channels": ["oppo"], "rules": [{first}, {second}]}}"#);
    let plan = load(&text).unwrap();
    assert_eq!(plan.channel_by_name("oppo").unwrap().1.policy.force.len(), 2, "the filter takes the first that holds");
    let found = |time| check_time(&text, at(time)).iter().map(|fault| fault.path.clone()).collect::<Vec<_>>();
    assert_eq!(found("2026-11-27T09:00:00Z"), ["$.rules[1].force"]);
    assert_eq!(found("2026-11-27T11:00:00Z"), ["$.rules[0].until"]);
}

#[test]
fn a_rule_is_over_from_its_end_on() {
    let until = at("2026-11-27T22:30:00Z");
    let manual = crate::policy::Manual { until: Some(until), ..Default::default() };
    assert!(!manual.is_over(WallClock(until.0 - 1)) && manual.is_over(until));
    assert!(!crate::policy::Manual::default().is_over(until));
}

#[test]
fn what_has_no_natural_end_has_a_bound() {
    let channel =
        |name: usize| format!(r#"{{"name": "c{name}", "adapter": "generic-json", "hosts": ["c{name}.internal"]}}"#);
    let channels = (0..=9).map(channel).collect::<Vec<_>>().join(", ");
    let found = |rules: &str| {
        let text = format!(r#"{{"channels": [{channels}], "hold_request": true, "rules": [{rules}]}}"#);
        load(&text).err().map(|faults| faults.to_string()).unwrap_or_default()
    };
    let shed = |index: usize| {
        format!(
            r#"{{"name": "r{index}", "by": "a", "reason": "b", "until": "2026-11-27T22:30:00Z",
                    "force": {{"channel": "c0", "action": "shed"}}}}"#
        )
    };
    let rules = |count: usize| (0..count).map(shed).collect::<Vec<_>>().join(", ");
    assert_eq!((found(&rules(256)).as_str(), found(&rules(257)).as_str()), ("", "$.rules: has 257 rules: at most 256"));
    let to = |count: usize| {
        let names: Vec<String> = (1..=count).map(|name| format!("\"c{name}\"")).collect();
        found(&format!(r#"{{"name": "a", "auto": {{"channel": "c0", "to": [{}]}}}}"#, names.join(", ")))
    };
    assert_eq!((to(8).as_str(), to(9).as_str()), ("", "$.rules[0].auto.to: has 9 channels: at most 8"));
    let ramp = |count: usize| {
        let shares: Vec<String> = (1..=count).map(|step| (step as f64 / count as f64).to_string()).collect();
        found(&format!(r#"{{"name": "a", "auto": {{"channel": "c0", "ramp": [{}]}}}}"#, shares.join(", ")))
    };
    assert_eq!((ramp(16).as_str(), ramp(17).as_str()), ("", "$.rules[0].auto.ramp: has 17 steps: at most 16"));
}

#[test]
fn two_channels_may_back_each_other_up_unless_orders_lead_in_a_circle() {
    let auto = |from, to| format!(r#"{{"name": "{from}", "auto": {{"channel": "{from}", "to": ["{to}"]}}}}"#);
    let order = |from, to| {
        format!(
            r#"{{"name": "{from}-now", "by": "a", "reason": "b", "until": "2026-11-27T22:30:00Z",
                 "force": {{"channel": "{from}", "action": "switch", "to": ["{to}"]}}}}"#
        )
    };
    let found = |first: String, second: String| {
        let text = format!(
            r#"{{"channels": [{{"name": "a", "adapter": "generic-json", "hosts": ["a.internal"]}},
                              {{"name": "b", "adapter": "generic-json", "hosts": ["b.internal"]}}],
                "rules": [{first}, {second}]}}"#
        );
        load(&text).err().map(|faults| faults.to_string()).unwrap_or_default()
    };
    assert_eq!(found(auto("a", "b"), auto("b", "a")), "");
    assert_eq!(found(auto("a", "b"), order("b", "a")), "");
    let what = "makes a loop, b → a → b: orders lead back to where they move from";
    assert!(found(order("a", "b"), order("b", "a")).contains(what));
}

/// The keys that a part of the config has, as its reader names them when it refuses another.
fn keys<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let refusal = serde_json::from_str::<T>(r#"{"no such key": 0}"#).err().unwrap().to_string();
    refusal.split_once("expected").unwrap().1.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_document_of_the_config_has_every_key_and_an_example_that_is_sound() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md")).unwrap();
    let example = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    load(example).unwrap_or_else(|faults| panic!("{faults}"));
    let parts = [
        ("# The config", keys::<wire::ConfigWire>()),
        ("## Channels", keys::<wire::ChannelWire>()),
        ("## Receipts", keys::<wire::ReceiptWire>()),
        ("## Nodes", keys::<wire::NodeWire>()),
        ("## Traces", keys::<wire::TraceWire>()),
        ("## Records", keys::<wire::RecordsWire>()),
        ("## Statuses", keys::<wire::StatusWire>()),
    ];
    has_every_key(&text, &parts);
}

#[test]
fn what_records_leave_out_is_what_the_document_says() {
    let plan = load(r#"{"service": "push", "records": {"cluster": "otel"}}"#).unwrap();
    let records = plan.settings.records.unwrap();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md")).unwrap();
    let section = text.split("## Records\n").nth(1).unwrap();
    let defaults = [
        ("spans", format!("`{}`", records.spans)),
        ("sending", format!("`{}`", records.sending)),
        ("enter_after", format!("`{}`", format_duration(records.enter_after))),
        ("max_batch", records.max_batch.to_string()),
        ("max_age", format!("`{}`", format_duration(records.max_age))),
        ("buffer", records.buffer.to_string()),
        ("timeout", format!("`{}`", format_duration(records.timeout))),
    ];
    for (key, default) in defaults {
        assert!(section.contains(&format!("| `{key}` | {default} |")), "{key}: {default}");
    }
    assert_eq!((&*records.authority, &*records.path), ("otel", ""));
}

/// Holds a document to the keys of the parts that it has a section for.
fn has_every_key(text: &str, parts: &[(&str, Vec<String>)]) {
    for (heading, keys) in parts {
        let after = text.split(&format!("{heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
        let section = after.split("\n## ").next().unwrap();
        let missing: Vec<&String> = keys.iter().filter(|key| !section.contains(&format!("`{key}`"))).collect();
        assert!(keys.len() > 2 && missing.is_empty(), "{heading} has not {missing:?}");
    }
}

#[test]
fn the_document_of_rules_has_every_key_and_an_example_that_is_sound() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md")).unwrap();
    let example = text.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    load(example).unwrap_or_else(|faults| panic!("{faults}"));
    let parts = [
        ("# Rules", keys::<wire::RuleWire>()),
        ("## Where messages go", keys::<wire::TargetWire>()),
        ("## force", keys::<wire::ForceWire>()),
        ("## auto", keys::<wire::AutoWire>()),
        ("## shed", keys::<wire::ShedWire>()),
        ("## failover", keys::<wire::FailoverWire>()),
        ("## limit", keys::<wire::LimitWire>()),
        ("## drill", keys::<wire::DrillWire>()),
    ];
    has_every_key(&text, &parts);
}

#[test]
fn what_an_auto_rule_leaves_out_is_what_the_document_says() {
    let plan = load(r#"{"channels": ["oppo"], "rules": [{"name": "a", "auto": {"channel": "oppo"}}]}"#).unwrap();
    let auto = plan.channel_by_name("oppo").unwrap().1.policy.auto.clone().unwrap();
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md")).unwrap();
    let section = text.split("## auto\n").nth(1).unwrap();
    let settings = &auto.settings;
    let shares: Vec<String> = settings.ramp.iter().map(|share| (f64::from(*share) / 10_000.0).to_string()).collect();
    let defaults = [
        ("failure_ratio", settings.failure_ratio.unwrap().get().to_string()),
        ("slow_ratio", settings.slow_ratio.unwrap().get().to_string()),
        ("consecutive_failures", settings.consecutive_failures.unwrap().to_string()),
        ("min_calls", settings.min_calls.to_string()),
        ("window", format!("`{}`", format_duration(settings.window))),
        ("long_window", format!("`{}`", format_duration(settings.long_window))),
        ("open", format!("`{}`", format_duration(settings.open))),
        ("max_open", format!("`{}`", format_duration(settings.max_open))),
        ("throttle", format!("`{}`", format_duration(settings.throttle))),
        ("probes", settings.probes.to_string()),
        ("probe_lease", format!("`{}`", format_duration(settings.probe_lease))),
        ("ramp", shares.join(", ")),
        ("step", format!("`{}`", format_duration(settings.step))),
    ];
    for (key, default) in defaults {
        assert!(section.contains(&format!("| `{key}` | {default} |")), "{key}: {default}");
    }
    assert!(auto.to.is_empty() && settings.on_time_ratio.is_none());
}

#[test]
fn the_digest_of_a_config_tells_texts_apart() {
    assert_eq!(digest("{}"), "44136fa355b3678a");
    assert_ne!(digest("{}"), digest("{} "));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_survived(text in ".{0,80}", cut in any::<prop::sample::Index>(), byte in any::<char>()) {
            let _ = load(&text);
            // Near misses get further than noise.
            let settings = include_str!("../../../../tests/cases/config/every_setting.json");
            let rules = include_str!("../../../../tests/cases/config/rules.json");
            for valid in [settings, rules] {
                let valid: Vec<char> = valid.chars().collect();
                let at = cut.index(valid.len());
                let _ = load(&valid[..at].iter().collect::<String>());
                let near = valid.iter().enumerate().map(|(index, c)| if index == at { byte } else { *c });
                let near: String = near.collect();
                let _ = load(&near);
                let _ = check_time(&near, WallClock(0));
            }
        }
    }
}
