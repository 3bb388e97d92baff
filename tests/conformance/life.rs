//! The order in which a guest's callbacks come.

use crate::bed::{Bed, plugin, script_guest};
use bytes::Bytes;
use pointsman_host::filter::Plugin;
use std::sync::Arc;

/// The callbacks that the script guest has logged, each by its name.
fn callbacks(bed: &Bed) -> Vec<String> {
    let lines = bed.lines.take();
    let callback = |line: &String| {
        let rest = line.split_once(' ')?.1.to_owned();
        (!rest.contains(" -> ")).then(|| rest.split(' ').next().unwrap_or_default().to_owned())
    };
    lines.iter().filter_map(callback).collect()
}

#[test]
fn a_vm_starts_then_configures_then_serves() {
    let plugin = Plugin { vm_configuration: Bytes::from_static(b"t start: now"), ..plugin("t configure: now") };
    let mut bed = Bed::start(&script_guest(), plugin).expect("a worker");
    assert_eq!(callbacks(&bed), ["start", "configure"]);
    assert_eq!(bed.exchange("").as_deref(), Some("200"));
    let expected = [
        "request_headers",
        "request_body",
        "request_trailers",
        "response_headers",
        "response_body",
        "response_trailers",
        "log",
        "done",
        "delete",
    ];
    assert_eq!(callbacks(&bed), expected);
}

#[test]
fn a_stream_that_breaks_off_is_logged_done_and_deleted() {
    let mut bed = Bed::start(&script_guest(), plugin("")).expect("a worker");
    let id = bed.request("request_headers: pause", false);
    bed.worker.close(id);
    assert_eq!(callbacks(&bed), ["request_headers", "log", "done", "delete"]);
}

#[test]
fn a_new_configuration_is_a_new_root_context_and_the_old_one_ends_with_its_last_stream() {
    let mut bed = Bed::start(&script_guest(), plugin("old configure: now")).expect("a worker");
    let id = bed.request("", true);
    bed.lines.take();
    bed.worker.reconfigure(Arc::new(plugin("new configure: now"))).expect("a good configuration");
    assert!(bed.lines.take().iter().all(|line| line.starts_with("new ")), "the old root context waits");
    bed.worker.close(id);
    let lines = bed.lines.take();
    let of_old: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("old ")).map(str::trim).collect();
    assert_eq!(of_old, ["done", "delete"]);
}

#[test]
fn a_configuration_that_the_guest_refuses_changes_nothing() {
    let mut bed = Bed::start(&script_guest(), plugin("old configure: now")).expect("a worker");
    assert!(bed.worker.reconfigure(Arc::new(plugin("new configure: return 0"))).is_err());
    assert_eq!(bed.exchange("request_headers: prop plugin_name").as_deref(), Some("200"));
    bed.lines.take();
    bed.worker.tick(1);
    assert_eq!(bed.lines.take(), ["old tick "], "the old root context is the one in force");
}
