//! Bodies in gzip: those of answers are read, those of requests are not, and both pass as they came.

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

#[tokio::test]
async fn gzip_goes_through_as_it_came_in_both_directions() {
    let pair = Pair::start(RULES).await;
    let plain = pushes::lc("m1");
    let zipped = pushes::with(plain.clone(), "content-encoding", b"gzip").map(|body| gzip(&body).into());
    // The stand-in does not read gzip either, and says so.
    let unread = |counts: Counts| {
        let counts = counts.call(LC, "unknown").messages(LC, "unknown", 1).code(LC, "400", 1);
        counts.bypassed("body_encoded").trace("random")
    };
    let read = |counts: Counts, trace: &str| counts.call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1).trace(trace);
    let counted =
        |trace: &str| [Http1, Http2].iter().fold(Counts::default(), |counts, _version| read(unread(counts), trace));
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            let mut seen = Vec::new();
            for version in [Http1, Http2] {
                bed.vendors.clear_fault("lc").unwrap();
                seen.push(push(bed, "lc", version, &zipped).await);
                bed.vendors.set_fault("lc", Fault::new(Effect::Gzip)).unwrap();
                seen.push(push(bed, "lc", version, &plain).await);
            }
            seen
        })
        .await;
    for seen in seen.chunks(2) {
        assert_eq!(seen[0].request.body, **zipped.body());
        assert_eq!(seen[1].answer.header("content-encoding"), Some(&b"gzip"[..]));
    }
}
