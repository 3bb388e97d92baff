//! What may be told of a visit by name: recipients as hashes, ids, codes that are none of theirs.

use super::Command;
use super::context::Trace;
use super::visit::Visit;
use crate::adapter::{OperationKind, RecipientKind};
use crate::classify::Verdict;
use crate::extract::Sensitive;
use crate::few;
use crate::observe::ReceiptResult;
use crate::plan::{BusinessId, Route};
use crate::receipt::Reported;
use crate::redact;
use crate::report::{Report, StatusReport, VisitReport};
use crate::time::as_millis;
use crate::trace::Recipient;
use crate::worker::Worker;
use std::time::Duration;

impl Visit {
    pub(super) fn report(
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
            trace_id: self.trace.as_ref().and_then(Trace::written_id),
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
        let known = few::set(self.facts.recipients_kept.iter().map(Sensitive::expose));
        verdict.vendor_ids.iter().filter(|id| !known.contains(id.as_str())).cloned().collect()
    }

    pub(super) fn business_name(&self, worker: &Worker) -> Option<String> {
        let business = Some(self.business).filter(|business| *business != BusinessId::NONE)?;
        worker.plan.business_by_id(business).map(|business| business.name.clone().into())
    }

    /// A vendor may write a recipient where its code should be.
    pub(super) fn without_recipients(&self, code: &str) -> String {
        let names = self.facts.recipients_kept.iter().any(|recipient| recipient.expose() == code);
        if names { "other".to_owned() } else { code.to_owned() }
    }

    fn status(&self, worker: &Worker, route: &Route, reported: &Reported) -> StatusReport {
        let recipient = reported.recipient.as_ref().and_then(|name| self.hash_of_report(worker, route, None, name));
        let name = worker.plan.lifecycle.name(reported.status).into();
        StatusReport { vendor_id: reported.vendor_id.clone(), recipient, status: reported.status, name }
    }

    /// The hash of each recipient that is kept, in their order; none where it may not be told.
    pub(super) fn hash_each(&self, worker: &Worker, route: &Route) -> Vec<Option<String>> {
        let kept = self.facts.recipients_kept.iter();
        kept.map(|recipient| self.hash(worker, route.recipient_kind, recipient)).collect()
    }

    /// The hash of a recipient that a receipt names; `tenant` is that of the send, where it is known and another one.
    pub(super) fn hash_of_report(
        &self,
        worker: &Worker,
        route: &Route,
        tenant: Option<&str>,
        recipient: &Sensitive,
    ) -> Option<String> {
        let kind = route.receipt.as_ref().map_or(route.recipient_kind, |receipt| receipt.recipient_kind);
        hash(worker, tenant.unwrap_or_else(|| self.tenant(worker)), kind, recipient)
    }

    /// The tenant, if it is not the one of the config.
    pub(super) fn foreign_tenant<'a>(&'a self, worker: &Worker) -> Option<&'a str> {
        self.facts.tenant.as_deref().filter(|tenant| *tenant != &*worker.plan.settings.tenant)
    }

    /// What the proxy's own access log may print of it, as far as it is known.
    pub(super) fn fields(&self, worker: &Worker, verdict: &Verdict) -> impl Iterator<Item = Command> + use<> {
        let route = worker.plan.route(self.route);
        let recipient = self.facts.recipients_kept.first().filter(|_| self.facts.recipients_kept.len() == 1);
        let hash = || self.hash(worker, route?.recipient_kind, recipient?);
        let fields = [
            ("pointsman.trace_id", self.trace.as_ref().map(|trace| trace.own.trace_id.to_string())),
            ("pointsman.message_id", self.facts.message_ids.first().cloned()),
            ("pointsman.recipient_hash", hash()),
            ("pointsman.template", self.facts.template.clone()),
            ("pointsman.code", verdict.code.as_deref().map(|code| self.without_recipients(code))),
            ("pointsman.outcome", Some(verdict.call.as_str().to_owned())),
        ];
        fields.into_iter().filter_map(|(name, value)| value.map(|value| Command::LeaveField(name, value)))
    }

    pub(super) fn hashes(&self, worker: &Worker, route: &Route) -> Vec<String> {
        self.hash_each(worker, route).into_iter().flatten().collect()
    }

    fn hash(&self, worker: &Worker, kind: RecipientKind, recipient: &Sensitive) -> Option<String> {
        hash(worker, self.tenant(worker), kind, recipient)
    }

    pub(super) fn tenant<'a>(&'a self, worker: &'a Worker) -> &'a str {
        self.facts.tenant.as_deref().unwrap_or(&worker.plan.settings.tenant)
    }
}

fn hash(worker: &Worker, tenant: &str, kind: RecipientKind, recipient: &Sensitive) -> Option<String> {
    let key = worker.key.as_ref().filter(|_| worker.plan.settings.hash_recipients)?;
    let recipient: Recipient<'_> = kind.of(recipient.expose(), worker.plan.settings.country_code);
    Some(key.recipient_hash(tenant, recipient).to_string())
}
