//! What has happened in the world, counted outside the filter: the truth that its metrics can be held against.

mod histogram;

use std::collections::BTreeMap;
use std::time::Duration;

use super::message::{Fates, Message};
use super::moment::Moment;
pub(super) use histogram::Histogram;

/// About how many points a curve has.
const POINTS: u64 = 300;

/// Widths of a bucket that a person can read, in seconds.
const WIDTHS_S: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600];

/// Counts by channel and time.
pub(super) struct Books {
    pub(super) timeline: Timeline,
    pub(super) channels: Vec<ChannelBook>,
}

/// A run cut into buckets of equal width; the last may be shorter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    pub(super) width: Duration,
    pub(super) duration: Duration,
}

/// The counts of one channel: of its messages, and of the calls of its vendor.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelBook {
    pub(super) total: Counts,
    pub(super) buckets: Vec<Counts>,
    /// The 99th percentile of each bucket, in microseconds; `None` without answers.
    pub(super) p99_us: Vec<Option<u64>>,
    /// How long the application waited for answers, in microseconds.
    pub(super) latency: Histogram,
    /// Vendor's codes of refused recipients, and the statuses of pages.
    pub(super) refusals: BTreeMap<String, u64>,
    recent: Recent,
}

/// Counts of a channel. Messages and what becomes of them stand at their submission, calls at their end; both count
/// recipients except where calls are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) messages: u64,
    pub(super) sent: u64,
    pub(super) on_time: u64,
    pub(super) late: u64,
    pub(super) lost: u64,
    pub(super) undeliverable: u64,
    pub(super) duplicated: u64,
    pub(super) switched: u64,
    /// Calls that the application made again.
    pub(super) retries: u64,
    /// Calls that reached the vendor, or its closed door.
    pub(super) calls: u64,
    /// Recipients that the vendor accepted, whatever their message's channel.
    pub(super) accepted: u64,
    /// Recipients of calls that the vendor refused, in whole or in part.
    pub(super) refused: u64,
    /// Recipients of calls without a verdict: no connection, no answer, a page of a proxy.
    pub(super) failed: u64,
}

/// Latencies of the bucket that is being filled.
#[derive(Clone, Debug, Default)]
struct Recent {
    bucket: usize,
    micros: Vec<u64>,
}

impl Timeline {
    pub(super) fn new(duration: Duration) -> Self {
        let fits = WIDTHS_S.into_iter().find(|width| duration.as_secs() / width <= POINTS);
        Self { width: Duration::from_secs(fits.unwrap_or(3_600)), duration }
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        (self.duration.as_micros().div_ceil(self.width.as_micros().max(1)) as usize).max(1)
    }

    /// The bucket of a moment; what comes after the end stands in the last.
    pub(super) fn bucket(&self, at: Moment) -> usize {
        ((u128::from(at.micros()) / self.width.as_micros().max(1)) as usize).min(self.len() - 1)
    }

    /// Where a bucket begins.
    pub(super) fn start(&self, bucket: usize) -> Duration {
        self.width * u32::try_from(bucket).unwrap_or(u32::MAX)
    }

    /// How long a bucket is, in seconds.
    pub(super) fn seconds(&self, bucket: usize) -> f64 {
        self.width.min(self.duration.saturating_sub(self.start(bucket))).as_secs_f64().max(1e-6)
    }
}

impl Books {
    pub(super) fn new(duration: Duration, channels: usize) -> Self {
        let timeline = Timeline::new(duration);
        let book = ChannelBook {
            buckets: vec![Counts::default(); timeline.len()],
            p99_us: vec![None; timeline.len()],
            ..ChannelBook::default()
        };
        Self { timeline, channels: vec![book; channels] }
    }

    /// Counts something of a channel at a moment.
    pub(super) fn count(&mut self, channel: usize, at: Moment, count: impl Fn(&mut Counts)) {
        let bucket = self.timeline.bucket(at);
        if let Some(book) = self.channels.get_mut(channel) {
            count(&mut book.total);
            if let Some(bucket) = book.buckets.get_mut(bucket) {
                count(bucket);
            }
        }
    }

    /// Counts a message that the application has done with.
    pub(super) fn done(&mut self, message: &Message) {
        let (fates, count) = (message.fates(), u64::from(message.count()));
        self.count(message.channel, message.submitted, |counts| {
            counts.messages += count;
            counts.add(&fates);
        });
    }

    /// Counts why recipients were refused.
    pub(super) fn refusal(&mut self, channel: usize, code: &str, recipients: u64) {
        let Some(book) = self.channels.get_mut(channel) else { return };
        match book.refusals.get_mut(code) {
            Some(count) => *count += recipients,
            None => {
                book.refusals.insert(code.to_owned(), recipients);
            }
        }
    }

    /// Notes how long the application has waited for an answer that came now.
    pub(super) fn waited(&mut self, channel: usize, at: Moment, wait: Duration) {
        let bucket = self.timeline.bucket(at);
        if let Some(book) = self.channels.get_mut(channel) {
            let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
            book.latency.record(micros);
            book.turn_to(bucket);
            book.recent.micros.push(micros);
        }
    }

    /// Ends the last bucket.
    pub(super) fn close(&mut self) {
        for book in &mut self.channels {
            book.turn_to(usize::MAX);
        }
    }

    /// The counts of all channels.
    pub(super) fn total(&self) -> Counts {
        let mut total = Counts::default();
        for book in &self.channels {
            total.merge(&book.total);
        }
        total
    }
}

impl ChannelBook {
    fn turn_to(&mut self, bucket: usize) {
        if self.recent.bucket == bucket {
            return;
        }
        let micros = &mut self.recent.micros;
        let place = (micros.len() * 99).div_ceil(100).saturating_sub(1);
        if !micros.is_empty() {
            let (_, p99, _) = micros.select_nth_unstable(place);
            if let Some(slot) = self.p99_us.get_mut(self.recent.bucket) {
                *slot = Some(*p99);
            }
        }
        micros.clear();
        self.recent.bucket = bucket;
    }
}

impl Counts {
    fn add(&mut self, fates: &Fates) {
        self.sent += u64::from(fates.sent);
        self.on_time += u64::from(fates.on_time);
        self.late += u64::from(fates.late);
        self.lost += u64::from(fates.lost);
        self.undeliverable += u64::from(fates.undeliverable);
        self.duplicated += u64::from(fates.duplicated);
        self.switched += u64::from(fates.switched);
    }

    /// Adds other counts to these.
    pub(super) fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.sent += other.sent;
        self.on_time += other.on_time;
        self.late += other.late;
        self.lost += other.lost;
        self.undeliverable += other.undeliverable;
        self.duplicated += other.duplicated;
        self.switched += other.switched;
        self.retries += other.retries;
        self.calls += other.calls;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::{Books, Moment, Timeline};
    use std::time::Duration;

    #[test]
    fn a_run_has_a_few_hundred_buckets_of_a_readable_width() {
        for (seconds, width, buckets) in [(45, 1, 45), (1_200, 5, 240), (86_400, 300, 288), (1, 1, 1)] {
            let timeline = Timeline::new(Duration::from_secs(seconds));
            assert_eq!((timeline.width.as_secs(), timeline.len()), (width, buckets), "{seconds}");
            assert_eq!(timeline.bucket(Moment::from_micros(u64::MAX)), buckets - 1);
        }
    }

    #[test]
    fn percentiles_belong_to_the_bucket_in_which_answers_came() {
        let mut books = Books::new(Duration::from_secs(3), 1);
        for (at_s, wait_ms) in [(0, 10), (0, 30), (2, 20)] {
            books.waited(0, Moment::from_micros(at_s * 1_000_000), Duration::from_millis(wait_ms));
        }
        books.close();
        assert_eq!(books.channels[0].p99_us, [Some(30_000), None, Some(20_000)]);
    }
}
