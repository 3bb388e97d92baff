//! What the exporter does with what it is given, and with what the collector says.

use super::*;
use crate::labels::Label;
use crate::metrics::{Metrics, name};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use prost::Message;
use std::collections::BTreeMap;

mod model;

fn settings() -> RecordSettings {
    RecordSettings {
        cluster: "otlp".into(),
        authority: "collector:4318".into(),
        path: "/otlp".into(),
        spans: true,
        sending: false,
        enter_after: Duration::from_secs(60),
        max_batch: 3,
        max_age: Duration::from_secs(1),
        buffer: 5,
        timeout: Duration::from_secs(10),
    }
}

/// Now by the calendar, when the monotonic clock stands at zero: Sun, 06 Nov 1994 08:49:37 GMT.
const BEGIN: WallClock = WallClock(784_111_777_000_000_000);

/// An exporter with a clock, and a collector that is played by the test.
struct World {
    exporter: Exporter,
    metrics: Metrics,
    now: Monotonic,
    /// The number of the last call.
    call: u32,
    counts: BTreeMap<String, u64>,
}

impl World {
    fn new(settings: &RecordSettings) -> Self {
        let mut metrics = Metrics::default();
        let resource = vec![("service.name", "push".to_owned())];
        let exporter = Exporter::new(settings, resource, 7, &mut metrics);
        Self { exporter, metrics, now: Monotonic(0), call: 0, counts: BTreeMap::new() }
    }

    /// Takes log records with these names.
    fn push(&mut self, names: impl IntoIterator<Item = u64>) {
        for name in names {
            self.exporter.push(RecordKind::Status, record(name, 0), self.now, &mut self.metrics);
        }
    }

    fn later(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// The names of the records of the request of logs that is made now, if one is. The host makes it.
    fn sent(&mut self) -> Option<Vec<u64>> {
        let export = self.exporter.tick(self.now, &mut self.metrics).into_iter().next()?;
        self.call += 1;
        self.exporter.sent(export.signal, self.call);
        Some(names(&export.body))
    }

    /// The same after so much time.
    fn sent_after(&mut self, time: Duration) -> Option<Vec<u64>> {
        self.later(time);
        self.sent()
    }

    fn answer(&mut self, answer: Option<Answer<'_>>) -> bool {
        let wall = BEGIN.after(self.now.since(Monotonic(0)));
        self.exporter.answered(self.call, answer, self.now, wall, &mut self.metrics)
    }

    fn status(&mut self, status: u16) {
        assert!(self.answer(Some(Answer { status, retry_after: None, body: b"" })));
    }

    /// How many records were dropped for that reason.
    fn dropped(&mut self, reason: &str) -> u64 {
        self.count("pointsman_records_dropped_total", "reason", reason)
    }

    fn count(&mut self, metric: &str, label: &str, value: &str) -> u64 {
        for (id, count) in self.metrics.take_counts() {
            let series = self.metrics.get(id).unwrap().name.clone();
            *self.counts.entry(series).or_default() += count;
        }
        self.counts.get(&name(metric, &[(label, value)])).copied().unwrap_or(0)
    }
}

/// A log record that is told from others by its time; `padding` makes it longer.
fn record(name: u64, padding: usize) -> Vec<u8> {
    let mut attributes = Attributes::default();
    attributes.put("padding", "x".repeat(padding));
    crate::otlp::Log { event: Event::STATUS, at: WallClock(name), is_error: false, trace: None, attributes }.encode()
}

fn names(body: &[u8]) -> Vec<u64> {
    let request = ExportLogsServiceRequest::decode(body).unwrap();
    let [resource] = &*request.resource_logs else { panic!("{request:?}") };
    let [scope] = &*resource.scope_logs else { panic!("{request:?}") };
    scope.log_records.iter().map(|record| record.time_unix_nano).collect()
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_full_batch_goes_at_once_and_the_next_one_when_the_first_is_answered() {
    let mut world = World::new(&settings());
    world.push(1..=2);
    assert_eq!(world.sent(), None);
    world.push(3..=4);
    assert_eq!(world.sent(), Some(vec![1, 2, 3]));
    world.push([5]);
    assert_eq!(world.sent_after(secs(9)), None);
    world.status(200);
    assert_eq!(world.sent(), Some(vec![4, 5]), "the oldest has waited long enough");
}

#[test]
fn a_record_waits_for_others_no_longer_than_the_config_says() {
    let mut world = World::new(&settings());
    world.push([1]);
    assert_eq!(world.sent_after(Duration::from_millis(749)), None);
    world.push([2]);
    assert_eq!(world.sent_after(Duration::from_millis(251)), Some(vec![1, 2]));
}

#[test]
fn workers_do_not_send_at_once() {
    let due_ms = |seed| {
        let mut metrics = Metrics::default();
        let mut exporter = Exporter::new(&settings(), Vec::new(), seed, &mut metrics);
        exporter.push(RecordKind::Span, vec![0x12, 0], Monotonic(0), &mut metrics);
        (0..=1_000).find(|ms| !exporter.tick(Monotonic(ms * 1_000_000), &mut metrics).is_empty()).unwrap()
    };
    let mut times: Vec<u64> = (0..20).map(due_ms).collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10 && times[0] >= 750, "{times:?}");
}

#[test]
fn the_two_signals_go_by_their_own_paths_and_do_not_wait_for_each_other() {
    let mut world = World::new(&settings());
    world.push([1]);
    world.exporter.push(RecordKind::Span, vec![0x12, 0], world.now, &mut world.metrics);
    world.later(secs(1));
    let exports = world.exporter.tick(world.now, &mut world.metrics);
    let lines: Vec<_> = exports.iter().map(|export| (export.signal, export.headers[1].1.as_str())).collect();
    assert_eq!(lines, [(Signal::Logs, "/otlp/v1/logs"), (Signal::Traces, "/otlp/v1/traces")]);
    let Export { cluster, headers, timeout, .. } = &exports[0];
    assert_eq!((&**cluster, *timeout), ("otlp", secs(10)));
    assert!(headers.contains(&(":authority".to_owned(), "collector:4318".to_owned())));
    assert!(headers.contains(&("content-type".to_owned(), "application/x-protobuf".to_owned())));
    world.exporter.sent(Signal::Logs, 1);
    world.exporter.sent(Signal::Traces, 2);
    world.call = 2;
    world.status(200);
    world.call = 1;
    world.status(503);
    assert!(!world.answer(None), "a call is answered once");
}

#[test]
fn what_may_pass_is_sent_again_five_times_in_all_and_nothing_else_meanwhile() {
    for status in [429, 502, 503, 504] {
        let mut world = World::new(&settings());
        world.push(1..=4);
        let mut waits = Vec::new();
        for _ in 0..4 {
            assert_eq!(world.sent(), Some(vec![1, 2, 3]));
            world.status(status);
            waits.push((0..).find(|_| world.sent_is_due_after(Duration::from_millis(100))).unwrap());
        }
        for (wait, longest) in waits.into_iter().zip([20, 40, 80, 160]) {
            assert!((longest / 2 - 1..=longest).contains(&wait), "{wait} of {longest} tenths of a second");
        }
        assert_eq!(world.sent(), Some(vec![1, 2, 3]));
        world.status(status);
        assert_eq!((world.dropped("unavailable"), world.sent_after(secs(14))), (3, None), "still nothing is sent");
        assert_eq!(world.sent_after(secs(16)), Some(vec![4]));
    }
}

impl World {
    /// Whether a request would be made after so much time; it is not.
    fn sent_is_due_after(&mut self, time: Duration) -> bool {
        self.later(time);
        self.exporter.logs.is_waiting_over(self.now)
    }
}

#[test]
fn an_answer_begins_the_waits_anew() {
    let mut world = World::new(&settings());
    world.push(1..=3);
    for status in [503, 503, 200] {
        assert!(world.sent_after(secs(4)).is_some());
        world.status(status);
    }
    world.push(4..=6);
    assert!(world.sent().is_some());
    world.status(503);
    assert_eq!(world.sent_after(secs(2)), Some(vec![4, 5, 6]));
}

#[test]
fn the_collector_may_say_how_long_to_wait() {
    for (retry_after, shortest, longest) in [
        ("7", 7_000, 8_750),
        (" 7 ", 7_000, 8_750),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000, 75_000),
        ("0", 1_000, 1_250),
        ("Sun, 06 Nov 1994 08:40:00 GMT", 1_000, 1_250),
        ("86400", 300_000, 375_000),
        ("tomorrow", 1_000, 2_000),
    ] {
        let mut world = World::new(&settings());
        world.push(1..=3);
        assert!(world.sent().is_some());
        assert!(world.answer(Some(Answer { status: 503, retry_after: Some(retry_after), body: b"" })));
        assert_eq!(world.sent_after(Duration::from_millis(shortest - 1)), None, "{retry_after}");
        assert_eq!(world.sent_after(Duration::from_millis(longest - shortest + 1)), Some(vec![1, 2, 3]));
    }
}

#[test]
fn a_call_that_breaks_off_or_cannot_be_made_or_never_ends_is_made_again() {
    let mut world = World::new(&settings());
    world.push(1..=3);
    assert!(world.sent().is_some());
    assert!(world.answer(None));
    assert_eq!(world.exporter.tick(world.now.after(secs(2)), &mut world.metrics).len(), 1);
    world.later(secs(2));
    world.exporter.not_sent(Signal::Logs, world.now, &mut world.metrics);
    assert_eq!(world.sent_after(secs(4)), Some(vec![1, 2, 3]));
    assert_eq!(world.sent_after(secs(10)), None);
    assert_eq!(world.sent_after(secs(1)), None, "the time of the call and a second: it is lost");
    assert!(!world.answer(Some(Answer { status: 200, retry_after: None, body: b"" })), "too late");
    assert_eq!(world.sent_after(secs(8)), Some(vec![1, 2, 3]));
    assert_eq!(world.exporter.tick(world.now, &mut world.metrics), [], "one at a time");
}

#[test]
fn what_the_collector_refuses_is_never_sent_again() {
    for status in [302, 400, 401, 404, 413, 500] {
        let mut world = World::new(&settings());
        world.push(1..=3);
        assert!(world.sent().is_some());
        world.status(status);
        assert_eq!((world.dropped("refused"), world.sent_after(secs(60))), (3, None));
    }
}

#[test]
fn rejected_records_of_a_request_are_counted_and_never_sent_again() {
    for (told, counted) in [(2, 2), (1_000, 3)] {
        let mut world = World::new(&settings());
        world.push(1..=3);
        assert!(world.sent().is_some());
        let partial =
            ExportLogsPartialSuccess { rejected_log_records: told, error_message: "no more of these".to_owned() };
        let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        assert!(world.answer(Some(Answer { status: 200, retry_after: None, body: &body })));
        assert_eq!((world.dropped("rejected"), world.sent_after(secs(60))), (counted, None));
    }
}

#[test]
fn where_there_is_no_room_the_oldest_gives_way_but_never_one_that_is_under_way() {
    let mut world = World::new(&settings());
    world.push(1..=5);
    assert_eq!(world.sent(), Some(vec![1, 2, 3]));
    world.push(6..=8);
    world.status(503);
    world.push([9]);
    assert_eq!(world.sent_after(secs(2)), Some(vec![2, 3]), "while nothing is sent, the first are the oldest");
    world.status(200);
    assert_eq!(world.sent(), Some(vec![7, 8, 9]));
    assert_eq!(world.dropped("full"), 4);
    assert_eq!(world.count("pointsman_records_total", "kind", "status"), 9);
}

#[test]
fn what_one_exporter_leaves_goes_first_at_the_next() {
    let mut old = World::new(&settings());
    assert!(old.exporter.leave().is_none());
    old.push(1..=4);
    assert_eq!(old.sent(), Some(vec![1, 2, 3]));
    let left = old.exporter.leave().unwrap();
    assert!(old.exporter.leave().is_none());
    assert_eq!((old.sent_after(secs(60)), old.answer(None)), (None, false));
    let mut new = World::new(&settings());
    new.push(5..=6);
    new.exporter.take_over(left, &mut new.metrics);
    assert_eq!(new.sent(), Some(vec![2, 3, 4]));
    assert_eq!((new.dropped("full"), new.count("pointsman_records_total", "kind", "status")), (1, 2));
    new.status(503);
    let mut third = World::new(&settings());
    third.exporter.take_over(new.exporter.leave().unwrap(), &mut third.metrics);
    assert_eq!(third.sent(), Some(vec![2, 3, 4]));
    third.status(200);
    assert_eq!(third.sent_after(secs(1)), Some(vec![5, 6]));
}

#[test]
fn a_new_record_gives_way_where_all_others_are_under_way() {
    let mut world = World::new(&RecordSettings { buffer: 2, max_batch: 2, ..settings() });
    world.push(1..=2);
    assert_eq!(world.sent(), Some(vec![1, 2]));
    world.push([3]);
    assert_eq!(world.dropped("full"), 1);
    world.status(200);
    assert_eq!(world.sent_after(secs(60)), None);
}

#[test]
fn bytes_bound_what_is_kept_and_what_goes_in_one_request() {
    let mut world = World::new(&RecordSettings { buffer: 1_000, max_batch: 1_000, ..settings() });
    let mut push = |name, bytes| {
        let record = record(name, bytes);
        world.exporter.push(RecordKind::Status, record, world.now, &mut world.metrics);
    };
    push(1, MAX_REQUEST_BYTES);
    push(2, MAX_REQUEST_BYTES - 100);
    push(3, MAX_REQUEST_BYTES / 2);
    push(4, MAX_REQUEST_BYTES / 3);
    push(5, MAX_REQUEST_BYTES / 3);
    assert_eq!(world.dropped("full"), 1, "one that never fits");
    for expected in [vec![2], vec![3, 4]] {
        assert_eq!(world.sent(), Some(expected));
        world.status(200);
    }
    assert_eq!(world.sent(), None);
    assert_eq!(world.sent_after(secs(1)), Some(vec![5]));
    world.status(200);
    for name in 1..=6 {
        world.exporter.push(RecordKind::Status, record(name, MAX_REQUEST_BYTES - 100), world.now, &mut world.metrics);
    }
    assert_eq!(world.dropped("full"), 1 + 2);
    assert_eq!(world.sent(), Some(vec![3]));
}
