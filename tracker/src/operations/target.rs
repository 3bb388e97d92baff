//! What operations change: a file, or an object of a cluster; by the code of `pointsman switch`.

use super::error::OperationError;
use super::journal::{Folder, Record};
use super::{Moment, Reached};
use pointsman_core::config::digest;
use pointsman_core::time::WallClock;
use pointsman_host::cluster::{self, Changed, Cluster, ClusterError, Mode, Object, Person, Unable};
use pointsman_host::guarded::Guarded;
use pointsman_host::switch::{Files, Order, Planned, World, perform, preview, valid};
use tokio::runtime::Handle;

/// Who has agreed, where that is asked for only to see what would come of it.
const NOBODY_YET: &str = "(nobody yet)";

/// What is changed.
#[derive(Clone)]
pub(super) enum Target {
    /// A file, and who else has to have it.
    File(Files),
    /// An object of a cluster, in the name of whoever has signed in.
    Cluster(Cluster, Object),
}

/// What an order would come to.
pub(super) struct Preview {
    pub(super) planned: Planned,
    /// Whether the object itself demands a second person.
    pub(super) needs_approval: bool,
}

/// What has become of an order that was interrupted.
pub(super) enum Fate {
    InPlace,
    Nothing,
    ChangedSince,
}

/// All calls block; they are made on a thread that may.
impl Target {
    /// What the folder of the operations log has to be like.
    pub(super) const fn folder_of_log(&self) -> Folder {
        match self {
            Self::File(_) => Folder::Guarded,
            Self::Cluster(..) => Folder::Any,
        }
    }

    /// What an order would change, and whether it may.
    pub(super) fn preview(&self, order: &Order, groups: &[String], now: WallClock) -> Result<Preview, OperationError> {
        match self {
            Self::File(files) => {
                let planned = preview(&files.config, order, &|text| valid(text, &order.action, now))?;
                Ok(Preview { planned, needs_approval: false })
            }
            Self::Cluster(cluster, object) => {
                let cluster = acting(cluster, &order.by, groups);
                let dry_run = |order: &Order| {
                    Handle::current().block_on(cluster::perform(&cluster, object, order.into(), now, Mode::DryRun))
                };
                let (done, needs_approval) = match dry_run(order) {
                    Err(ClusterError::Unable { reason: Unable::NeedsApproval, .. }) => {
                        (dry_run(&Order { approved_by: Some(NOBODY_YET.to_owned()), ..order.clone() })?, true)
                    }
                    done => (done?, false),
                };
                Ok(Preview { planned: planned(done.changed), needs_approval })
            }
        }
    }

    /// Carries an order out.
    pub(super) fn perform(
        &self,
        order: &Order,
        groups: &[String],
        now: WallClock,
        reached: &Reached,
    ) -> Result<Planned, OperationError> {
        match self {
            Self::File(files) => {
                let check = |text: &str| valid(text, &order.action, now);
                let world = World { now, check: &check, reached: &|point| reached(Moment::File(point)) };
                Ok(perform(files, order, &world)?.planned)
            }
            Self::Cluster(cluster, object) => {
                let cluster = acting(cluster, &order.by, groups);
                let done = cluster::perform(&cluster, object, order.into(), now, Mode::Write);
                Ok(planned(Handle::current().block_on(done)?.changed))
            }
        }
    }

    /// The config that filters load.
    pub(super) fn loaded(&self, name: &str, groups: &[String]) -> Result<String, OperationError> {
        match self {
            Self::File(files) => Ok(Guarded::new(&files.config)?.read()?.text),
            Self::Cluster(cluster, object) => {
                let cluster = acting(cluster, name, groups);
                Ok(Handle::current().block_on(cluster::loaded(&cluster, object))?)
            }
        }
    }

    /// What has become of an operation of which the log tells the beginning only.
    pub(super) fn fate(&self, record: &Record) -> Result<Fate, OperationError> {
        if let Self::Cluster(cluster, object) = self {
            let cluster = acting(cluster, &record.by, &record.groups);
            let history = Handle::current().block_on(cluster::history(&cluster, object))?;
            let is_there = history.iter().flatten().any(|done| Some(&done.version) == record.version.as_ref());
            return Ok(if is_there { Fate::InPlace } else { Fate::Nothing });
        }
        let version = Some(digest(&self.loaded(&record.by, &record.groups)?));
        Ok(match version {
            version if version == record.version => Fate::InPlace,
            version if version == record.before => Fate::Nothing,
            _ => Fate::ChangedSince,
        })
    }
}

fn acting(cluster: &Cluster, name: &str, groups: &[String]) -> Cluster {
    cluster.acting_as(Person { name: name.to_owned(), groups: groups.to_vec() })
}

fn planned(changed: Changed) -> Planned {
    Planned { diff: changed.diff, before: changed.record.before, version: changed.record.version }
}
