//! The states of all breakers, in one value that is changed by compare-and-swap alone.

use super::bytes::{Kind, Reader, Writer};
use super::lease::MAX_PROBES;
use super::record::{Phase, Record, SharedLease};
use super::state::Reason;
use crate::board::SharedData;
use crate::labels::Label;
use crate::time::Monotonic;

const KEY: &str = "pointsman/breaker/state";
/// More breakers than this are not kept; those that this worker knows go before those of earlier configs.
const MAX_RECORDS: usize = 512;
const RECORD_BYTES: usize = 64;

/// The table as this worker has last read it.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Sorted by identity.
    records: Vec<Record>,
    /// The version that `records` is of; `None` if the store holds nothing.
    version: Option<u32>,
    /// Whether `records` is what stands in the store.
    fresh: bool,
    /// What stands there is none of ours.
    damaged: bool,
}

impl Table {
    /// Reads what all have agreed on, and lays the table if nobody has: an absent value is written unconditionally, so it
    /// must not be one that decides anything.
    pub(super) fn read(&mut self, shared: &mut dyn SharedData) {
        let found = shared.get(KEY).or_else(|| {
            shared.set(KEY, &encode(&[]), 0);
            shared.get(KEY)
        });
        let Some((value, version)) = found else {
            *self = Self::default();
            return;
        };
        if self.fresh && self.version == Some(version) {
            return;
        }
        let records = decode(&value);
        *self = Self {
            damaged: records.is_none(),
            records: records.unwrap_or_default(),
            version: Some(version),
            fresh: true,
        };
    }

    pub(super) fn record(&self, identity: u64) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&identity, |record| record.identity).ok()?;
        self.records.get(place)
    }

    /// Whether it has to be written even if nothing has moved.
    pub(super) const fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Changes these records for all, if nobody has changed any since they were read. A worker whose store holds nothing
    /// is alone and agrees with itself.
    pub(super) fn write(
        &mut self,
        changed: &[Record],
        is_known: impl Fn(u64) -> bool,
        shared: &mut dyn SharedData,
    ) -> bool {
        let mut records = self.records.clone();
        for record in changed {
            match records.binary_search_by_key(&record.identity, |known| known.identity) {
                Ok(place) => records.get_mut(place).into_iter().for_each(|known| known.clone_from(record)),
                Err(place) => records.insert(place, record.clone()),
            }
        }
        make_room(&mut records, is_known);
        let written = self.version.is_none_or(|version| shared.set(KEY, &encode(&records), version));
        if written {
            (self.records, self.fresh, self.damaged) = (records, false, false);
        }
        written
    }
}

/// Drops records of breakers that this worker does not know: the healthy first, and then those that moved longest ago.
fn make_room(records: &mut Vec<Record>, is_known: impl Fn(u64) -> bool) {
    while records.len() > MAX_RECORDS {
        let unknown = records.iter().enumerate().filter(|(_, record)| !is_known(record.identity));
        let least = unknown.min_by_key(|(_, record)| (record.phase != Phase::Healthy, record.since));
        match least.map(|(place, _)| place) {
            Some(place) => drop(records.remove(place)),
            None => return records.truncate(MAX_RECORDS),
        }
    }
}

fn encode(records: &[Record]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Table, records.len().saturating_mul(RECORD_BYTES));
    for record in records {
        let (phase, step) = match record.phase {
            Phase::Healthy => (0, 0),
            Phase::Degraded => (1, 0),
            Phase::Probing => (2, 0),
            Phase::Recovering(step) => (3, step),
        };
        let [leases, reason] = [record.leases.len() as u8, record.reason.index() as u8];
        writer.u64(record.identity);
        writer.mixed(record.generation, u16::from_le_bytes([record.attempts, reason]), phase, step);
        writer.u64(record.since.0);
        writer.u64(record.until.0);
        writer.u64(leases.into());
        for lease in record.leases.iter().take(leases.into()) {
            writer.u64(lease.owner);
            writer.u64(lease.expires.0);
        }
    }
    writer.finish()
}

/// Reads what [`encode`] wrote; `None` for anything else.
fn decode(bytes: &[u8]) -> Option<Vec<Record>> {
    let mut reader = Reader::open(Kind::Table, bytes)?;
    let mut records: Vec<Record> = Vec::new();
    while !reader.is_empty() {
        let record = decode_record(&mut reader)?;
        if records.last().is_some_and(|last| last.identity >= record.identity) {
            return None;
        }
        records.push(record);
    }
    Some(records)
}

fn decode_record(reader: &mut Reader<'_>) -> Option<Record> {
    let identity = reader.u64()?;
    let (generation, packed, phase, step) = reader.mixed()?;
    let [attempts, reason] = packed.to_le_bytes();
    let phase = match (phase, step) {
        (0, 0) => Phase::Healthy,
        (1, 0) => Phase::Degraded,
        (2, 0) => Phase::Probing,
        (3, step) => Phase::Recovering(step),
        _ => return None,
    };
    let reason = Reason::ALL.get(usize::from(reason)).copied()?;
    let (since, until) = (Monotonic(reader.u64()?), Monotonic(reader.u64()?));
    let count = reader.u64().filter(|count| *count <= MAX_PROBES as u64)?;
    let lease = |_| Some(SharedLease { owner: reader.u64()?, expires: Monotonic(reader.u64()?) });
    let leases = (0..count).map(lease).collect::<Option<Vec<_>>>()?;
    Some(Record { identity, generation, phase, reason, attempts, since, until, leases })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(identity: u64, phase: Phase, since: u64) -> Record {
        Record { phase, since: Monotonic(since), generation: 7, attempts: 3, ..Record::new(identity) }
    }

    #[test]
    fn records_are_read_back() {
        let leases =
            vec![SharedLease { owner: 1, expires: Monotonic(9) }, SharedLease { owner: 2, expires: Monotonic(8) }];
        let records = [
            Record { leases, reason: Reason::ConfigFault, ..record(1, Phase::Probing, 5) },
            record(2, Phase::Recovering(3), 6),
            Record { until: Monotonic(u64::MAX), ..record(3, Phase::Degraded, 7) },
        ];
        assert_eq!(decode(&encode(&records)).unwrap(), records);
        assert_eq!(decode(&encode(&[])), Some(Vec::new()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let unsorted = [record(2, Phase::Healthy, 0), record(1, Phase::Healthy, 0)];
        assert_eq!(decode(&encode(&unsorted)), None);
        for (phase, packed, leases) in [(4, 0, 0), (0, 0xFF00, 0), (2, 0, 17), (2, 0, 1)] {
            let mut writer = Writer::new(Kind::Table, 0);
            writer.u64(1);
            writer.mixed(1, packed, phase, 0);
            [0, 0, leases].into_iter().for_each(|word| writer.u64(word));
            assert_eq!(decode(&writer.finish()), None, "{phase} {packed} {leases}");
        }
    }

    #[test]
    fn a_full_table_drops_what_this_worker_does_not_know_the_healthy_and_the_oldest_first() {
        let mut records: Vec<_> = (0..MAX_RECORDS as u64 + 2).map(|id| record(id, Phase::Degraded, id)).collect();
        records[9].phase = Phase::Healthy;
        make_room(&mut records, |identity| identity < 5);
        assert_eq!(records.len(), MAX_RECORDS);
        let gone = |identity| records.iter().all(|record| record.identity != identity);
        assert!(gone(9) && gone(5) && !gone(0) && !gone(6));
    }
}
