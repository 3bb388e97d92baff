//! Bodies in gzip, which the filter does not read.

use flate2::Compression;
use flate2::write::GzEncoder;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::LC;
use pointsman_tests::pair::{Expected, Pair, push};
use pointsman_tests::{Bed, pushes};
use std::io::Write;

use super::broken::RULES;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// One call for each version. What cannot be read is never a success.
fn unread(code: &str, trace: &str) -> Counts {
    [Http1, Http2].iter().fold(Counts::default(), |counts, _version| {
        let counts = counts.call(LC, "unknown").messages(LC, "unknown", 1).code(LC, code, 1);
        counts.bypassed("body_encoded").trace(trace)
    })
}

#[tokio::test]
async fn a_push_in_gzip_goes_through_unread() {
    let pair = Pair::start(RULES).await;
    let zipped = pushes::with(pushes::lc("m1"), "content-encoding", b"gzip").map(|body| gzip(&body).into());
    // The stand-in does not read gzip either, and says so.
    let expected = Expected { held: unread("400", "random"), passing: unread("400", "random") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            vec![push(bed, "lc", Http1, &zipped).await, push(bed, "lc", Http2, &zipped).await]
        })
        .await;
    assert!(seen.iter().all(|seen| seen.request.body == **zipped.body()));
}

#[tokio::test]
async fn an_answer_in_gzip_comes_back_unread() {
    let pair = Pair::start(RULES).await;
    pair.set_fault("lc", &Fault::new(Effect::Gzip));
    let expected = Expected { held: unread("200", "derived"), passing: unread("200", "too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            vec![push(bed, "lc", Http1, &pushes::lc("m1")).await, push(bed, "lc", Http2, &pushes::lc("m1")).await]
        })
        .await;
    assert!(seen.iter().all(|seen| seen.answer.header("content-encoding") == Some(b"gzip")));
}
