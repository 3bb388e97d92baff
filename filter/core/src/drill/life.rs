//! What a tick does to the records of the drills.

use super::record::{Book, Counts, End, Record};
use super::report::{self, DrillReport, StoppedBy};
use super::{Drills, Health, Local, MAX_DRILLS, WHOLE};
use crate::board::SILENT_AFTER;
use crate::time::{Monotonic, WallClock};
use std::time::Duration;

/// Fewer calls of the backups decide nothing.
const MIN_BACKUP_CALLS: u64 = 20;
/// How often it is written down that a config still orders a drill.
const SEEN_EVERY: Duration = Duration::from_secs(1);
/// The shortest time after the end in which a channel may recover.
const MIN_PATIENCE: Duration = Duration::from_secs(60);

impl Drills {
    /// One step of all drills. What it makes of `book` holds only if that can be written.
    pub(super) fn live(&self, book: &mut Book, now: Monotonic, wall: WallClock) -> Vec<DrillReport> {
        for local in &self.rules {
            self.begin_or_confirm(local, book, now, wall);
        }
        let mut reports = Vec::new();
        for record in &mut book.records {
            if let Some(news) = self.news.get(&record.id) {
                record.add(&news.counts, news.first_switch);
            }
            record.see(self.channels.get(&record.channel), now);
            if record.end.is_none() {
                let removed = self.removed.contains(&record.id);
                record.end = record.ended(removed, now, wall);
            }
            record.recover(self.channels.get(&record.channel));
            if !record.reported && record.is_due(now) {
                record.reported = true;
                reports.push(report::of(record));
            }
        }
        // A drill can begin anew only before its `until`; so long it is remembered that it has run.
        book.records.retain(|record| !record.reported || wall < record.until);
        reports
    }

    fn begin_or_confirm(&self, local: &Local, book: &mut Book, now: Monotonic, wall: WallClock) {
        let known = book.records.len();
        match book.records.iter_mut().find(|record| record.id == local.id) {
            Some(record) if now.since(record.seen) >= SEEN_EVERY && record.end.is_none() => record.seen = now,
            Some(_) => {}
            None if wall < local.rule.until && known < MAX_DRILLS => {
                book.records.push(Record::new(local.id, &local.rule, now, wall));
            }
            None => {}
        }
    }
}

impl Record {
    fn see(&mut self, health: Option<&Health>, now: Monotonic) {
        // A channel that was not healthy before has not been brought down by the drill.
        let down = health.filter(|health| !health.healthy && health.since >= self.started && health.since <= now);
        if let Some(down) = down {
            self.detected = Some(self.detected.map_or(down.since, |known| known.min(down.since)));
        }
    }

    fn ended(&self, removed: bool, now: Monotonic, wall: WallClock) -> Option<End> {
        let Counts { backup_calls, backup_failures, .. } = self.counts;
        let fails = backup_calls >= MIN_BACKUP_CALLS
            && u128::from(backup_failures) * u128::from(WHOLE)
                >= u128::from(backup_calls) * u128::from(self.stop_above);
        // A config that no longer orders it may have come to workers that never knew it.
        let unseen = now.since(self.seen);
        let end = |by| Some(End { at: now, wall, by });
        match () {
            () if fails => end(StoppedBy::StopAbove),
            () if wall >= self.until => end(StoppedBy::Until),
            () if removed => end(StoppedBy::Config),
            () if unseen >= SILENT_AFTER => {
                let nanos = u64::try_from(unseen.as_nanos()).unwrap_or(u64::MAX);
                Some(End { at: self.seen, wall: WallClock(wall.0.saturating_sub(nanos)), by: StoppedBy::Config })
            }
            () => None,
        }
    }

    fn recover(&mut self, health: Option<&Health>) {
        // A worker that has not yet heard of the fault would call the channel healthy as well.
        let (Some(end), Some(detected), None) = (&self.end, self.detected, self.recovered) else { return };
        let up = health.filter(|health| health.healthy && health.since > detected);
        self.recovered = up.map(|up| up.since.max(end.at));
    }

    /// Whether all that there is to know is known, or nobody will wait for the rest.
    fn is_due(&self, now: Monotonic) -> bool {
        let Some(end) = &self.end else { return false };
        let patience = end.at.since(self.started).saturating_mul(2).max(MIN_PATIENCE);
        let all_back = self.recovered.is_some() && self.counts.ended >= self.counts.calls;
        all_back || now.since(end.at) >= patience
    }
}
