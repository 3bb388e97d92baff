//! Watches the patterns that the config names: a metric says whether one is above its bound, and, if the config says so, a switch
//! is put before the operators. Nothing is switched by itself.

use super::{PATTERN_DIMENSIONS, Settings, failures};
use crate::serve::App;
use crate::store::{Counts, MINUTE_MS, Store, StoreError};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often patterns are looked at.
pub const EVERY: Duration = Duration::from_secs(15);
/// The most series of the metric; what goes beyond is not told.
const MAX_SERIES: usize = 200;

/// Puts a switch before the operators.
pub trait Propose: Send + Sync {
    /// Somebody may want to give the messages of `channel` to these others, the first that can first. `reason` is for people.
    /// The same is proposed at every look for as long as the bound is passed, so that one that comes to nothing is not the last;
    /// only what is new need be shown.
    fn propose(&self, channel: &str, to: &[String], reason: &str);
}

/// What the metric tells apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct Labels {
    /// The channel.
    pub channel: String,
    /// The vendor's code.
    pub code: String,
}

/// The metric `pointsman_tracker_pattern_above`.
#[derive(Clone, Debug, Default)]
pub struct Above(pub Family<Labels, Gauge>);

impl Above {
    /// Adds it to a registry whose prefix is `pointsman_tracker`.
    pub fn register(&self, registry: &mut Registry) {
        let help = "1 while more failures of the channel have this code than the config allows";
        registry.register("pattern_above", help, self.0.clone());
    }
}

/// Watches for as long as the program runs.
pub async fn watch(app: App, settings: Arc<Settings>, above: Above, propose: Option<Arc<dyn Propose>>) {
    let mut watch = Watch::new(settings, above, propose);
    if watch.settings.rules.is_empty() {
        return;
    }
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // A store that is busy or broken says so in its own metrics; what was known goes on to hold.
        let _ = watch.look(&*app.store, (app.clock)()).await;
    }
}

/// What is known from one look to the next.
pub struct Watch {
    settings: Arc<Settings>,
    above: Above,
    propose: Option<Arc<dyn Propose>>,
    shown: BTreeSet<Labels>,
}

impl Watch {
    /// Has seen nothing yet.
    pub fn new(settings: Arc<Settings>, above: Above, propose: Option<Arc<dyn Propose>>) -> Self {
        Self { settings, above, propose, shown: BTreeSet::new() }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing has changed.
    pub async fn look(&mut self, store: &dyn Store, now_ms: u64) -> Result<(), StoreError> {
        let Some(range) = self.settings.recent(now_ms) else { return Ok(()) };
        let counts = Counts { range, step_ms: MINUTE_MS, by: PATTERN_DIMENSIONS.to_vec(), only: Vec::new() };
        let recent = failures(&store.counts(&counts).await?);
        let mut above = BTreeSet::new();
        for (same, found) in &recent {
            let verdict = self.settings.verdict(same, &found.text, &recent, now_ms);
            let Some(verdict) = verdict.filter(|verdict| verdict.above) else { continue };
            above.insert(Labels { channel: same.channel.clone(), code: same.code.clone() });
            if let (Some(proposal), Some(propose)) = (verdict.proposal, &self.propose) {
                propose.propose(&same.channel, &proposal.to, &proposal.reason);
            }
        }
        self.tell(&above);
        Ok(())
    }

    /// Series stay once they are there, so that an alert sees them fall; when there are too many those at 0 go first.
    fn tell(&mut self, above: &BTreeSet<Labels>) {
        let fresh = above.difference(&self.shown).count();
        if self.shown.len().saturating_add(fresh) > MAX_SERIES {
            for labels in self.shown.iter().filter(|labels| !above.contains(labels)) {
                self.above.0.remove(labels);
            }
            self.shown.retain(|labels| above.contains(labels));
        }
        for labels in above {
            if self.shown.contains(labels) || self.shown.len() < MAX_SERIES {
                self.shown.insert(labels.clone());
            }
        }
        for labels in &self.shown {
            self.above.0.get_or_create(labels).set(i64::from(above.contains(labels)));
        }
    }
}
