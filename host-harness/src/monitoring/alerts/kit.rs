//! What every rule is made with: selectors, labels, and words.

use super::model::{Pairs, Rule};
use super::times::minutes;
use super::{Options, SERVICE};
use crate::monitoring::watched::{Node, Watched};
use std::time::Duration;

/// The label of what has no node or no channel. A label that source and target of an inhibition both lack counts as equal,
/// so none is ever left out.
pub(super) const NONE: &str = "none";

/// The value of an alert as a share.
pub(super) const PERCENT: &str = "{{ $value | humanizePercentage }}";
/// The value of an alert as a count.
pub(super) const COUNT: &str = "{{ $value | printf \"%.0f\" }}";
/// The value of an alert, as a rate.
pub(super) const RATE: &str = "{{ $value | humanize }}";

/// Who is to know, and how soon.
#[derive(Clone, Copy)]
pub(super) enum Severity {
    /// Somebody is woken.
    Page,
    /// Somebody looks in working hours.
    Ticket,
    /// Nobody has to do anything.
    Info,
}

/// What an alert is about.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// This node.
    Node(&'a Node),
    /// Each node that the query's labels name.
    EachNode,
    /// This channel.
    Channel(&'a str),
    /// Each channel that the query's label names.
    EachChannel,
    /// None of them.
    Platform,
}

/// An alert before it has its labels.
pub(super) struct Alert<'a> {
    pub(super) name: &'a str,
    pub(super) severity: Severity,
    /// What is out of order: what inhibitions and routes go by.
    pub(super) signal: &'a str,
    pub(super) scope: Scope<'a>,
    pub(super) expr: String,
    pub(super) pending: Option<Duration>,
    pub(super) summary: String,
    pub(super) description: String,
}

/// What all rules of a config share.
pub(super) struct Kit<'a> {
    pub(super) watched: &'a Watched,
    pub(super) options: &'a Options,
}

impl Kit<'_> {
    /// The value of the label `service`.
    pub(super) fn service(&self) -> &str {
        self.watched.service.as_deref().unwrap_or(SERVICE)
    }

    /// A time as PromQL writes it.
    pub(super) fn span(&self, time: Duration) -> String {
        self.options.time_scale.span(time)
    }

    /// A selector of what filters export.
    pub(super) fn of(&self, metric: &str, matchers: &str) -> String {
        selector(metric, &[self.options.matchers.as_str(), matchers])
    }

    /// A selector of what a rule of this config records.
    pub(super) fn recorded(&self, record: &str, matchers: &str) -> String {
        let mut own = format!(r#"service="{}""#, self.service());
        for (label, value) in self.options.matchers.equal() {
            own += &format!(r#",{label}="{value}""#);
        }
        selector(record, &[&own, matchers])
    }

    /// How much the counters have grown in `window`, each series by itself, for those that come into being with their first
    /// event: `increase` does not see that one. A target that was not scraped before says nothing of when its events were.
    pub(super) fn events(&self, metric: &str, matchers: &str, window: Duration) -> String {
        let (counter, window) = (self.of(metric, matchers), self.span(window));
        let known = self.of("pointsman_build_info", "");
        format!(
            "(\n    {counter} unless {counter} offset {window}\n    and on (job, instance) {known} offset {window}\n  )\n  \
             or increase({counter}[{window}])"
        )
    }

    /// A recording rule.
    pub(super) fn record(&self, name: &str, expr: String, labels: &[(&str, &str)]) -> Rule {
        Rule::Record { record: name.to_owned(), expr, labels: self.labels(labels) }
    }

    /// An alerting rule.
    pub(super) fn alert(&self, alert: Alert<'_>) -> Rule {
        self.alert_with(alert, &[])
    }

    /// An alerting rule with labels of its own.
    pub(super) fn alert_with(&self, alert: Alert<'_>, more: &[(&str, &str)]) -> Rule {
        let severity = match alert.severity {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
            Severity::Info => "info",
        };
        let mut labels = vec![("severity", severity), ("signal", alert.signal), ("team", self.options.team.as_str())];
        labels.extend(more);
        labels.extend(alert.scope.labels());
        let runbook = format!("{}#{}", self.options.runbook, alert.name.to_ascii_lowercase());
        let annotations = [("summary", alert.summary), ("description", alert.description), ("runbook_url", runbook)];
        Rule::Alert {
            alert: alert.name.to_owned(),
            expr: alert.expr,
            pending: alert.pending.map(|time| self.span(time)),
            labels: self.labels(&labels),
            annotations: annotations.map(|(key, text)| (key.to_owned(), text)).into(),
        }
    }

    fn labels(&self, own: &[(&str, &str)]) -> Pairs {
        let shared = self.options.matchers.equal().chain([("service", self.service())]);
        shared.chain(own.iter().copied()).map(|(label, value)| (label.to_owned(), value.to_owned())).collect()
    }
}

impl<'a> Scope<'a> {
    /// The labels that the query does not bring.
    pub(super) fn labels(self) -> Vec<(&'static str, &'a str)> {
        match self {
            Self::Node(node) => vec![("node", &*node.name), ("channel", node.channel_label())],
            Self::EachNode => vec![],
            Self::Channel(channel) => vec![("node", NONE), ("channel", channel)],
            Self::EachChannel => vec![("node", NONE)],
            Self::Platform => vec![("node", NONE), ("channel", NONE)],
        }
    }
}

/// `left` unless there is nothing, then 0: of a sum without labels.
pub(super) fn or_zero(sum: &str) -> String {
    format!("({sum} or vector(0))")
}

/// The window behind which `offset` looks at times before the present trouble.
pub(super) const BEFORE: Duration = minutes(60);

fn selector(metric: &str, matchers: &[&str]) -> String {
    let matchers: Vec<&str> = matchers.iter().copied().filter(|matchers| !matchers.is_empty()).collect();
    if matchers.is_empty() { metric.to_owned() } else { format!("{metric}{{{}}}", matchers.join(",")) }
}
