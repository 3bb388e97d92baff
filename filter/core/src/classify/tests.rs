//! The rules of judging, on small adapters; the vendors' own are in `tests/cases`.

use super::OutcomeClass::*;
use super::*;
use crate::adapter::Response;
use proptest::prelude::*;

const VENDOR: &str = r#"{
    "ok_status": ["200"], "code": [{"json": "/code"}], "ok_codes": ["0"], "message": [{"json": "/msg"}],
    "class": {"quota_app": ["33"], "auth": ["11", "Sig.*"], "vendor_unavailable": ["Sig.Down*", "Sig.Busy"], "rate_limited": ["Sig.Down.Slow"]},
    "rule": [{"codes": ["11"], "message_contains": ["Blocked"], "class": "permission"}],
    "status": {"503": "rate_limited", "5xx": "vendor_unavailable"}, "surely_not_sent": ["33"], "busy": ["Sig.Busy"]
}"#;
const BATCH: &str = r#"{
    "code": [{"json": "/Error"}], "ok_when": [{"source": {"json": "/Set"}}],
    "class": {"user_blocked": ["Black"], "invalid_token": ["Bad"]},
    "items": [{"code": {"json": "/Set/*/Code"}, "ok_codes": ["Ok"]}]
}"#;
/// Names only those who were refused, in every way that vendors have for it.
const LISTED: &str = r#"{
    "code": [{"json": "/code"}], "ok_codes": ["0"], "partial_codes": ["8"],
    "class": {"invalid_token": ["bad"], "vendor_unavailable": ["9"], "rate_limited": ["7"]},
    "items": [
        {"only_refused": true, "recipient": {"json": "/refused", "split": ","}, "class": "invalid_token"},
        {"only_refused": true, "code": {"json": "/map/*#"}, "recipient": {"json": "/map/*/*"}},
        {"only_refused": true, "code": {"json": "/list/*/status"}, "recipient": {"json": "/list/*/id"},
         "rule": [{"class": "user_blocked", "codes": ["2"]}]},
        {"only_refused": true, "recipient": {"json": "/msg", "inner": "/illegal/*"}, "count": {"json": "/msg", "inner": "/failure"},
         "class": "invalid_token"},
        {"only_refused": true, "groups": true, "recipient": {"json": "/parties", "split": "|"}, "class": "invalid_token"}
    ],
    "vendor_id": [{"json": "/id", "trim": "<>"}, {"json": "/ids/*"}],
    "message": [{"json": "/text"}],
    "retry_after": [
        {"source": {"json": "/wait"}},
        {"source": {"json": "/text"}, "after": "again after "},
        {"source": {"text": true}, "after": "come back in ", "status": ["429"]},
        {"fixed": "30s", "codes": ["9"]},
        {"midnight": "+08:00", "classes": ["quota_app"]},
        {"fixed": "60s", "classes": ["rate_limited"], "status": ["200"]}
    ]
}"#;

fn classifier(json: &str) -> Classifier {
    let wire: Response = serde_json::from_str(json).unwrap();
    Classifier::new(&wire, None).unwrap()
}

fn judge_by(classifier: &Classifier, status: u16, body: Body<'_>, recipients: u32) -> Verdict {
    let answer = Answer { status, headers: &Headers::default(), body, recipients, detail: true };
    classifier.judge(&answer, &mut || WallClock(0)).0
}

fn judge(json: &str, status: u16, body: &str, recipients: u32) -> Verdict {
    judge_by(&classifier(json), status, Body::Whole(body.as_bytes()), recipients)
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
        (200, r#"{"code": "Sig.Down.Now"}"#, VendorUnavailable, Fate::Unsure),
        (200, r#"{"code": "Sig.Busy"}"#, VendorUnavailable, Fate::Rejected),
        (500, r#"{"code": "Sig.Busy"}"#, VendorUnavailable, Fate::Unsure),
        (400, r#"{"code": "Sig.Down.Now"}"#, VendorUnavailable, Fate::Rejected),
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
fn recipients_that_are_listed_as_refused_are_and_the_others_are_what_the_call_is() {
    type Case = (&'static str, u32, OutcomeClass, &'static [(OutcomeClass, u32)]);
    let cases: [Case; 17] = [
        (r#"{"code": 0}"#, 2, Ok, &[(Ok, 2)]),
        (r#"{"code": 0, "refused": ""}"#, 2, Ok, &[(Ok, 2)]),
        (r#"{"code": 0, "refused": "a, b"}"#, 3, Partial, &[(InvalidToken, 2), (Ok, 1)]),
        (r#"{"code": 0, "refused": "a"}"#, 1, InvalidToken, &[(InvalidToken, 1)]),
        (r#"{"code": 0, "refused": "a"}"#, 0, Partial, &[(InvalidToken, 1), (Ok, 1)]),
        (r#"{"code": 9, "refused": "a,b"}"#, 2, InvalidToken, &[(InvalidToken, 2)]),
        (r#"{"code": 9, "refused": "a"}"#, 4, VendorUnavailable, &[(InvalidToken, 1), (VendorUnavailable, 3)]),
        (r#"{"code": 8}"#, 2, Unknown, &[(Unknown, 2)]),
        (r#"{"code": 8, "msg": "{\"illegal\":[\"a\"],\"failure\":1}"}"#, 2, Partial, &[(InvalidToken, 1), (Ok, 1)]),
        (r#"{"code": 8, "msg": "{\"failure\":\"2\"}"}"#, 5, Partial, &[(InvalidToken, 2), (Ok, 3)]),
        (
            r#"{"map": {"bad": ["a", "b"], "7": ["c"]}, "code": 0}"#,
            4,
            Partial,
            &[(InvalidToken, 2), (RateLimited, 1), (Ok, 1)],
        ),
        (r#"{"map": {}, "code": 0}"#, 4, Ok, &[(Ok, 4)]),
        (
            r#"{"code": 0, "list": [{"id": "a", "status": 2}, {"status": 3, "id": "b"}]}"#,
            3,
            Partial,
            &[(UserBlocked, 1), (Unknown, 1), (Ok, 1)],
        ),
        (r#"{"code": 0, "parties": "1|2"}"#, 2, Partial, &[(Ok, 2)]),
        (r#"{"code": 7, "parties": "1|2"}"#, 2, RateLimited, &[(RateLimited, 2)]),
        (r#"{"code": 5, "map": {"bad": ["a"]}}"#, 1, InvalidToken, &[(InvalidToken, 1)]),
        (r#"{"code": 8, "msg": "{\"failure\":4294967295}"}"#, 2, InvalidToken, &[(InvalidToken, 2)]),
    ];
    for (body, recipients, call, tally) in cases {
        let verdict = judge(LISTED, 200, body, recipients);
        assert_eq!((verdict.call, verdict.tally.iter().collect::<Vec<_>>()), (call, tally.to_vec()), "{body}");
    }
}

/// Recipient, message, place, class, code and id of each result.
fn results(json: &str, body: &str) -> Vec<(String, OutcomeClass, String)> {
    let verdict = judge(json, 200, body, 9);
    let whom = |result: &RecipientResult| {
        let place = result.index.map(|index| format!("#{index}"));
        let message = result.message_id.as_ref().map(|id| format!("message {id}"));
        let name = result.recipient.as_ref().map(|name| name.expose().to_owned());
        name.or(message).or(place).unwrap_or_default()
    };
    let what = |result: &RecipientResult| {
        [result.code.as_deref(), result.vendor_id.as_deref()].map(|it| it.unwrap_or("-")).join(" ")
    };
    verdict.results.iter().map(|result| (whom(result), result.class, what(result))).collect()
}

#[test]
fn an_answer_tells_whom_each_result_is_about_and_its_id() {
    const ORDERED: &str = r#"{"items": [{
        "code": {"json": "/*/code"}, "ok_codes": ["0"], "recipient": {"json": "/*/to"}, "in_order": true,
        "vendor_id": {"json": "/*/id", "trim": "<>"}
    }]}"#;
    const BY_TASK: &str = r#"{"items": [{
        "only_refused": true, "code": {"json": "/*/*"}, "ok_codes": ["0"], "recipient": {"json": "/*/*#"}, "vendor_id": {"json": "/*#"}
    }]}"#;
    const BY_MESSAGE: &str = r#"{"items": [{
        "code": {"json": "/*/code"}, "accepted": {"json": "/*/id"}, "message_id": {"json": "/*#"}, "vendor_id": {"json": "/*/id"}
    }]}"#;
    type Case = (&'static str, &'static str, &'static [(&'static str, OutcomeClass, &'static str)]);
    let cases: [Case; 8] = [
        (
            ORDERED,
            r#"[{"code": 0, "to": "a", "id": "<1>"}, null, {"to": "b", "code": 7}, {"to": "c"}, {"code": 0, "id": ""}]"#,
            &[("a", Ok, "0 1"), ("b", Unknown, "7 -"), ("#4", Ok, "0 -")],
        ),
        (
            BY_TASK,
            r#"{"t1": {"a": "0", "b": "9"}, "t2": {"c": 0, "d": null}, "t3": {}, "t4": "x"}"#,
            &[("a", Ok, "0 t1"), ("b", Unknown, "9 t1"), ("c", Ok, "0 t2")],
        ),
        (
            BY_MESSAGE,
            r#"{"m1": {"id": 5}, "m2": {"code": 9}, "m3": {}}"#,
            &[("message m1", Ok, "- 5"), ("message m2", Unknown, "9 -")],
        ),
        (LISTED, r#"{"code": 0, "refused": "a, b"}"#, &[("a", InvalidToken, "- -"), ("b", InvalidToken, "- -")]),
        (
            LISTED,
            r#"{"code": 0, "map": {"7": ["a", "b"], "bad": []}}"#,
            &[("a", RateLimited, "7 -"), ("b", RateLimited, "7 -")],
        ),
        (LISTED, r#"{"code": 0, "list": [{"status": 2, "id": "a"}, {"status": 2}]}"#, &[("a", UserBlocked, "2 -")]),
        (LISTED, r#"{"code": 0, "msg": "{\"failure\":2}", "parties": "1|2"}"#, &[]),
        (VENDOR, r#"{"code": 33}"#, &[]),
    ];
    for (json, body, expected) in cases {
        let expected = expected.iter().map(|(whom, class, what)| ((*whom).to_owned(), *class, (*what).to_owned()));
        assert_eq!(results(json, body), expected.collect::<Vec<_>>(), "{body}");
    }
}

#[test]
fn results_are_told_up_to_their_bound_and_only_to_those_who_ask() {
    let names: Vec<String> = (0..MAX_RESULTS + 5).map(|number| format!("r{number}")).collect();
    let listed = format!(r#"{{"code": 0, "refused": "{}"}}"#, names.join(","));
    let each: Vec<String> = names.iter().map(|name| format!(r#"{{"id": "{name}", "status": 2}}"#)).collect();
    for body in [listed, format!(r#"{{"code": 0, "list": [{}]}}"#, each.join(","))] {
        let told = |detail| {
            let answer = Answer {
                status: 200,
                headers: &Headers::default(),
                body: Body::Whole(body.as_bytes()),
                recipients: 2_000,
                detail,
            };
            classifier(LISTED).judge(&answer, &mut || WallClock(0)).0
        };
        let (all, none) = (told(true), told(false));
        assert_eq!((all.results.len(), none.results.len()), (MAX_RESULTS, 0));
        assert_eq!((&all.tally, &all.codes, all.call), (&none.tally, &none.codes, none.call));
    }
}

#[test]
fn the_code_that_is_shown_is_the_calls_then_a_refused_recipients_then_the_status() {
    let long = "x".repeat(64);
    let cases = [
        (VENDOR, 200, r#"{"code": 33}"#.to_owned(), "33"),
        (VENDOR, 200, r#"{"code": "new-code_1"}"#.to_owned(), "new-code_1"),
        (VENDOR, 200, r#"{"code": "to: alice@example.com"}"#.to_owned(), "other"),
        (VENDOR, 200, format!(r#"{{"code": "{long}"}}"#), "other"),
        (VENDOR, 200, r#"{"code": "13800138000"}"#.to_owned(), "other"),
        (VENDOR, 200, r#"{"code": "oABC-123_xyz456789012345678"}"#.to_owned(), "other"),
        (VENDOR, 502, "<html>".to_owned(), "502"),
        (BATCH, 200, r#"{"Set": [{"Code": "Ok"}, {"Code": "Black"}]}"#.to_owned(), "Black"),
        (BATCH, 200, r#"{"Set": [{"Code": "Ok"}, {"Code": "Ok"}]}"#.to_owned(), "Ok"),
    ];
    for (json, status, body, expected) in cases {
        assert_eq!(judge(json, status, &body, 2).code.as_deref(), Some(expected), "{body}");
    }
}

#[test]
fn ids_are_told_wherever_they_stand_without_what_is_not_theirs() {
    assert_eq!(judge(LISTED, 200, r#"{"code": 0, "ids": ["a", "b"]}"#, 1).vendor_ids, ["a", "b"]);
    let both = judge(LISTED, 200, r#"{"ids": ["a"], "code": 0, "id": "<m@example.com>"}"#, 1);
    assert_eq!(both.vendor_ids, ["a", "m@example.com"]);
    assert_eq!(judge(LISTED, 200, r#"{"id": "x", "code": 0"#, 1).vendor_ids, [""; 0]);
}

#[test]
fn the_first_hint_that_tells_counts_and_none_does_on_success() {
    let hinted = |body: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().copied().collect();
        let answer =
            Answer { status: 200, headers: &headers, body: Body::Whole(body.as_bytes()), recipients: 1, detail: true };
        let verdict = classifier(LISTED).judge(&answer, &mut || WallClock(1_640_032_380_000_000_000)).0;
        verdict.retry_after.map(|wait| wait.as_secs())
    };
    let date = ("date", "Mon, 20 Dec 2021 20:33:00 GMT");
    assert_eq!(hinted(r#"{"code": 0}"#, &[("retry-after", "9")]), None);
    assert_eq!(hinted(r#"{"code": 7}"#, &[("retry-after", "9")]), Some(9));
    assert_eq!(hinted(r#"{"code": 7}"#, &[("retry-after", "Mon, 20 Dec 2021 20:33:21 GMT"), date]), Some(21));
    assert_eq!(hinted(r#"{"code": 7}"#, &[("retry-after", "Mon, 20 Dec 2021 20:33:21 GMT")]), Some(21));
    assert_eq!(hinted(r#"{"code": 7, "wait": 5}"#, &[("retry-after", "soon")]), Some(5));
    assert_eq!(hinted(r#"{"code": 7, "text": "try again after Mon, 20 Dec 2021 20:34:00 UTC"}"#, &[date]), Some(60));
    assert_eq!(hinted(r#"{"code": 7}"#, &[]), Some(60));
    assert_eq!(hinted(r#"{"code": 9}"#, &[]), Some(30));
    assert_eq!(hinted(r#"{"code": 5}"#, &[]), None);
    assert_eq!(judge(LISTED, 429, "Slow down, come back in 15", 1).retry_after, Some(Duration::from_secs(15)));
}

#[test]
fn codes_are_counted_under_their_name_if_listed_and_as_other_if_not() {
    let labels = |json: &str, status, body: &str| {
        let classifier = classifier(json);
        let verdict = judge_by(&classifier, status, Body::Whole(body.as_bytes()), 2);
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
    assert_eq!(judge_by(&vendor, 200, Body::Beginning(long), 1).call, Ok);
    assert_eq!(judge_by(&vendor, 200, Body::Opaque, 1).call, Unknown);
    let listed = classifier(LISTED);
    for body in [r#"{"code": 0, "refused": "a,b", "padding": "xxxx"#, r#"{"code": 0, "padding": "x"#] {
        let verdict = judge_by(&listed, 200, Body::Beginning(body.as_bytes()), 9);
        assert_ne!(verdict.fate, Fate::Accepted, "whom else it refuses is not known: {body}");
    }
    let by_status = classifier("{}");
    assert!(!by_status.needs_body());
    assert_eq!(judge_by(&by_status, 204, Body::Opaque, 1).call, Ok);
}

#[test]
fn every_fault_of_a_response_is_reported_with_its_path() {
    let wire: Response = serde_json::from_str(
        r#"{"ok_status": ["2x"], "status": {"abc": "auth"}, "code": [{"form": "x"}],
            "items": [
                {"code": {"json": "/a"}}, {}, {"code": {"json": "/*/*/c"}, "in_order": true, "vendor_id": {"json": "/id"}},
                {"only_refused": true, "in_order": true, "recipient": {"json": "/*"}, "message_id": {"form": "x"}}
            ],
            "retry_after": [{}, {"midnight": "CST"}], "class": {"ok": ["1"]}}"#,
    )
    .unwrap();
    let faults = Classifier::new(&wire, None).unwrap_err();
    let paths: Vec<&str> = faults.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "ok_status[0]",
        "status.abc",
        "class.ok",
        "code[0]",
        "items[0].code",
        "items[1]",
        "items[2].in_order",
        "items[2].vendor_id",
        "items[3].in_order",
        "items[3].message_id",
        "retry_after[0]",
        "retry_after[1]",
    ];
    assert_eq!(paths, expected);
}

proptest! {
    #[test]
    fn a_body_cut_anywhere_is_never_a_success(cut in 0_usize..40, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let whole = r#"{"code": 0, "msg": "fine", "list": [1]}"#;
        if let Some(head) = whole.get(..cut).filter(|head| head.len() < whole.len()) {
            prop_assert_ne!(judge(VENDOR, 200, head, 1).call, Ok);
        }
        let batch = classifier(BATCH);
        judge_by(&batch, 200, Body::Whole(&bytes), 3);
        judge_by(&classifier(LISTED), 200, Body::Whole(&bytes), 3);
    }

    #[test]
    fn what_is_told_beside_the_verdict_does_not_change_it(
        items in prop::collection::vec(prop::sample::select(vec![
            r#""7": ["a"]"#, r#""bad": null"#, r#""t": {"x": "y"}"#, r#""u": {"z": null}"#, r#""9": "w""#,
        ]), 0..6),
        recipients in 0_u32..5,
    ) {
        let inside = items.join(",");
        let body = format!(r#"{{"code": 0, "map": {{{inside}}}, "list": [{{"id": "a"}}, {{"status": 1, {inside}}}]}}"#);
        let body = body.replace(", }", "}");
        let told = |detail| {
            let answer =
                Answer { status: 200, headers: &Headers::default(), body: Body::Whole(body.as_bytes()), recipients, detail };
            classifier(LISTED).judge(&answer, &mut || WallClock(0)).0
        };
        let (detailed, plain) = (told(true), told(false));
        prop_assert_eq!((detailed.call, detailed.fate, detailed.codes), (plain.call, plain.fate, plain.codes));
        prop_assert_eq!(detailed.tally, plain.tally);
    }
}

#[test]
fn an_answer_tells_how_much_of_the_quota_is_used() {
    const XIAOMI: &str = r#"{
        "ok_codes": ["0"], "code": [{"json": "/code"}],
        "quota": {"limit": [{"json": "/data/day_quota"}], "used": [{"json": "/data/day_acked"}]}
    }"#;
    const HEADERS: &str =
        r#"{"quota": {"limit": [{"header": "x-limit"}, {"json": "/limit"}], "remaining": [{"json": "/left"}]}}"#;
    let cases = [
        (XIAOMI, r#"{"code": 0, "data": {"day_quota": "50000", "day_acked": "45000"}}"#, Some(900)),
        (XIAOMI, r#"{"code": 10034, "data": {"day_quota": 100, "day_acked": 120}}"#, Some(1_000)),
        (XIAOMI, r#"{"code": 0, "data": {"day_quota": "0", "day_acked": "0"}}"#, None),
        (XIAOMI, r#"{"code": 0, "data": {"day_quota": "many", "day_acked": "3"}}"#, None),
        (XIAOMI, r#"{"code": 0, "data": {"day_quota": 9}}"#, None),
        (XIAOMI, r#"{"code": 0, "data": {"day_quota": 9, "day_acked": 3"#, None),
        (HEADERS, r#"{"limit": 200, "left": 50}"#, Some(750)),
        (HEADERS, r#"{"limit": 200, "left": 500}"#, Some(0)),
        (VENDOR, r#"{"code": 0, "data": {"day_quota": 9, "day_acked": 3}}"#, None),
    ];
    for (json, body, expected) in cases {
        assert_eq!(judge(json, 200, body, 1).quota.map(PerMille::get), expected, "{body}");
    }
    let wire = serde_json::from_str(r#"{"quota": {"limit": [{"json": "/a"}], "used": []}}"#).unwrap();
    assert_eq!(Classifier::new(&wire, None).unwrap_err(), [("quota".to_owned(), ResponseFault::Quota)]);
}
