//! The part of an exchange that lives from its first step to its last.

use super::{Command, Effects, Shell};
use crate::adapter::{OperationKind, RecipientKind};
use crate::classify::Verdict;
use crate::extract::{Facts, Sensitive};
use crate::hold::StreamId;
use crate::observe::{NodeExit, ReceiptExit, ReceiptResult};
use crate::open::OpenId;
use crate::outcome::{Fate, OutcomeClass};
use crate::plan::{BusinessId, NodeId, Route, RouteId};
use crate::receipt::Reported;
use crate::redact;
use crate::report::{Report, StatusReport, VisitReport};
use crate::time::{Monotonic, as_millis};
use crate::trace::{Recipient, TraceParent};
use crate::worker::{Bypass, Worker};
use std::collections::BTreeSet;
use std::time::Duration;

/// A visit whose node is known.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) stream: StreamId,
    pub(super) route: RouteId,
    pub(super) node: NodeId,
    pub(super) business: BusinessId,
    pub(super) facts: Facts,
    pub(super) entered: Monotonic,
    pub(super) context: Option<TraceParent>,
    /// Path and query, where the visit will be reported.
    pub(super) path: Option<String>,
    /// Whether the request's body was not read, or was not what the route reads.
    pub(super) unread: bool,
    /// What a receipt reports, from the end of the request on: what it was read from is not kept until the answer.
    reported: Vec<Reported>,
    /// What the vendor was asked for; none at a node that is no vendor's.
    operation: Option<OperationKind>,
    open: Option<OpenId>,
}

impl Visit {
    /// Enters the node.
    pub(super) fn enter(
        worker: &mut Worker,
        stream: StreamId,
        route: RouteId,
        facts: Facts,
        entered: Monotonic,
    ) -> Option<Self> {
        let of_route = worker.plan.route(route)?;
        let node = of_route.node;
        let operation = of_route.operation;
        let business = business(worker, node, &facts);
        let open = worker.open.enter(node, business, entered);
        if open.is_none() {
            worker.bypass(Bypass::OpenTableFull);
        }
        let (context, path, unread, reported) = (None, None, false, Vec::new());
        Some(Self { stream, route, node, business, facts, entered, context, path, unread, reported, operation, open })
    }

    /// The request has said all that it will.
    pub(super) fn settle(&mut self, worker: &mut Worker) {
        self.business = business(worker, self.node, &self.facts);
        if self.facts.priority.is_none() {
            self.facts.priority = worker.plan.business_by_id(self.business).and_then(|business| business.priority);
        }
        if let Some(open) = self.open {
            worker.open.set_business(open, self.business);
        }
        let route = worker.plan.route(self.route);
        if let Some(receipt) = route.and_then(|route| route.receipt.as_ref()) {
            self.reported = receipt.statuses(&std::mem::take(&mut self.facts.receipt));
        }
        let dry_run = route.map_or(0, |route| route.dry_run);
        if self.facts.conditions & dry_run != 0 {
            self.operation = Some(OperationKind::DryRun);
        }
    }

    /// Whether it hands a message on: to a vendor, or to a node that is none.
    fn is_message(&self) -> bool {
        matches!(self.operation, None | Some(OperationKind::Send))
    }

    /// Leaves the node.
    pub(super) fn exit(self, worker: &mut Worker, verdict: &Verdict, shell: &mut dyn Shell, effects: &mut Effects) {
        let duration = shell.now().since(self.entered);
        if let Some(open) = self.open {
            worker.open.leave(open);
        }
        let accepted = self.is_message() && verdict.fate == Fate::Accepted;
        let submitted = self.facts.submitted_at.filter(|_| accepted);
        let message_time = submitted.map(|submitted| shell.wall_clock().since(submitted));
        let result = self.receipt(worker, verdict);
        let statuses = if result == Some(ReceiptResult::Accepted) { self.reported.as_slice() } else { &[] };
        worker.observe(&NodeExit {
            node: self.node,
            route: self.route,
            business: self.business,
            verdict,
            is_message: self.is_message(),
            duration,
            message_time,
            receipt: result.map(|result| ReceiptExit { result, statuses }),
        });
        if worker.log_visits {
            if let Some(report) = self.report(worker, verdict, statuses, result, duration) {
                effects.commands.push(Command::Report(Box::new(report)));
            }
        }
    }

    /// What a receipt is worth, if this is one. It counts only if the service has taken it: the service, not we, has checked
    /// the vendor's signature.
    fn receipt(&self, worker: &Worker, verdict: &Verdict) -> Option<ReceiptResult> {
        let receipt = worker.plan.route(self.route)?.receipt.as_ref()?;
        Some(if verdict.call != OutcomeClass::Ok {
            ReceiptResult::Refused
        } else if self.unread || self.facts.conditions & receipt.opaque != 0 {
            ReceiptResult::Opaque
        } else {
            ReceiptResult::Accepted
        })
    }

    fn report(
        &self,
        worker: &Worker,
        verdict: &Verdict,
        statuses: &[Reported],
        receipt: Option<ReceiptResult>,
        duration: Duration,
    ) -> Option<VisitReport> {
        let route = worker.plan.route(self.route)?;
        let node = worker.plan.node(self.node)?;
        let path = self.path.as_deref().map(|path| redact::url(path, route.path.as_ref(), &route.shown));
        let report = Report {
            node: Some(node.name.clone().into()),
            channel: node.is_channel().then(|| node.channel.clone().into()),
            operation: self.operation.unwrap_or(OperationKind::Other),
            message_ids: self.facts.message_ids.clone(),
            recipients: self.hashes(worker, route),
            template: self.facts.template.clone(),
            business: self.business_name(worker),
            batch: self.batch(verdict),
            outcome: verdict.call,
            fate: verdict.fate,
            code: verdict.code.as_deref().map(|code| self.without_recipients(code)),
            vendor_ids: if self.operation == Some(OperationKind::Send) { self.ids(verdict) } else { Vec::new() },
            results: if self.is_message() { verdict.tally.iter().collect() } else { Default::default() },
            retry_after_ms: verdict.retry_after.map(as_millis),
            statuses: statuses.iter().map(|status| self.status(worker, route, status)).collect(),
        };
        Some(VisitReport {
            report,
            url: path,
            dedupe: self.facts.dedupes(),
            opaque: receipt == Some(ReceiptResult::Opaque),
            priority: self.facts.priority,
            duration_ms: as_millis(duration),
            trace_id: self.context.as_ref().map(|context| context.trace_id.to_string()),
        })
    }

    /// How many recipients: at least as many as the answer speaks of, since a request that was not read to its end names
    /// too few.
    fn batch(&self, verdict: &Verdict) -> u32 {
        match self.operation {
            None | Some(OperationKind::Send) => self.facts.messages().max(verdict.tally.total()),
            Some(OperationKind::DryRun) => self.facts.messages(),
            _ => 0,
        }
    }

    /// The vendor's ids, less what is no id but the recipient itself.
    fn ids(&self, verdict: &Verdict) -> Vec<String> {
        let known: BTreeSet<&str> = self.facts.recipients_kept.iter().map(Sensitive::expose).collect();
        verdict.vendor_ids.iter().filter(|id| !known.contains(id.as_str())).cloned().collect()
    }

    fn business_name(&self, worker: &Worker) -> Option<String> {
        let business = Some(self.business).filter(|business| *business != BusinessId::NONE)?;
        worker.plan.business_by_id(business).map(|business| business.name.clone().into())
    }

    /// A vendor may write a recipient where its code should be.
    pub(super) fn without_recipients(&self, code: &str) -> String {
        let names = self.facts.recipients_kept.iter().any(|recipient| recipient.expose() == code);
        if names { "other".to_owned() } else { code.to_owned() }
    }

    fn status(&self, worker: &Worker, route: &Route, reported: &Reported) -> StatusReport {
        let kind = route.receipt.as_ref().map_or(route.recipient_kind, |receipt| receipt.recipient_kind);
        let recipient = reported.recipient.as_ref().and_then(|recipient| self.hash(worker, kind, recipient));
        StatusReport { vendor_id: reported.vendor_id.clone(), recipient, status: reported.status }
    }

    fn hashes(&self, worker: &Worker, route: &Route) -> Vec<String> {
        let kept = self.facts.recipients_kept.iter();
        kept.filter_map(|recipient| self.hash(worker, route.recipient_kind, recipient)).collect()
    }

    fn hash(&self, worker: &Worker, kind: RecipientKind, recipient: &Sensitive) -> Option<String> {
        let key = worker.key.as_ref().filter(|_| worker.plan.settings.hash_recipients)?;
        let recipient: Recipient<'_> = kind.of(recipient.expose(), worker.plan.settings.country_code);
        Some(key.recipient_hash(self.tenant(worker), recipient).to_string())
    }

    fn tenant<'a>(&'a self, worker: &'a Worker) -> &'a str {
        self.facts.tenant.as_deref().unwrap_or(&worker.plan.settings.tenant)
    }
}

/// Whose message it is. A token request is nobody's: series for each business would tell nothing.
fn business(worker: &Worker, node: NodeId, facts: &Facts) -> BusinessId {
    let of_messages = worker.plan.node(node).is_some_and(|node| node.counts_messages);
    if of_messages { worker.plan.business(facts.business.as_deref()) } else { BusinessId::NONE }
}
