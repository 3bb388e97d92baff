//! Metrics of two sidecars, seen second by second.

use super::FilterView;
use crate::abi::MetricKind;
use crate::process::Process;
use crate::simulate::books::Timeline;
use crate::simulate::moment::Moment;
use std::sync::Arc;
use std::time::Duration;

fn second(second: u64) -> Moment {
    Moment::from_micros(second * 1_000_000)
}

fn view(processes: &[Arc<Process>]) -> FilterView {
    FilterView::new(processes.to_vec(), &["apns".to_owned(), "oppo".to_owned()])
}

fn set_state(process: &Process, state: &str) {
    for known in ["healthy", "degraded"] {
        let name = format!("channel=.=oppo;.;state=.={known};.;pointsman_channel_state");
        process.metrics.define(MetricKind::Gauge, &name).record(u64::from(known == state));
    }
}

#[test]
fn counters_of_all_sidecars_are_added_up_by_second() {
    let processes: Vec<Arc<Process>> = (0..2).map(|_| Arc::default()).collect();
    let mut view = view(&processes);
    let timeline = Timeline::new(Duration::from_secs(10));
    let name = "node=.=OPPO_PUSH;.;channel=.=oppo;.;business=.=none;.;outcome=.=ok;.;pointsman_node_messages_total";
    for now in 1..=3 {
        for process in &processes {
            process.metrics.define(MetricKind::Counter, name).record(now);
        }
        view.sample(&timeline, second(now));
    }
    let oppo = &view.channels[1];
    assert_eq!(oppo.outcomes["ok"], 12);
    let by_bucket: Vec<u64> = oppo.outcomes_by_bucket.iter().map(|outcomes| outcomes.values().sum()).collect();
    assert_eq!(by_bucket[..4], [2, 4, 6, 0]);
}

#[test]
fn the_slowest_sidecar_says_how_long_it_took() {
    let processes: Vec<Arc<Process>> = (0..2).map(|_| Arc::default()).collect();
    let mut view = view(&processes);
    let timeline = Timeline::new(Duration::from_secs(20));
    let states = [["healthy"; 2], ["degraded", "healthy"], ["degraded"; 2], ["healthy", "degraded"], ["healthy"; 2]];
    for (now, states) in (1..).zip(states) {
        processes.iter().zip(states).for_each(|(process, state)| set_state(process, state));
        view.sample(&timeline, second(now * 2));
    }
    let from = Duration::from_secs(3);
    assert_eq!(view.until_health_is(1, false, from, second(20)), Some(Duration::from_secs(3)));
    assert_eq!(view.until_health_is(1, false, from, second(5)), None, "one sidecar is too late");
    assert_eq!(view.until_health_is(1, true, Duration::from_secs(7), second(20)), Some(Duration::from_secs(3)));
    assert_eq!(view.until_health_is(0, true, from, second(20)), None, "of apns nothing is known");
}

#[test]
fn switches_are_known_only_if_the_metric_is() {
    let processes = [Arc::<Process>::default()];
    let mut view = view(&processes);
    let timeline = Timeline::new(Duration::from_secs(20));
    view.sample(&timeline, second(1));
    assert_eq!(view.switched_from("oppo"), None);
    let name = "from=.=oppo;.;to=.=lc;.;reason=.=degraded;.;pointsman_channel_switches_total";
    processes[0].metrics.define(MetricKind::Counter, name).record(5);
    view.sample(&timeline, second(2));
    assert_eq!((view.switched_from("oppo"), view.switched_from("apns")), (Some(5), Some(0)));
    assert_eq!(view.until_switched("oppo", Duration::from_millis(500), second(20)), Some(Duration::from_millis(1_500)));
}
