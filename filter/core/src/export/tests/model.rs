//! Whatever happens: every record was taken by the collector, dropped and counted, or is still kept; no more is kept than
//! may be; and what the collector sees of records that it has not seen before is in their order.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    Push {
        count: u64,
        padding: usize,
    },
    Later {
        ms: u64,
    },
    /// The shell asks what there is to send, and the host makes the request, or does not.
    Tick {
        made: bool,
    },
    Answer(u16),
    BreakOff,
    Partial {
        rejected: i64,
    },
    /// A new config: the records go to another exporter.
    Reconfigure,
}

fn any_step() -> impl Strategy<Value = Step> {
    let padding = prop_oneof![9 => 0..100_usize, 1 => 0..MAX_REQUEST_BYTES + 1_000];
    prop_oneof![
        4 => (0..6_u64, padding).prop_map(|(count, padding)| Step::Push { count, padding }),
        3 => (0..3_000_u64).prop_map(|ms| Step::Later { ms }),
        1 => (0..60_000_u64).prop_map(|ms| Step::Later { ms }),
        6 => prop::bool::weighted(0.9).prop_map(|made| Step::Tick { made }),
        4 => prop::sample::select(&[200_u16, 204, 429, 503, 504, 400, 500][..]).prop_map(Step::Answer),
        1 => Just(Step::BreakOff),
        1 => (-2..9_i64).prop_map(|rejected| Step::Partial { rejected }),
        1 => Just(Step::Reconfigure),
    ]
}

/// What a collector and the counters say.
#[derive(Default)]
struct Ledger {
    pushed: u64,
    accepted: u64,
    /// The names of the request under way, with whether it is still waited for.
    under_way: Option<Vec<u64>>,
    /// The highest name that was ever sent.
    last_seen: u64,
}

impl Ledger {
    fn saw(&mut self, names: Vec<u64>) {
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        let (old, new): (Vec<u64>, Vec<u64>) = names.iter().partition(|name| **name <= self.last_seen);
        assert!(old.is_empty() || new.is_empty(), "a batch that goes again gets no others: {old:?} {new:?}");
        self.last_seen = self.last_seen.max(names.last().copied().unwrap_or(0));
        self.under_way = Some(names);
    }
}

proptest! {
    #[test]
    fn no_record_is_lost_uncounted_and_no_more_is_kept_than_may_be(
        steps in prop::collection::vec(any_step(), 0..120),
        (max_batch, buffer) in (1..6_usize, 1..12_usize),
    ) {
        let mut world = World::new(&RecordSettings { max_batch, buffer, ..settings() });
        let mut ledger = Ledger::default();
        for step in steps {
            play(&mut world, &mut ledger, step);
            let (records, bytes) = world.exporter.logs.kept();
            prop_assert!(records <= buffer && bytes <= MAX_BUFFER_BYTES, "{records} records, {bytes} bytes");
            let dropped: u64 = DropReason::ALL.iter().map(|reason| world.dropped(reason.as_str())).sum();
            prop_assert_eq!(ledger.pushed, ledger.accepted + dropped + u64::try_from(records).unwrap());
        }
        // At last the collector takes everything.
        for _ in 0..100 {
            play(&mut world, &mut ledger, Step::Later { ms: 60_000 });
            play(&mut world, &mut ledger, Step::Tick { made: true });
            play(&mut world, &mut ledger, Step::Answer(200));
        }
        prop_assert_eq!(world.exporter.logs.kept(), (0, 0));
    }
}

/// The next exporter may send records together that were sent before and that were not.
fn reconfigure(world: &mut World, ledger: &mut Ledger) {
    let left = world.exporter.leave();
    let settings = world.exporter.settings.clone();
    world.exporter = Exporter::new(&settings, Vec::new(), ledger.pushed, &mut world.metrics);
    if let Some(left) = left {
        world.exporter.take_over(left, &mut world.metrics);
    }
    ledger.under_way = None;
    ledger.last_seen = 0;
}

fn play(world: &mut World, ledger: &mut Ledger, step: Step) {
    match step {
        Step::Push { count, padding } => {
            for _ in 0..count {
                ledger.pushed += 1;
                let record = record(ledger.pushed, padding);
                world.exporter.push(RecordKind::Status, record, world.now, &mut world.metrics);
            }
        }
        Step::Later { ms } => world.later(Duration::from_millis(ms)),
        Step::Tick { made } => {
            let exports = world.exporter.tick(world.now, &mut world.metrics);
            for export in exports {
                ledger.saw(names(&export.body));
                world.call += 1;
                if made {
                    world.exporter.sent(export.signal, world.call);
                } else {
                    world.exporter.not_sent(export.signal, world.now, &mut world.metrics);
                    ledger.under_way = None;
                }
            }
        }
        Step::Answer(status) => {
            let answered = world.answer(Some(Answer { status, retry_after: None, body: b"" }));
            let names = ledger.under_way.take().filter(|_| answered).unwrap_or_default();
            if status < 300 {
                ledger.accepted += u64::try_from(names.len()).unwrap();
            }
        }
        Step::Reconfigure => reconfigure(world, ledger),
        Step::BreakOff => {
            world.answer(None);
            ledger.under_way = None;
        }
        Step::Partial { rejected } => {
            let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: String::new() };
            let body = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
            let answered = world.answer(Some(Answer { status: 200, retry_after: None, body: &body }));
            let sent = ledger.under_way.take().filter(|_| answered).unwrap_or_default().len();
            let rejected = usize::try_from(rejected).unwrap_or(0).min(sent);
            ledger.accepted += u64::try_from(sent - rejected).unwrap();
        }
    }
}
