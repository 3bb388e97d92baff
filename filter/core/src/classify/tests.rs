//! The rules of judging, on small adapters; the vendors' own are in `tests/cases`.

use super::OutcomeClass::*;
use super::*;
use crate::adapter::Response;
use proptest::prelude::*;

const VENDOR: &str = r#"{
    "ok_status": ["200"], "code": [{"json": "/code"}], "ok_codes": ["0"], "message": [{"json": "/msg"}],
    "class": {"quota_app": ["33"], "auth": ["11", "Sig.*"], "vendor_unavailable": ["Sig.Down*"], "rate_limited": ["Sig.Down.Slow"]},
    "pattern": [{"code": "11", "message_contains": ["Blocked"], "class": "permission"}],
    "status": {"503": "rate_limited", "5xx": "vendor_unavailable"}, "surely_not_sent": ["33"]
}"#;
const BATCH: &str = r#"{
    "code": [{"json": "/Error"}], "ok_when": [{"source": {"json": "/Set"}}],
    "class": {"user_blocked": ["Black"], "invalid_token": ["Bad"]},
    "items": {"code": {"json": "/Set/*/Code"}, "ok_codes": ["Ok"]}
}"#;

fn classifier(json: &str) -> Classifier {
    let wire: Response = serde_json::from_str(json).unwrap();
    Classifier::new(&wire, None, false).unwrap()
}

fn judge(json: &str, status: u16, body: &str, recipients: u32) -> Verdict {
    classifier(json).judge(status, &Headers::default(), Body::Whole(body.as_bytes()), recipients).0
}

#[test]
fn a_call_is_judged_by_status_and_body() {
    let cases = [
        (200, r#"{"code": 0}"#, Ok, Fate::Accepted),
        (200, r#"{"code": "0"}"#, Ok, Fate::Accepted),
        (201, r#"{"code": 0}"#, Unknown, Fate::Unsure),
        (200, r#"{"code": 33}"#, QuotaApp, Fate::Rejected),
        (500, r#"{"code": 33}"#, QuotaApp, Fate::Rejected),
        (500, r#"{"code": 11}"#, Auth, Fate::Unsure),
        (200, r#"{"code": 11, "msg": "you are BLOCKED"}"#, Permission, Fate::Rejected),
        (200, r#"{"msg": "you are blocked", "code": 11}"#, Permission, Fate::Rejected),
        (200, r#"{"code": "Sig.Bad"}"#, Auth, Fate::Rejected),
        (200, r#"{"code": "Sig.Down.Now"}"#, VendorUnavailable, Fate::Rejected),
        (200, r#"{"code": "Sig.Down.Slow"}"#, RateLimited, Fate::Rejected),
        (200, r#"{"code": 999}"#, Unknown, Fate::Unsure),
        (400, r#"{"code": 999}"#, Unknown, Fate::Unsure),
        (503, r#"{"code": 999}"#, RateLimited, Fate::Unsure),
        (502, "<html>", VendorUnavailable, Fate::Unsure),
        (503, "", RateLimited, Fate::Unsure),
        (401, "", Auth, Fate::Rejected),
        (200, "", Unknown, Fate::Unsure),
        (200, "<html>", Unknown, Fate::Unsure),
        (200, r#"{"code": 0"#, Unknown, Fate::Unsure),
        (200, r#"{"code": null}"#, Unknown, Fate::Unsure),
        (200, r#"{"codes": 0}"#, Unknown, Fate::Unsure),
    ];
    for (status, body, call, fate) in cases {
        let verdict = judge(VENDOR, status, body, 3);
        assert_eq!((verdict.call, verdict.fate), (call, fate), "{status} {body}");
        assert_eq!(verdict.tally, Tally::uniform(call, 3), "{status} {body}");
    }
}

#[test]
fn results_per_recipient_decide_where_the_vendor_gives_them() {
    type Case = (&'static str, u32, OutcomeClass, &'static [(OutcomeClass, u32)]);
    let cases: [Case; 6] = [
        (r#"{"Set": [{"Code": "Ok"}, {"Code": "Ok"}]}"#, 2, Ok, &[(Ok, 2)]),
        (r#"{"Set": [{"Code": "Ok"}, {"Code": "Black"}]}"#, 2, Partial, &[(Ok, 1), (UserBlocked, 1)]),
        (r#"{"Set": [{"Code": "Bad"}, {"Code": "Bad"}]}"#, 2, InvalidToken, &[(InvalidToken, 2)]),
        (r#"{"Set": [{"Code": "Ok"}]}"#, 3, Partial, &[(Ok, 1), (Unknown, 2)]),
        (r#"{"Set": [{"Code": "New"}]}"#, 1, Unknown, &[(Unknown, 1)]),
        (r#"{"Error": "Black"}"#, 4, UserBlocked, &[(UserBlocked, 4)]),
    ];
    for (body, recipients, call, tally) in cases {
        let verdict = judge(BATCH, 200, body, recipients);
        assert_eq!((verdict.call, verdict.tally.iter().collect::<Vec<_>>()), (call, tally.to_vec()), "{body}");
    }
}

#[test]
fn codes_are_counted_under_their_name_if_listed_and_as_other_if_not() {
    let labels = |json: &str, status, body: &str| {
        let classifier = classifier(json);
        let verdict = classifier.judge(status, &Headers::default(), Body::Whole(body.as_bytes()), 2).0;
        let label = |(id, count): &(CodeId, u32)| (classifier.code_book().label(*id).to_owned(), *count);
        verdict.codes.iter().map(label).collect::<Vec<_>>()
    };
    assert_eq!(labels(VENDOR, 200, r#"{"code": 33}"#), [("33".to_owned(), 2)]);
    assert_eq!(labels(VENDOR, 200, r#"{"code": "x\n{}"}"#), [("other".to_owned(), 2)]);
    assert_eq!(labels(VENDOR, 502, "<html>"), [("502".to_owned(), 2)]);
    assert_eq!(labels(VENDOR, 799, ""), [("other".to_owned(), 2)]);
    assert_eq!(
        labels(BATCH, 200, r#"{"Set": [{"Code": "Ok"}, {"Code": "Black"}]}"#),
        [("Ok".to_owned(), 1), ("Black".to_owned(), 1)]
    );
}

#[test]
fn a_body_beyond_the_bound_is_believed_as_far_as_it_was_read_and_an_opaque_one_is_not() {
    let vendor = classifier(VENDOR);
    let long = br#"{"code": 0, "padding": "xxxx"#;
    assert_eq!(vendor.judge(200, &Headers::default(), Body::Beginning(long), 1).0.call, Ok);
    assert_eq!(vendor.judge(200, &Headers::default(), Body::Opaque, 1).0.call, Unknown);
    let by_status = classifier("{}");
    assert!(!by_status.needs_body());
    assert_eq!(by_status.judge(204, &Headers::default(), Body::Opaque, 1).0.call, Ok);
}

#[test]
fn every_fault_of_a_response_is_reported_with_its_path() {
    let wire: Response = serde_json::from_str(
        r#"{"ok_status": ["2x"], "status": {"abc": "auth"}, "code": [{"form": "x"}],
            "items": {"code": {"json": "/a"}, "ok_codes": []}}"#,
    )
    .unwrap();
    let faults = Classifier::new(&wire, None, false).unwrap_err();
    let paths: Vec<&str> = faults.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["ok_status[0]", "status.abc", "code[0]", "items.code"]);
}

proptest! {
    #[test]
    fn a_body_cut_anywhere_is_never_a_success(cut in 0_usize..40, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let whole = r#"{"code": 0, "msg": "fine", "list": [1]}"#;
        if let Some(head) = whole.get(..cut).filter(|head| head.len() < whole.len()) {
            prop_assert_ne!(judge(VENDOR, 200, head, 1).call, Ok);
        }
        let batch = classifier(BATCH);
        batch.judge(200, &Headers::default(), Body::Whole(&bytes), 3);
    }
}
