//! Where a change is in force: only a filter knows, and says so by `push.rule.applied` with the version of its config.

use super::book::Standing;
use super::journal::Step;
use super::wish::Kind;
use crate::event::{Event, Kind as EventKind};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What tells two processes of one service apart, if whoever passes records on has added it; the first that is there.
const INSTANCE: [&str; 4] = ["service.instance.id", "k8s.pod.uid", "k8s.pod.name", "host.name"];
/// By how much the clocks of a filter and of this program may differ.
const CLOCKS_MS: u64 = 60_000;

/// Where a change is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InForce {
    /// Whether any filter has said that it has it.
    pub known: bool,
    /// How many have said so.
    pub with: usize,
    /// How many have said of an older version that they have it, and of none since.
    pub behind: usize,
}

/// What filters have said: by instance, each version with the last time at which it was told.
#[derive(Debug, Default)]
pub(super) struct Reports(BTreeMap<(String, String), BTreeMap<String, u64>>);

impl Reports {
    /// Of these events, those of these services; of all if none is named.
    pub(super) fn of<'a>(events: impl IntoIterator<Item = &'a Event>, services: &[String]) -> Self {
        let mut reports = Self::default();
        for event in events.into_iter().filter(|event| event.facts.kind == EventKind::Rule) {
            if !services.is_empty() && !services.contains(&event.facts.service) {
                continue;
            }
            let rest: Value = serde_json::from_str(&event.rest).unwrap_or_default();
            let Some(version) = rest["push.config.version"].as_str() else { continue };
            let instance = INSTANCE.iter().find_map(|name| rest["resource"][*name].as_str()).unwrap_or_default();
            let told = reports.0.entry((event.facts.service.clone(), instance.to_owned())).or_default();
            let at_ms = told.entry(version.to_owned()).or_default();
            *at_ms = event.at_ms.max(*at_ms);
        }
        reports
    }

    /// Where the change of an operation is in force, or was before a later one; `all` are the operations, in any order.
    pub(super) fn in_force(&self, standing: &Standing, all: &[&Standing]) -> InForce {
        let Some(version) = standing.record.version.as_ref().filter(|_| standing.step == Step::Done) else {
            return InForce::default();
        };
        // A rule with an end makes a version that was never there before. One that is taken out may bring an old one back.
        let not_before = match standing.record.wish.kind {
            Kind::Back | Kind::EndDrill => standing.since_ms.saturating_sub(CLOCKS_MS),
            Kind::Switch | Kind::Shed | Kind::Hold | Kind::Drill => 0,
        };
        let is_later = |other: &&&Standing| other.step == Step::Done && other.since_ms > standing.since_ms;
        let later: Vec<&str> =
            all.iter().filter(is_later).filter_map(|other| other.record.version.as_deref()).collect();
        let mut in_force = InForce::default();
        for told in self.0.values() {
            if told.get(version).is_some_and(|at_ms| *at_ms >= not_before) {
                in_force.with += 1;
                continue;
            }
            let last = told.iter().max_by_key(|(_, at_ms)| **at_ms);
            let has_moved_on = last.is_some_and(|(last, at_ms)| later.contains(&last.as_str()) && *at_ms >= not_before);
            in_force.behind += usize::from(!has_moved_on);
        }
        in_force.known = in_force.with > 0;
        in_force
    }
}
