//! The life of a message: its statuses, which of them stands above which, and which step is allowed.
//!
//! Reports come late, twice and out of order, and several workers note them. So what is known of a message is a [`Life`], in
//! which order and repetition leave no trace, and a status is read off it.

mod life;

pub use life::{Life, MAX_LIFE_BYTES};

/// The most statuses that a config adds.
pub const MAX_CUSTOM: usize = 10;
/// The most statuses that there can be.
const MAX_STATUSES: usize = BUILT_IN.len() + MAX_CUSTOM;

/// Where a message is in its life. Its name is with the [`Lifecycle`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// The service has it.
    Submitted,
    /// It is on its way to the vendor, or the vendor has not passed it on yet or will try again.
    Sending,
    /// The vendor has it, or has passed it on.
    Sent,
    /// It will not arrive.
    Failed,
    /// It has arrived.
    Delivered,
    /// It was opened.
    Read,
    /// One that the config adds, by its place there.
    Custom(u8),
}

/// Name, rank and what may follow of each status that is built in, in the order of the definition.
const BUILT_IN: [(Status, &str, u8, &[Status]); 6] = {
    use Status::{Delivered, Failed, Read, Sending, Sent, Submitted};
    [
        // All may follow, custom ones too.
        (Submitted, "submitted", 0, &[]),
        (Sending, "sending", IN_PROGRESS, &[Sent, Failed, Delivered, Read]),
        // Another channel sends it once more.
        (Sent, "sent", IN_PROGRESS, &[Sending, Failed, Delivered, Read]),
        // A retry, or another channel.
        (Failed, "failed", IN_PROGRESS, &[Sending, Sent]),
        (Delivered, "delivered", 20, &[Read]),
        (Read, "read", 30, &[]),
    ]
};

/// The rank at which a message may still go back and forth, so that what is latest holds.
const IN_PROGRESS: u8 = 10;

impl Status {
    /// Its place among all statuses: those that are built in come first.
    fn index(self) -> usize {
        match self {
            Self::Custom(place) => BUILT_IN.len().saturating_add(usize::from(place)),
            built_in => BUILT_IN.iter().position(|(status, ..)| *status == built_in).unwrap_or(MAX_STATUSES),
        }
    }

    /// The status at that place.
    fn at(index: usize) -> Option<Self> {
        match BUILT_IN.get(index) {
            Some((status, ..)) => Some(*status),
            None => u8::try_from(index.checked_sub(BUILT_IN.len())?).ok().map(Self::Custom),
        }
    }
}

/// The statuses of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// In the order of the definition.
    stages: Vec<Stage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Stage {
    name: Box<str>,
    rank: u8,
    /// What may follow, beside what follows from rank alone.
    next: Vec<Status>,
}

impl Lifecycle {
    /// The statuses that are built in.
    pub fn builtin() -> Self {
        let stage = |(_, name, rank, next): &(Status, &str, u8, &[Status])| Stage {
            name: (*name).into(),
            rank: *rank,
            next: next.to_vec(),
        };
        Self { stages: BUILT_IN.iter().map(stage).collect() }
    }

    /// Adds a custom status; `None` if there are [`MAX_CUSTOM`] already.
    pub fn add(&mut self, name: &str, rank: u8) -> Option<Status> {
        let status = Status::at(self.stages.len()).filter(|status| status.index() < MAX_STATUSES)?;
        self.stages.push(Stage { name: name.into(), rank, next: Vec::new() });
        Some(status)
    }

    /// Allows the step.
    pub fn allow(&mut self, from: Status, to: Status) {
        if let Some(stage) = self.stages.get_mut(from.index()) {
            stage.next.push(to);
        }
    }

    fn stage(&self, status: Status) -> Option<&Stage> {
        self.stages.get(status.index())
    }

    /// The name in records, words of adapters and the label `status`; `unknown` of one that is not of this lifecycle.
    pub fn name(&self, status: Status) -> &str {
        self.stage(status).map_or("unknown", |stage| &stage.name)
    }

    /// The status of that name.
    pub fn by_name(&self, name: &str) -> Option<Status> {
        self.stages.iter().position(|stage| *stage.name == *name).and_then(Status::at)
    }

    /// Of two statuses that a message has had, the one with the higher rank is where it is. 0 of one that is not of this
    /// lifecycle.
    pub fn rank(&self, status: Status) -> u8 {
        self.stage(status).map_or(0, |stage| stage.rank)
    }

    /// Whether a message may be in `to` after `from`. That it is where it was is no step, and allowed.
    pub fn allows(&self, from: Status, to: Status) -> bool {
        let (Some(stage), Some(next)) = (self.stage(from), self.stage(to)) else { return false };
        let climbs = matches!(from, Status::Custom(_)) && next.rank > stage.rank;
        from == to || from == Status::Submitted || climbs || stage.next.contains(&to)
    }

    /// Every status, in the order of the definition.
    pub fn all(&self) -> impl Iterator<Item = Status> + '_ {
        (0..self.stages.len()).filter_map(Status::at)
    }

    /// Every name, in the order of the definition.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.stages.iter().map(|stage| &*stage.name).collect()
    }

    /// How many steps are not allowed.
    pub(crate) fn conflicts(&self) -> usize {
        let of = |from: Status| self.all().filter(|to| !self.allows(from, *to)).count();
        self.all().map(of).sum()
    }
}

#[cfg(test)]
mod tests;
