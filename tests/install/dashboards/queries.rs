//! What a query may ask for: the filter's metrics with their labels, what the rules record, and a short list beside that.

use pointsman_host::monitoring::catalogue;
use promql_parser::parser::{self, AggregateExpr, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;
use std::collections::BTreeSet;

/// What every series has by the way it is scraped.
const SCRAPED: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// What `pointsman rules` records, under Sloth's names, with the labels that these have.
const RECORDED: [&str; 2] = ["slo:current_burn_rate:ratio", "slo:period_error_budget_remaining:ratio"];
const OF_RECORDED: [&str; 6] = ["sloth_id", "sloth_service", "sloth_slo", "service", "channel", "node"];

/// What Prometheus and Envoy themselves export, with the labels that may be asked for.
const OTHERS: [(&str, &[&str]); 4] = [
    ("ALERTS", &["alertname", "alertstate", "severity", "channel", "node"]),
    ("envoy_server_memory_allocated", &[]),
    ("envoy_wasm_pointsman_vm_reload_failure", &[]),
    ("envoy_wasm_pointsman_vm_reload_success", &[]),
];

/// Every expression of a dashboard: of panels, annotations and variables.
pub(crate) fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = super::panels(dashboard).flat_map(|panel| super::list(panel, "/targets"));
    let of_panels =
        targets.chain(super::list(dashboard, "/annotations/list")).map(|asks| asks["expr"].as_str().unwrap());
    let queries = super::list(dashboard, "/templating/list").filter_map(|variable| variable["query"]["query"].as_str());
    let of_variables = queries.map(|query| {
        let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
        inner.rsplit_once(", ").unwrap().0
    });
    of_panels.chain(of_variables).map(str::to_owned).collect()
}

/// As Grafana sends it, with every variable at `All`.
pub(crate) fn filled(expr: &str, interval: &str) -> String {
    let names = ["$job", "$namespace", "$channel", "$node", "$business"];
    let filled = names.iter().fold(expr.to_owned(), |filled, name| filled.replace(name, ".*"));
    filled.replace("$__rate_interval", interval).replace("$__range", interval)
}

/// The metrics that an expression asks for, or what is wrong with it. `matched` are labels of the user's own matchers.
pub(super) fn judge(expr: &str, matched: &[&str]) -> Result<BTreeSet<String>, String> {
    let filled = filled(expr, "5m");
    if let Some(at) = filled.find('$') {
        return Err(format!("no variable: {:.20}", &filled[at..]));
    }
    let parsed = parser::parse(&filled)?;
    let mut judge = Judge { matched, metrics: BTreeSet::new() };
    walk_expr(&mut judge, &parsed)?;
    Ok(judge.metrics)
}

struct Judge<'a> {
    matched: &'a [&'a str],
    metrics: BTreeSet<String>,
}

impl Judge<'_> {
    fn selector(&mut self, selector: &VectorSelector) -> Result<(), String> {
        let allowed = labels_of(selector)?;
        for matcher in &selector.matchers.matchers {
            let name = matcher.name.as_str();
            if !allowed.contains(&name) && !self.matched.contains(&name) {
                return Err(format!("{selector} has no label {name}"));
            }
        }
        let name = selector.name.clone().unwrap_or_default();
        self.metrics.insert(catalogue::of_series(&name).map_or(name, |metric| metric.name.to_owned()));
        Ok(())
    }

    /// What is grouped by must be a label of everything that is grouped.
    fn aggregate(aggregate: &AggregateExpr) -> Result<(), String> {
        let Some(LabelModifier::Include(by)) = &aggregate.modifier else { return Ok(()) };
        let mut selectors = Selectors::default();
        walk_expr(&mut selectors, &aggregate.expr)?;
        for selector in &selectors.0 {
            let allowed = labels_of(selector)?;
            if let Some(label) = by.labels.iter().find(|label| !allowed.contains(&label.as_str())) {
                return Err(format!("{selector} has no label {label} to group by"));
            }
        }
        Ok(())
    }
}

impl ExprVisitor for Judge<'_> {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        match expr {
            Expr::VectorSelector(selector) => self.selector(selector)?,
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs)?,
            Expr::Aggregate(aggregate) => Self::aggregate(aggregate)?,
            _ => {}
        }
        Ok(true)
    }
}

#[derive(Default)]
struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        match expr {
            Expr::VectorSelector(selector) => self.0.push(selector.clone()),
            Expr::MatrixSelector(matrix) => self.0.push(matrix.vs.clone()),
            _ => {}
        }
        Ok(true)
    }
}

fn labels_of(selector: &VectorSelector) -> Result<Vec<&'static str>, String> {
    let name = selector.name.as_deref().ok_or_else(|| format!("{selector} names no metric"))?;
    if let Some(metric) = catalogue::of_series(name) {
        let bound = name.ends_with("_bucket").then_some("le");
        return Ok(metric.labels.iter().copied().chain(SCRAPED).chain(bound).collect());
    }
    if RECORDED.contains(&name) {
        return Ok(OF_RECORDED.to_vec());
    }
    let other = OTHERS.iter().find(|(other, _)| *other == name);
    let (_, labels) = other.ok_or_else(|| format!("nobody exports {name}"))?;
    Ok(labels.iter().copied().chain(SCRAPED).collect())
}
