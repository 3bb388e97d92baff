//! Objectives and the rates at which their budgets burn, in the form and with the names of Sloth, so that its dashboards
//! show them.

use super::kit::{Alert, Kit, PERCENT, Scope, Severity, or_zero};
use super::model::Rule;
use super::times::{days, hours, minutes};
use crate::monitoring::watched::{Channel, Node, Watched};
use pointsman_core::outcome::OutcomeClass;
use std::time::Duration;

/// The outcomes that count against a channel: the vendor's faults, ours, and what nobody understands. What concerns one
/// recipient or one text does not.
pub const FAILURES: [OutcomeClass; 8] = [
    OutcomeClass::VendorUnavailable,
    OutcomeClass::Timeout,
    OutcomeClass::RateLimited,
    OutcomeClass::QuotaApp,
    OutcomeClass::Auth,
    OutcomeClass::Permission,
    OutcomeClass::InvalidRequest,
    OutcomeClass::Unknown,
];

/// A matcher of [`FAILURES`].
pub(super) fn failures() -> String {
    format!(r#"outcome=~"{}""#, FAILURES.map(OutcomeClass::as_str).join("|"))
}

/// Fewer bad events in the long window alert nobody: at night, one failure is a large share.
const MIN_BAD: u32 = 10;

/// The period of an objective.
const PERIOD_DAYS: u32 = 30;

/// The windows over which Sloth records the share of errors, by their names.
const WINDOWS: [(&str, Duration); 7] = [
    ("5m", minutes(5)),
    ("30m", minutes(30)),
    ("1h", hours(1)),
    ("2h", hours(2)),
    ("6h", hours(6)),
    ("1d", days(1)),
    ("3d", days(3)),
];

/// A burn rate that lasts: the long window says that it matters, the short one that it goes on.
struct Burn {
    factor: &'static str,
    short: &'static str,
    long: (&'static str, Duration),
}

const FAST: [Burn; 2] = [
    Burn { factor: "14.4", short: "5m", long: ("1h", hours(1)) },
    Burn { factor: "6", short: "30m", long: ("6h", hours(6)) },
];
const SLOW: [Burn; 2] = [
    Burn { factor: "3", short: "2h", long: ("1d", days(1)) },
    Burn { factor: "1", short: "6h", long: ("3d", days(3)) },
];

/// What is promised of a kind of events.
struct Objective<'a> {
    /// `sloth_slo`.
    slo: String,
    scope: Scope<'a>,
    target: f64,
    metric: &'static str,
    all: String,
    bad: String,
    /// The names of both alerts, and their signal.
    alerts: (&'static str, &'static str, &'static str),
    what: String,
}

/// One group per objective.
pub(super) fn groups(kit: &Kit<'_>) -> Vec<(String, Vec<Rule>)> {
    let group = |objective: Objective<'_>| (format!("pointsman-slo-{}", objective.slo), objective.rules(kit));
    objectives(kit.watched).into_iter().map(group).collect()
}

fn objectives(watched: &Watched) -> Vec<Objective<'_>> {
    let nodes = watched.nodes.iter().filter(|node| node.counts_messages && !node.receipt).map(on_time);
    let channels = watched.channels.iter().filter_map(|channel| success(watched, channel));
    let message = (!watched.channels.is_empty()).then(|| whole_message(watched));
    nodes.chain(channels).chain(message).collect()
}

fn on_time(node: &Node) -> Objective<'_> {
    Objective {
        slo: format!("node-{}-on-time", node.name),
        scope: Scope::Node(node),
        target: node.target,
        metric: "pointsman_node_on_time_total",
        all: format!(r#"node="{}""#, node.name),
        bad: format!(r#"node="{}",met="false""#, node.name),
        alerts: ("PointsmanOnTimeBurnFast", "PointsmanOnTimeBurnSlow", "latency"),
        what: format!("of the calls of {} take longer than {} ms", node.name, node.limit_ms),
    }
}

fn success<'a>(watched: &Watched, channel: &'a Channel) -> Option<Objective<'a>> {
    let node = watched.nodes.iter().find(|node| node.name == channel.node)?;
    Some(Objective {
        slo: format!("channel-{}-success", channel.name),
        scope: Scope::Channel(&channel.name),
        target: node.target,
        metric: "pointsman_node_messages_total",
        all: format!(r#"node="{}""#, node.name),
        bad: format!(r#"node="{}",{}"#, node.name, failures()),
        alerts: ("PointsmanSuccessBurnFast", "PointsmanSuccessBurnSlow", "success"),
        what: format!("of the messages of {} fail for a reason that is the channel's or ours", channel.name),
    })
}

fn whole_message(watched: &Watched) -> Objective<'_> {
    Objective {
        slo: "message-on-time".to_owned(),
        scope: Scope::Platform,
        target: watched.message.target,
        metric: "pointsman_message_on_time_total",
        all: String::new(),
        bad: r#"met="false""#.to_owned(),
        alerts: ("PointsmanMessageOnTimeBurnFast", "PointsmanMessageOnTimeBurnSlow", "latency"),
        what: format!("of all messages are accepted later than {} ms after submission", watched.message.limit_ms),
    }
}

impl Objective<'_> {
    fn rules(&self, kit: &Kit<'_>) -> Vec<Rule> {
        let mut rules: Vec<Rule> = WINDOWS.iter().map(|window| self.ratio(kit, window)).collect();
        rules.push(self.ratio_of_period(kit));
        rules.extend(self.about(kit));
        let (fast, slow, _) = self.alerts;
        rules.push(self.alert(kit, fast, Severity::Page, &FAST));
        rules.push(self.alert(kit, slow, Severity::Ticket, &SLOW));
        rules
    }

    fn id(&self, kit: &Kit<'_>) -> String {
        format!("{}-{}", kit.service(), self.slo)
    }

    fn record(&self, kit: &Kit<'_>, name: &str, expr: String, more: &[(&str, &str)]) -> Rule {
        let id = self.id(kit);
        let mut labels = vec![
            ("sloth_id", id.as_str()),
            ("sloth_service", kit.service()),
            ("sloth_slo", self.slo.as_str()),
            ("team", kit.options.team.as_str()),
        ];
        labels.extend(self.scope.labels());
        labels.extend(more);
        kit.record(name, expr, &labels)
    }

    /// Of what this objective records.
    fn recorded(&self, kit: &Kit<'_>, name: &str) -> String {
        let (id, service, slo) = (self.id(kit), kit.service(), &self.slo);
        kit.recorded(name, &format!(r#"sloth_id="{id}",sloth_service="{service}",sloth_slo="{slo}""#))
    }

    fn ratio(&self, kit: &Kit<'_>, (name, window): &(&str, Duration)) -> Rule {
        let window = kit.span(*window);
        let rate = |matchers: &str| format!("sum(rate({}[{window}]))", kit.of(self.metric, matchers));
        // Without events there is no share: a 0/0 would be remembered for the whole period.
        let expr = format!("{}\n/\n({} > 0)", or_zero(&rate(&self.bad)), rate(&self.all));
        self.record(kit, &format!("slo:sli_error:ratio_rate{name}"), expr, &[("sloth_window", name)])
    }

    fn ratio_of_period(&self, kit: &Kit<'_>) -> Rule {
        let (short, period) = (self.recorded(kit, "slo:sli_error:ratio_rate5m"), kit.span(days(PERIOD_DAYS.into())));
        let expr =
            format!("sum_over_time({short}[{period}])\n/ ignoring (sloth_window)\ncount_over_time({short}[{period}])");
        let name = format!("{PERIOD_DAYS}d");
        self.record(kit, &format!("slo:sli_error:ratio_rate{name}"), expr, &[("sloth_window", &name)])
    }

    fn about(&self, kit: &Kit<'_>) -> Vec<Rule> {
        let burn = |errors: &str| {
            let (errors, budget) = (self.recorded(kit, errors), self.recorded(kit, "slo:error_budget:ratio"));
            format!("{errors}\n/ on (sloth_id, sloth_slo, sloth_service) group_left\n{budget}")
        };
        let days = kit.options.time_scale.days(PERIOD_DAYS);
        let left = format!("1 - {}", self.recorded(kit, "slo:period_burn_rate:ratio"));
        let rules = [
            ("slo:objective:ratio", format!("vector({})", self.target)),
            ("slo:error_budget:ratio", format!("vector({})", self.budget())),
            ("slo:time_period:days", format!("vector({days})")),
            ("slo:current_burn_rate:ratio", burn("slo:sli_error:ratio_rate5m")),
            ("slo:period_burn_rate:ratio", burn(&format!("slo:sli_error:ratio_rate{PERIOD_DAYS}d"))),
            ("slo:period_error_budget_remaining:ratio", left),
        ];
        let info =
            [("sloth_mode", "pointsman"), ("sloth_spec", "pointsman"), ("sloth_version", env!("CARGO_PKG_VERSION"))];
        let mut rules: Vec<Rule> = rules.into_iter().map(|(name, expr)| self.record(kit, name, expr, &[])).collect();
        rules.push(self.record(kit, "sloth_slo_info", "vector(1)".to_owned(), &info));
        rules
    }

    /// The share that may be bad, without the noise of binary fractions.
    fn budget(&self) -> f64 {
        ((1.0 - self.target) * 1e9).round() / 1e9
    }

    fn alert(&self, kit: &Kit<'_>, name: &str, severity: Severity, burns: &[Burn; 2]) -> Rule {
        let budget = self.budget();
        let burning = burns.each_ref().map(|Burn { factor, short, long: (long, window) }| {
            let above = |window: &str| {
                let ratio = self.recorded(kit, &format!("slo:sli_error:ratio_rate{window}"));
                format!("{ratio} > ({factor} * {budget})")
            };
            let bad = format!("sum(increase({}[{}]))", kit.of(self.metric, &self.bad), kit.span(*window));
            format!(
                "  (\n    {}\n    and ignoring (sloth_window)\n    {}\n    and on ()\n    {bad} >= {MIN_BAD}\n  )",
                above(short),
                above(long)
            )
        });
        // Without the window, an alert stays one and the same while one pair of windows takes over from the other.
        let expr = format!("max without (sloth_window) (\n{}\n)", burning.join("\n  or ignoring (sloth_window)\n"));
        let (speed, sloth_severity) = match severity {
            Severity::Page => ("fast", "page"),
            Severity::Ticket | Severity::Info => ("slowly but steadily", "ticket"),
        };
        let about = match self.scope {
            Scope::Node(node) => node.name.clone(),
            Scope::Channel(channel) => channel.to_owned(),
            _ => "the whole message".to_owned(),
        };
        let (.., signal) = self.alerts;
        kit.alert_with(
            Alert {
                name,
                severity,
                signal,
                scope: self.scope,
                expr,
                pending: None,
                summary: format!("The error budget of {about} burns {speed}"),
                description: format!("{PERCENT} {}; the objective allows {}.", self.what, share(budget)),
            },
            &[
                ("sloth_id", &self.id(kit)),
                ("sloth_service", kit.service()),
                ("sloth_slo", &self.slo),
                ("sloth_severity", sloth_severity),
            ],
        )
    }
}

fn share(share: f64) -> String {
    format!("{}%", (share * 1e6).round() / 1e4)
}
