//! What goes out of the page, and how.

use super::files::{PAGE, SCRIPTS};
use super::{ASK_FIRST, FOR_EVER, Wire, join, serve, size_bytes, squeeze};
use crate::config::fault::Faults;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::collections::BTreeSet;

/// What is promised of the whole page, by gzip.
const MOST_BYTES: usize = 60 * 1_000;

fn asked(headers: &[(HeaderName, &'static str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

#[test]
fn the_whole_page_is_small() {
    let sizes: Vec<_> = PAGE.files.iter().map(|file| (file.name, file.zipped.len())).collect();
    assert!(size_bytes() < MOST_BYTES, "{} bytes by gzip: {sizes:?}", size_bytes());
}

#[test]
fn no_script_parses_markup_or_sets_a_style_by_text() {
    for (name, text) in SCRIPTS {
        for word in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser"]
        {
            assert!(!text.contains(word), "{name} has {word}");
        }
        assert!(!text.contains("\"style\","), "{name} sets a style as an attribute");
    }
}

#[test]
fn every_module_is_named_once_and_imports_only_others_of_the_page() {
    let names: BTreeSet<&str> = SCRIPTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), SCRIPTS.len());
    for (name, text) in SCRIPTS {
        for line in text.lines().filter(|line| line.starts_with("import")) {
            let (_, from) = join::import(line).unwrap_or_else(|| panic!("{name}: {line}"));
            assert!(names.contains(from), "{name} imports {from}");
        }
        assert!(text.starts_with("// "), "{name} does not say what it is");
        assert!(text.lines().count() <= 250, "{name} has {} lines", text.lines().count());
    }
}

#[test]
fn modules_are_joined_behind_those_that_they_need() {
    let modules = [
        (
            "app.js",
            "import { one, two as second } from \"./b-c.js\";\nimport * as all from \"./b-c.js\";\none(second, all);",
        ),
        ("b-c.js", "export const two = 2;\nexport async function one() {}\nexport class Three extends Error {}"),
    ];
    let joined = join::join("app.js", &modules);
    let expected = "const $b_c = (() => {\nconst two = 2;\nasync function one() {}\nclass Three extends Error {}\n\
                    return { two, one, Three };\n})();\n\
                    const $app = (() => {\nconst { one, two: second } = $b_c;\nconst all = $b_c;\none(second, all);\nreturn {  };\n})();\n";
    assert_eq!(joined, expected);
}

#[test]
fn a_script_loses_blanks_and_comments_and_nothing_else() {
    for (text, expected) in [
        ("const a = 1; // one\nlet b;", "const a=1;let b;"),
        ("return x\nnext", "return x\nnext"),
        ("f({\n  a: \"x  // y\",\n})", "f({a:\"x  // y\"})"),
        ("a + +b - -c", "a+ +b- -c"),
        ("const r = /[/ ]  \\/ '/g;", "const r=/[/ ]  \\/ '/g;"),
        ("a / b / c", "a/b/c"),
        ("`a  ${ b ? `c  ${d}` : \"}\" }  e` + 1", "`a  ${ b ? `c  ${d}` : \"}\" }  e`+1"),
        ("if (a) {\n  b();\n}\nelse c();", "if(a){b();}\nelse c();"),
    ] {
        assert_eq!(squeeze::script(text), expected);
    }
}

#[test]
fn a_style_keeps_the_blanks_that_say_something() {
    let text = "/* a */ .a > .b ,  .c {\n  width: calc(100% - 1px) ; }\n@media (a) and (b) { x { y: z } }";
    assert_eq!(squeeze::style(text), ".a>.b,.c{width: calc(100% - 1px);}@media (a) and (b){x{y: z}}");
}

#[test]
fn a_file_goes_out_by_gzip_where_that_is_taken_and_not_at_all_where_it_is_known() {
    let file = PAGE.files.first().expect("the page has files");
    let plain = serve(file, &asked(&[]), FOR_EVER);
    assert_eq!((plain.status(), plain.headers().get(CONTENT_ENCODING)), (StatusCode::OK, None));
    let zipped = serve(file, &asked(&[(ACCEPT_ENCODING, "br, gzip;q=0.5")]), FOR_EVER);
    assert_eq!(zipped.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(zipped.headers()[CACHE_CONTROL], FOR_EVER);
    let refused = serve(file, &asked(&[(ACCEPT_ENCODING, "gzip;q=0")]), FOR_EVER);
    assert_eq!(refused.headers().get(CONTENT_ENCODING), None);
    let mut known = HeaderMap::new();
    known.insert(IF_NONE_MATCH, format!("W/{}", file.tag).parse().expect("a tag is a header"));
    let unchanged = serve(file, &known, ASK_FIRST);
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert!(unchanged.headers().contains_key(CONTENT_SECURITY_POLICY));
}

#[test]
fn the_document_names_only_files_that_there_are_and_no_inline_script() {
    let paths = PAGE.document.text.split('"').filter(|part| part.starts_with("assets/"));
    let mut names = 0;
    for path in paths {
        let name = path.strip_prefix(&format!("assets/{}/", PAGE.version)).expect(path);
        assert!(PAGE.files.iter().any(|file| file.name == name), "{path}");
        names += 1;
    }
    assert!(names >= 4, "the document loads {names} files");
    assert!(!PAGE.document.text.contains("<style") && !PAGE.document.text.contains("onload"));
}

#[test]
fn a_link_to_traces_leads_to_a_web_server_and_names_the_trace() {
    for (link, faults) in [
        (Some("https://jaeger.example.com/trace/{trace_id}"), 0),
        (None, 0),
        (Some("https://jaeger.example.com/"), 1),
        (Some("javascript:alert(1)"), 2),
    ] {
        let mut found = Faults::default();
        let settings = Wire { trace_link: link.map(str::to_owned) }.validate("page", &mut found);
        assert_eq!(found.0.len(), faults, "{found}");
        assert_eq!(settings.trace_link.as_deref(), link);
    }
}
