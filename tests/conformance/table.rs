//! The table in `docs/abi.md`: it names every function of the ABI, each status is shown by the case that it names, and no case
//! shows a status that the table does not have.

use pointsman_tests::exchanges::{case, direct, settings};
use pointsman_tests::repository;
use std::collections::{BTreeMap, BTreeSet};

/// The functions of ABI 0.2.1, and the operations of scripts that call them.
const FUNCTIONS: [(&str, &[&str]); 39] = [
    ("proxy_add_header_map_value", &["add"]),
    ("proxy_call_foreign_function", &["foreign"]),
    ("proxy_close_stream", &["close"]),
    ("proxy_continue_stream", &["resume"]),
    ("proxy_define_metric", &["define"]),
    ("proxy_dequeue_shared_queue", &["qpop"]),
    ("proxy_done", &["done"]),
    ("proxy_enqueue_shared_queue", &["qpush"]),
    ("proxy_get_buffer_bytes", &["body"]),
    ("proxy_get_buffer_status", &["bodystatus"]),
    ("proxy_get_current_time_nanoseconds", &["now"]),
    ("proxy_get_header_map_pairs", &["pairs"]),
    ("proxy_get_header_map_size", &["size"]),
    ("proxy_get_header_map_value", &["get"]),
    ("proxy_get_log_level", &["loglevel"]),
    ("proxy_get_metric", &["metric"]),
    ("proxy_get_property", &["prop"]),
    ("proxy_get_shared_data", &["sget"]),
    ("proxy_get_status", &["status"]),
    ("proxy_grpc_call", &["grpc_call"]),
    ("proxy_grpc_cancel", &["grpc_cancel"]),
    ("proxy_grpc_close", &["grpc_close"]),
    ("proxy_grpc_send", &["grpc_send"]),
    ("proxy_grpc_stream", &["grpc_stream"]),
    ("proxy_http_call", &["call"]),
    ("proxy_increment_metric", &["inc"]),
    ("proxy_log", &["log"]),
    ("proxy_record_metric", &["record"]),
    ("proxy_register_shared_queue", &["qreg"]),
    ("proxy_remove_header_map_value", &["remove"]),
    ("proxy_replace_header_map_value", &["set"]),
    ("proxy_resolve_shared_queue", &["qres"]),
    ("proxy_send_local_response", &["reply"]),
    ("proxy_set_buffer_bytes", &["setbody", "append", "prepend", "replace"]),
    ("proxy_set_effective_context", &["effective"]),
    ("proxy_set_header_map_pairs", &["setpairs"]),
    ("proxy_set_property", &["setprop"]),
    ("proxy_set_shared_data", &["sset"]),
    ("proxy_set_tick_period_milliseconds", &["tick"]),
];

/// Function and status, each with the cases that show it.
type Shown = BTreeMap<(String, String), BTreeSet<String>>;

/// The rows of the table: function, status with its name, when, case.
fn rows() -> Vec<[String; 4]> {
    let text = std::fs::read_to_string(repository("docs/abi.md")).expect("docs/abi.md");
    let rows = text.lines().filter(|line| line.starts_with("| `proxy_"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        std::array::from_fn(|_| cells.next().unwrap_or_default())
    })
    .collect()
}

/// What the cases show, straight through a worker.
fn shown() -> Shown {
    let cases: Vec<case::Case> = case::all();
    let settings = settings::of(&cases);
    let mut shown = Shown::new();
    for (name, observation) in direct::run(&cases, &settings) {
        for (function, status) in observation.log.iter().filter_map(|line| answered(line)) {
            shown.entry((function, status)).or_default().insert(name.clone());
        }
    }
    shown
}

/// The function and the status of a log line `CALLBACK OPERATION .. -> STATUS ..`.
fn answered(line: &str) -> Option<(String, String)> {
    let (asked, answer) = line.split_once(" -> ")?;
    let mut words = asked.split(' ').skip(1);
    let operation = words.next()?;
    let function = match operation {
        "raw" => words.next()?,
        _ => FUNCTIONS.iter().find(|(_, operations)| operations.contains(&operation))?.0,
    };
    Some((function.to_owned(), answer.split(' ').next()?.to_owned()))
}

#[test]
fn the_table_names_every_function() {
    let named: BTreeSet<String> = rows().into_iter().map(|[function, ..]| function).collect();
    let functions: BTreeSet<String> = FUNCTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named, functions);
}

#[test]
fn every_status_of_the_table_is_shown_by_the_case_that_it_names_and_every_status_is_there() {
    let shown = shown();
    let mut faults = Vec::new();
    let mut listed = BTreeSet::new();
    for [function, status, _, case] in rows() {
        let number = status.split(' ').next().unwrap_or_default().to_owned();
        let key = (function, number);
        if !shown.get(&key).is_some_and(|cases| cases.contains(&case)) {
            faults.push(format!("{} does not answer {status} in {case}", key.0));
        }
        listed.insert(key);
    }
    for ((function, status), cases) in &shown {
        if !listed.contains(&(function.clone(), status.clone())) {
            faults.push(format!("{function} answers {status} in {cases:?}, which the table does not have"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
