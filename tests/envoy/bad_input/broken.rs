//! Bodies that are missing, cut short, or not what they should be.

use bytes::Bytes;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{LC, OPPO};
use pointsman_tests::pair::{Expected, Pair, push};
use pointsman_tests::{Bed, pushes};

pub(super) const RULES: &str =
    r#"{"channels": ["oppo", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}]}"#;

/// A push that the gateway refuses with a code of which the adapter does not know what it means.
fn refused(counts: Counts) -> Counts {
    counts.call(LC, "unknown").messages(LC, "unknown", 1).code(LC, "400", 1)
}

#[tokio::test]
async fn a_push_without_a_body_goes_through() {
    let pair = Pair::start(RULES).await;
    let mut empty = pushes::lc("m1");
    *empty.body_mut() = Bytes::new();
    let both = || refused(refused(Counts::default())).trace("random").trace("random");
    let seen = pair
        .same(&Expected { held: both(), passing: both() }, async |bed: &Bed| {
            vec![push(bed, "lc", Http1, &empty).await, push(bed, "lc", Http2, &empty).await]
        })
        .await;
    assert!(seen.iter().all(|seen| seen.answer.start == "400 Bad Request"), "{seen:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_short_or_nonsense_goes_through_and_what_it_has_said_counts() {
    let pair = Pair::start(RULES).await;
    let cut = |body: &Bytes| body.slice(..body.len() - 9);
    let json = pushes::lc("m1");
    let json = json.clone().map(|body| cut(&body));
    // The form is whole, the JSON in its field is not.
    let form = pushes::oppo("m2").map(|body| cut(&body));
    let nonsense = pushes::lc("m3").map(|_| Bytes::from_static(b"\x00\xff{]\xf0\x28\x8c\x28 no json at all"));
    let counted = |json: &str, form: &str, nonsense: &str| {
        let mut counts = Counts::default();
        for _version in [Http1, Http2] {
            counts = refused(counts).bypassed("body_unreadable").trace(json);
            counts = counts.call(OPPO, "invalid_request").messages(OPPO, "invalid_request", 1).code(OPPO, "41", 1);
            counts = counts.bypassed("body_unreadable").trace(form);
            counts = refused(counts).bypassed("body_unreadable").trace(nonsense);
        }
        counts
    };
    let expected = Expected {
        held: counted("derived", "derived", "random"),
        passing: counted("too_late", "too_late", "too_late"),
    };
    pair.same(&expected, async |bed: &Bed| {
        let mut seen = Vec::new();
        for version in [Http1, Http2] {
            seen.push(push(bed, "lc", version, &json).await);
            seen.push(push(bed, "oppo", version, &form).await);
            seen.push(push(bed, "lc", version, &nonsense).await);
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_cut_short_or_no_json_is_no_success() {
    let pair = Pair::start(RULES).await;
    pair.set_fault("oppo", &Fault::new(Effect::Cut));
    pair.set_fault("lc", &Fault::new(Effect::Html));
    let counted = |trace: &str| {
        let mut counts = Counts::default();
        for _version in [Http1, Http2] {
            counts = counts.call(OPPO, "unknown").messages(OPPO, "unknown", 1).code(OPPO, "200", 1);
            counts = counts.call(LC, "vendor_unavailable").messages(LC, "vendor_unavailable", 1).code(LC, "502", 1);
            counts = counts.bypassed("body_unreadable").bypassed("body_unreadable").trace(trace).trace(trace);
        }
        counts
    };
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    pair.same(&expected, async |bed: &Bed| {
        let mut seen = Vec::new();
        for version in [Http1, Http2] {
            seen.push(push(bed, "oppo", version, &pushes::oppo("m1")).await);
            seen.push(push(bed, "lc", version, &pushes::lc("m1")).await);
        }
        seen
    })
    .await;
}
