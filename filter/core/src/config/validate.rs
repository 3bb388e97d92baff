//! Wire types to a plan. Every relation between values is checked here, and every fault says what to do.

mod channel;
mod lifecycle;
mod names;
mod node;
mod receipts;
mod rules;
mod settings;
mod telemetry;
mod values;

use super::Faults;
use super::wire::{ConfigWire, ObjectiveWire};
use crate::adapter::Adapter;
use crate::extract::{Field, ReaderBuilder};
use crate::lifecycle::Lifecycle;
use crate::metrics;
use crate::plan::{Business, Node, NodeId, Objective, Plan, Route, RouteId, RouteIndex, Settings};
use crate::source::{Source, SourceWire};
use std::collections::HashMap;
use std::time::Duration;

/// Builds the plan. It is meant for use only if `faults` stays empty.
pub(super) fn validate(wire: &ConfigWire, faults: &mut Faults) -> Plan {
    let settings = settings::settings(wire, faults);
    let businesses = settings::businesses(wire, faults);
    let lifecycle = lifecycle::lifecycle(wire, faults);
    telemetry::check_nodes(wire, faults);
    let mut builder = Builder { plan: empty(settings, businesses, lifecycle), adapters: Vec::new(), wire, faults };
    builder.check_message_sources();
    receipts::receipts(&mut builder);
    node::nodes(&mut builder);
    channel::channels(&mut builder);
    node::service(&mut builder);
    rules::rules(&mut builder);
    let Builder { mut plan, faults, .. } = builder;
    plan.join_readers();
    if plan.is_empty() && faults.is_empty() && !wire.says_nothing {
        faults.add(
            "$",
            "names nothing to watch: add `service`, `channels` or `nodes`, or leave it empty to pass everything",
        );
    }
    check_series(&plan, faults);
    plan
}

fn empty(settings: Settings, businesses: Vec<Business>, lifecycle: Lifecycle) -> Plan {
    Plan {
        version: Box::default(),
        nodes: Vec::new(),
        channels: Vec::new(),
        routes: Vec::new(),
        inbound: RouteIndex::default(),
        outbound: RouteIndex::default(),
        joints: HashMap::new(),
        businesses,
        lifecycle,
        settings,
    }
}

fn check_series(plan: &Plan, faults: &mut Faults) {
    let (series, label) = metrics::bound(plan);
    if series > metrics::MAX_SERIES {
        faults.add(
            "$",
            format!(
                "would make up to {series} metric series, above the limit of {}; most come from the label `{label}`: cut its values",
                metrics::MAX_SERIES
            ),
        );
    }
}

/// The plan under construction.
struct Builder<'a> {
    plan: Plan,
    /// The adapter of each channel of the plan, as the config has changed it.
    adapters: Vec<Adapter>,
    wire: &'a ConfigWire,
    faults: &'a mut Faults,
}

impl Builder<'_> {
    fn check_message_sources(&mut self) {
        let message = &self.wire.message;
        let lists = [
            ("id", &message.id),
            ("tenant", &message.tenant),
            ("business", &message.business),
            ("priority", &message.priority),
            ("template", &message.template),
            ("submitted_at", &message.submitted_at),
        ];
        for (name, list) in lists {
            compile(list.iter(), &format!("$.message.{name}"), &[], self.faults);
        }
    }

    /// Adds the sources that hold for every node.
    fn message_sources(&self, reader: &mut ReaderBuilder) {
        let message = &self.wire.message;
        let lists = [
            (Field::MessageId, &message.id),
            (Field::Tenant, &message.tenant),
            (Field::Business, &message.business),
            (Field::Priority, &message.priority),
            (Field::Template, &message.template),
            (Field::SubmittedAt, &message.submitted_at),
        ];
        for (field, list) in lists {
            // Their faults have been reported once; here only what is sound counts.
            reader.field(field, &compile(list.iter(), "", &[], &mut Faults::default()));
        }
    }

    fn add_node(&mut self, node: Node, path: &str) -> NodeId {
        if let Some((id, _)) = self.plan.nodes().find(|(_, known)| known.name == node.name) {
            self.faults.add(path, format!("a second node named `{}`: names of nodes are unique", node.name));
            return id;
        }
        let id = NodeId(u16::try_from(self.plan.nodes.len()).unwrap_or(u16::MAX));
        self.plan.nodes.push(node);
        id
    }

    fn add_route(&mut self, route: Route) -> RouteId {
        let id = RouteId(u16::try_from(self.plan.routes.len()).unwrap_or(u16::MAX));
        self.plan.routes.push(route);
        id
    }
}

/// The sound ones of `wires`, which come with their indices.
fn compile<'a>(
    wires: impl Iterator<Item = (usize, &'a SourceWire)>,
    path: &str,
    captures: &[Box<str>],
    faults: &mut Faults,
) -> Vec<Source> {
    let mut sources = Vec::new();
    for (index, wire) in wires {
        match Source::of_request(wire, captures) {
            Ok(source) => sources.push(source),
            Err(fault) => faults.add(format!("{path}[{index}]"), fault),
        }
    }
    sources
}

fn objective(wire: Option<&ObjectiveWire>, path: &str, default: Duration, faults: &mut Faults) -> Objective {
    let target = wire.and_then(|wire| wire.target).unwrap_or(0.99);
    let between = target > 0.0 && target < 1.0;
    if !between {
        faults.add(format!("{path}.target"), format!("is {target}: a share above 0 and below 1, such as 0.99"));
    }
    let limit = wire.map_or(default, |wire| wire.limit.0);
    if limit > Duration::from_secs(300) {
        faults.add(format!("{path}.limit"), "is above 300s, the highest bucket of the histograms: choose a lower one");
    }
    Objective { limit, target }
}
