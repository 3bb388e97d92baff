//! The page round the charts: title, key figures, table.

use std::fmt::Write as _;

use super::Story;
use super::chart::escape;
use super::curves::{charts, class};
use super::headline::headline;
use super::lanes;
use crate::simulate::summary::{Figure, Figures, percent, thousands, time_text};

/// A column of the table: title, figure, and whether it is shown as a share of its whole too.
type Column = (&'static str, &'static str, bool);

/// Those that there are.
const COLUMNS: [Column; 13] = [
    ("messages", "messages", false),
    ("sent", "sent", true),
    ("lost", "lost", true),
    ("late", "late", true),
    ("twice", "duplicated", false),
    ("undeliverable", "undeliverable", false),
    ("switched", "switched", false),
    ("calls", "calls", false),
    ("p50", "p50", false),
    ("p99", "p99", false),
    ("detected after", "time_to_detect", false),
    ("switched after", "time_to_switch", false),
    ("recovered after", "time_to_recover", false),
];

pub(super) fn render(story: &Story<'_>) -> String {
    let summary = story.summary;
    let charts = charts(story);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{name}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <header><p class=\"kicker\">{name} &middot; {}</p>\n<h1>{}</h1></header>\n",
        include_str!("style.css"),
        setting(story),
        headline(story),
        name = escape(&summary.scenario),
    );
    page += &tiles(story);
    page += &lanes::render(story);
    for (id, chart) in charts.iter().enumerate() {
        page += &chart.render(story, id);
    }
    page += &table(story);
    let data = serde_json::json!({
        "times": times(story),
        "charts": charts.iter().map(super::chart::Chart::data).collect::<Vec<_>>(),
        "left": super::axis::LEFT,
        "right": super::axis::WIDTH - super::axis::RIGHT,
        "width": super::axis::WIDTH,
    });
    // A closing tag in a name must not end the script.
    let data = data.to_string().replace('<', "\\u003c");
    let _ = write!(
        page,
        "</main>\n<div id=\"tip\" hidden></div>\n<script type=\"application/json\" id=\"data\">{data}</script>\n\
         <script>\n{}</script>\n</body>\n</html>\n",
        include_str!("hover.js")
    );
    page
}

fn setting(story: &Story<'_>) -> String {
    let scenario = &story.world.scenario;
    let plural = |count: u32, what: &str| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
    format!(
        "{} from {}, {} with {} each, seed {}",
        time_text(scenario.duration),
        story.axis.begins(),
        plural(scenario.sidecars, "sidecar"),
        plural(scenario.workers, "worker"),
        scenario.seed
    )
}

fn tiles(story: &Story<'_>) -> String {
    let total = &story.summary.total;
    let mut tiles = String::from("<section class=\"tiles\">");
    let mut tile = |label: &str, value: String, note: String, class: &str| {
        let _ = write!(
            tiles,
            "<div class=\"tile {class}\"><span>{label}</span><strong>{value}</strong><small>{note}</small></div>"
        );
    };
    let share = |name: &str| total.get(name).and_then(Figure::share).map_or_else(|| "-".to_owned(), percent);
    let text = |name: &str| total.get(name).map_or_else(|| "-".to_owned(), Figure::text);
    let bad = |name: &str| match total.get(name) {
        Some(Figure::Count { count: 0, .. }) => "",
        _ => "bad",
    };
    tile("Messages", text("messages"), format!("{} calls, {} retries", text("calls"), text("retries")), "");
    tile("Sent", share("sent"), text("sent"), "");
    tile("Lost", share("lost"), text("lost"), bad("lost"));
    tile("Late", share("late"), text("late"), bad("late"));
    tile("Sent twice", share("duplicated"), text("duplicated"), bad("duplicated"));
    tile("Switched", share("switched"), text("switched"), "");
    let measured = |name: &str, what: &str| match total.get(name) {
        Some(Figure::None) | None => "not measured".to_owned(),
        _ => what.to_owned(),
    };
    tile("Time to detect", text("time_to_detect"), measured("time_to_detect", "slowest sidecar"), "");
    tile("Time to switch", text("time_to_switch"), measured("time_to_switch", "slowest sidecar"), "");
    tile("Time to recover", text("time_to_recover"), measured("time_to_recover", "slowest sidecar"), "");
    tiles + "</section>\n"
}

fn table(story: &Story<'_>) -> String {
    let columns = columns(story);
    let mut rows = String::new();
    for (place, channel) in story.world.scenario.channels.iter().enumerate() {
        if let Some(found) = story.summary.channels.get(&channel.name) {
            let name = format!("<i class=\"{}\"></i>{}", class(place), escape(&channel.name));
            rows += &row(&columns, &name, &found.figures, &refusals(&found.refusals));
        }
    }
    rows += &row(&columns, "all", &story.summary.total, "");
    let titles: String = columns.iter().map(|(title, ..)| format!("<th>{title}</th>")).collect();
    let footnote = "Messages are counted per recipient. Lost: no vendor ever accepted it. Late: accepted, but not within the \
                    objective. Twice: accepted more than once for one recipient. Undeliverable: refused for the recipient's \
                    own sake.";
    format!(
        "<figure><figcaption><h2>By channel</h2></figcaption><div class=\"scroll\"><table><thead><tr><th>channel</th>{titles}\
         <th>most refused with</th></tr></thead><tbody>{rows}</tbody></table></div><p class=\"foot\">{footnote}</p></figure>\n"
    )
}

/// The columns in which anything was measured.
fn columns(story: &Story<'_>) -> Vec<Column> {
    let channels = || story.summary.channels.values().map(|channel| &channel.figures).chain([&story.summary.total]);
    let measured = |name: &str| channels().any(|figures| !matches!(figures.get(name), Some(Figure::None) | None));
    COLUMNS.into_iter().filter(|(_, name, _)| measured(name)).collect()
}

fn row(columns: &[Column], name: &str, figures: &Figures, last: &str) -> String {
    let cells = columns.iter().map(|(_, figure, with_share)| {
        let figure = figures.get(figure).copied().unwrap_or(Figure::None);
        let share = figure.share().filter(|share| *with_share && *share > 0.0);
        let share = share.map_or_else(String::new, |share| format!("<small>{}</small>", percent(share)));
        format!("<td>{}{share}</td>", figure.text())
    });
    format!("<tr><th>{name}</th>{}<td class=\"codes\">{last}</td></tr>", cells.collect::<String>())
}

/// The two codes that most recipients were refused with.
fn refusals(refusals: &std::collections::BTreeMap<String, u64>) -> String {
    let mut refusals: Vec<_> = refusals.iter().collect();
    refusals.sort_by_key(|(code, count)| (std::cmp::Reverse(**count), (*code).clone()));
    let texts = refusals.into_iter().take(2).map(|(code, count)| format!("{} ({})", escape(code), thousands(*count)));
    texts.collect::<Vec<_>>().join(", ")
}

fn times(story: &Story<'_>) -> Vec<String> {
    let timeline = story.timeline();
    (0..timeline.len()).map(|bucket| story.axis.time_of_day(timeline.start(bucket))).collect()
}
