//! Every alert fires when it must and only then: promtool judges the rules that are generated.

use pointsman_core::config;
use pointsman_host::monitoring::Watched;
use pointsman_host::monitoring::alerts::{self, Group, Options, Rule, TimeScale};
use pointsman_host::monitoring::catalogue::{Kind, METRICS};
use pointsman_tests::{repository, tools};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// What of Envoy's own the rules ask for.
const OF_ENVOY: [&str; 2] = ["envoy_wasm_pointsman_vm_reload_success", "envoy_wasm_pointsman_vm_reload_failure"];

const TWO_LINES: &str = r#"{"service": "push", "channels": ["apns", "oppo"]}"#;

fn cases() -> PathBuf {
    repository("tests/cases/alerts")
}

/// The config of the cases.
fn full() -> String {
    fs::read_to_string(cases().join("config.json")).unwrap()
}

fn made(config: &str, options: &Options) -> Vec<Group> {
    let plan = config::load(config).unwrap_or_else(|faults| panic!("{faults}"));
    alerts::groups(&Watched::of(&plan), options)
}

fn names(groups: &[Group]) -> BTreeSet<&str> {
    groups.iter().flat_map(|group| &group.rules).filter_map(Rule::alert).collect()
}

fn case_files() -> Vec<PathBuf> {
    let files = fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|name| name == "yaml")).collect();
    files.sort();
    files
}

fn write_rules(folder: &Path, groups: &[Group]) -> String {
    let file = folder.join("rules.yml");
    fs::write(&file, alerts::prometheus(groups).unwrap()).unwrap();
    file.to_string_lossy().into_owned()
}

#[test]
fn promtool_takes_the_rules_of_any_config_at_any_scale() {
    let folder = tempfile::tempdir().unwrap();
    let matchers: alerts::Matchers = r#"job="push",namespace=~"push-.*""#.parse().unwrap();
    for config in ["{}", TWO_LINES, &full()] {
        for (scale, matchers) in [(1, alerts::Matchers::default()), (60, matchers.clone())] {
            let options = Options { matchers, time_scale: TimeScale::new(scale).unwrap(), ..Options::default() };
            let file = write_rules(folder.path(), &made(config, &options));
            tools::run("promtool", &["check", "rules", &file]).unwrap_or_else(|complaint| panic!("{complaint}"));
        }
    }
}

/// One file for each kind of groups, named like them, so that a case of weeks need not evaluate what it is not about.
fn write_rules_by_kind(folder: &Path, groups: &[Group]) {
    let mut kinds: BTreeMap<String, Vec<Group>> = BTreeMap::new();
    for group in groups {
        let kind: Vec<&str> = group.name.splitn(3, '-').take(2).collect();
        kinds.entry(kind.join("-")).or_default().push(group.clone());
    }
    for (kind, groups) in kinds {
        fs::write(folder.join(format!("{kind}.yml")), alerts::prometheus(&groups).unwrap()).unwrap();
    }
}

#[test]
fn every_alert_fires_in_its_cases_and_is_silent_in_others() {
    let folder = tempfile::tempdir().unwrap();
    write_rules_by_kind(folder.path(), &made(&full(), &Options::default()));
    let judge = |case: PathBuf| {
        let copy = folder.path().join(case.file_name().unwrap());
        fs::copy(&case, &copy).unwrap();
        tools::run("promtool", &["test", "rules", &copy.to_string_lossy()])
    };
    let judge = &judge;
    let verdicts: Vec<Result<String, String>> = thread::scope(|scope| {
        let running: Vec<_> = case_files().into_iter().map(|case| scope.spawn(move || judge(case))).collect();
        running.into_iter().map(|judging| judging.join().unwrap()).collect()
    });
    let complaints: Vec<String> = verdicts.into_iter().filter_map(Result::err).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_alert_is_without_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let made = made(&full(), &Options::default());
    let mut seen: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for case in case_files() {
        let text = fs::read_to_string(&case).unwrap();
        let file: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        let tests = file["tests"].as_array().unwrap().iter();
        for check in tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap()) {
            let expected = check["exp_alerts"].as_array().unwrap();
            for alert in expected {
                for label in ["channel", "node", "service", "severity", "signal", "team"] {
                    assert!(alert["exp_labels"][label].is_string(), "{check} has no {label}");
                }
            }
            let name = check["alertname"].as_str().unwrap();
            seen.entry(name.to_owned()).or_default()[usize::from(expected.is_empty())] = true;
        }
    }
    let both: BTreeSet<&str> = seen.iter().filter(|(_, seen)| **seen == [true; 2]).map(|(name, _)| &**name).collect();
    assert_eq!(both, names(&made), "alerts with both kinds of cases, and alerts");
}

/// The selectors of a query.
#[derive(Default)]
struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        match expr {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(selector) => self.0.push(selector.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

/// The labels of a metric that the filter exports under that name, if it does.
fn exported(name: &str) -> Option<BTreeSet<&'static str>> {
    METRICS.iter().find_map(|metric| {
        let labels = metric.labels.iter().copied();
        if metric.kind != Kind::Histogram {
            return (metric.name == name).then(|| labels.collect());
        }
        match name.strip_prefix(metric.name)? {
            "_bucket" => Some(labels.chain(["le"]).collect()),
            "_sum" | "_count" => Some(labels.collect()),
            _ => None,
        }
    })
}

#[test]
fn every_query_is_promql_and_asks_only_for_what_is_exported_or_recorded_before() {
    for config in [TWO_LINES, &full()] {
        let made = made(config, &Options::default());
        let mut recorded = BTreeSet::new();
        for rule in made.iter().flat_map(|group| &group.rules) {
            if let Rule::Record { record, .. } = rule {
                recorded.insert(record.as_str());
            }
        }
        for rule in made.iter().flat_map(|group| &group.rules) {
            let expr = parser::parse(rule.expr()).unwrap_or_else(|error| panic!("{error}\n{}", rule.expr()));
            let mut selectors = Selectors::default();
            let Ok(_) = walk_expr(&mut selectors, &expr);
            for selector in selectors.0 {
                let name = selector.name.as_deref().expect("a selector names its metric");
                if OF_ENVOY.contains(&name) || recorded.contains(name) {
                    continue;
                }
                let labels = exported(name).unwrap_or_else(|| panic!("nobody exports {name}"));
                for matcher in &selector.matchers.matchers {
                    assert!(labels.contains(&*matcher.name), "{name} has no label {}", matcher.name);
                }
            }
        }
    }
}

#[test]
fn every_alert_is_explained_where_its_link_leads_and_nothing_else_is() {
    let text = fs::read_to_string(repository("docs/alerts.md")).unwrap();
    let sections: BTreeSet<&str> =
        text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(" Pointsman")).collect();
    let made = made(&full(), &Options::default());
    let without_prefix = names(&made).into_iter().map(|name| name.strip_prefix("Pointsman").unwrap()).collect();
    assert_eq!(sections, without_prefix);
    for rule in made.iter().flat_map(|group| &group.rules) {
        let Rule::Alert { alert, annotations, .. } = rule else { continue };
        // A heading of one word is its own anchor, in lower case.
        assert_eq!(annotations["runbook_url"], format!("docs/alerts.md#{}", alert.to_lowercase()));
        let section = text.split(&format!("# {alert}\n")).nth(1).unwrap();
        let section = section.split("\n#").next().unwrap();
        for part in ["**Means**", "**Check**", "**Do**", "**Harmless**"] {
            assert!(section.contains(part), "{alert} does not say {part}");
        }
    }
}
