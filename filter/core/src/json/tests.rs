//! The scanner beside `serde_json`: what a tree would find, it finds.

use super::*;
use proptest::prelude::*;

fn find(pointers: &[&str], text: &str) -> (Scan, Vec<(String, u32, Option<String>)>) {
    let mut set = Pointers::default();
    let slots: Vec<Slot> = pointers.iter().map(|pointer| set.add(pointer).unwrap()).collect();
    let mut found = Vec::new();
    let scan = set.scan(text.as_bytes(), &mut |slot, element, value| {
        let at = slots.iter().position(|known| *known == slot).unwrap();
        found.push((
            pointers[at].to_owned(),
            element.inner.or(element.outer).unwrap_or(0),
            value.into_text().map(Cow::into_owned),
        ));
    });
    (scan, found)
}

#[test]
fn values_are_found_wherever_they_stand() {
    let text =
        r#" {"a": {"b": 1.5e3, "c/d": true, "~": null}, "list": ["x", {"y": "z"}], "skip": [{"b": 2}], "": "e"} "#;
    type Case = (&'static str, &'static [(u32, Option<&'static str>)]);
    let cases: [Case; 10] = [
        ("/a/b", &[(0, Some("1.5e3"))]),
        ("/a/c~1d", &[(0, Some("true"))]),
        ("/a/~0", &[(0, None)]),
        ("/list", &[(0, None)]),
        ("/list/0", &[(0, Some("x"))]),
        ("/list/1/y", &[(0, Some("z"))]),
        ("/list/*", &[(0, Some("x")), (1, None)]),
        ("/list/*/y", &[(1, Some("z"))]),
        ("/", &[(0, Some("e"))]),
        ("/a/missing", &[]),
    ];
    for (pointer, expected) in cases {
        let (scan, found) = find(&[pointer], text);
        let found: Vec<_> = found.iter().map(|(_, element, value)| (*element, value.as_deref())).collect();
        assert_eq!((scan, found.as_slice()), (Scan::Complete, expected), "{pointer}");
    }
}

#[test]
fn escapes_are_resolved_in_keys_and_values() {
    let (_, found) = find(&["/k\u{e9}y"], r#"{"k\u00e9y": "\"\\\/\b\f\n\r\t\ud83d\ude00\ud83d!"}"#);
    assert_eq!(found[0].2.as_deref(), Some("\"\\/\u{8}\u{c}\n\r\t\u{1f600}\u{fffd}!"));
}

#[test]
fn the_end_of_the_text_tells_what_it_is_worth() {
    let deep = "[".repeat(100_000);
    let cases = [
        (r#"{"code":0}"#, Scan::Complete),
        (r#"{"code":0"#, Scan::Cut),
        (r#"{"code":0,"msg":"ok"#, Scan::Cut),
        ("", Scan::Cut),
        ("   ", Scan::Cut),
        (r#"{"code":0} x"#, Scan::Malformed),
        ("<html>", Scan::Malformed),
        (r#"{"code" 0}"#, Scan::Malformed),
        (r#"{"x":"\q"}"#, Scan::Malformed),
        (r#"{code:0}"#, Scan::Malformed),
        (deep.as_str(), Scan::Cut),
    ];
    for (text, expected) in cases {
        assert_eq!(find(&["/code", "/x"], text).0, expected, "{:.40}", text);
    }
}

#[test]
fn a_document_that_is_followed_too_deep_is_given_up() {
    let pointer = "/*".repeat(80);
    assert_eq!(find(&[&pointer], &"[".repeat(80)).0, Scan::Malformed);
}

#[test]
fn what_is_not_a_pointer_is_refused() {
    for pointer in ["code", "/a~", "/a~2"] {
        assert_eq!(Pointers::default().add(pointer), Err(InvalidPointer), "{pointer}");
    }
}

#[test]
fn the_same_pointer_twice_is_one_slot() {
    let mut set = Pointers::default();
    assert_eq!(set.add("/a/b"), set.add("/a/b"));
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec(("[abc]", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_finds_what_a_tree_would_find(document in any_json(), pointer in "(/[abc01]){0,4}") {
        let (scan, found) = find(&[&pointer], &document.to_string());
        prop_assert_eq!(scan, Scan::Complete);
        let expected = document.pointer(&pointer).map(|value| match value {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Bool(truth) => Some(truth.to_string()),
            _ => None,
        });
        prop_assert_eq!(found.into_iter().map(|(_, _, value)| value).next(), expected);
    }

    #[test]
    fn a_cut_text_finds_a_prefix_of_what_the_whole_one_finds(document in any_json(), cut in any::<prop::sample::Index>()) {
        let text = document.to_string();
        let at = cut.index(text.len());
        let head = String::from_utf8_lossy(&text.as_bytes()[..at]).into_owned();
        let pointers = ["/a", "/*/b", "/b/a", "/c/*"];
        let (whole, (scan, part)) = (find(&pointers, &text).1, find(&pointers, &head));
        let is_container = text.starts_with(['{', '[', '"']);
        prop_assert!(!is_container || scan != Scan::Complete);
        prop_assert_eq!(&part[..], &whole[..part.len().min(whole.len())]);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut set = Pointers::default();
        set.add("/a/*/b").unwrap();
        set.add("").unwrap();
        set.scan(&bytes, &mut |_, _, _| {});
    }
}
