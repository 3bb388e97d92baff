//! One panel in Grafana's words: its type, its options and how its numbers are coloured.

use super::super::model::{Color, Panel, Query, STATES, Threshold, Unit, View};
use super::layout::Placed;
use super::{color, datasource};
use serde_json::{Value, json};

/// The panel; a row is none and gives null.
pub(super) fn panel(placed: &Placed<'_>) -> Value {
    let Placed::Panel { panel, id, x, y } = placed else { return Value::Null };
    let mut value = json!({
        "id": id,
        "type": plugin(panel.view),
        "title": panel.title,
        "gridPos": {"h": panel.height, "w": panel.width, "x": x, "y": y},
        "datasource": datasource(),
        "targets": targets(panel),
        "fieldConfig": {"defaults": defaults(panel), "overrides": overrides(panel)},
        "options": options(panel.view),
    });
    if !panel.description.is_empty() {
        value["description"] = panel.description.into();
    }
    if panel.view == View::Table {
        value["transformations"] = table(panel);
    }
    value
}

fn plugin(view: View) -> &'static str {
    match view {
        View::Lines | View::Stacked => "timeseries",
        View::Stat => "stat",
        View::Table => "table",
        View::States => "state-timeline",
        View::Heatmap => "heatmap",
        View::Bars => "bargauge",
    }
}

fn targets(panel: &Panel) -> Vec<Value> {
    let instant = matches!(panel.view, View::Stat | View::Table | View::Bars);
    let format = match panel.view {
        View::Table => "table",
        View::Heatmap => "heatmap",
        _ => "time_series",
    };
    let target = |(query, letter): (&Query, char)| {
        json!({
            "refId": letter.to_string(), "datasource": datasource(), "expr": query.expr, "legendFormat": query.legend,
            "instant": instant, "range": !instant, "format": format,
        })
    };
    panel.queries.iter().zip('A'..='Z').map(target).collect()
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = json!({"unit": unit(panel.unit), "thresholds": thresholds(panel.base, &panel.thresholds)});
    let by_threshold = matches!(panel.view, View::Stat | View::Bars | View::Table | View::States);
    defaults["color"] = json!({"mode": if by_threshold { "thresholds" } else { "palette-classic" }});
    if panel.unit == Unit::Share {
        defaults["max"] = 1.into();
    }
    if panel.view != View::Table && panel.unit != Unit::Share {
        defaults["min"] = 0.into();
    }
    match panel.view {
        View::Lines | View::Stacked => defaults["custom"] = curve(panel),
        View::States => {
            defaults["custom"] = json!({"fillOpacity": 80, "lineWidth": 0});
            defaults["mappings"] = json!([states()]);
        }
        View::Bars | View::Stat => defaults["noValue"] = "0".into(),
        View::Table | View::Heatmap => {}
    }
    defaults
}

fn curve(panel: &Panel) -> Value {
    let stacked = panel.view == View::Stacked;
    let mut custom = json!({
        "drawStyle": "line", "lineWidth": 1, "fillOpacity": if stacked { 40 } else { 5 }, "showPoints": "never",
        "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
    });
    if !panel.thresholds.is_empty() {
        custom["thresholdsStyle"] = json!({"mode": "line"});
    }
    custom
}

fn thresholds(base: Color, thresholds: &[Threshold]) -> Value {
    let first = json!({"value": null, "color": color(base)});
    let others = thresholds.iter().map(|threshold| json!({"value": threshold.value, "color": color(threshold.color)}));
    json!({"mode": "absolute", "steps": std::iter::once(first).chain(others).collect::<Vec<_>>()})
}

fn states() -> Value {
    let state = |(name, number, shade): (&str, u8, Color)| {
        (number.to_string(), json!({"text": name, "color": color(shade), "index": number}))
    };
    json!({"type": "value", "options": STATES.map(state).into_iter().collect::<serde_json::Map<_, _>>()})
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "short",
        Unit::PerSecond => "cps",
        Unit::Milliseconds => "ms",
        Unit::Share => "percentunit",
        Unit::Times => "none",
        Unit::Bytes => "bytes",
    }
}

fn options(view: View) -> Value {
    let reduce = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
    let legend = json!({"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []});
    match view {
        View::Lines | View::Stacked => json!({"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}),
        View::Stat => json!({
            "reduceOptions": reduce, "graphMode": "none", "colorMode": "value", "justifyMode": "auto",
            "textMode": "auto", "orientation": "auto",
        }),
        View::Table => json!({"showHeader": true, "cellHeight": "sm"}),
        View::States => json!({
            "showValue": "never", "rowHeight": 0.8, "mergeValues": true, "legend": legend,
            "tooltip": {"mode": "single", "sort": "none"},
        }),
        View::Heatmap => json!({
            "calculate": false, "yAxis": {"unit": "ms"}, "cellGap": 1, "showValue": "never",
            "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "exponent": 0.5, "steps": 64,
                      "reverse": false},
            "legend": {"show": true}, "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "tooltip": {"mode": "single", "yHistogram": true, "showColorScale": false},
            "rowsFrame": {"layout": "auto"},
        }),
        View::Bars => json!({
            "reduceOptions": reduce, "displayMode": "basic", "valueMode": "color", "showUnfilled": true,
            "orientation": "horizontal", "minVizWidth": 8, "minVizHeight": 16,
        }),
    }
}

/// A table has one row for the labels and a column for each query, under its legend.
fn table(panel: &Panel) -> Value {
    let columns = panel.queries.iter().zip('A'..='Z');
    let names: serde_json::Map<_, _> = match panel.queries.as_slice() {
        [only] => std::iter::once(("Value".to_owned(), only.legend.clone().into())).collect(),
        _ => columns.map(|(query, letter)| (format!("Value #{letter}"), query.legend.clone().into())).collect(),
    };
    json!([
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": true}, "renameByName": names, "indexByName": {}}},
    ])
}

/// Columns of a table that are no plain numbers have a unit of their own, by the word in brackets behind their name.
fn overrides(panel: &Panel) -> Vec<Value> {
    if panel.view != View::Table {
        return Vec::new();
    }
    let named = panel.queries.iter().filter_map(|query| {
        let unit = match query.legend.rsplit_once(", ")?.1 {
            "ms" => unit(Unit::Milliseconds),
            "share" => unit(Unit::Share),
            _ => return None,
        };
        let matcher = json!({"id": "byName", "options": query.legend});
        Some(json!({"matcher": matcher, "properties": [{"id": "unit", "value": unit}]}))
    });
    named.collect()
}
