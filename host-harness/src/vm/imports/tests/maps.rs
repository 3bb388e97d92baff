//! Header maps and buffers: what reads, what changes, and what a phase does not have.

use super::bed::{Bed, ROOT};
use crate::abi::{Headers, decode_pairs};
use crate::vm::MapView;

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const BAD_ARGUMENT: u32 = 2;

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().copied().collect()
}

fn text(headers: &Headers) -> String {
    let line = |(name, value): (&[u8], &[u8])| format!("{}={}", name.escape_ascii(), value.escape_ascii());
    headers.iter().map(line).collect::<Vec<_>>().join(" ")
}

/// Reads a map in whole, a value, and its size; adds, replaces and removes; gives the statuses.
fn statuses(bed: &mut Bed, map: u64) -> [u32; 6] {
    let [name, name_size] = bed.put("X-A");
    let place = u64::from(bed.place());
    let pair = [map, name, name_size, name, name_size];
    [
        bed.read("proxy_get_header_map_pairs", &[map]).0,
        bed.read("proxy_get_header_map_value", &[map, name, name_size]).0,
        bed.call("proxy_get_header_map_size", &[map, place]),
        bed.call("proxy_add_header_map_value", &pair),
        bed.call("proxy_replace_header_map_value", &pair),
        bed.call("proxy_remove_header_map_value", &[map, name, name_size]),
    ]
}

/// What is so, how it is made so, the map that is asked for, and what the six functions answer.
type Case = (&'static str, fn(&mut Bed, Headers), u64, [u32; 6]);

#[test]
fn a_map_answers_as_its_phase_allows() {
    let absent = [OK, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT];
    let logged = [OK, OK, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT];
    let absent_in_log = [OK, NOT_FOUND, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT, BAD_ARGUMENT];
    let map = || headers(&[("x-a", "1")]);
    let cases: [Case; 8] = [
        ("no request headers", |_, _| {}, 0, absent),
        ("live", |bed, map| bed.stream().request.headers = MapView::Live(map), 0, [OK; 6]),
        ("logged", |bed, map| bed.stream().request.headers = MapView::Logged(map), 0, logged),
        ("no response while logged", |bed, map| bed.stream().request.headers = MapView::Logged(map), 2, absent_in_log),
        ("no trailers while logged", |bed, map| bed.stream().request.headers = MapView::Logged(map), 1, absent_in_log),
        ("metadata", |bed, map| bed.root().grpc.initial_metadata = Some(map), 4, logged),
        ("no answer to a call", |_, _| {}, 6, absent),
        (
            "a root context",
            |bed, map| {
                bed.stream().request.headers = MapView::Live(map);
                bed.state().current = ROOT;
            },
            0,
            absent,
        ),
    ];
    for (name, prepare, kind, expected) in cases {
        let mut bed = Bed::new();
        prepare(&mut bed, map());
        assert_eq!(statuses(&mut bed, kind), expected, "{name}");
    }
}

#[test]
fn a_map_that_is_not_there_reads_as_null_and_zero() {
    let mut bed = Bed::new();
    let place = bed.place();
    assert_eq!(bed.call("proxy_get_header_map_pairs", &[0, place.into(), u64::from(place) + 4]), OK);
    assert_eq!((bed.number(place), bed.number(place + 4)), (0, 0));
}

#[test]
fn changes_are_seen_with_names_in_lower_case() {
    let mut bed = Bed::new();
    bed.stream().request.headers = MapView::Live(headers(&[(":path", "/"), ("a", "1"), ("a", "2"), ("b", "3")]));
    let mut change = |name: &str, key: &str, value: &str| {
        let ([k, ks], [v, vs]) = (bed.put(key), bed.put(value));
        let arguments = [0, k, ks, v, vs];
        let arguments = if name.contains("remove") { &arguments[..3] } else { &arguments[..] };
        assert_eq!(bed.call(name, arguments), OK);
        text(bed.stream().request.headers.get().unwrap())
    };
    assert_eq!(change("proxy_replace_header_map_value", "A", "9"), ":path=/ a=9 b=3");
    assert_eq!(change("proxy_add_header_map_value", "B", "4"), ":path=/ a=9 b=3 b=4");
    assert_eq!(change("proxy_remove_header_map_value", "b", ""), ":path=/ a=9");
    // An inline header grows.
    assert_eq!(change("proxy_add_header_map_value", ":path", "x"), ":path=/,x a=9");
    assert_eq!(change("proxy_add_header_map_value", "User-Agent", "me"), ":path=/,x a=9 user-agent=me");
    assert_eq!(change("proxy_add_header_map_value", "user-agent", "you"), ":path=/,x a=9 user-agent=me,you");
    assert_eq!(change("proxy_add_header_map_value", "user-agent", ""), ":path=/,x a=9 user-agent=me,you");
}

#[test]
fn pairs_replace_everything_and_what_cannot_be_read_is_nothing() {
    let good = crate::abi::encode_pairs(headers(&[(":path", "/new"), ("X", "1")]).iter());
    let mut short = good.clone();
    short.pop();
    let large = [1024_u32.to_le_bytes().as_slice(), &[0; 1024 * 10]].concat();
    let mut many = large.clone();
    many[..4].copy_from_slice(&1025_u32.to_le_bytes());
    for (bytes, expected) in [(good, ":path=/new x=1"), (short, ""), (many, ""), (Vec::new(), "")] {
        let mut bed = Bed::new();
        bed.stream().request.headers = MapView::Live(headers(&[(":path", "/"), ("a", "1")]));
        let [pairs, size] = bed.put(bytes);
        assert_eq!(bed.call("proxy_set_header_map_pairs", &[0, pairs, size]), OK);
        assert_eq!(text(bed.stream().request.headers.get().unwrap()), expected);
    }
}

#[test]
fn pairs_are_read_as_they_stand() {
    let mut bed = Bed::new();
    let map = headers(&[(":path", "/"), ("empty", ""), ("x", "1"), ("x", "2")]);
    bed.stream().response.headers = MapView::Live(map.clone());
    let (status, pairs) = bed.read("proxy_get_header_map_pairs", &[2]);
    assert_eq!((status, decode_pairs(&pairs)), (OK, Some(map)));
    let [name, size] = bed.put("X");
    assert_eq!(bed.read("proxy_get_header_map_value", &[2, name, size]), (OK, b"1".to_vec()));
    let [name, size] = bed.put("none");
    assert_eq!(bed.read("proxy_get_header_map_value", &[2, name, size]).0, NOT_FOUND);
}

#[test]
fn trailers_are_made_with_the_last_piece_of_a_body_by_an_access_that_could_change_them() {
    for (name, made) in [("proxy_get_header_map_pairs", false), ("proxy_get_header_map_size", true)] {
        let mut bed = Bed::new();
        bed.stream().response.may_add_trailers = true;
        let place = u64::from(bed.place());
        let arguments = [3, place, place + 4];
        let arguments = if made { &arguments[..2] } else { &arguments[..] };
        assert_eq!(bed.call(name, arguments), OK);
        assert_eq!(bed.stream().response.trailers.get().is_some(), made, "{name}");
    }
}

#[test]
fn a_stream_that_goes_on_takes_the_requests_maps_away() {
    for half in [0, 1] {
        let mut bed = Bed::new();
        bed.stream().request.headers = MapView::Live(headers(&[("x-a", "1")]));
        bed.stream().response.headers = MapView::Live(headers(&[("x-a", "1")]));
        assert_eq!(bed.call("proxy_continue_stream", &[half]), OK);
        assert_eq!(statuses(&mut bed, 0)[3], BAD_ARGUMENT);
        assert_eq!(statuses(&mut bed, 2)[3], OK);
        assert!(bed.stream().request.any_headers().is_some(), "they are kept");
    }
}

#[test]
fn a_body_can_be_changed_in_front_and_behind_but_not_in_the_middle() {
    for (start, length, expected) in [
        (0, 0, Ok("<>abcdef")),
        (0, 2, Ok("<>cdef")),
        (0, 6, Ok("<>")),
        (0, u32::MAX, Ok("<>")),
        (6, 0, Ok("abcdef<>")),
        (99, 9, Ok("abcdef<>")),
        (1, 1, Err(BAD_ARGUMENT)),
        (2, 99, Err(BAD_ARGUMENT)),
    ] {
        let mut bed = Bed::new();
        bed.stream().request.body = Some("abcdef".as_bytes().into());
        let [bytes, size] = bed.put("<>");
        let status = bed.call("proxy_set_buffer_bytes", &[0, start, u64::from(length), bytes, size]);
        let body = bed.stream().request.body.clone().unwrap();
        match expected {
            Ok(text) => assert_eq!((status, &*body), (OK, text.as_bytes()), "{start} {length}"),
            Err(refused) => assert_eq!((status, &*body), (refused, &b"abcdef"[..]), "{start} {length}"),
        }
    }
}

#[test]
fn a_read_beyond_the_end_of_a_buffer_is_cut() {
    let mut bed = Bed::new();
    bed.stream().request.body = Some("abcdef".as_bytes().into());
    for (start, length, expected) in
        [(0, 99, "abcdef"), (2, 2, "cd"), (4, 99, "ef"), (6, 1, ""), (99, 1, ""), (0, 0, ""), (2, u32::MAX, "cdef")]
    {
        let read = bed.read("proxy_get_buffer_bytes", &[0, start, u64::from(length)]);
        assert_eq!(read, (OK, expected.as_bytes().to_vec()), "{start} {length}");
    }
}

#[test]
fn each_buffer_is_there_in_its_phase() {
    // Without anything there: status of a read and of a change.
    let idle = [(0, 2), (0, 2), (0, 2), (0, 2), (1, 1), (0, 2), (0, 2), (1, 1), (0, 2)];
    for (buffer, (read, change)) in idle.into_iter().enumerate() {
        let mut bed = Bed::new();
        let [bytes, size] = bed.put("x");
        assert_eq!(bed.read("proxy_get_buffer_bytes", &[buffer as u64, 0, 9]).0, read, "read {buffer}");
        assert_eq!(bed.call("proxy_set_buffer_bytes", &[buffer as u64, 0, 0, bytes, size]), change, "change {buffer}");
    }
    let mut bed = Bed::new();
    bed.state().current = ROOT;
    bed.root().configuring = true;
    assert_eq!(bed.read("proxy_get_buffer_bytes", &[7, 0, 99]), (OK, b"configuration".to_vec()));
    assert_eq!(bed.read("proxy_get_buffer_bytes", &[6, 0, 99]), (OK, b"vm configuration".to_vec()));
    let place = bed.place();
    assert_eq!(bed.call("proxy_get_buffer_status", &[7, place.into(), u64::from(place) + 4]), OK);
    assert_eq!((bed.number(place), bed.number(place + 4)), (13, 0));
}
