//! Tests of what is made of failures.

use super::*;
use crate::config::fault::Faults;
use crate::store::Range;
use std::sync::Arc;

const NOW: u64 = 1_800_000_000_000;

/// Minutes ago, kind, channel, status, outcome, code, text, how many.
type Told = (u64, &'static str, &'static str, &'static str, &'static str, &'static str, &'static str, u64);

fn counts(told: &[Told]) -> Vec<Count> {
    let count = |(ago, kind, channel, status, outcome, code, text, events): &Told| Count {
        at_ms: NOW - ago * MINUTE_MS,
        group: [kind, channel, status, outcome, code, text].map(|text| (*text).to_owned()).to_vec(),
        events: *events,
        ..Count::default()
    };
    told.iter().map(count).collect()
}

fn settings(yaml: &str) -> (Settings, Faults) {
    let wire: Wire = serde_saphyr::from_str(yaml).expect("rules that can be read");
    let mut faults = Faults::default();
    (wire.validate("patterns", &mut faults), faults)
}

fn hour() -> Steps {
    Steps::over(Range { from_ms: NOW - 60 * MINUTE_MS, to_ms: NOW }, TREND)
}

fn found(told: &[Told], yaml: &str) -> Vec<Pattern> {
    let counts = counts(told);
    patterns(&hour(), MINUTE_MS, &counts, &counts, &settings(yaml).0, NOW).patterns
}

#[test]
fn failures_of_one_kind_are_one_pattern_with_its_first_its_last_and_its_trend() {
    let all = found(
        &[
            (55, "status", "oppo", "failed", "vendor_unavailable", "-1", "", 3),
            (2, "status", "oppo", "failed", "vendor_unavailable", "-1", "", 4),
            (1, "status", "oppo", "failed", "timeout", "-1", "", 1),
            (1, "status", "oppo", "sent", "ok", "0", "", 900),
            (1, "status", "fcm", "failed", "invalid_token", "UNREGISTERED", "", 1),
            (1, "dead_letter", "oppo", "", "vendor_unavailable", "-1", "", 8),
        ],
        "[]",
    );
    let [oppo, fcm] = all.as_slice() else { panic_with(&all) };
    assert_eq!((&*oppo.channel, &*oppo.code, &*oppo.outcome, oppo.count), ("oppo", "-1", "vendor_unavailable", 8));
    assert_eq!((oppo.first_ms, oppo.last_ms), (NOW - 55 * MINUTE_MS, NOW - MINUTE_MS));
    assert_eq!(oppo.trend, [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
    assert_eq!(oppo.meaning.as_deref(), Some("the vendor, or the way to it, is down (as OPPO Push documents it)"));
    assert_eq!((&*fcm.code, fcm.count, fcm.above, fcm.threshold), ("UNREGISTERED", 1, false, None));
}

fn panic_with(all: &[Pattern]) -> ! {
    panic!("other patterns than expected: {all:#?}")
}

#[test]
fn spans_lend_their_words_to_statuses_and_count_only_where_there_are_none() {
    let all = found(
        &[
            (3, "status", "oppo", "failed", "unknown", "7", "", 500),
            (3, "span", "oppo", "", "unknown", "7", "no such app #", 1),
            (2, "span", "oppo", "", "unknown", "7", "try later", 2),
            (2, "span", "", "", "invalid_request", "400", "field # is missing", 6),
        ],
        "[]",
    );
    let told: Vec<_> =
        all.iter().map(|pattern| (&*pattern.channel, &*pattern.code, &*pattern.text, pattern.count)).collect();
    assert_eq!(told, [("oppo", "7", "try later", 500), ("", "400", "field # is missing", 6)]);
}

#[test]
fn a_pattern_rises_if_its_last_quarter_has_more_than_twice_as_many() {
    assert!(is_rising(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3]));
    assert!(is_rising(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]));
    assert!(!is_rising(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]));
    assert!(!is_rising(&[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 18, 18]));
    assert!(!is_rising(&[]));
}

#[test]
fn the_first_rule_that_fits_says_how_many_are_too_many_and_what_is_proposed() {
    let yaml = "
- {channel: oppo, code: '-1', above: 9, within: 5m, propose_switch_to: [xiaomi, sms]}
- {text: quota, above: 1}
- {channel: oppo, above: 1000}
";
    let told: &[Told] = &[
        (9, "status", "oppo", "failed", "vendor_unavailable", "-1", "", 100),
        (5, "status", "oppo", "failed", "vendor_unavailable", "-1", "", 4),
        (0, "status", "oppo", "failed", "vendor_unavailable", "-1", "", 6),
        (1, "status", "oppo", "failed", "quota_app", "33", "quota of # is used up", 2),
        (1, "status", "fcm", "failed", "unknown", "x", "", 50_000),
    ];
    let all = found(told, yaml);
    let told: Vec<_> = all.iter().map(|pattern| (&*pattern.code, pattern.above, pattern.threshold)).collect();
    assert_eq!(told, [("x", false, None), ("-1", true, Some(9)), ("33", true, Some(1))]);
    let proposal = all[1].proposal.as_ref().expect("a proposal");
    assert_eq!(proposal.to, ["xiaomi", "sms"]);
    assert_eq!(proposal.reason, "10 failures of oppo with -1 in 5m, more than 9");
    assert_eq!(all[2].proposal, None);
}

#[test]
fn what_is_wrong_with_rules_is_told_all_at_once() {
    let (_, faults) = settings(
        "
- {channel: '', above: 0, within: 90s, propose_switch_to: [sms]}
- {above: 5, propose_switch_to: [sms]}
- {channel: sms, above: 5, within: 25h, propose_switch_to: [sms]}
",
    );
    let paths: Vec<&str> = faults.0.iter().map(|fault| &*fault.path).collect();
    let expected = [
        "patterns[0].within",
        "patterns[0].above",
        "patterns[0].channel",
        "patterns[1].propose_switch_to",
        "patterns[2].within",
        "patterns[2].propose_switch_to",
    ];
    assert_eq!(paths, expected, "{faults}");
    assert!(serde_saphyr::from_str::<Wire>("- {above: 5, abov: 6}").is_err());
    let (settings, faults) = settings("- {code: A, above: 1}");
    assert_eq!((settings.rules[0].within_ms, faults.0.len()), (300_000, 0));
}

mod watching {
    use super::*;
    use crate::answers::patterns::{Above, Labels, Propose, Watch};
    use crate::event::{Event, Facts};
    use crate::store::Store as _;
    use crate::store::memory::Memory;
    use pointsman_core::lifecycle::Lifecycle;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Proposed(Mutex<Vec<(String, Vec<String>, String)>>);

    impl Propose for Proposed {
        fn propose(&self, channel: &str, to: &[String], reason: &str) {
            self.0.lock().expect("no panic").push((channel.to_owned(), to.to_vec(), reason.to_owned()));
        }
    }

    fn failed(n: u64, at_ms: u64) -> Vec<Event> {
        let facts = Arc::new(Facts {
            kind: Kind::Status,
            channel: "oppo".to_owned(),
            status: "failed".to_owned(),
            outcome: "vendor_unavailable".to_owned(),
            code: "-1".to_owned(),
            ..Facts::default()
        });
        let event = |n| Event { facts: facts.clone(), at_ms, message_id: format!("{at_ms}-{n}"), ..Event::default() };
        (0..n).map(event).collect()
    }

    #[tokio::test]
    async fn a_switch_is_proposed_for_as_long_as_a_bound_is_passed_and_the_metric_falls_again() {
        let store = Arc::new(Memory::new(Lifecycle::builtin()));
        let proposed = Arc::new(Proposed::default());
        let above = Above::default();
        let settings = settings("- {channel: oppo, above: 3, within: 1m, propose_switch_to: [xiaomi]}").0;
        let mut watch = Watch::new(Arc::new(settings), above.clone(), Some(proposed.clone()));
        let labels = Labels { channel: "oppo".to_owned(), code: "-1".to_owned() };
        let value = || above.0.get_or_create(&labels).get();

        store.append(failed(3, NOW)).await.expect("kept");
        watch.look(&*store, NOW).await.expect("looked");
        assert_eq!(value(), 0);
        store.append(failed(4, NOW + 1)).await.expect("kept");
        for _ in 0..3 {
            watch.look(&*store, NOW + 2).await.expect("looked");
        }
        assert_eq!(value(), 1);
        watch.look(&*store, NOW + 10 * MINUTE_MS).await.expect("looked");
        assert_eq!(value(), 0);
        let told = std::mem::take(&mut *proposed.0.lock().expect("no panic"));
        let reason = "7 failures of oppo with -1 in 1m, more than 3".to_owned();
        let proposal = ("oppo".to_owned(), vec!["xiaomi".to_owned()], reason);
        assert_eq!(told, vec![proposal; 3], "one that comes to nothing is not the last");

        store.append(failed(9, NOW + 20 * MINUTE_MS)).await.expect("kept");
        watch.look(&*store, NOW + 20 * MINUTE_MS).await.expect("looked");
        assert_eq!((value(), proposed.0.lock().expect("no panic").len()), (1, 1));
    }
}
