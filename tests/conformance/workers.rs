//! Several workers of one proxy: what they share and what each has for itself.

use crate::bed::{Bed, plugin, script_guest};
use bytes::Bytes;
use pointsman_host::filter::{Effect, Plugin};
use pointsman_host::process::Process;
use std::sync::Arc;
use std::time::Duration;

const WORKERS: usize = 3;

fn workers(configuration: &str) -> Vec<Bed> {
    let (module, process) = (script_guest(), Arc::new(Process::default()));
    let plugin = Plugin { vm_id: String::from("shared"), ..plugin(configuration) };
    let start = |_| Bed::start_in(&module, plugin.clone(), Arc::clone(&process)).expect("a worker");
    (0..WORKERS).map(start).collect()
}

#[test]
fn a_queue_belongs_to_the_worker_that_registered_it_last() {
    let mut workers = workers("t configure: qreg q|queue_ready: qpop q");
    workers[0].exchange("request_headers: qreg q; qpush q one; qpush q two");
    workers[1].exchange("request_headers: qpush q three");
    let ready: Vec<usize> =
        workers.iter().map(|bed| bed.ready.lock().expect("no test panics with the lock").len()).collect();
    // Worker 0 registered anew; a push to a token that a worker does not know goes nowhere.
    assert_eq!(ready, [3, 0, 0]);
}

#[test]
fn a_value_is_taken_once_by_whoever_asks_first() {
    let mut workers = workers("t configure: qreg q");
    workers[0].exchange("request_headers: qpush q one");
    workers[1].exchange("request_headers: qpop q; qpop q");
    let lines = workers[1].lines.take();
    assert!(lines.iter().any(|line| line.ends_with("qpop q -> 0 'one'")), "{lines:?}");
    assert!(lines.iter().any(|line| line.trim_end().ends_with("qpop q -> 7")), "{lines:?}");
}

#[test]
fn every_worker_has_a_timer_of_its_own() {
    for bed in &mut workers("t configure: tick 50") {
        let ticks = bed.effects().into_iter().filter(|effect| {
            matches!(effect, Effect::SetTick { period: Some(period), .. } if *period == Duration::from_millis(50))
        });
        assert_eq!(ticks.count(), 1);
    }
}

#[test]
fn shared_data_and_metrics_are_one_for_all_workers() {
    let mut workers = workers("");
    workers[0].exchange("request_headers: sset k v 0; define counter shared_counter; inc shared_counter 2");
    workers[2].exchange(
        "request_headers: sget k; define counter shared_counter; inc shared_counter 3; metric shared_counter",
    );
    let lines = workers[2].lines.take();
    assert!(lines.iter().any(|line| line.ends_with("sget k -> 0 'v'")), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with("metric shared_counter -> 0 5")), "{lines:?}");
}

#[test]
fn a_worker_whose_vm_fails_leaves_the_others_and_what_they_share() {
    let mut workers = workers("");
    workers[0].exchange("request_headers: sset k v 0; trap");
    assert!(workers[0].worker.has_failed());
    for bed in &mut workers[1..] {
        assert_eq!(bed.exchange("request_headers: sget k").as_deref(), Some("200"));
        assert!(bed.lines.take().iter().any(|line| line.ends_with("sget k -> 0 'v'")));
    }
}

#[test]
fn vms_of_another_id_share_nothing() {
    let (module, process) = (script_guest(), Arc::new(Process::default()));
    let start = |id: &str| {
        let plugin = Plugin { vm_id: id.to_owned(), vm_configuration: Bytes::new(), ..plugin("") };
        Bed::start_in(&module, plugin, Arc::clone(&process)).expect("a worker")
    };
    let (mut one, mut other) = (start("one"), start("other"));
    one.exchange("request_headers: sset k v 0; qreg q");
    other.exchange("request_headers: sget k; qres other q; qres one q");
    let lines = other.lines.take();
    assert!(lines.iter().any(|line| line.trim_end().ends_with("sget k -> 1")), "{lines:?}");
    assert!(lines.iter().any(|line| line.ends_with("qres other q -> 1 false")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.ends_with("qres one q -> 0 true")),
        "a queue is found by the VM id: {lines:?}"
    );
}
