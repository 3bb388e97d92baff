//! The tick of the model.

use super::*;

/// What one worker knows of all.
struct Known {
    short: Counts,
    long: Counts,
    row: [u32; 4],
    passed: u32,
    fault: Option<Fault>,
    hints: [Option<u64>; 4],
    wanted: bool,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { agreed: Agreed::new(), told: BTreeMap::new() }
    }

    /// The shared state is lost.
    pub(crate) fn lose(&mut self) {
        self.agreed = Agreed::new();
    }

    /// `open_for` is what the real one has drawn; a worker that is `too_late` can change nothing.
    pub(crate) fn tick(
        &mut self,
        local: &mut Local,
        now: u64,
        wall: u64,
        open_for: Option<u64>,
        too_late: bool,
    ) -> Option<Moved> {
        local.adopt(&self.agreed);
        local.count_hung(now);
        let known = self.exchange(local, now);
        let moved = decide(local, &known, now, wall);
        let mut next = match &moved {
            Some(moved) => after(local, moved, now, open_for),
            None => local.view.clone(),
        };
        let known = if moved.is_some() { Known { passed: 0, wanted: false, ..known } } else { known };
        let leases = plan(local, &mut next, &known, now);
        let same = next == self.agreed;
        if same || !too_late {
            local.adopt(&next);
            local.leases = leases;
            local.leases_made += 100;
            self.agreed = next;
        }
        let waits = local.view.state == State::Probing && !local.leases.iter().any(|lease| !lease.used);
        local.turned_away = if waits { local.turned_away.min(1) } else { 0 };
        moved.filter(|_| !too_late)
    }

    /// Hears the others, tells its own, and adds up.
    fn exchange(&mut self, local: &mut Local, now: u64) -> Known {
        let own = local.tell(now);
        let heard: Vec<_> = self
            .told
            .iter()
            .filter(|(member, told)| **member != local.member && now - told.at <= SILENT_NS)
            .map(|(_, told)| told.clone())
            .filter(|told| told.generation == local.view.generation && told.is_news())
            .collect();
        self.told.insert(local.member, own.clone());
        local.last_good = heard.iter().map(|told| told.last_good).max().flatten().max(local.last_good);
        let good = local.last_good;
        local.failures.retain(|(at, _)| good.is_none_or(|good| *at > good));
        let mut row = [0; 4];
        for (at, kind) in heard.iter().flat_map(|told| told.failures.clone()).chain(local.row()) {
            row[kind] += u32::from(good.is_none_or(|good| at > good));
        }
        let mut hints = own.hints;
        for told in &heard {
            (0..4).for_each(|kind| hints[kind] = hints[kind].max(told.hints[kind]));
        }
        Known {
            short: heard.iter().fold(own.short, |sum, told| sum.plus(&told.short)),
            long: heard.iter().fold(own.long, |sum, told| sum.plus(&told.long)),
            row,
            passed: own.passed + heard.iter().map(|told| told.passed).sum::<u32>(),
            fault: heard.iter().filter_map(|told| told.fault).chain(own.fault).min(),
            hints,
            wanted: heard.iter().any(|told| told.wanting),
        }
    }
}

fn decide(local: &Local, known: &Known, now: u64, wall: u64) -> Option<Moved> {
    let (view, settings) = (&local.view, &local.settings);
    let to = match view.state {
        State::Healthy => State::Degraded(trips(settings, known)?),
        State::Degraded(_) if now >= view.until => State::Probing,
        State::Degraded(_) => return None,
        State::Probing => match known.fault {
            Some(fault) => State::Degraded(reason_of(fault, view.reason)),
            None if known.passed >= u32::from(settings.probes) => step(settings, 0),
            None => return None,
        },
        State::Recovering { step: at } => match trips(settings, known) {
            Some(reason) => State::Degraded(reason),
            None => {
                let lasted = now - view.since;
                let judged = judged(settings, known).judged() >= settings.min_calls;
                let slow = settings.slow_ratio.is_some() && known.long.slow > 0;
                let clean = known.long.all_bad() == 0 && !slow;
                let done = lasted >= nanos(settings.step) && judged || lasted >= 3 * nanos(settings.step) && clean;
                done.then(|| step(settings, at + 1))?
            }
        },
    };
    let open = match to {
        State::Degraded(reason) => Some(open_bounds(local, reason, known, now, wall)),
        _ => None,
    };
    Some(Moved { from: view.state, to, generation: view.generation + 1, open })
}

fn step(settings: &Settings, step: u8) -> State {
    if usize::from(step) < settings.ramp.len() { State::Recovering { step } } else { State::Healthy }
}

fn judged<'a>(settings: &Settings, known: &'a Known) -> &'a Counts {
    if known.short.judged() >= settings.min_calls { &known.short } else { &known.long }
}

fn trips(settings: &Settings, known: &Known) -> Option<Reason> {
    let counts = judged(settings, known);
    let enough = counts.judged() >= settings.min_calls;
    let share = |part: u32| f64::from(part) / f64::from(counts.judged());
    if enough
        && counts.all_bad() > 0
        && settings.failure_ratio.is_some_and(|limit| share(counts.all_bad()) >= limit.get())
    {
        return Some(commonest(counts.bad, Reason::FailureRatio));
    }
    if settings.consecutive_failures.is_some_and(|limit| known.row.iter().sum::<u32>() >= limit) {
        return Some(commonest(known.row, Reason::ConsecutiveFailures));
    }
    if enough && counts.slow > 0 && settings.slow_ratio.is_some_and(|limit| share(counts.slow) >= limit.get()) {
        return Some(Reason::SlowRatio);
    }
    let late = enough && settings.on_time_ratio.is_some_and(|limit| share(counts.on_time) <= limit.get());
    late.then_some(Reason::OnTimeRatio)
}

fn reason_of(fault: Fault, before: Reason) -> Reason {
    let refusals = [Reason::RateLimited, Reason::Quota, Reason::ConfigFault];
    match fault {
        Fault::Slow => Reason::SlowRatio,
        Fault::Late => Reason::OnTimeRatio,
        Fault::Bad(0) if refusals.contains(&before) => Reason::FailureRatio,
        Fault::Bad(0) => before,
        Fault::Bad(kind) => REASONS[kind],
    }
}

fn attempts(local: &Local, now: u64) -> u32 {
    let healthy_for = if local.view.state == State::Healthy { now - local.view.since } else { 0 };
    if healthy_for >= nanos(local.settings.max_open) { 0 } else { local.view.attempts }
}

fn open_bounds(local: &Local, reason: Reason, known: &Known, now: u64, wall: u64) -> (u64, u64) {
    let settings = &local.settings;
    let (kind, base) = match reason {
        Reason::ConfigFault => return (nanos(settings.max_open), nanos(settings.max_open)),
        Reason::RateLimited => (1, nanos(settings.throttle)),
        Reason::Quota => (2, nanos(settings.throttle)),
        _ => (0, nanos(settings.open)),
    };
    if let Some(hint) = known.hints[kind].filter(|hint| *hint > wall) {
        return (hint - wall, hint - wall);
    }
    let (hour, day) = (3_600_000_000_000, 86_400_000_000_000);
    let midnight = day - (wall + 8 * hour) % day;
    let again = attempts(local, now) > 0 && local.view.reason == Reason::Quota && midnight > day - hour;
    if reason == Reason::Quota && !again {
        return (midnight, midnight);
    }
    let cap = nanos(settings.max_open);
    let doubled = (base << attempts(local, now).min(20)).min(cap);
    (doubled / 1_000 * 800, (doubled / 1_000 * 1_200).min(cap))
}

fn after(local: &Local, moved: &Moved, now: u64, open_for: Option<u64>) -> Agreed {
    let mut next =
        Agreed { generation: moved.generation, state: moved.to, since: now, until: now, ..local.view.clone() };
    next.leases.clear();
    if let State::Degraded(reason) = moved.to {
        next.reason = reason;
        next.attempts = (attempts(local, now) + 1).min(255);
        next.until = now + open_for.unwrap_or(0);
    }
    next
}

/// The leases of this worker in the state `next`, which is told of them.
fn plan(local: &Local, next: &mut Agreed, known: &Known, now: u64) -> Vec<Lease> {
    if next.state != State::Probing {
        return Vec::new();
    }
    let same = next.generation == local.view.generation;
    let is_agreed = |lease: &&Lease| next.leases.contains(&(lease.expires, local.member));
    let live = local.leases.iter().filter(|lease| same && !lease.done && lease.expires > now).filter(is_agreed);
    let mut own: Vec<Lease> = live.cloned().collect();
    next.leases.retain(|(expires, owner)| *owner != local.member && *expires > now);
    let slots = if next.reason == Reason::ConfigFault { 1 } else { u32::from(local.settings.probes) };
    let slots = slots.min(u32::from(local.settings.probes).saturating_sub(known.passed));
    let free = slots.saturating_sub((next.leases.len() + own.len()) as u32);
    let lease_ns = nanos(local.settings.probe_lease);
    let ending = own.iter().filter(|lease| !lease.used).map(|lease| lease.expires).min();
    if ending.is_some_and(|expires| expires - now < lease_ns / 2) && (free > 0 || !known.wanted) {
        own.iter_mut().filter(|lease| !lease.used).for_each(|lease| lease.expires = now + lease_ns);
    }
    for count in 0..free.min(local.turned_away) {
        let id = local.leases_made + count;
        own.push(Lease { id, expires: now + lease_ns, used: false, done: false });
    }
    next.leases.extend(own.iter().map(|lease| (lease.expires, local.member)));
    next.leases.sort_unstable();
    own
}
