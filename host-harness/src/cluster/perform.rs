//! A wish carried out: read, change, write if nobody else has written since, and again if somebody has.

use super::access::Cluster;
use super::change::{Changed, Wish, change, in_force};
use super::error::ClusterError;
use super::history::{Record, last_line, records};
use super::object::Object;
use super::place::{Place, config_name};
use pointsman_core::time::WallClock;
use serde_json::Value;

/// How often a change is tried while others write.
const TRIES: usize = 5;

/// Whether something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Write,
    /// The API server judges the change, rights and policies and all, and writes nothing.
    DryRun,
}

/// A wish that was carried out, or would have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// What has changed, as the API server has taken it.
    pub changed: Changed,
    /// How often it was tried.
    pub tries: usize,
}

/// Carries a wish out. Who wishes must have signed with the name that [`Cluster::signer`] gives.
///
/// # Errors
/// [`ClusterError`]; all but [`ClusterError::Unclear`] say that the object is as it was, as far as it is up to this call.
pub async fn perform(
    cluster: &Cluster,
    object: &Object,
    wish: Wish<'_>,
    now: WallClock,
    mode: Mode,
) -> Result<Done, ClusterError> {
    let mut in_doubt: Option<(Changed, ClusterError)> = None;
    for tries in 1..=TRIES {
        let found = match (cluster.get(object).await, in_doubt) {
            (Ok(found), Some((changed, _))) if last_line(&found) == Some(&changed.record.line()) => {
                return Ok(Done { changed, tries });
            }
            (Ok(found), _) => found,
            (Err(_), Some((_, source))) => {
                return Err(ClusterError::Unclear { object: object.clone(), source: Box::new(source) });
            }
            (Err(error), None) => return Err(error),
        };
        let config = config_beside(cluster, object, &found).await?;
        let unable = |reason| ClusterError::Unable { object: object.clone(), reason };
        let changed = change(&found, &config, wish, now).map_err(unable)?;
        in_doubt = match cluster.replace(object, &changed.object, mode == Mode::DryRun).await {
            Ok(_) => return Ok(Done { changed, tries }),
            Err(error) if error.leaves_doubt() => Some((changed, error)),
            Err(ClusterError::Busy { .. }) => None,
            Err(error) => return Err(error),
        };
    }
    Err(match in_doubt {
        Some((_, source)) => ClusterError::Unclear { object: object.clone(), source: Box::new(source) },
        None => ClusterError::Busy { object: object.clone(), tries: TRIES },
    })
}

/// The history of an object, the oldest first.
///
/// # Errors
/// [`ClusterError`].
pub async fn history(cluster: &Cluster, object: &Object) -> Result<Vec<Result<Record, String>>, ClusterError> {
    Ok(records(&cluster.get(object).await?))
}

/// The config that filters load by an object as it stands.
///
/// # Errors
/// [`ClusterError`].
pub async fn loaded(cluster: &Cluster, object: &Object) -> Result<String, ClusterError> {
    let found = cluster.get(object).await?;
    let config = config_beside(cluster, object, &found).await?;
    let place = Place::of(&found).map_err(|reason| ClusterError::Unable { object: object.clone(), reason })?;
    Ok(in_force(place, place.text(&found), &config))
}

/// The config that the overrides of an object belong to; empty for an object that holds a config itself.
async fn config_beside(cluster: &Cluster, object: &Object, found: &Value) -> Result<String, ClusterError> {
    let Some(name) = config_name(found).filter(|_| Place::of(found) == Ok(Place::Overrides)) else {
        return Ok(String::new());
    };
    let unable = |reason| ClusterError::Unable { object: object.clone(), reason };
    let beside = object.config_map_beside(name).ok_or_else(|| unable(super::Unable::NamesNoConfig))?;
    let config = cluster.get(&beside).await?;
    match Place::of(&config) {
        Ok(Place::Config) => Ok(Place::Config.text(&config).to_owned()),
        _ => Err(ClusterError::Unable { object: beside, reason: super::Unable::NoRulesInIt }),
    }
}
