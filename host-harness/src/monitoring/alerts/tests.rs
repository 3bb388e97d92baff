//! Each alert is labelled, linked, guarded and scaled.

use super::*;
use pointsman_core::config;

const CONFIG: &str = r#"{"service": "push", "channels": ["oppo",
    {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
    "nodes": [{"name": "FREQUENCY_FILTER", "path": "/check"}], "hold_request": true,
    "rules": [{"name": "auto", "auto": {"channel": "oppo", "to": ["lc"]}}]}"#;

fn made(config: &str, options: &Options) -> Vec<Group> {
    groups(&Watched::of(&config::load(config).unwrap_or_else(|faults| panic!("{faults}"))), options)
}

fn rules(groups: &[Group]) -> impl Iterator<Item = &Rule> {
    groups.iter().flat_map(|group| &group.rules)
}

fn names(groups: &[Group]) -> Vec<&str> {
    rules(groups).filter_map(Rule::alert).collect()
}

#[test]
fn every_alert_says_whose_it_is_how_bad_and_where_to_read_on() {
    let options =
        Options { team: "notify".to_owned(), runbook: "https://example.com/a".to_owned(), ..Options::default() };
    for rule in rules(&made(CONFIG, &options)) {
        let Rule::Alert { alert, expr, labels, annotations, .. } = rule else { continue };
        assert_eq!((&*labels["team"], &*labels["service"]), ("notify", "push"), "{alert}");
        assert!(["page", "ticket", "info"].contains(&&*labels["severity"]), "{alert}");
        assert!(!labels["signal"].is_empty() && !annotations["summary"].is_empty(), "{alert}");
        assert_eq!(annotations["runbook_url"], format!("https://example.com/a#{}", alert.to_lowercase()));
        assert!(annotations["description"].ends_with('.'), "{alert}");
        for label in ["channel", "node"] {
            let from_query = expr.contains("by (node, channel)")
                || expr.contains("pointsman:node_")
                || (label == "channel" && (expr.contains("by (channel)") || expr.contains("pointsman:channel_")));
            assert!(labels.contains_key(label) || from_query, "{alert} has no {label}");
        }
    }
}

#[test]
fn every_node_and_channel_has_its_objectives_and_a_group_is_down_as_a_whole() {
    let made = made(CONFIG, &Options::default());
    let slos: Vec<&str> = made.iter().filter_map(|group| group.name.strip_prefix("pointsman-slo-")).collect();
    assert_eq!(
        slos,
        [
            "node-FREQUENCY_FILTER-on-time",
            "node-OPPO_PUSH-on-time",
            "node-LC_PUSH-on-time",
            "node-PUSH-on-time",
            "channel-oppo-success",
            "channel-lc-success",
            "message-on-time"
        ]
    );
    let down = rules(&made).find(|rule| rule.alert() == Some("PointsmanChannelGroupDown")).unwrap();
    assert!(down.expr().contains(r#"channel=~"oppo|lc""#) && down.expr().ends_with("== 2"), "{}", down.expr());
}

#[test]
fn every_burn_alert_asks_for_a_number_of_bad_events_in_its_long_window() {
    let made = made(CONFIG, &Options::default());
    let burns: Vec<&Rule> =
        rules(&made).filter(|rule| rule.alert().is_some_and(|name| name.contains("Burn"))).collect();
    assert_eq!(burns.len(), 14);
    for rule in burns {
        let windows = if rule.alert().unwrap().ends_with("Fast") { ["1h", "6h"] } else { ["1d", "3d"] };
        for window in windows {
            assert!(rule.expr().contains(&format!("[{window}])) >= 10")), "{}", rule.expr());
        }
        assert!(rule.expr().contains("sum(increase(pointsman_"), "{}", rule.expr());
    }
}

#[test]
fn what_queries_are_narrowed_down_to_stands_in_every_selector_and_on_what_is_recorded() {
    let matchers = r#"job="push",pod=~"push-.*""#.parse().unwrap();
    let options = Options { matchers, ..Options::default() };
    for rule in rules(&made(CONFIG, &options)) {
        let (Rule::Record { labels, .. } | Rule::Alert { labels, .. }) = rule;
        assert_eq!(labels["job"], "push");
        for (at, metric) in rule.expr().match_indices("pointsman_") {
            let before = rule.expr()[..at].chars().next_back();
            // Not the name of a metric, but a part of one of Envoy's.
            if before == Some('_') {
                continue;
            }
            let selector = &rule.expr()[at..];
            let name = selector.split('{').next().unwrap();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{metric}: {selector}");
            assert!(selector[name.len()..].starts_with(r#"{job="push",pod=~"push-.*""#), "{selector}");
        }
        for (at, _) in rule.expr().match_indices("slo:").chain(rule.expr().match_indices("pointsman:")) {
            let selector = rule.expr()[at..].split_once('{').unwrap().1;
            assert!(selector.starts_with(r#"service="push",job="push""#), "{selector}");
        }
    }
}

#[test]
fn a_time_scale_divides_every_time() {
    let scaled = Options { time_scale: TimeScale::new(60).unwrap(), ..Options::default() };
    let (plain, scaled) = (made(CONFIG, &Options::default()), made(CONFIG, &scaled));
    assert_eq!(names(&plain), names(&scaled));
    assert!(scaled.iter().all(|group| group.interval == "500ms"));
    for (plain, scaled) in rules(&plain).zip(rules(&scaled)) {
        let windows = |rule: &Rule| rule.expr().split(['[', ']']).skip(1).step_by(2).map(millis).collect::<Vec<_>>();
        let sixtieth: Vec<u64> = windows(plain).into_iter().map(|millis| millis / 60).collect();
        assert_eq!(windows(scaled), sixtieth);
        assert!(windows(plain).into_iter().all(|millis| millis >= 300_000), "{}", plain.expr());
        let offsets = |rule: &Rule| {
            let behind = rule.expr().split(" offset ").skip(1);
            behind.map(|text| millis(text.split([' ', ')', ',', '\n']).next().unwrap())).collect::<Vec<_>>()
        };
        let sixtieth: Vec<u64> = offsets(plain).into_iter().map(|millis| millis / 60).collect();
        assert_eq!(offsets(scaled), sixtieth);
        if let (Rule::Alert { pending: Some(plain), .. }, Rule::Alert { pending: Some(scaled), .. }) = (plain, scaled) {
            assert_eq!(millis(plain), 60 * millis(scaled));
        }
    }
}

fn millis(span: &str) -> u64 {
    let unit = span.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let number: u64 = span.strip_suffix(unit).unwrap().parse().unwrap();
    number
        * match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => panic!("{span}"),
        }
}

#[test]
fn without_nodes_and_channels_only_the_filters_are_watched() {
    let made = made("{}", &Options::default());
    assert_eq!(
        names(&made),
        [
            "PointsmanNoData",
            "PointsmanPlatformDown",
            "PointsmanConfigRejected",
            "PointsmanWithoutConfig",
            "PointsmanVmReloads"
        ]
    );
    assert_eq!(made.len(), 1);
}

#[test]
fn ages_that_a_config_does_not_have_are_asked_of_nobody() {
    let config = r#"{"channels": [{"name": "oppo", "objective": {"limit": "3s"}}], "blocked_after": ["1s", "4s"]}"#;
    let made = made(config, &Options::default());
    let of = |name: &str| rules(&made).find(|rule| rule.alert() == Some(name)).unwrap().expr().to_owned();
    assert_eq!(of("PointsmanBlocked"), r#"sum(pointsman_node_blocked{node="OPPO_PUSH",age=~"4s"}) > 20"#);
    assert!(of("PointsmanBlockedLong").contains(r#"age=~"4s""#), "none is older");
}

#[test]
fn the_file_reads_as_it_was_made() {
    let made = made(CONFIG, &Options::default());
    let read: serde_json::Value = serde_saphyr::from_str(&prometheus(&made).unwrap()).unwrap();
    assert_eq!(read["groups"], serde_json::to_value(&made).unwrap());
    let object: serde_json::Value = serde_saphyr::from_str(&operator(&made, "push").unwrap()).unwrap();
    assert_eq!((object["kind"].as_str(), &object["spec"]), (Some("PrometheusRule"), &read));
}
