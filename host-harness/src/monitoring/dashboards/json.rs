//! A dashboard as Grafana reads it: schema version 41, the data source by variable, one panel a line.

mod layout;
mod view;

use super::model::{Annotation, Color, Dashboard, Variable};
use super::query::Scope;
use layout::Placed;
use serde_json::{Value, json};

/// The newest schema that Grafana 11.6 writes; later versions read it and bring it up to their own.
const SCHEMA_VERSION: u32 = 41;

/// How long a uid may be.
const MAX_UID: usize = 40;

/// The text of the file. It is the same for the same dashboard, byte for byte.
pub(super) fn text(dashboard: &Dashboard, service: Option<&str>, scope: &Scope) -> String {
    let keys = head(dashboard, service, scope);
    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("  {}: {value}", json!(key))).collect();
    let panels: Vec<String> = layout::place(&dashboard.rows).iter().map(|placed| panel(placed, 4)).collect();
    format!("{{\n{},\n  \"panels\": [\n{}\n  ]\n}}\n", keys.join(",\n"), panels.join(",\n"))
}

fn panel(placed: &Placed<'_>, indent: usize) -> String {
    let margin = " ".repeat(indent);
    match placed {
        Placed::Panel { .. } => format!("{margin}{}", view::panel(placed)),
        Placed::Row { title, id, y, inner } => {
            let collapsed = !inner.is_empty();
            let place = json!({"h": 1, "w": 24, "x": 0, "y": y});
            let start = format!(
                "{margin}{{\"id\": {id}, \"type\": \"row\", \"title\": {title}, \"collapsed\": {collapsed}, \
                 \"gridPos\": {place}, \"panels\": [",
                title = json!(title)
            );
            if !collapsed {
                return format!("{start}]}}");
            }
            let inner: Vec<String> = inner.iter().map(|placed| panel(placed, indent.saturating_add(2))).collect();
            format!("{start}\n{}\n{margin}]}}", inner.join(",\n"))
        }
    }
}

fn head(dashboard: &Dashboard, service: Option<&str>, scope: &Scope) -> Vec<(&'static str, Value)> {
    let title = match service {
        Some(service) => format!("Pointsman {service}: {}", dashboard.title),
        None => format!("Pointsman: {}", dashboard.title),
    };
    let annotations: Vec<Value> = dashboard.annotations.iter().map(annotation).collect();
    vec![
        ("uid", uid(dashboard.name, service).into()),
        ("title", title.into()),
        ("description", dashboard.description.into()),
        ("tags", json!(["pointsman"])),
        ("schemaVersion", SCHEMA_VERSION.into()),
        ("editable", true.into()),
        ("graphTooltip", 1.into()),
        ("refresh", "30s".into()),
        ("time", json!({"from": "now-3h", "to": "now"})),
        ("timezone", "browser".into()),
        ("links", json!([link()])),
        ("annotations", json!({ "list": annotations })),
        ("templating", json!({ "list": variables(dashboard, scope) })),
    ]
}

/// Stable, and not that of another service's dashboard.
fn uid(name: &str, service: Option<&str>) -> String {
    let service = service.map(|service| format!("{service}-")).unwrap_or_default();
    let allowed = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let room = MAX_UID.saturating_sub(name.len()).saturating_sub("pointsman-".len());
    let service: String = service.chars().map(allowed).collect();
    let cut: String = service.chars().take(room).collect();
    format!("pointsman-{cut}{name}")
}

/// To the other dashboards, with the same choice of time and variables.
fn link() -> Value {
    json!({
        "title": "Pointsman", "type": "dashboards", "tags": ["pointsman"], "icon": "external link", "tooltip": "",
        "url": "", "asDropdown": false, "targetBlank": false, "includeVars": true, "keepTime": true,
    })
}

/// What every panel asks.
fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

fn annotation(annotation: &Annotation) -> Value {
    json!({
        "name": annotation.name, "datasource": datasource(), "enable": true, "hide": false,
        "iconColor": color(annotation.color), "expr": annotation.expr, "step": "60s", "titleFormat": annotation.text,
    })
}

fn variables(dashboard: &Dashboard, scope: &Scope) -> Vec<Value> {
    let datasource = json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "regex": "",
        "hide": 0, "refresh": 1, "multi": false, "includeAll": false, "options": [],
    });
    let build = "pointsman_build_info";
    let everywhere = [("job", "Job", build), ("namespace", "Namespace", build)];
    let own = dashboard.variables.iter().map(|variable| match variable {
        Variable::Channel => ("channel", "Channel", "pointsman_channel_state"),
        Variable::Node => ("node", "Node", "pointsman_node_calls_total"),
        Variable::Business => ("business", "Business", "pointsman_node_messages_total"),
    });
    let values = everywhere.into_iter().chain(own).map(|(name, label, metric)| values(name, label, metric, scope));
    std::iter::once(datasource).chain(values).collect()
}

/// `All` is any value at all, so that series without the label, such as those of no namespace, are shown as well.
fn values(name: &str, label: &str, metric: &str, scope: &Scope) -> Value {
    json!({
        "name": name, "label": label, "type": "query", "datasource": datasource(),
        "query": {"query": scope.label_values(metric, name), "refId": name}, "regex": "", "hide": 0, "refresh": 2,
        "sort": 1, "multi": true, "includeAll": true, "allValue": ".*", "options": [],
        "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
    })
}

/// As Grafana's palette names it.
fn color(color: Color) -> &'static str {
    match color {
        Color::Green => "green",
        Color::Yellow => "yellow",
        Color::Orange => "orange",
        Color::Red => "red",
        Color::Blue => "blue",
        Color::Purple => "purple",
    }
}

#[cfg(test)]
mod tests {
    use super::uid;

    #[test]
    fn a_uid_is_short_and_of_letters_that_grafana_takes() {
        assert_eq!(uid("overview", None), "pointsman-overview");
        assert_eq!(uid("overview", Some("push service")), "pointsman-push-service-overview");
        let long = uid("overview", Some(&"é".repeat(60)));
        assert!(long.is_ascii() && long.len() <= 40, "{long}");
    }
}
