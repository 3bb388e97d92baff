//! A valid context that comes in goes on: the same trace, the caller's word on sampling, a span of our own.

use pointsman_tests::context::{Context, INCOMING, PARENT_ID, TRACE_ID};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::OPPO;
use pointsman_tests::{Bed, Setup, pushes};

/// What OPPO sees of a push that comes with a parent and these lines of state.
async fn onward(bed: &Bed, parent: &str, states: &[&str]) -> Context {
    let mut push = pushes::with(pushes::oppo("m1"), "traceparent", parent.as_bytes());
    for state in states {
        push = pushes::with(push, "tracestate", state.as_bytes());
    }
    assert_eq!(bed.outbound(push).await.status, 200);
    Context::of(&bed.last_at("oppo").headers)
}

#[tokio::test]
async fn the_trace_and_its_known_flags_go_on_under_a_new_parent() {
    let bed = Setup::with_rules("{}").start().await;
    // Whether requests are held makes no difference: there is nothing to wait for.
    for hold in [true, false] {
        bed.apply(&format!(r#"{{"channels": ["oppo"], "hold_request": {hold}}}"#)).await;
        let before = bed.counts().await;
        let mut parents = vec![PARENT_ID.to_owned()];
        let flags = [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fc", "00"), ("09", "01")];
        let mut expected = Counts::default();
        for (given, known) in flags {
            let seen = onward(&bed, &format!("00-{TRACE_ID}-{PARENT_ID}-{given}"), &[]).await;
            let parent = seen.parent();
            assert_eq!((parent.trace_id.as_str(), parent.flags.as_str()), (TRACE_ID, known), "{given}");
            assert_eq!(seen.states, [""; 0], "none came, so none is made");
            parents.push(parent.parent_id.to_string());
            expected = expected.call(OPPO, "ok").messages(OPPO, "ok", 1).code(OPPO, "0", 1).trace("continued");
        }
        parents.sort();
        parents.dedup();
        assert_eq!(parents.len(), flags.len() + 1, "each parent is new");
        bed.expect_counts_since(&before, &expected).await;
    }
}

/// `count` entries `a01=1`, `a02=1` and so on.
fn entries(count: usize) -> String {
    (1..=count).map(|number| format!("a{number:02}=1")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn a_state_is_kept_rewritten_or_dropped_as_the_specification_says() {
    let bed = Setup::with_rules(r#"{"channels": ["oppo"], "hold_request": true}"#).start().await;
    let (full, crowded) = (entries(32), entries(33));
    let short = format!("{},large={}", entries(9), "x".repeat(200));
    let long = format!("{short},larger={}", "y".repeat(250));
    let cases: [(&[&str], Option<&str>); 14] = [
        (&["foo=1"], Some("foo=1")),
        (&["foo=1 , bar=2"], Some("foo=1 , bar=2")),
        (&[&full], Some(&full)),
        (&[&crowded], None),
        (&["foo=1,,bar=2,"], Some("foo=1,bar=2")),
        (&["foo=1", "bar=2,baz=3"], Some("foo=1,bar=2,baz=3")),
        (&["foo=1", ""], Some("foo=1")),
        (&["foo=1,bar=2,foo=3"], Some("foo=1,bar=2")),
        (&["foo=1", "foo=2"], Some("foo=1")),
        (&["FOO=1,bar=2"], None),
        (&["foo"], None),
        (&[""], None),
        (&[",,"], None),
        (&[&long], Some(&short)),
    ];
    for (given, expected) in cases {
        let seen = onward(&bed, INCOMING, given).await;
        assert_eq!(seen.states, expected.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{given:?}");
        assert_eq!(seen.parent().trace_id, TRACE_ID, "a bad state harms no parent: {given:?}");
    }
}
