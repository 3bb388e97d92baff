//! Contexts in the headers of B3, and headers that are nobody's business here.

use bytes::Bytes;
use http::{HeaderMap, Request};
use pointsman_tests::context::{Context, PARENT_ID, TRACE_ID};
use pointsman_tests::{Bed, Setup, pushes};

async fn bed(b3: &str) -> Bed {
    let trace = format!(r#"{{"b3": "{b3}"}}"#);
    Setup::with_rules(&format!(r#"{{"channels": ["oppo"], "hold_request": true, "trace": {trace}}}"#)).start().await
}

fn push(headers: &[(&'static str, &str)]) -> Request<Bytes> {
    headers.iter().fold(pushes::oppo("m1"), |push, (name, value)| pushes::with(push, name, value.as_bytes()))
}

/// What the vendor sees.
async fn at_vendor(bed: &Bed, push: Request<Bytes>) -> HeaderMap {
    assert_eq!(bed.outbound(push).await.status, 200);
    bed.last_at("oppo").headers
}

fn lines<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_context_in_b3_goes_on_as_a_traceparent() {
    let single = format!("{TRACE_ID}-{PARENT_ID}-1");
    let with_parent = format!("{TRACE_ID}-{PARENT_ID}-0-05e3ac9a4f6e3b90");
    let debug = format!("{TRACE_ID}-{PARENT_ID}-d");
    let multi = [("x-b3-traceid", TRACE_ID), ("x-b3-spanid", PARENT_ID)];
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("b3", &single)], "01"),
        (&[("b3", &with_parent)], "00"),
        (&[("b3", &debug)], "01"),
        (&[multi[0], multi[1], ("x-b3-sampled", "1")], "01"),
        (&[multi[0], multi[1], ("x-b3-sampled", "0")], "00"),
        (&[multi[0], multi[1], ("x-b3-flags", "1")], "01"),
    ];
    let bed = bed("none").await;
    for (headers, flags) in cases {
        let parent = Context::of(&at_vendor(&bed, push(headers)).await).parent();
        assert_eq!((parent.trace_id.as_str(), parent.flags.as_str()), (TRACE_ID, flags), "{headers:?}");
        assert_ne!(parent.parent_id.to_string(), PARENT_ID);
    }
}

#[tokio::test]
async fn a_short_trace_id_of_b3_is_padded() {
    let bed = bed("none").await;
    let headers = at_vendor(&bed, push(&[("b3", &format!("{PARENT_ID}-{PARENT_ID}-1"))])).await;
    assert_eq!(Context::of(&headers).parent().trace_id, format!("0000000000000000{PARENT_ID}"));
}

#[tokio::test]
async fn a_traceparent_wins_over_b3() {
    let bed = bed("none").await;
    let other = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1";
    let parent = format!("00-{TRACE_ID}-{PARENT_ID}-01");
    let headers = at_vendor(&bed, push(&[("b3", other), ("traceparent", &parent)])).await;
    assert_eq!(Context::of(&headers).parent().trace_id, TRACE_ID);
}

#[tokio::test]
async fn b3_is_written_in_one_header_where_the_config_says_so() {
    let bed = bed("single").await;
    for incoming in [&[][..], &[("b3", format!("{TRACE_ID}-{PARENT_ID}-1"))]] {
        let incoming: Vec<_> = incoming.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let headers = at_vendor(&bed, push(&incoming)).await;
        let parent = Context::of(&headers).parent();
        assert_eq!(lines(&headers, "b3"), [format!("{}-{}-1", parent.trace_id, parent.parent_id)]);
        assert_eq!(lines(&headers, "x-b3-traceid"), [""; 0]);
        assert!(incoming.is_empty() || parent.trace_id == TRACE_ID);
    }
}

#[tokio::test]
async fn b3_is_written_in_several_headers_where_the_config_says_so() {
    let bed = bed("multi").await;
    let incoming = [("x-b3-traceid", TRACE_ID), ("x-b3-spanid", PARENT_ID), ("x-b3-sampled", "1")];
    for incoming in [&[][..], &incoming] {
        let headers = at_vendor(&bed, push(incoming)).await;
        let parent = Context::of(&headers).parent();
        assert_eq!(lines(&headers, "x-b3-traceid"), [parent.trace_id.as_str()]);
        assert_eq!(lines(&headers, "x-b3-spanid"), [parent.parent_id.to_string()]);
        assert_eq!(lines(&headers, "x-b3-sampled"), ["1"]);
        assert_eq!((lines(&headers, "b3"), lines(&headers, "x-b3-parentspanid")), (vec![], vec![]));
        assert!(incoming.is_empty() || parent.trace_id == TRACE_ID);
    }
}

#[tokio::test]
async fn baggage_passes_byte_for_byte() {
    let baggage: [&[u8]; 4] =
        [b"userId=alice,serverNode=DF%2028 , isProduction=false;ttl=5;x", b"key=\xe4\xf6", b",,=;", b"userId=alice"];
    for mode in ["own", "observe", "auto"] {
        let rules = format!(r#"{{"channels": ["oppo"], "hold_request": true, "trace": {{"mode": "{mode}"}}}}"#);
        let bed = Setup::with_rules(&rules).start().await;
        let push = baggage.iter().fold(pushes::oppo("m1"), |push, value| pushes::with(push, "baggage", value));
        let headers = at_vendor(&bed, push).await;
        let seen: Vec<&[u8]> = headers.get_all("baggage").iter().map(http::HeaderValue::as_bytes).collect();
        assert_eq!(seen, baggage, "{mode}");
    }
}
