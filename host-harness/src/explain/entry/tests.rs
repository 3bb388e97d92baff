//! From a record to a request and an answer.

use super::*;
use crate::explain::Har;

fn recorded(request: &str, response: &str) -> Recorded {
    let text = format!(r#"{{"log": {{"entries": [{{"request": {request}, "response": {response}}}]}}}}"#);
    Recorded::of(&Har::parse(text.as_bytes()).unwrap().entries()[0])
}

fn posted(data: &str) -> Recorded {
    recorded(&format!(r#"{{"method": "POST", "url": "https://a.example/", "postData": {data}}}"#), "null")
}

fn header<'a>(half: &'a Half, name: &'a str) -> Vec<&'a str> {
    half.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
}

fn text(half: &Half) -> &str {
    std::str::from_utf8(half.bytes()).unwrap()
}

#[test]
fn the_url_gives_host_port_and_path() {
    let cases = [
        ("https://api.example.com/a/b?c=d", "api.example.com", Some(443), "/a/b?c=d"),
        ("http://API.example.com:8080", "API.example.com:8080", Some(8080), "/"),
        ("https://user:secret@api.example.com/#top", "api.example.com", Some(443), "/"),
        ("https://api.example.com?c=http://x/", "api.example.com", Some(443), "/?c=http://x/"),
        ("https://[::1]:9000/a", "[::1]:9000", Some(9000), "/a"),
        ("wss://api.example.com/a", "api.example.com", None, "/a"),
        ("", "", None, "/"),
    ];
    for (url, authority, port, path) in cases {
        let expected = Url { authority: authority.to_owned(), port, path: path.to_owned() };
        assert_eq!(Url::parse(url), expected, "{url}");
    }
}

#[test]
fn headers_are_those_of_the_decoded_body_and_the_url_outranks_them() {
    let recorded = recorded(
        r#"{"method": "POST", "url": "https://a.example/x", "postData": {"mimeType": "text/plain", "text": "abc"},
            "headers": [{"name": ":authority", "value": "b.example"}, {"name": "Host", "value": "b.example"},
                        {"name": "Content-Length", "value": "999"}, {"name": "Content-Encoding", "value": "gzip"},
                        {"name": "X-Id", "value": "1"}, {"name": "x-id", "value": "2"}]}"#,
        r#"{"status": 200, "headers": [{"name": ":status", "value": "500"}, {"name": "Content-Encoding", "value": "br"},
            {"name": "Date", "value": "d"}], "content": {"text": "{}"}}"#,
    );
    let request = &recorded.request;
    assert_eq!(header(request, ":authority"), ["a.example"]);
    assert_eq!(header(request, ":path"), ["/x"]);
    assert_eq!(header(request, "host"), [""; 0]);
    assert_eq!(header(request, "content-length"), ["3"]);
    assert_eq!(header(request, "content-encoding"), [""; 0]);
    assert_eq!(header(request, "content-type"), ["text/plain"]);
    assert_eq!(header(request, "x-id"), ["1", "2"]);
    let (status, response) = recorded.response.as_ref().unwrap();
    assert_eq!((*status, header(response, ":status"), header(response, "date")), (200, vec!["200"], vec!["d"]));
    assert_eq!(header(response, "content-encoding"), [""; 0]);
}

#[test]
fn a_recorded_header_tells_the_type_of_a_body_before_what_stands_beside_it() {
    let recorded = recorded(
        r#"{"method": "POST", "url": "u", "headers": [{"name": "Content-Type", "value": "application/json"}],
            "postData": {"mimeType": "text/plain", "text": "{}"}}"#,
        "null",
    );
    assert_eq!(header(&recorded.request, "content-type"), ["application/json"]);
}

#[test]
fn a_body_is_its_text_or_made_of_its_fields() {
    let fields = r#""params": [{"name": "to", "value": "a b"}, {"name": "sum", "value": "1+1=2"}]"#;
    let form = posted(&format!(r#"{{"mimeType": "application/x-www-form-urlencoded", {fields}}}"#));
    assert_eq!(text(&form.request), "to=a+b&sum=1%2B1%3D2");
    let both = posted(&format!(r#"{{"mimeType": "application/x-www-form-urlencoded", "text": "to=x", {fields}}}"#));
    assert_eq!(text(&both.request), "to=x");
    let none = posted(r#"{"mimeType": "", "text": ""}"#);
    assert_eq!(none.request.body, Body::None);
    let base64 = posted(r#"{"mimeType": "application/json", "text": "e30=", "encoding": "base64"}"#);
    assert_eq!(text(&base64.request), "{}");
}

#[test]
fn fields_of_a_multipart_form_get_a_boundary_that_is_in_none_of_them() {
    let posted = recorded(
        r#"{"method": "POST", "url": "u", "headers": [{"name": "content-type", "value": "multipart/form-data; boundary=old"}],
            "postData": {"mimeType": "multipart/form-data; boundary=old", "params": [
                {"name": "to", "value": "--pointsman"},
                {"name": "label", "fileName": "a\"b.pdf", "contentType": "application/pdf", "value": null}]}}"#,
        "null",
    );
    assert_eq!(header(&posted.request, "content-type"), ["multipart/form-data; boundary=pointsman-"]);
    let expected = "--pointsman-\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n--pointsman\r\n\
                    --pointsman-\r\nContent-Disposition: form-data; name=\"label\"; filename=\"a%22b.pdf\"\r\n\
                    Content-Type: application/pdf\r\n\r\n\r\n--pointsman---\r\n";
    assert_eq!(text(&posted.request), expected);
}

#[test]
fn a_body_that_was_not_recorded_is_not_an_empty_one() {
    let recorded = recorded(
        r#"{"method": "POST", "url": "u", "bodySize": 20}"#,
        r#"{"status": 200, "content": {"size": 30, "mimeType": "application/json"}}"#,
    );
    let (_, response) = recorded.response.as_ref().unwrap();
    for half in [&recorded.request, response] {
        assert_eq!((&half.body, half.has_body()), (&Body::LeftOut, true));
        assert_eq!(header(half, "content-encoding"), [LEFT_OUT.1]);
    }
    let empty = |response: &str| super::tests::recorded(r#"{"method": "GET", "url": "u", "bodySize": -1}"#, response);
    for content in [r#"{"size": 0}"#, r#"{"size": -1}"#, r#"{"size": 0, "text": ""}"#, "null"] {
        let recorded = empty(&format!(r#"{{"status": 200, "content": {content}}}"#));
        assert_eq!(recorded.response.unwrap().1.body, Body::None, "{content}");
        assert_eq!(recorded.request.body, Body::None);
    }
}
