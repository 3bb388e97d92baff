//! Messages per second and calls at once of a channel, for all workers of the process together.
//!
//! The request path looks at nothing but this worker's own share. On the tick each worker publishes what was asked of it
//! in the last second and takes the share of the limit that its demand is of all demand, so that uneven traffic still
//! uses the whole limit. Of the calls at once a worker claims its share only as others give theirs back.

use crate::board::SharedData;
use crate::hash::hash;
use crate::roster::{Roster, put, take};
use crate::time::Monotonic;
use std::time::Duration;

mod demand;

use demand::Demand;

/// More limits than this are not kept.
pub const MAX_LIMITS: usize = 256;
/// What was not used is kept for this long. A vendor counts by the second: who waited one may not send for two.
const BURST_S: f64 = 0.25;
/// Who joins is taken for an average worker for this long.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// When to ask again if all calls at once are taken: nobody knows when one ends.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Index of a limit of this worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitId(u16);

/// The answer to who asks for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is room and it is taken: the call must be [released](Limits::release) when it ends.
    Taken,
    /// The limit is reached; there may be room after this time. Nothing is to be released.
    Over(Duration),
}

#[derive(Debug)]
struct Limit {
    name: u64,
    per_second: Option<u32>,
    at_once: Option<u32>,
    /// Messages that this worker may send each second.
    rate: f64,
    /// Messages that may be sent now; below zero after a batch larger than the burst.
    tokens: f64,
    refilled: Monotonic,
    in_flight: u32,
    /// How many calls this worker may have in flight.
    claim: u32,
    demand: Demand,
    /// When this worker first took a share.
    joined: Option<Monotonic>,
}

/// What one worker says of one limit.
#[derive(Clone, Copy, Debug)]
struct Stake {
    member: u64,
    demand: u64,
    claim: u64,
}

/// The limits of one worker.
#[derive(Debug)]
pub struct Limits {
    member: u64,
    roster: Roster,
    limits: Vec<Limit>,
}

impl Limits {
    /// No limits yet. `member` is a random number of this worker.
    pub const fn new(member: u64) -> Self {
        Self { member, roster: Roster::new("limit", member), limits: Vec::new() }
    }

    /// Adds a limit, or gives the one of that name other numbers; its name is its identity in all workers. `None` beyond
    /// [`MAX_LIMITS`]. Until the next tick this worker has all of the limit for itself.
    pub fn add(&mut self, name: &str, per_second: Option<u32>, at_once: Option<u32>) -> Option<LimitId> {
        let name = hash(&[name.as_bytes()]);
        if let Some(index) = self.limits.iter().position(|limit| limit.name == name) {
            let known = self.limits.get_mut(index)?;
            if (known.per_second, known.at_once) != (per_second, at_once) {
                known.set(per_second, at_once);
            }
            return u16::try_from(index).ok().map(LimitId);
        }
        if self.limits.len() >= MAX_LIMITS {
            return None;
        }
        let index = u16::try_from(self.limits.len()).ok()?;
        self.limits.push(Limit::new(name, per_second, at_once));
        Some(LimitId(index))
    }

    /// Asks for room for one call of so many messages, which leaves `reserve` thousandths of the limit to what is more
    /// important. A batch larger than the burst waits for a full bucket and leaves it in debt.
    pub fn take(&mut self, id: LimitId, messages: u32, reserve: u16, now: Monotonic) -> Room {
        match self.limits.get_mut(usize::from(id.0)) {
            Some(limit) => limit.take(messages, reserve, now),
            // No limit, no restraint.
            None => Room::Taken,
        }
    }

    /// A call for which room was taken has ended.
    pub fn release(&mut self, id: LimitId) {
        if let Some(limit) = self.limits.get_mut(usize::from(id.0)) {
            limit.in_flight = limit.in_flight.saturating_sub(1);
        }
    }

    /// Tells the others this worker's demand, hears theirs and takes its share. To be called once when the limits are
    /// added and then on every tick, by workers alone: the main thread's VM would take a share that nobody uses.
    pub fn tick(&mut self, now: Monotonic, shared: &mut dyn SharedData) {
        if self.limits.is_empty() {
            return;
        }
        let words = self.roster.others(now, shared);
        let mut others: Vec<(u64, Stake)> = words.iter().flat_map(|word| stakes(word.member, &word.content)).collect();
        others.sort_unstable_by_key(|(name, stake)| (*name, stake.member));
        let mut content = Vec::with_capacity(self.limits.len().saturating_mul(24));
        for limit in &mut self.limits {
            let first = others.partition_point(|(name, _)| *name < limit.name);
            let of_limit = others.iter().skip(first).take_while(|(name, _)| *name == limit.name);
            limit.share(self.member, &of_limit.map(|(_, stake)| *stake).collect::<Vec<_>>(), now);
            put(&mut content, limit.name);
            put(&mut content, limit.demand.published);
            put(&mut content, limit.claim.into());
        }
        self.roster.say(now, &content, shared);
    }
}

fn stakes(member: u64, mut content: &[u8]) -> impl Iterator<Item = (u64, Stake)> {
    std::iter::from_fn(move || {
        let name = take(&mut content)?;
        Some((name, Stake { member, demand: take(&mut content)?, claim: take(&mut content)? }))
    })
}

impl Limit {
    fn new(name: u64, per_second: Option<u32>, at_once: Option<u32>) -> Self {
        let mut this = Self {
            name,
            per_second: None,
            at_once: None,
            rate: 0.0,
            tokens: 0.0,
            refilled: Monotonic(0),
            in_flight: 0,
            claim: 0,
            demand: Demand::default(),
            joined: None,
        };
        this.set(per_second, at_once);
        this
    }

    fn set(&mut self, per_second: Option<u32>, at_once: Option<u32>) {
        (self.per_second, self.at_once) = (per_second, at_once);
        self.rate = f64::from(per_second.unwrap_or(0));
        self.claim = at_once.unwrap_or(0);
    }

    /// The most that may be kept: at least one message, or a small share would never pass any.
    fn burst(&self) -> f64 {
        (self.rate * BURST_S).max(1.0)
    }

    fn refill(&mut self, now: Monotonic) {
        let tokens = self.tokens + self.rate * now.since(self.refilled).as_secs_f64();
        self.tokens = tokens.min(self.burst());
        self.refilled = self.refilled.max(now);
    }

    fn take(&mut self, messages: u32, reserve: u16, now: Monotonic) -> Room {
        self.demand.add(messages, now);
        let kept_free = |whole: f64| whole * f64::from(reserve.min(1_000)) / 1_000.0;
        if self.at_once.is_some() && f64::from(self.in_flight) >= f64::from(self.claim) - kept_free(self.claim.into()) {
            return Room::Over(BUSY_RETRY);
        }
        if self.per_second.is_some() {
            self.refill(now);
            // Half a bucket is what a steady stream just below the limit leaves.
            let kept_free = kept_free(self.burst()).min(self.burst() - 1.0).max(0.0);
            let missing = (f64::from(messages) + kept_free).min(self.burst()) - self.tokens;
            if missing > 0.0 {
                return Room::Over(Duration::try_from_secs_f64(missing / self.rate).unwrap_or(BUSY_RETRY));
            }
            self.tokens -= f64::from(messages);
        }
        self.in_flight = self.in_flight.saturating_add(1);
        Room::Taken
    }

    fn share(&mut self, member: u64, others: &[Stake], now: Monotonic) {
        self.refill(now);
        self.demand.publish(now);
        if now.since(*self.joined.get_or_insert(now)) < SETTLED_AFTER {
            // It has no whole second to look back on, and most likely takes the place of another.
            let sum = others.iter().fold(0, |sum: u64, stake| sum.saturating_add(stake.demand));
            let mean = sum.checked_div(u64::try_from(others.len()).unwrap_or(u64::MAX)).unwrap_or(0);
            self.demand.published = self.demand.published.max(mean);
        }
        let own = Stake { member, demand: self.demand.published, claim: self.claim.into() };
        // Everybody has one more than was asked for, so that who has been idle can begin.
        let all: u64 = others.iter().map(|stake| stake.weight()).fold(own.weight(), u64::saturating_add);
        if let Some(per_second) = self.per_second {
            self.rate = f64::from(per_second) * (own.weight() as f64 / all as f64);
        }
        if let Some(at_once) = self.at_once {
            self.claim = claim(u64::from(at_once), own, others, all).max(self.in_flight);
        }
    }
}

impl Stake {
    const fn weight(&self) -> u64 {
        self.demand.saturating_add(1)
    }
}

/// The calls at once that this worker may have: its share, as far as the others have not claimed it. Shares are whole
/// numbers by largest remainder, which all workers work out alike.
fn claim(at_once: u64, own: Stake, others: &[Stake], all: u64) -> u32 {
    let exact = |stake: &Stake| u128::from(at_once) * u128::from(stake.weight());
    let floor = |stake: &Stake| exact(stake) / u128::from(all.max(1));
    let rest = |stake: &Stake| (std::cmp::Reverse(exact(stake) % u128::from(all.max(1))), stake.member);
    let given: u128 = others.iter().map(floor).sum::<u128>() + floor(&own);
    let left = u128::from(at_once).saturating_sub(given);
    let before = others.iter().filter(|stake| rest(stake) < rest(&own)).count();
    let target = floor(&own) + u128::from(u128::try_from(before).is_ok_and(|before| before < left));
    let claimed = others.iter().fold(0, |sum: u64, stake| sum.saturating_add(stake.claim));
    let free = at_once.saturating_sub(claimed);
    u32::try_from(target.min(free.into())).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
