//! What recorders write, what they leave out, and what they get wrong.

use super::*;

fn one(entry: &str) -> Entry {
    let text = format!(r#"{{"log": {{"version": "1.2", "entries": [{entry}]}}}}"#);
    Har::parse(text.as_bytes()).unwrap().entries()[0].clone()
}

fn fault(text: &str) -> String {
    Har::parse(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn an_exchange_needs_no_more_than_method_and_url() {
    let entry = one(r#"{"request": {"method": "GET", "url": "https://a.example/"}}"#);
    assert_eq!((entry.request.method.as_str(), entry.request.url.as_str()), ("GET", "https://a.example/"));
    assert_eq!((entry.response.status(), entry.duration_ns(), entry.started), (None, 0, None));
}

#[test]
fn null_is_as_if_it_were_not_there_and_unknown_fields_say_nothing() {
    let entry = one(r#"{"startedDateTime": null, "time": null, "_resourceType": "fetch", "cache": {}, "timings": null,
            "request": {"method": "POST", "url": "https://a.example/", "headers": null, "postData": null, "bodySize": null,
                        "cookies": 7},
            "response": {"status": null, "headers": [{"name": "a", "value": null}], "content": null}}"#);
    assert_eq!(entry.response.status(), None);
    assert_eq!(entry.response.headers[0].value, "");
    let unanswered = one(r#"{"request": {"method": "GET", "url": ""}, "response": null}"#);
    assert_eq!(unanswered.response.status(), None);
}

#[test]
fn a_status_is_one_of_http() {
    for (written, expected) in
        [("200", Some(200)), ("599.0", Some(599)), ("0", None), ("-1", None), ("99", None), ("1e9", None)]
    {
        let entry =
            one(&format!(r#"{{"request": {{"method": "GET", "url": "u"}}, "response": {{"status": {written}}}}}"#));
        assert_eq!(entry.response.status(), expected, "{written}");
    }
}

#[test]
fn bodies_are_text_or_base64() {
    let content = |json: &str| {
        let entry = one(&format!(
            r#"{{"request": {{"method": "GET", "url": "u"}}, "response": {{"status": 200, "content": {json}}}}}"#
        ));
        entry.response.content.text.0.map(|text| String::from_utf8(text).unwrap())
    };
    assert_eq!(content(r#"{"size": 2, "mimeType": "x", "text": "{}"}"#).as_deref(), Some("{}"));
    assert_eq!(content(r#"{"size": 2, "text": "e30=", "encoding": "base64"}"#).as_deref(), Some("{}"));
    assert_eq!(content(r#"{"size": 2, "text": "e30=", "encoding": ""}"#).as_deref(), Some("e30="));
    assert_eq!(content(r#"{"size": 0, "text": null}"#), None);
    assert_eq!(content(r#"{"size": 2}"#), None);
}

#[test]
fn the_time_that_it_took_is_told_or_is_the_sum_of_its_steps() {
    let took = |rest: &str| one(&format!(r#"{{"request": {{"method": "GET", "url": "u"}}, {rest}}}"#)).duration_ns();
    let timings = r#""timings": {"blocked": 0.5, "dns": -1, "send": 1, "wait": 20, "receive": 3, "ssl": 9}"#;
    assert_eq!(took(&format!(r#""time": 12.5, {timings}"#)), 12_500_000);
    assert_eq!(took(&format!(r#""time": -1, {timings}"#)), 24_500_000);
    assert_eq!(took(timings), 24_500_000);
    assert_eq!(took(r#""time": -3"#), 0);
}

#[test]
fn a_byte_order_mark_is_no_fault() {
    assert!(Har::parse(b"\xef\xbb\xbf{\"log\": {\"entries\": []}}").unwrap().is_empty());
}

#[test]
fn a_fault_is_told_with_its_place_and_what_to_do() {
    let request = r#"{"log": {"entries": [{"request": {"method": "GET", "url": "u"}}, {"request": {"url": "u"}}]}}"#;
    let cases = [
        ("", "$: is not JSON: EOF while parsing a value at line 1 column 0; the file ends too soon: "),
        (
            "{\"log\": {\"entries\": [",
            "$: is not JSON: EOF while parsing a list at line 1 column 21; the file ends too soon: ",
        ),
        ("<html>", "$: is not JSON: expected value at line 1 column 1; give a HAR 1.2 file, "),
        (
            "{\"log\": {\"entries\": []}} x",
            "$: is not JSON: trailing characters at line 1 column 26; give a HAR 1.2 file, ",
        ),
        ("{}", "$: missing field `log` at line 1 column 2; this is no HAR 1.2: "),
        ("[]", "$: invalid length 0, expected an object with `log`"),
        ("{\"log\": {}}", "$.log: missing field `entries` at line 1 column 10; this is no HAR 1.2: "),
        ("{\"log\": {\"entries\": 7}}", "$.log.entries: invalid type: integer `7`, expected a sequence"),
        (request, "$.log.entries[1].request: missing field `method` at line 1 column "),
    ];
    for (text, expected) in cases {
        assert!(fault(text).starts_with(expected), "{text}: {}", fault(text));
    }
}

#[test]
fn what_is_not_what_it_says_is_a_fault_too() {
    let of_entry = |rest: &str| {
        fault(&format!(r#"{{"log": {{"entries": [{{"request": {{"method": "GET", "url": "u"}}, {rest}}}]}}}}"#))
    };
    let started = of_entry(r#""startedDateTime": "27.11.2026""#);
    let expected = "$.log.entries[0].startedDateTime: \"27.11.2026\" is no date and time with a zone, such as ";
    assert!(started.starts_with(expected), "{started}");
    let content = of_entry(r#""response": {"content": {"text": "{}", "encoding": "base64"}}"#);
    let expected = "$.log.entries[0].response.content: `text` is not base64, as `encoding` says";
    assert!(content.starts_with(expected), "{content}");
}
