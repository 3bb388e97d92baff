//! What was counted, summed up over minutes; visits that are open; what happened to channels and rules.

use super::base::{View, broken};
use super::change::{HISTORY, OPEN};
use super::day::{DAY_MS, Day, unreadable};
use super::document::Sort;
use super::tally::{Counted, Counter, minute_of_day, read_block_key, read_events, read_messages};
use crate::event::{Event, Facts, Key, Kind};
use crate::histogram::Histogram;
use crate::store::{Cohort, Count, Counts, Dimension, Filter, MINUTE_MS, Range, StoreError};
use fjall::Readable as _;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The blocks of a day's minutes in a range: when the minute begins, the first group, and the bytes.
fn blocks(
    view: &View,
    day: &Day,
    counted: Counted,
    range: &Range,
    mut take: impl FnMut(u64, u32, &[u8]) -> Option<()>,
) -> Result<(), StoreError> {
    let begins_ms = day.begins_ms();
    let ends_ms = begins_ms.saturating_add(DAY_MS);
    if range.to_ms <= begins_ms || ends_ms <= range.from_ms || range.to_ms <= range.from_ms {
        return Ok(());
    }
    let first = minute_of_day(range.from_ms.max(begins_ms));
    let last = minute_of_day(range.to_ms.min(ends_ms) - 1);
    let name = |minute: u16| [&[counted.tag()][..], &minute.to_be_bytes()].concat();
    let mut end = name(last);
    end.extend_from_slice(&[0xff; 4]);
    for (count, item) in view.snapshot.range(&day.times, name(first)..=end).enumerate() {
        view.check_now_and_then(count)?;
        let (key, value) = item.into_inner().map_err(broken)?;
        let taken = read_block_key(&key)
            .and_then(|(minute, group)| take(begins_ms.saturating_add(u64::from(minute) * MINUTE_MS), group, &value));
        taken.ok_or_else(|| unreadable("count"))?;
    }
    Ok(())
}

/// A sum that is being made of counters.
#[derive(Default)]
struct Sum {
    events: u64,
    on_time: u64,
    late: u64,
    durations: BTreeMap<u8, u64>,
}

impl Sum {
    fn add(&mut self, counter: &Counter) {
        self.events += counter.events;
        self.on_time += counter.on_time;
        self.late += counter.late;
        for (bucket, count) in &counter.durations {
            *self.durations.entry(*bucket).or_default() += count;
        }
    }
}

/// Events by when they happened and by what they say.
pub(super) fn counts(view: &View, counts: &Counts) -> Result<Vec<Count>, StoreError> {
    let step_ms = counts.step_ms.max(MINUTE_MS);
    // The names of groups, and the place of each day's groups among them.
    let mut names: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    let mut sums: HashMap<(u64, usize), Sum> = HashMap::new();
    for day in &view.days {
        view.check_time()?;
        let places = group_places(day, counts, &mut names);
        blocks(view, day, Counted::Events, &counts.range, |at_ms, first, bytes| {
            let at_ms = at_ms / step_ms * step_ms;
            read_events(first, bytes, |group, counter| {
                let place = usize::try_from(group).ok().and_then(|group| places.get(group).copied().flatten());
                if let Some(place) = place {
                    sums.entry((at_ms, place)).or_default().add(&counter);
                }
            })
        })?;
    }
    let names: HashMap<usize, Vec<String>> = names.into_iter().map(|(name, place)| (place, name)).collect();
    let mut found: Vec<Count> = sums
        .into_iter()
        .map(|((at_ms, place), sum)| Count {
            at_ms,
            group: names.get(&place).cloned().unwrap_or_default(),
            events: sum.events,
            on_time: sum.on_time,
            late: sum.late,
            durations: Histogram(sum.durations),
        })
        .collect();
    found.sort_by(|one, other| (one.at_ms, &one.group).cmp(&(other.at_ms, &other.group)));
    Ok(found)
}

fn group_places(day: &Day, counts: &Counts, names: &mut BTreeMap<Vec<String>, usize>) -> Vec<Option<usize>> {
    let dictionary = day.dictionary();
    let place = |facts: &Facts| {
        if !counts.only.iter().all(|(dimension, text)| dimension.of(facts) == text) {
            return None;
        }
        let name: Vec<String> = counts.by.iter().map(|dimension| dimension.of(facts).to_owned()).collect();
        let next = names.len();
        Some(*names.entry(name).or_insert(next))
    };
    dictionary.groups.all().iter().map(|facts| &**facts).map(place).collect()
}

/// How many events of a time may be as a filter asks.
pub(super) fn events_in(view: &View, range: &Range, filter: &Filter) -> Result<u64, StoreError> {
    let wanted = [
        (Dimension::Kind, filter.kind.map(|kind| kind.name().to_owned())),
        (Dimension::Node, filter.node.clone()),
        (Dimension::Channel, filter.channel.clone()),
        (Dimension::Status, filter.status.clone()),
        (Dimension::Outcome, filter.outcome.clone()),
        (Dimension::Code, filter.code.clone()),
        (Dimension::Business, filter.business.clone()),
        (Dimension::Text, filter.text.clone()),
    ];
    let only = wanted.into_iter().filter_map(|(dimension, text)| Some((dimension, text?))).collect();
    let all = counts(view, &Counts { range: *range, step_ms: u64::MAX, by: Vec::new(), only })?;
    Ok(all.iter().map(|count| count.events).sum())
}

/// Messages by when they began and where they are.
pub(super) fn cohorts(view: &View, range: &Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
    let step_ms = step_ms.max(MINUTE_MS);
    let mut all: BTreeMap<Cohort, u64> = BTreeMap::new();
    for day in &view.days {
        view.check_time()?;
        let mut sums: HashMap<(u64, u32), u64> = HashMap::new();
        blocks(view, day, Counted::Messages, range, |at_ms, first, bytes| {
            let at_ms = at_ms / step_ms * step_ms;
            read_messages(first, bytes, |place, count| *sums.entry((at_ms, place)).or_default() += count)
        })?;
        let dictionary = day.dictionary();
        for ((at_ms, place), count) in sums {
            let place = dictionary.places.get(place).ok_or_else(|| unreadable("place"))?;
            if place.status.is_empty() {
                continue;
            }
            let cohort = Cohort {
                at_ms,
                channel: place.channel.clone(),
                business: place.business.clone(),
                status: place.status.clone(),
                reached: place.reached,
                doubled: place.doubled,
                messages: 0,
            };
            *all.entry(cohort).or_default() += count;
        }
    }
    let some = all.into_iter().filter(|(_, messages)| *messages > 0);
    Ok(some.map(|(cohort, messages)| Cohort { messages, ..cohort }).collect())
}

/// When something happened, and the document that it is in.
fn named(key: &[u8]) -> Option<(u64, Key)> {
    let at_ms = key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)?;
    Some((at_ms, Key(key.get(9..21)?.try_into().ok()?)))
}

fn name(tag: u8, at_ms: u64) -> Vec<u8> {
    [&[tag][..], &at_ms.to_be_bytes()].concat()
}

/// Names of documents by time: the first of each day, with all that are of the last one's time.
fn names(
    view: &View,
    items: fjall::Iter,
    limit: usize,
    from_the_end: bool,
    into: &mut BTreeSet<(u64, Key)>,
) -> Result<(), StoreError> {
    let mut last = None;
    let mut items = items;
    for count in 0_usize.. {
        view.check_now_and_then(count)?;
        let Some(item) = (if from_the_end { items.next_back() } else { items.next() }) else { break };
        let (at_ms, key) = named(&item.key().map_err(broken)?).ok_or_else(|| unreadable("name"))?;
        if count >= limit && last != Some(at_ms) {
            break;
        }
        last = Some(at_ms);
        into.insert((at_ms, key));
    }
    Ok(())
}

/// Visits that are open, the oldest first.
pub(super) fn open_visits(view: &View, range: &Range, limit: usize) -> Result<Vec<Event>, StoreError> {
    let mut found = BTreeSet::new();
    if range.from_ms < range.to_ms {
        for day in &view.days {
            let items = view.snapshot.range(&day.times, name(OPEN, range.from_ms)..name(OPEN, range.to_ms));
            names(view, items, limit, false, &mut found)?;
        }
    }
    let mut open = Vec::new();
    for (at_ms, key) in found {
        if open.len() >= limit && open.last().is_some_and(|(last, ..): &(u64, Key, _, Event)| *last < at_ms) {
            break;
        }
        let Some(document) = view.document(key)? else { continue };
        // Events of nobody have a document each, and count as of one.
        let key = if document.sort == Sort::Nobody { Key::default() } else { key };
        let work = super::work::Work::of(document);
        for (_, span) in work.open(false).into_iter().filter(|(open_ms, _)| *open_ms == at_ms) {
            let same =
                |event: &&Event| event.facts.kind == Kind::Enter && event.span_id == Some(span) && event.at_ms == at_ms;
            let first = work.events(false).iter().filter(same).min_by_key(|event| event.identity());
            open.extend(first.map(|event| (at_ms, key, event.identity(), event.clone())));
        }
    }
    open.sort_by_key(|(at_ms, key, identity, _)| (*at_ms, *key, *identity));
    Ok(open.into_iter().take(limit).map(|(.., event)| event).collect())
}

/// What happened to channels and rules, the latest first.
pub(super) fn history(view: &View, range: &Range, limit: usize) -> Result<Vec<Event>, StoreError> {
    let mut found = BTreeSet::new();
    if range.from_ms < range.to_ms {
        for day in &view.days {
            let items = view.snapshot.range(&day.times, name(HISTORY, range.from_ms)..name(HISTORY, range.to_ms));
            names(view, items, limit, true, &mut found)?;
        }
    }
    let mut events: Vec<Event> = Vec::new();
    for (at_ms, key) in found.into_iter().rev() {
        if events.len() >= limit && events.last().is_some_and(|last| last.at_ms > at_ms) {
            break;
        }
        let document = view.document(key)?.map(|document| document.events).unwrap_or_default();
        events.extend(document.into_iter().filter(|event| event.facts.kind.is_history() && event.at_ms == at_ms));
    }
    events.sort_by_cached_key(|event| std::cmp::Reverse((event.at_ms, event.identity())));
    events.truncate(limit);
    Ok(events)
}
