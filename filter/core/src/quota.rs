//! How much of each channel's day quota is used, as its vendor's answers tell it.
//!
//! What is used only grows within a day, so the largest number that any live worker has heard holds for all. A word is
//! forgotten at the vendor's midnight, when the quota begins anew, and once it is an hour old.

use crate::board::SharedData;
use crate::classify::PerMille;
use crate::few;
use crate::hash::hash;
use crate::metrics::name;
use crate::roster::{Roster, put, take};
use crate::time::{Monotonic, WallClock, until_midnight};
use std::time::Duration;

/// A word older than this says nothing.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// China's, where the vendors that tell a quota are.
const VENDOR_OFFSET_S: i64 = 8 * 3_600;

/// A share, and until when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    used: PerMille,
    until: Monotonic,
}

#[derive(Debug, Default)]
struct Channel {
    name: Box<str>,
    id: u64,
    own: Option<Told>,
    others: Option<Told>,
}

/// The quotas of the channels, as one worker knows them.
#[derive(Debug)]
pub struct Quotas {
    roster: Roster,
    channels: Vec<Channel>,
}

impl Quotas {
    /// Nothing is known of these channels. `member` is a random number of this worker.
    pub fn new<'a>(member: u64, channels: impl IntoIterator<Item = &'a str>) -> Self {
        let channel = |name: &str| Channel { name: name.into(), id: hash(&[name.as_bytes()]), ..Channel::default() };
        let by_name = few::map(channels.into_iter().map(|name| (name, channel(name))));
        Self { roster: Roster::new("quota", member), channels: by_name.into_values().collect() }
    }

    /// An answer of `channel` has told how much is used.
    pub fn note(&mut self, channel: &str, used: PerMille, now: Monotonic, wall: WallClock) {
        let holds = until_midnight(wall, VENDOR_OFFSET_S).min(FORGOTTEN_AFTER);
        let until = Monotonic(now.0.saturating_add(u64::try_from(holds.as_nanos()).unwrap_or(u64::MAX)));
        if let Some(channel) = self.channels.iter_mut().find(|known| *known.name == *channel) {
            channel.own = Some(Told { used, until });
        }
    }

    /// How much of `channel`'s quota is used, if that is known.
    pub fn used(&self, channel: &str, now: Monotonic) -> Option<PerMille> {
        self.channels.iter().find(|known| *known.name == *channel)?.used(now)
    }

    /// Tells the others what this worker has heard, and hears them.
    pub fn tick(&mut self, now: Monotonic, shared: &mut dyn SharedData) {
        if self.channels.is_empty() {
            return;
        }
        let words = self.roster.others(now, shared);
        let told: Vec<(u64, Told)> = words.iter().flat_map(|word| read(&word.content)).collect();
        let mut content = Vec::new();
        for channel in &mut self.channels {
            channel.own = channel.own.filter(|told| told.until > now);
            let of_channel = told.iter().filter(|(id, told)| *id == channel.id && told.until > now);
            channel.others = of_channel.map(|(_, told)| *told).max();
            if let Some(own) = channel.own {
                put(&mut content, channel.id);
                put(&mut content, own.used.get().into());
                put(&mut content, own.until.0);
            }
        }
        self.roster.say(now, &content, shared);
    }

    /// `pointsman_channel_quota_ratio` of every channel of which it is known, in thousandths: Envoy's gauges are whole
    /// numbers. It is the same in all workers, so it must not be added up over them.
    pub fn gauges(&self, now: Monotonic) -> impl Iterator<Item = (String, u64)> {
        self.channels.iter().filter_map(move |channel| {
            let labels = [("channel", &*channel.name)];
            Some((name("pointsman_channel_quota_ratio", &labels), channel.used(now)?.get().into()))
        })
    }
}

impl Channel {
    fn used(&self, now: Monotonic) -> Option<PerMille> {
        let told = [self.own, self.others].into_iter().flatten();
        told.filter(|told| told.until > now).map(|told| told.used).max()
    }
}

fn read(mut content: &[u8]) -> impl Iterator<Item = (u64, Told)> {
    std::iter::from_fn(move || {
        let id = take(&mut content)?;
        let used = PerMille::of(take(&mut content)?, 1_000)?;
        Some((id, Told { used, until: Monotonic(take(&mut content)?) }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::tests::Store;

    const SECOND: u64 = 1_000_000_000;
    /// 2021-12-20 23:30 in China.
    const LATE: WallClock = WallClock(1_640_014_200 * SECOND);
    /// Six hours earlier.
    const EARLY: WallClock = WallClock((1_640_014_200 - 6 * 3_600) * SECOND);

    fn at(seconds: u64) -> Monotonic {
        Monotonic(seconds * SECOND)
    }

    fn share(of_1000: u64) -> PerMille {
        PerMille::of(of_1000, 1_000).unwrap()
    }

    #[test]
    fn the_most_that_a_live_worker_has_heard_holds_for_all() {
        let (mut store, mut a, mut b) = (Store::default(), Quotas::new(1, ["mi"]), Quotas::new(2, ["mi", "oppo"]));
        a.note("mi", share(900), at(0), EARLY);
        b.note("mi", share(850), at(0), EARLY);
        a.tick(at(0), &mut store);
        b.tick(at(0), &mut store);
        assert_eq!((a.used("mi", at(0)), b.used("mi", at(0))), (Some(share(900)), Some(share(900))));
        assert_eq!((b.used("oppo", at(0)), b.used("apns", at(0))), (None, None));
        let gauges: Vec<_> = b.gauges(at(0)).collect();
        assert_eq!(gauges, [("channel=.=mi;.;pointsman_channel_quota_ratio".to_owned(), 900)]);
        b.tick(at(5), &mut store);
        assert_eq!(b.used("mi", at(5)), Some(share(850)), "the other is silent");
    }

    #[test]
    fn a_word_is_forgotten_after_an_hour_and_at_the_vendors_midnight() {
        for (wall, holds_s) in [(EARLY, 3_600), (LATE, 1_800)] {
            let (mut store, mut a, mut b) = (Store::default(), Quotas::new(1, ["mi"]), Quotas::new(2, ["mi"]));
            a.note("mi", share(990), at(0), wall);
            a.tick(at(holds_s - 1), &mut store);
            b.tick(at(holds_s - 1), &mut store);
            for (seconds, expected) in [(holds_s - 1, Some(share(990))), (holds_s, None)] {
                assert_eq!((a.used("mi", at(seconds)), b.used("mi", at(seconds))), (expected, expected), "{seconds} s");
            }
        }
    }
}
