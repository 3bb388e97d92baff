//! The one thread that decides what is written. It takes all that waits, works out what is different with it, and hands that over as one
//! commit; everybody is told when it is on disk.

use super::Shared;
use super::base::{Base, broken};
use super::change::Change;
use super::committer::{Callers, Committer};
use super::tally::Tallies;
use super::upkeep::has_left;
use super::work::Left;
use crate::event::Event;
use crate::store::{Appended, StoreError};
use fjall::{AbstractTree as _, OwnedWriteBatch, PersistMode};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// So many events are written in one go at most, unless one caller brings more.
const MAX_EVENTS: usize = 20_000;
/// How often it is tried whether a disk that was full takes something again.
const RETRY: Duration = Duration::from_millis(500);
/// What is written to try it: more than the storage engine needs to begin a journal and to write what it has in memory.
const TRIAL_BYTES: u64 = 96 << 20;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Keep events.
    Append { events: Vec<Event>, done: oneshot::Sender<Result<Appended, StoreError>> },
    /// Remove a day if it has so many events; else tell that it was not removed.
    Remove { day: u64, events: u64, done: oneshot::Sender<Result<bool, StoreError>> },
}

type Waiting = Vec<(Vec<Event>, oneshot::Sender<Result<Appended, StoreError>>)>;

pub(super) struct Writer {
    shared: Arc<Shared>,
    left: Left,
    tallies: Tallies,
    committer: Committer,
    /// When the disk was last found to be full, and how.
    failed: Option<(Instant, StoreError)>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, committer: Committer) -> Self {
        Self { shared, left: Left::default(), tallies: Tallies::default(), committer, failed: None }
    }

    /// Works until nobody is left who could ask for anything.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = match jobs.recv_timeout(RETRY) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.recover();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut waiting: Waiting = Vec::new();
            let mut count = 0;
            let mut next = Some(job);
            while let Some(job) = next.take() {
                match job {
                    Job::Append { events, done } => {
                        count += events.len();
                        waiting.push((events, done));
                        next = if count < MAX_EVENTS { jobs.try_recv().ok() } else { None };
                    }
                    Job::Remove { day, events, done } => {
                        self.append(std::mem::take(&mut waiting));
                        // Whoever has asked may be gone.
                        let _gone = done.send(self.remove(day, events));
                    }
                }
            }
            self.append(waiting);
        }
    }

    fn append(&mut self, waiting: Waiting) {
        if waiting.is_empty() {
            return;
        }
        let mut callers = Vec::new();
        let mut groups = Vec::new();
        for (events, done) in waiting {
            groups.push(events);
            callers.push(done);
        }
        match self.work_out(groups) {
            Ok((batch, appended)) => {
                let callers: Callers = callers.into_iter().zip(appended).collect();
                self.committer.commit(batch, callers);
            }
            Err(error) => {
                self.forget();
                for done in callers {
                    let _gone = done.send(Err(again(&error)));
                }
            }
        }
    }

    /// Waits for what is on its way, and forgets what is not sure to be on disk.
    fn forget(&mut self) {
        let failure = self.committer.fence();
        self.left.clear();
        self.tallies = Tallies::default();
        if let (None, Some(error)) = (&self.failed, failure) {
            self.failed = Some((Instant::now(), error));
        }
    }

    /// The commit with these events, and what each group of them has come to. Without a batch if nothing is new.
    fn work_out(&mut self, groups: Vec<Vec<Event>>) -> Result<(Option<OwnedWriteBatch>, Vec<Appended>), StoreError> {
        self.recover();
        let base = self.base()?;
        let settings = &self.shared.settings;
        if !has_left(&settings.directory, settings.keep_free_bytes) {
            return Err(full());
        }
        settle(&base)?;
        let mut change = Change::new(&base, &self.shared.lifecycle, &mut self.left, &mut self.tallies);
        let mut all = Vec::new();
        for events in groups {
            let mut appended = Appended::default();
            for event in events {
                if change.add(event)? {
                    appended.new += 1;
                } else {
                    appended.repeated += 1;
                }
            }
            all.push(appended);
        }
        if all.iter().all(|appended| appended.new == 0) {
            return Ok((None, all));
        }
        let mut prepared = change.prepare()?;
        let batch = std::mem::replace(&mut prepared.batch, base.database.batch());
        prepared.settle(&base);
        Ok((Some(batch), all))
    }

    fn base(&self) -> Result<Arc<Base>, StoreError> {
        match &self.failed {
            Some((_, error)) => Err(again(error)),
            None => self.shared.base(),
        }
    }

    fn remove(&mut self, number: u64, events: u64) -> Result<bool, StoreError> {
        self.forget();
        let base = self.base()?;
        let Some(day) = base.known_day(number) else { return Ok(true) };
        if day.events() != events {
            return Ok(false);
        }
        base.remove_day(&day)?;
        Ok(true)
    }

    /// After the disk was full the directory has to be opened anew: the storage engine takes nothing more.
    fn recover(&mut self) {
        if self.committer.has_failed() {
            self.forget();
        }
        let Some((at, _)) = &mut self.failed else { return };
        if at.elapsed() < RETRY {
            return;
        }
        *at = Instant::now();
        if !has_room(&self.shared.settings.directory) {
            return;
        }
        self.failed = self.shared.reopen().err().map(|error| (Instant::now(), error));
    }
}

/// Waits until the storage engine has written enough of what it has in memory. It waits itself too, but for ever if it fails
/// meanwhile.
fn settle(base: &Base) -> Result<(), StoreError> {
    let busy = || base.keyspaces().iter().any(|one| one.sealed_memtable_count() > 1 || one.tree.l0_run_count() > 16);
    while busy() {
        base.database.persist(PersistMode::Buffer).map_err(broken)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

fn full() -> StoreError {
    StoreError::Busy { reason: "the disk is full; it is tried again".to_owned() }
}

pub(super) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Busy { reason } => StoreError::Busy { reason: reason.clone() },
        other => StoreError::Broken { reason: other.to_string() },
    }
}

/// Whether the disk takes something. Only writing tells, since there are limits that nobody can ask for.
fn has_room(directory: &std::path::Path) -> bool {
    use std::io::Write as _;
    let path = directory.join("trial");
    let trial = || {
        let mut file = std::fs::File::create(&path)?;
        let bytes = vec![0x5a; 1 << 20];
        for _ in 0..TRIAL_BYTES >> 20 {
            file.write_all(&bytes)?;
        }
        file.sync_data()
    };
    let taken = trial().is_ok();
    std::fs::remove_file(&path).is_ok() && taken
}
