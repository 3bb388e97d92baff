//! Visits that have entered a node and not left it: in flight, and blocked by age.

use crate::few;
use crate::metrics::name;
use crate::plan::{BusinessId, NodeId, Plan};
use crate::time::{Monotonic, format_duration};
use crate::trace::TraceParent;
use std::collections::BTreeMap;
use std::time::Duration;

/// More open visits than this are traced, timed and counted when they end, but not seen while they are open. Envoy's own
/// limits of connections and requests are far below.
pub const MAX_OPEN_VISITS: usize = 65_536;

/// Of more messages of one visit the ids are not kept for as long as it is open.
pub const MAX_NAMED: usize = 16;

/// Names one open visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenId(usize);

#[derive(Debug)]
struct Open {
    node: NodeId,
    business: BusinessId,
    entered: Monotonic,
    name: Option<Box<Name>>,
}

/// Whose an open visit is, should it have to be told before it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The messages, of many the first [`MAX_NAMED`].
    pub message_ids: Vec<String>,
    /// Its tenant, if that is not the config's.
    pub tenant: Option<String>,
    /// The visit's own span.
    pub trace: Option<TraceParent>,
}

/// A visit that is open for too long.
#[derive(Debug, PartialEq, Eq)]
pub struct Late {
    /// Where.
    pub node: NodeId,
    /// The business that sends.
    pub business: BusinessId,
    /// For how long.
    pub open_for: Duration,
    /// Whose it is.
    pub name: Box<Name>,
}

/// The open visits of one worker.
#[derive(Debug, Default)]
pub struct OpenVisits {
    slots: Vec<Option<Open>>,
    free: Vec<usize>,
}

impl OpenVisits {
    /// A visit enters; `None` if the table is full.
    pub fn enter(&mut self, node: NodeId, business: BusinessId, entered: Monotonic) -> Option<OpenId> {
        let open = Open { node, business, entered, name: None };
        if let Some(index) = self.free.pop() {
            *self.slots.get_mut(index)? = Some(open);
            return Some(OpenId(index));
        }
        if self.slots.len() >= MAX_OPEN_VISITS {
            return None;
        }
        self.slots.push(Some(open));
        Some(OpenId(self.slots.len() - 1))
    }

    /// The body has told whose visit it is.
    pub fn set_business(&mut self, id: OpenId, business: BusinessId) {
        if let Some(Some(open)) = self.slots.get_mut(id.0) {
            open.business = business;
        }
    }

    /// The request has told whose visit it is.
    pub fn set_name(&mut self, id: OpenId, name: Box<Name>) {
        if let Some(Some(open)) = self.slots.get_mut(id.0) {
            open.name = Some(name);
        }
    }

    /// Up to `most` of the named visits that are open for `limit` or longer; each is told once.
    pub fn late(&mut self, now: Monotonic, limit: Duration, most: usize) -> Vec<Late> {
        let late = |open: &mut Open| {
            let open_for = now.since(open.entered);
            let name = if open_for >= limit { open.name.take()? } else { return None };
            Some(Late { node: open.node, business: open.business, open_for, name })
        };
        self.slots.iter_mut().flatten().filter_map(late).take(most).collect()
    }

    /// A visit leaves.
    pub fn leave(&mut self, id: OpenId) {
        if self.slots.get_mut(id.0).and_then(Option::take).is_some() {
            self.free.push(id.0);
        }
    }

    /// The gauges as they stand, by encoded name; what is zero is there only for visits without a business.
    ///
    /// A visit is in one `age` at most: the highest that it has reached. So the ages add up to all that are blocked.
    pub fn gauges(&self, plan: &Plan, now: Monotonic) -> BTreeMap<String, u64> {
        let mut gauges = zeroes(plan);
        let mut counts: BTreeMap<(NodeId, BusinessId, Option<usize>), u64> = BTreeMap::new();
        for open in self.slots.iter().flatten() {
            let age = now.since(open.entered);
            let reached = plan.settings.blocked_after.iter().rposition(|limit| age >= *limit);
            for key in [None, reached].into_iter().take(if reached.is_some() { 2 } else { 1 }) {
                *counts.entry((open.node, open.business, key)).or_default() += 1;
            }
        }
        for ((node, business, age), count) in counts {
            if let Some(name) = gauge_name(plan, node, business, age) {
                gauges.insert(name, count);
            }
        }
        gauges
    }
}

fn zeroes(plan: &Plan) -> BTreeMap<String, u64> {
    let ages = || std::iter::once(None).chain((0..plan.settings.blocked_after.len()).map(Some));
    let names =
        plan.nodes().flat_map(|(node, _)| ages().filter_map(move |age| gauge_name(plan, node, BusinessId::NONE, age)));
    few::map(names.map(|name| (name, 0)))
}

fn gauge_name(plan: &Plan, node: NodeId, business: BusinessId, age: Option<usize>) -> Option<String> {
    let (node, business) = (plan.node(node)?, plan.business_by_id(business)?);
    let labels = [("node", &*node.name), ("channel", &node.channel), ("business", &business.name)];
    let Some(age) = age else { return Some(name("pointsman_node_in_flight", &labels)) };
    let age = format_duration(*plan.settings.blocked_after.get(age)?);
    let [node, channel, business] = labels;
    Some(name("pointsman_node_blocked", &[node, channel, business, ("age", &age)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const SECOND: u64 = 1_000_000_000;

    fn count(gauges: &BTreeMap<String, u64>, wanted: &[&str]) -> u64 {
        let fits = |name: &&String| wanted.iter().all(|part| name.contains(part));
        gauges.keys().filter(fits).filter_map(|name| gauges.get(name)).sum()
    }

    #[test]
    fn a_visit_is_blocked_at_the_highest_age_it_has_reached() {
        let plan = config::load(r#"{"service": "push", "blocked_after": ["5s", "30s"]}"#).unwrap();
        let mut open = OpenVisits::default();
        let id = open.enter(NodeId(0), BusinessId::NONE, Monotonic(0)).unwrap();
        for (now_s, five, thirty) in [(0, 0, 0), (4, 0, 0), (5, 1, 0), (29, 1, 0), (30, 0, 1), (900, 0, 1)] {
            let gauges = open.gauges(&plan, Monotonic(now_s * SECOND));
            assert_eq!(count(&gauges, &["in_flight"]), 1);
            assert_eq!((count(&gauges, &["age=.=5s"]), count(&gauges, &["age=.=30s"])), (five, thirty), "{now_s}s");
        }
        open.leave(id);
        open.leave(id);
        let gauges = open.gauges(&plan, Monotonic(900 * SECOND));
        assert_eq!(count(&gauges, &["pointsman"]), 0);
        assert_eq!(gauges.len(), 3, "zeroes are shown");
        assert_eq!(open.free.len(), 1, "leaving twice frees once");
    }

    #[test]
    fn a_business_that_the_body_tells_moves_the_visit() {
        let plan = config::load(r#"{"service": "push", "businesses": [{"name": "order"}]}"#).unwrap();
        let mut open = OpenVisits::default();
        let id = open.enter(NodeId(0), BusinessId::NONE, Monotonic(0)).unwrap();
        open.set_business(id, plan.business(Some("order")));
        let gauges = open.gauges(&plan, Monotonic(0));
        assert_eq!((count(&gauges, &["business=.=order"]), count(&gauges, &["business=.=none"])), (1, 0));
    }

    #[test]
    fn a_full_table_refuses_and_goes_on_after_a_leave() {
        let mut open = OpenVisits::default();
        let ids: Vec<_> =
            (0..MAX_OPEN_VISITS).filter_map(|_| open.enter(NodeId(0), BusinessId::NONE, Monotonic(0))).collect();
        assert_eq!(open.enter(NodeId(0), BusinessId::NONE, Monotonic(0)), None);
        open.leave(ids[7]);
        assert_eq!(open.enter(NodeId(0), BusinessId::NONE, Monotonic(0)), Some(ids[7]));
    }
}
