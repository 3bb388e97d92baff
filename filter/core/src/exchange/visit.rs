//! The part of an exchange that lives from its first step to its last.

use super::{Command, Effects, Shell};
use crate::classify::Verdict;
use crate::extract::Facts;
use crate::observe::NodeExit;
use crate::open::OpenId;
use crate::outcome::Fate;
use crate::plan::{BusinessId, NodeId, RouteId};
use crate::time::{Monotonic, as_millis};
use crate::trace::{Recipient, TraceParent};
use crate::worker::{Bypass, Worker};

/// A visit whose node is known.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) route: RouteId,
    pub(super) node: NodeId,
    pub(super) business: BusinessId,
    pub(super) facts: Facts,
    pub(super) entered: Monotonic,
    pub(super) context: Option<TraceParent>,
    pub(super) is_message: bool,
    open: Option<OpenId>,
}

impl Visit {
    /// Enters the node.
    pub(super) fn enter(worker: &mut Worker, route: RouteId, facts: Facts, entered: Monotonic) -> Option<Self> {
        let node = worker.plan.route(route)?.node;
        let business = worker.plan.business(facts.business.as_deref());
        let open = worker.open.enter(node, business, entered);
        if open.is_none() {
            worker.bypass(Bypass::OpenTableFull);
        }
        let is_message = worker.plan.node(node)?.counts_messages;
        Some(Self { route, node, business, facts, entered, context: None, is_message, open })
    }

    /// The request has said all that it will.
    pub(super) fn settle(&mut self, worker: &mut Worker) {
        self.business = worker.plan.business(self.facts.business.as_deref());
        if self.facts.priority.is_none() {
            self.facts.priority = worker.plan.business_by_id(self.business).and_then(|business| business.priority);
        }
        if let Some(open) = self.open {
            worker.open.set_business(open, self.business);
        }
        let dry_run = worker.plan.route(self.route).map_or(0, |route| route.dry_run);
        self.is_message &= self.facts.conditions & dry_run == 0;
    }

    /// Leaves the node.
    pub(super) fn exit(self, worker: &mut Worker, verdict: &Verdict, shell: &mut dyn Shell, effects: &mut Effects) {
        let duration = shell.now().since(self.entered);
        if let Some(open) = self.open {
            worker.open.leave(open);
        }
        let accepted = self.is_message && verdict.fate == Fate::Accepted;
        let submitted = self.facts.submitted_at.filter(|_| accepted);
        let message_time = submitted.map(|submitted| shell.wall_clock().since(submitted));
        worker.observe(&NodeExit {
            node: self.node,
            route: self.route,
            business: self.business,
            verdict,
            is_message: self.is_message,
            duration,
            message_time,
        });
        if worker.log_visits {
            effects.commands.push(Command::LogDebug(self.line(worker, verdict, as_millis(duration))));
        }
    }

    /// One line that shows what was understood, with recipients only as a hash.
    fn line(&self, worker: &Worker, verdict: &Verdict, duration_ms: u64) -> String {
        let node = worker.plan.node(self.node).map_or("", |node| &node.name);
        let business = worker.plan.business_by_id(self.business).map_or("", |business| &business.name);
        let mut line = format!(
            "visit node={node} business={business} outcome={} fate={} messages={} duration_ms={duration_ms} recipients={}",
            verdict.call.as_str(),
            verdict.fate.as_str(),
            verdict.tally.total(),
            self.facts.recipients
        );
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                line.push_str(&format!(" {name}={value}"));
            }
        };
        add("message_id", self.facts.message_ids.first().map(|id| format!("{id:?}")));
        add("template", self.facts.template.as_ref().map(|template| format!("{template:?}")));
        add("priority", self.facts.priority.map(|priority| priority.to_string()));
        add("recipient_hash", self.recipient_hash(worker));
        add("trace_id", self.context.as_ref().map(|context| context.trace_id.to_string()));
        line
    }

    fn recipient_hash(&self, worker: &Worker) -> Option<String> {
        let key = worker.key.as_ref()?;
        let recipient = self.facts.recipients_kept.first()?;
        let kind = worker.plan.route(self.route)?.recipient_kind;
        let recipient: Recipient<'_> = kind.of(recipient.expose(), worker.plan.settings.country_code);
        Some(key.recipient_hash(self.tenant(worker), recipient).to_string())
    }

    fn tenant<'a>(&'a self, worker: &'a Worker) -> &'a str {
        self.facts.tenant.as_deref().unwrap_or(&worker.plan.settings.tenant)
    }
}
